//! The target directory and the state directory, held by one controller at a time.
//!
//! Two kernel locks, which die with the process: one on `STATE/lock`, which also says who holds it,
//! and one on the target directory itself, so that two state directories on one target cannot both
//! write. A command that only reads needs neither.

mod lock;
mod place;

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, FlockOperation};
use rustix::io::Errno;

use crate::apply::Recent;
use crate::cancel::{Cancel, Cancelled};
use crate::observed::Stamp;
use crate::path::TreePath;
use crate::report::Remedy;
use crate::volume::{Directory, is_same, kind};

pub use lock::Holder;
pub use place::{default_state_dir, is_on_root};

/// How often a lock that somebody else holds is tried again.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Why the target cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// `REQUIRE_MOUNT`, and no volume.
    #[error(
        "the target `{}` would be on the root file system, and REQUIRE_MOUNT asks for a volume of its own; \
         mount the volume, or set REQUIRE_MOUNT=false",
        target.display()
    )]
    NotMounted {
        /// The target.
        target: PathBuf,
    },
    /// Something else stands where a directory should.
    #[error("`{}` is {found}, not a directory; move it away, or set {setting} to another path", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
        /// The setting that names the path.
        setting: &'static str,
    },
    /// The state directory holds the target, is it, or would show up among the skills.
    #[error(
        "the state directory `{}` and the target `{}` overlap; set STATE_DIR to a directory beside the \
         target, or to one in it whose name begins with `.skill-sync`",
        state.display(), target.display()
    )]
    Overlap {
        /// The target.
        target: PathBuf,
        /// The state directory.
        state: PathBuf,
    },
    /// The state directory is that of another target.
    #[error(
        "the state directory `{}` belongs to the target `{}` beside it, not to `{}`: each target needs a state \
         directory of its own; set STATE_DIR (where the target was renamed, remove `{}`)",
        state.display(), was.display(), is.display(), owner.display()
    )]
    OtherTarget {
        /// The state directory.
        state: PathBuf,
        /// The file that says whose it is.
        owner: PathBuf,
        /// Whose it is, seen from beside it.
        was: PathBuf,
        /// The target that it was to serve, likewise.
        is: PathBuf,
    },
    /// Something stands in the state directory where something of ours belongs.
    #[error(
        "`{}` is {found}, and skill-sync keeps {wanted} there: somebody put it into the state directory, and \
         nothing is read or written through it; move it away",
        path.display()
    )]
    Planted {
        /// The path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
        /// What belongs there.
        wanted: &'static str,
    },
    /// Nothing can be renamed from the state directory into the target.
    #[error(
        "the state directory `{}` is on another file system than the target `{}`; set STATE_DIR to a \
         directory on the target's file system",
        state.display(), target.display()
    )]
    OtherFileSystem {
        /// The target.
        target: PathBuf,
        /// The state directory.
        state: PathBuf,
    },
    /// Another controller has it.
    #[error(
        "`{}` is in use by {holder}{}; stop that one, or wait", path.display(), Waited(*waited)
    )]
    Held {
        /// The state directory or the target.
        path: PathBuf,
        /// Who.
        holder: Holder,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A directory, or the lock, was replaced while it was open.
    #[error("`{}` is no longer what was opened: it was moved, removed or replaced; it must be opened again", path.display())]
    Replaced {
        /// What was replaced.
        path: PathBuf,
    },
    /// The system refused something.
    #[error("cannot {what}")]
    Io {
        /// What, and where.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// Asked to stop while waiting.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// How long it was waited for, where it was: only `run` does.
struct Waited(Duration);

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return Ok(());
        }
        write!(f, ", and was for all of the {} that LOCK_WAIT allows", humantime::format_duration(self.0))
    }
}

impl TargetError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NotMounted { .. }
            | Self::NotADirectory { .. }
            | Self::Overlap { .. }
            | Self::OtherTarget { .. }
            | Self::Planted { .. }
            | Self::OtherFileSystem { .. } => Remedy::Person,
            Self::Held { .. } | Self::Replaced { .. } | Self::Io { .. } | Self::Cancelled(_) => {
                Remedy::Retry(None)
            }
        }
    }

    fn io(what: &str, path: &Path) -> impl FnOnce(Errno) -> Self + use<> {
        let what = format!("{what} `{}`", path.display());
        move |errno| Self::Io { what, source: errno.into() }
    }
}

/// The target and its state directory, open and locked by this process.
///
/// Dropping it gives both locks back.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    state_path: PathBuf,
    directory: Directory,
    state: Directory,
    lock: std::fs::File,
    recent: Recent,
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
        let state_directory = place::open_state(&state, &target, &directory)?;
        place::check_planted(&state_directory, &state)?;
        let deadline = Deadline { wait, start: Instant::now(), cancel };
        let lock = deadline.hold(&state, || lock::acquire(&state_directory))?;
        lock::sign(&lock).map_err(TargetError::io("write the lock in", &state))?;
        deadline.hold(&target, || lock_directory(&directory))?;
        place::check_owner(&target, &state)?;
        let recent = Recent::default();
        Ok(Self { path: target, state_path: state, directory, state: state_directory, lock, recent })
    }

    /// Makes sure that all is still locked and where it was.
    ///
    /// # Errors
    /// [`TargetError::Replaced`] where one of the paths leads elsewhere by now.
    pub fn locked(&self) -> Result<Locked<'_>, TargetError> {
        self.check(&self.path, &self.directory)?;
        self.check(&self.state_path, &self.state)?;
        if !lock::is_in_place(&self.state, &self.lock)
            .map_err(TargetError::io("look at", &self.state_path))?
        {
            return Err(TargetError::Replaced { path: self.state_path.join(lock::NAME) });
        }
        Ok(Locked { target: self })
    }

    /// The state directory.
    pub fn state(&self) -> &Path {
        &self.state_path
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
        &self.state
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    fn check(&self, path: &Path, opened: &Directory) -> Result<(), TargetError> {
        let failed = || TargetError::io("look at", path);
        let replaced = || TargetError::Replaced { path: path.to_owned() };
        let now = match rustix::fs::lstat(path) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(replaced()),
            now => now.map_err(failed())?,
        };
        let then = opened.stat().map_err(failed())?;
        if is_same(&now, &then) { Ok(()) } else { Err(replaced()) }
    }
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
