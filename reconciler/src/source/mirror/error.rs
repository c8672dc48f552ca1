//! Why the mirror cannot be used, and who must act.

use std::io;
use std::path::{Path, PathBuf};

use git2::{ErrorClass, ErrorCode};

use crate::report::Remedy;

/// Says why the mirror cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// It is there, and no repository that can be opened.
    #[error(
        "the mirror {} cannot be opened; `skill-sync state rebuild` sets it aside and makes a new one",
        path.display()
    )]
    Unusable {
        /// The mirror.
        path: PathBuf,
        /// Why not.
        source: git2::Error,
    },
    /// An object that must be there is not, or is broken.
    #[error(
        "the mirror {} has lost {object}; `skill-sync state rebuild` sets it aside and makes a new one",
        path.display()
    )]
    Damaged {
        /// The mirror.
        path: PathBuf,
        /// What is missing.
        object: String,
        /// What libgit2 says.
        source: git2::Error,
    },
    /// Writing into it failed.
    #[error("cannot write {what} into the mirror {}", path.display())]
    Write {
        /// The mirror.
        path: PathBuf,
        /// An object or a reference.
        what: String,
        /// What libgit2 says.
        source: git2::Error,
    },
    /// The file system failed.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl MirrorError {
    /// Who must act: a broken mirror is a person's, a full disk may pass.
    pub fn remedy(&self) -> Remedy {
        let git = |error: &git2::Error| match error.class() {
            ErrorClass::Os | ErrorClass::Filesystem => Remedy::Retry(None),
            _ => Remedy::Person,
        };
        match self {
            Self::Io { .. } | Self::Write { .. } => Remedy::Retry(None),
            Self::Unusable { source, .. } if source.code() == ErrorCode::NotFound => Remedy::Person,
            Self::Unusable { source, .. } | Self::Damaged { source, .. } => git(source),
        }
    }

    pub(in crate::source) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
