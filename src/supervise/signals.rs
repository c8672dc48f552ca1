//! The signals of a parent.

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What the parent hears of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A signal from outside.
    Signal(Signal),
    /// Children have ended.
    Children,
    /// A revision is served.
    Served,
    /// The service is to be started again.
    Time,
}

/// The signals, caught from the moment that this exists.
#[derive(Debug)]
pub(super) struct Signals {
    hangup: Stream,
    terminate: Stream,
    interrupt: Stream,
    one: Stream,
    two: Stream,
    children: Stream,
}

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// Where the system refuses a handler.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            one: signal(SignalKind::user_defined1())?,
            two: signal(SignalKind::user_defined2())?,
            children: signal(SignalKind::child())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.children.recv() => Event::Children,
            _ = self.terminate.recv() => Event::Signal(Signal::TERM),
            _ = self.interrupt.recv() => Event::Signal(Signal::INT),
            _ = self.hangup.recv() => Event::Signal(Signal::HUP),
            _ = self.one.recv() => Event::Signal(Signal::USR1),
            _ = self.two.recv() => Event::Signal(Signal::USR2),
        }
    }
}

/// The name of a signal, for the log.
pub(super) fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::HUP => "SIGHUP",
        Signal::TERM => "SIGTERM",
        Signal::INT => "SIGINT",
        Signal::USR1 => "SIGUSR1",
        Signal::USR2 => "SIGUSR2",
        _ => "another",
    }
}
