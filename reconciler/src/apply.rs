//! The only writer of the target.

use std::path::PathBuf;

use crate::ids::{BlobId, Digest, Timestamp};
use crate::path::TreePath;

/// What stood at a path and was kept before the path was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Names it.
    pub id: String,
    /// Where it stood, below the target.
    pub path: TreePath,
    /// Where its bytes are now.
    pub kind: KeptKind,
    /// How many bytes they are.
    pub size: u64,
    /// Their SHA-256, where they were read.
    pub digest: Option<Digest>,
    /// When it was kept.
    pub at: Timestamp,
    /// When it was changed last, as its file system said.
    pub mtime: Option<Timestamp>,
    /// Whose it was.
    pub uid: u32,
}

/// Where kept bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptKind {
    /// The bytes of a file, in the mirror under `refs/skill-sync/drift/<id>`.
    Blob(BlobId),
    /// The text of a symbolic link, likewise.
    Link(BlobId),
    /// Moved there: below `displaced/` of the state directory.
    Aside(PathBuf),
    /// It had no bytes.
    Nothing,
}
