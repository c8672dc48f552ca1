//! Why a target cannot be written, and who must act.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use super::lock::Holder;
use crate::cancel::Cancelled;
use crate::report::Remedy;

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

    pub(super) fn io(what: &str, path: &Path) -> impl FnOnce(Errno) -> Self + use<> {
        let what = format!("{what} `{}`", path.display());
        move |errno| Self::Io { what, source: errno.into() }
    }
}
