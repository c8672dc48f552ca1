//! Signals: SIGTERM and SIGINT end the service, SIGHUP brings a pass.

use std::io;

use reconciler::trigger::Trigger;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Handle;

/// The signals, caught from the moment that this exists.
#[derive(Debug)]
pub(crate) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// Where the system refuses a handler.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one that ends the service, for as long as there is no daemon to tell.
    pub(crate) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Hands them to the daemon for as long as it runs.
    pub(crate) async fn forward(mut self, daemon: Handle) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => daemon.stop().await,
                _ = self.interrupt.recv() => daemon.stop().await,
                _ = self.hangup.recv() => {
                    if daemon.trigger(Trigger::Signal).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
