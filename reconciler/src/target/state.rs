//! The state directory, held by one process at a time.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::error::TargetError;
use super::{Deadline, check_in_place, lock, place};
use crate::volume::Directory;

/// The state directory, open and locked by this process.
///
/// Dropping it gives the lock back.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    directory: Directory,
    lock: File,
}

impl State {
    /// Opens it, made where it is missing, on the file system of `beside`: the target, or what is there
    /// above it. Then takes its lock and says in it who holds it.
    pub(super) fn open(
        path: &Path,
        target: &Path,
        beside: &Directory,
        deadline: &Deadline<'_>,
    ) -> Result<Self, TargetError> {
        let directory = place::open_state(path, target, beside)?;
        place::check_planted(&directory, path)?;
        let lock = deadline.hold(path, || lock::acquire(&directory))?;
        lock::sign(&lock).map_err(TargetError::io("write the lock in", path))?;
        Ok(Self { path: path.to_owned(), directory, lock })
    }

    /// Makes sure that it is still locked and where it was.
    pub(super) fn check(&self) -> Result<(), TargetError> {
        check_in_place(&self.path, &self.directory)?;
        let in_place = lock::is_in_place(&self.directory, &self.lock);
        if in_place.map_err(TargetError::io("look at", &self.path))? {
            return Ok(());
        }
        Err(TargetError::Replaced { path: self.path.join(lock::NAME) })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }
}
