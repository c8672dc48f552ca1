//! An engine that only looks: it makes no target and no state directory.

use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Engine, OpenError, PassError};
use crate::cancel::Cancel;
use crate::options::Options;
use crate::report::Diff;
use crate::source::Progress;
use crate::target::{Ground, State, Target, TargetError};

/// Looks at what a pass would do. What is there of target and state directory is locked as long as it
/// lives; what is not there is not made.
pub struct Looker {
    engine: Engine,
    /// Held where there is no target to hold.
    _state: Option<State>,
    /// After the engine, which has files open in it.
    _scratch: Option<Scratch>,
}

impl Looker {
    /// Opens what is there. Without a state directory what is fetched goes into a private directory below
    /// `temporary`, which is gone when the looker is.
    ///
    /// # Errors
    /// What a pass would be refused by, and what cannot be made below `temporary`.
    pub fn open(mut options: Options, temporary: &Path, cancel: &Cancel) -> Result<Self, OpenError> {
        let (mut state, mut scratch) = (None, None);
        let target = match Target::look(&options.target, &options.state, options.require_mount, cancel)? {
            Ground::Target(target) => Some(Arc::new(target)),
            Ground::State(there) => {
                state = Some(there);
                None
            }
            Ground::Nothing => {
                options.state.clone_from(&scratch.insert(Scratch::below(temporary)?).0);
                None
            }
        };
        Ok(Self { engine: Engine::over(options, target)?, _state: state, _scratch: scratch })
    }

    /// As [`Engine::diff`].
    ///
    /// # Errors
    /// What would end a pass before its plan.
    pub fn diff(&mut self, cancel: &Cancel, progress: &mut dyn FnMut(Progress)) -> Result<Diff, PassError> {
        self.engine.look_only(cancel, progress)
    }
}

impl Engine {
    /// Holds what a look needs. A look makes no target: where that is gone, and all else is as it was
    /// opened, there is nothing more to hold.
    pub(super) fn hold_to_look(&mut self, cancel: &Cancel) -> Result<(), PassError> {
        let is_gone = self.target.as_ref().is_some_and(|target| target.is_gone());
        if is_gone && self.record.is_same_file() { Ok(()) } else { self.hold(cancel).map(drop) }
    }
}

/// A private directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn below(temporary: &Path) -> Result<Self, TargetError> {
        let name = format!("skill-sync-{}-{:x}", std::process::id(), RandomState::new().hash_one(0));
        let path = temporary.join(name);
        // What has the name already is an error: nobody else's directory is taken.
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map(|()| Self(path)).map_err(|source| {
            let what = format!(
                "make a directory in `{}` for what a look fetches, while there is no state directory; set \
                 TMPDIR to one that can be written",
                temporary.display()
            );
            TargetError::Io { what, source }
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "what a look fetched could not be removed");
        }
    }
}
