//! The target directory and the state directory, held by one controller at a time.
//!
//! Two kernel locks, which die with the process: one on `STATE/lock`, which also says who holds it,
//! and one on the target directory itself, so that two state directories on one target cannot both
//! write. A command that only reads needs neither.

mod error;
mod lock;
mod place;
mod state;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, FlockOperation};
use rustix::io::Errno;

use crate::apply::Recent;
use crate::cancel::Cancel;
use crate::observed::Stamp;
use crate::path::TreePath;
use crate::volume::{Directory, is_same, kind};

pub use error::TargetError;
pub use lock::Holder;
pub use place::{default_state_dir, is_on_root};
pub(crate) use state::State;

/// How often a lock that somebody else holds is tried again.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// The target and its state directory, open and locked by this process.
///
/// Dropping it gives both locks back.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    directory: Directory,
    state: State,
    recent: Recent,
}

/// What of a target and its state directory was there to be opened for a look.
#[derive(Debug)]
pub(crate) enum Ground {
    /// Both.
    Target(Target),
    /// The state directory, and no target.
    State(State),
    /// No state directory: nothing is owned, whatever the target holds.
    Nothing,
}

/// The proof that the target is locked, and that target, state and lock are what was opened: who
/// writes asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Locked<'a> {
    target: &'a Target,
}

impl<'a> Locked<'a> {
    pub(crate) fn target(&self) -> &'a Target {
        self.target
    }

    /// Makes all that was written on the target's file system durable, whoever wrote it.
    ///
    /// # Errors
    /// What the system says; nothing that failed counts as durable.
    pub fn sync(&self) -> Result<(), TargetError> {
        let synced = self.target.directory.sync_file_system();
        synced.map_err(TargetError::io("sync the file system of", &self.target.path))
    }
}

impl Target {
    /// Creates what is missing of both directories, opens them and takes both locks; one that is held
    /// is tried for as long as `wait`.
    ///
    /// Both paths are absolute. The target and what is missing above it become 0755, the state
    /// directory 0700, whatever the umask.
    ///
    /// # Errors
    /// [`TargetError`]; where the volume is not mounted nothing was created.
    pub fn open(
        target: &Path,
        state: &Path,
        require_mount: bool,
        wait: Duration,
        cancel: &Cancel,
    ) -> Result<Self, TargetError> {
        let (target, state) = (place::plain(target), place::plain(state));
        place::check_overlap(&target, &state)?;
        if require_mount {
            place::check_mounted(&target)?;
        }
        let directory = place::open_target(&target)?;
        let deadline = Deadline { wait, start: Instant::now(), cancel };
        let state = State::open(&state, &target, &directory, &deadline)?;
        deadline.hold(&target, || lock_directory(&directory))?;
        place::check_owner(&target, state.path())?;
        Ok(Self { path: target, directory, state, recent: Recent::default() })
    }

    /// Opens and locks for a look what is there of both directories, and makes neither. Nobody's lock is
    /// waited for.
    ///
    /// # Errors
    /// As [`open`](Self::open): what a pass would refuse, a look refuses.
    pub(crate) fn look(
        target: &Path,
        state: &Path,
        require_mount: bool,
        cancel: &Cancel,
    ) -> Result<Ground, TargetError> {
        let (target, state) = (place::plain(target), place::plain(state));
        if place::is_there(&target) && place::is_there(&state) {
            let opened = Self::open(&target, &state, require_mount, Duration::ZERO, cancel);
            return opened.map(Ground::Target);
        }
        place::check_overlap(&target, &state)?;
        if require_mount {
            place::check_mounted(&target)?;
        }
        let above = place::open_nearest(&target)?;
        if !place::is_there(&state) {
            return place::check_file_system(&state, &target, &above).map(|_| Ground::Nothing);
        }
        let deadline = Deadline { wait: Duration::ZERO, start: Instant::now(), cancel };
        let state = State::open(&state, &target, &above, &deadline)?;
        place::check_owner(&target, state.path())?;
        Ok(Ground::State(state))
    }

    /// Whether the target is gone while the state directory is the one that was opened.
    pub(crate) fn is_gone(&self) -> bool {
        !place::is_there(&self.path) && self.state.check().is_ok()
    }

    /// Makes sure that all is still locked and where it was.
    ///
    /// # Errors
    /// [`TargetError::Replaced`] where one of the paths leads elsewhere by now.
    pub fn locked(&self) -> Result<Locked<'_>, TargetError> {
        check_in_place(&self.path, &self.directory)?;
        self.state.check()?;
        Ok(Locked { target: self })
    }

    /// The state directory.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// The target directory's path, for people.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of a file of this size below the target; none where there is no such file.
    pub(crate) fn read(&self, path: &TreePath, size: u64) -> std::io::Result<Option<Vec<u8>>> {
        let parent = path.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
        let opened = self.directory.below(parent).and_then(|parent| parent.file(path.file_name()));
        let file = match opened {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NXIO) => return Ok(None),
            file => file?,
        };
        let stat = rustix::fs::fstat(&file)?;
        if kind(&stat) != FileType::RegularFile || Stamp::of(&stat).size != size {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn state_directory(&self) -> &Directory {
        self.state.directory()
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }
}

/// Makes sure that a path still leads to the directory that was opened.
fn check_in_place(path: &Path, opened: &Directory) -> Result<(), TargetError> {
    let failed = || TargetError::io("look at", path);
    let replaced = || TargetError::Replaced { path: path.to_owned() };
    let now = match rustix::fs::lstat(path) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Err(replaced()),
        now => now.map_err(failed())?,
    };
    let then = opened.stat().map_err(failed())?;
    if is_same(&now, &then) { Ok(()) } else { Err(replaced()) }
}

/// What keeps two state directories from one target. Any other lock of that kind on the directory
/// would keep us away too; nobody has a reason to take one.
fn lock_directory(directory: &Directory) -> Result<Result<(), Holder>, Errno> {
    match rustix::fs::flock(directory.descriptor(), FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(Err(lock::holder_of(directory))),
        locked => locked.map(Ok),
    }
}

/// How long a lock is waited for.
struct Deadline<'a> {
    wait: Duration,
    start: Instant,
    cancel: &'a Cancel,
}

impl Deadline<'_> {
    /// Takes a lock, and tries again while it is held and there is time.
    fn hold<T>(
        &self,
        path: &Path,
        mut take: impl FnMut() -> Result<Result<T, Holder>, Errno>,
    ) -> Result<T, TargetError> {
        loop {
            let holder = match take().map_err(TargetError::io("lock", path))? {
                Ok(lock) => return Ok(lock),
                Err(holder) => holder,
            };
            self.cancel.check()?;
            let left = self.wait.saturating_sub(self.start.elapsed());
            if left.is_zero() {
                return Err(TargetError::Held { path: path.to_owned(), holder, waited: self.wait });
            }
            std::thread::sleep(left.min(LOCK_POLL));
        }
    }
}

#[cfg(test)]
mod tests;
