//! The bare repository in the state directory: where content is.

use std::path::Path;

use crate::ids::BlobId;

/// Why the mirror did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the mirror cannot {what}")]
pub struct MirrorError {
    what: String,
    source: git2::Error,
}

/// The bare repository `STATE/repo.git`.
pub struct Mirror {
    git: git2::Repository,
}

impl Mirror {
    /// Opens it, and creates it where it is missing.
    ///
    /// # Errors
    /// Where libgit2 refuses it.
    pub fn open(path: &Path) -> Result<Self, MirrorError> {
        let open = || {
            let git = git2::Repository::open_bare(path).or_else(|_| git2::Repository::init_bare(path))?;
            git.config()?.set_bool("core.fsyncObjectFiles", true)?;
            Ok(Self { git })
        };
        open().map_err(|source| MirrorError { what: "be opened".to_owned(), source })
    }

    /// The repository, for reading trees.
    pub fn git(&self) -> &git2::Repository {
        &self.git
    }

    /// Reads a blob's bytes.
    ///
    /// # Errors
    /// Where it is not there or not whole.
    pub fn read_blob(&self, id: BlobId) -> Result<Vec<u8>, MirrorError> {
        self.git
            .find_blob(id.oid())
            .map(|blob| blob.content().to_vec())
            .map_err(|source| MirrorError { what: format!("read blob {id}"), source })
    }

    /// Stores bytes and points a ref at them, both durable.
    ///
    /// # Errors
    /// Where either cannot be written.
    pub fn keep_blob(&self, refname: &str, bytes: &[u8]) -> Result<BlobId, MirrorError> {
        let keep = || {
            let id = self.git.blob(bytes)?;
            self.git.reference(refname, id, true, "kept")?;
            Ok(id.into())
        };
        keep().map_err(|source| MirrorError { what: format!("write {refname}"), source })
    }
}
