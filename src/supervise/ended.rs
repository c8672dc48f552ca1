//! Processes that have ended.

use std::fmt;
use std::process::ExitCode;

use rustix::process::{Pid, WaitOptions, wait};

/// What a shell exits with where a command exists and cannot be run.
pub(super) const CANNOT_RUN: u8 = 126;

/// What a shell exits with where there is no such command.
pub(crate) const NOT_FOUND: u8 = 127;

/// A process that died of a signal exits as a shell says it: this much more than the signal.
const SIGNALLED: i32 = 128;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}

impl Ended {
    /// The same for whoever waits for us.
    pub(crate) fn exit_code(self) -> ExitCode {
        let code = match self {
            Self::Exited(code) => code,
            Self::Signalled(signal) => SIGNALLED + signal,
        };
        ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
    }

    /// Whether it is how our own process ends that could not become the command; it said why.
    pub(super) fn is_ours(self) -> bool {
        matches!(self, Self::Exited(code) if code == i32::from(NOT_FOUND) || code == i32::from(CANNOT_RUN))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "with status {code}"),
            Self::Signalled(signal) => write!(f, "by signal {signal}"),
        }
    }
}

/// The next child that has ended, whoever started it: an orphan that was left to us too. None where
/// all that are left still run.
pub(super) fn next() -> Option<(Pid, Ended)> {
    let (pid, status) = wait(WaitOptions::NOHANG).ok().flatten()?;
    let ended = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Signalled(signal.unwrap_or(0)),
    };
    Some((pid, ended))
}
