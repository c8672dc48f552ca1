//! Opening the engine: where that fails the service goes on without one, and each pass tries again.

use std::path::PathBuf;
use std::time::Duration;

use reconciler::cancel::Cancel;
use reconciler::options::Options;
use reconciler::reconcile::{Engine, OpenError};
use reconciler::target::{TargetError, default_state_dir};
use tokio::sync::watch;

/// What is known of the state directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum StateDir {
    /// Nothing: the target cannot be looked at.
    #[default]
    Unknown,
    /// Where it is or would be; it could not be opened yet.
    Tried(PathBuf),
    /// It is there, and ours.
    Open(PathBuf),
}

impl StateDir {
    /// Its path.
    pub(crate) fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Unknown => None,
            Self::Tried(path) | Self::Open(path) => Some(path),
        }
    }
}

/// Opens the engine of one target, as often as it takes.
pub(crate) struct Opening {
    options: Options,
    fixed: Option<PathBuf>,
    state: watch::Sender<StateDir>,
}

impl Opening {
    /// Opens with these options, but for the state directory: that is `fixed`, or else the one that
    /// the target asks for at the time, since a volume that is mounted later has its own.
    pub(crate) fn new(options: Options, fixed: Option<PathBuf>) -> Self {
        Self { options, fixed, state: watch::Sender::default() }
    }

    /// Follows what is known of the state directory.
    pub(crate) fn state(&self) -> watch::Receiver<StateDir> {
        self.state.subscribe()
    }

    /// Opens the engine, waiting at most `wait` for the locks.
    ///
    /// # Errors
    /// As [`Engine::open`], and where the target cannot be looked at.
    pub(crate) fn open(&self, wait: Duration, cancel: &Cancel) -> Result<Engine, OpenError> {
        let state = self.resolve()?;
        self.state.send_replace(StateDir::Tried(state.clone()));
        let options = Options { state: state.clone(), ..self.options.clone() };
        let engine = Engine::open(options, wait, cancel)?;
        self.state.send_replace(StateDir::Open(state));
        Ok(engine)
    }

    fn resolve(&self) -> Result<PathBuf, TargetError> {
        match &self.fixed {
            Some(state) => Ok(state.clone()),
            None => state_beside(&self.options.target),
        }
    }
}

/// The state directory where none is set.
///
/// # Errors
/// Where the target cannot be looked at.
pub(crate) fn state_beside(target: &std::path::Path) -> Result<PathBuf, TargetError> {
    default_state_dir(target).map_err(|source| {
        let what = format!("look at the target directory `{}`", target.display());
        TargetError::Io { what, source }
    })
}
