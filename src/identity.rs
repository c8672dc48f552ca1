//! `SKILL_SYNC_UID`: a service that is started as root, since its volume is root's, and then is somebody
//! else.
//!
//! Platforms mount volumes as root and change nothing about them. As root we make the two directories and
//! hand them over; then we become that user, for good, by executing ourselves again.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, lchown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The modes of the directories that are made: everybody may read the skills, nobody else the state.
const PUBLIC: u32 = 0o755;
const PRIVATE: u32 = 0o700;

/// A user and a group, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// Says why we are not who we should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// Somebody else than root started us.
    #[error(
        "SKILL_SYNC_UID is {uid} and skill-sync runs as uid {ours}: only root can become somebody else; start it as root, or unset SKILL_SYNC_UID"
    )]
    NotRoot {
        /// Who it should be.
        uid: u32,
        /// Who it is.
        ours: u32,
    },
    /// A directory cannot be handed over.
    #[error("cannot {what} `{}` for SKILL_SYNC_UID {uid}; check that the volume is mounted for writing", path.display())]
    Volume {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// For whom.
        uid: u32,
        /// Why not.
        source: io::Error,
    },
    /// The system refuses it.
    #[error(
        "cannot become SKILL_SYNC_UID {uid}:{gid}; let the container keep the capabilities SETUID and SETGID, and choose a user that its user namespace maps"
    )]
    Refused {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
        /// Why not.
        source: io::Error,
    },
}

impl IdentityError {
    /// Settings and container do not fit; a volume that refuses may be mended.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NotRoot { .. } | Self::Refused { .. } => 2,
            Self::Volume { .. } => 1,
        }
    }
}

impl Identity {
    /// Whether we are it already.
    ///
    /// # Errors
    /// [`IdentityError::NotRoot`] where we are not, and cannot become it.
    pub(crate) fn is_ours(self) -> Result<bool, IdentityError> {
        let ours = rustix::process::geteuid();
        if ours.as_raw() == self.uid {
            return Ok(true);
        }
        if ours.is_root() {
            Ok(false)
        } else {
            Err(IdentityError::NotRoot { uid: self.uid, ours: ours.as_raw() })
        }
    }

    /// Hands target and state directory over, made where they are missing: the state with all that is in
    /// it, and of the target the directories that are root's. Its files are replaced, never written to, and
    /// stay whose they are. A link is not followed.
    ///
    /// # Errors
    /// [`IdentityError::Volume`].
    pub(crate) fn take_over(self, target: &Path, state: &Path) -> Result<(), IdentityError> {
        make(target, PUBLIC).map_err(self.failed("make", target))?;
        make(state, PRIVATE).map_err(self.failed("make", state))?;
        self.give(target, &|found| found.is_dir() && found.uid() == 0)?;
        self.give(state, &|_| true)
    }

    /// Gives a directory and what is below it, of what is to be given; a target holds no state directory
    /// that is not handed over as such.
    fn give(self, path: &Path, is_given: &dyn Fn(&fs::Metadata) -> bool) -> Result<(), IdentityError> {
        let failed = || self.failed("hand over", path);
        let found = fs::symlink_metadata(path).map_err(failed())?;
        if is_given(&found) && (found.uid(), found.gid()) != (self.uid, self.gid) {
            lchown(path, Some(self.uid), Some(self.gid)).map_err(failed())?;
        }
        if found.is_dir() {
            for entry in fs::read_dir(path).map_err(failed())? {
                self.give(&entry.map_err(failed())?.path(), is_given)?;
            }
        }
        Ok(())
    }

    /// Becomes it, by executing this program again with the same arguments: groups are dropped with the
    /// user, and nothing that root opened is left.
    ///
    /// # Errors
    /// Always: who is still here did not become it.
    pub(crate) fn execute(self, program: &str, argv: &[OsString]) -> Result<Infallible, IdentityError> {
        let mut command = Command::new(program);
        if let Some((name, arguments)) = argv.split_first() {
            command.arg0(name).args(arguments);
        }
        let source = command.uid(self.uid).gid(self.gid).exec();
        Err(IdentityError::Refused { uid: self.uid, gid: self.gid, source })
    }

    fn failed(self, what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IdentityError + use<> {
        let (path, uid) = (path.to_owned(), self.uid);
        move |source| IdentityError::Volume { what, path, uid, source }
    }
}

fn make(path: &Path, mode: u32) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(PUBLIC).create(parent)?;
    }
    DirBuilder::new().mode(mode).create(path)
}
