//! Where trees and blobs are read from: the mirror, or a directory that `validate` looks at.

use std::path::PathBuf;

use git2::ErrorCode;

use crate::ids::{BlobId, CommitId, TreeId};
use crate::report::Remedy;
use crate::source::Limits;
use crate::tree::FileMode;

/// The objects of a repository, read by id.
pub trait Content {
    /// The entries of a directory, in git's order. Their names are as raw as the object: any bytes
    /// but NUL and `/`, twice the same one, `..` too.
    ///
    /// # Errors
    /// Where the object is missing, is not a tree, is malformed or cannot be read.
    fn tree(&self, id: TreeId) -> Result<Vec<Entry>, ContentError>;

    /// The bytes of a file, exactly as they are stored: no filter, no line-end conversion.
    ///
    /// # Errors
    /// Where the object is missing, is not a blob or cannot be read.
    fn read(&self, id: BlobId) -> Result<Vec<u8>, ContentError>;

    /// How many bytes a file has, without reading it.
    ///
    /// # Errors
    /// Where the object is missing, is not a blob or cannot be read.
    fn size(&self, id: BlobId) -> Result<u64, ContentError>;
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, raw.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
}

/// What a tree entry is, by its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory(TreeId),
    /// A regular file; any mode with the owner's execute bit is executable, as git reads it.
    File {
        /// Its bytes.
        blob: BlobId,
        /// Its mode.
        mode: FileMode,
    },
    /// A symbolic link; the blob is the text of its target.
    Symlink(BlobId),
    /// A commit of another repository.
    Submodule,
    /// A mode that git does not write, or what is neither file, directory nor link on a disk.
    Other(u32),
}

impl EntryKind {
    /// Reads a raw mode of a tree object.
    fn of_mode(mode: u32, id: git2::Oid) -> Self {
        match mode & 0o170_000 {
            0o040_000 => Self::Directory(id.into()),
            0o100_000 if mode & 0o100 == 0 => Self::File { blob: id.into(), mode: FileMode::Regular },
            0o100_000 => Self::File { blob: id.into(), mode: FileMode::Executable },
            0o120_000 => Self::Symlink(id.into()),
            0o160_000 => Self::Submodule,
            _ => Self::Other(mode),
        }
    }
}

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The mirror does not have it.
    #[error("git object {id} is missing from the mirror; fetch again, or repair the repository")]
    Missing {
        /// The object.
        id: git2::Oid,
    },
    /// It is there and is not what its tree says, or breaks git's format.
    #[error("git object {id} is malformed: {why}; commit the tree again with git itself")]
    Malformed {
        /// The object.
        id: git2::Oid,
        /// What is wrong with it.
        why: String,
    },
    /// It takes more memory to open than one may.
    #[error(
        "the {kind} {id} has {size} bytes, and MAX_OBJECT_BYTES lets {most} be opened; raise it if the repository \
         is to be trusted, or spread what it lists over several directories"
    )]
    TooLarge {
        /// The object.
        id: git2::Oid,
        /// What it is.
        kind: git2::ObjectType,
        /// Its size in bytes.
        size: u64,
        /// The largest size that is opened.
        most: u64,
    },
    /// The mirror could not be read.
    #[error("cannot read git object {id} from the mirror; it is tried again")]
    Git {
        /// The object.
        id: git2::Oid,
        /// What libgit2 says.
        source: git2::Error,
    },
    /// A file of a directory could not be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl ContentError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Missing { .. } | Self::Malformed { .. } | Self::TooLarge { .. } => Remedy::Person,
            Self::Git { .. } | Self::File { .. } => Remedy::Retry(None),
        }
    }
}

/// The objects of a repository of which no tree is opened that is larger than allowed: a pack of a few
/// kilobytes can hold one that fills the memory of whoever opens it.
#[derive(Clone, Copy)]
pub struct Objects<'a> {
    git: &'a git2::Repository,
    most: u64,
}

impl<'a> Objects<'a> {
    /// Those of a repository; `most` is in bytes (`MAX_OBJECT_BYTES`).
    pub fn of(git: &'a git2::Repository, most: u64) -> Self {
        Self { git, most }
    }

    /// The tree of a commit.
    pub(super) fn top(&self, commit: CommitId) -> Result<TreeId, git2::Error> {
        Ok(self.git.find_commit(commit.oid())?.tree_id().into())
    }
}

/// With the limit that holds where none is set.
impl<'a> From<&'a git2::Repository> for Objects<'a> {
    fn from(git: &'a git2::Repository) -> Self {
        Self::of(git, Limits::default().max_object_bytes)
    }
}

impl Content for Objects<'_> {
    fn tree(&self, id: TreeId) -> Result<Vec<Entry>, ContentError> {
        let id = id.oid();
        let size = size(self.git, id, git2::ObjectType::Tree)?;
        if size > self.most {
            let kind = git2::ObjectType::Tree;
            return Err(ContentError::TooLarge { id, kind, size, most: self.most });
        }
        let tree = self.git.find_tree(id).map_err(|error| failed(id, error))?;
        tree.iter().map(|entry| parse_entry(id, &entry)).collect()
    }

    fn read(&self, id: BlobId) -> Result<Vec<u8>, ContentError> {
        let id = id.oid();
        size(self.git, id, git2::ObjectType::Blob)?;
        let blob = self.git.find_blob(id).map_err(|error| failed(id, error))?;
        Ok(blob.content().to_vec())
    }

    fn size(&self, id: BlobId) -> Result<u64, ContentError> {
        size(self.git, id.oid(), git2::ObjectType::Blob)
    }
}

impl Content for git2::Repository {
    fn tree(&self, id: TreeId) -> Result<Vec<Entry>, ContentError> {
        Objects::from(self).tree(id)
    }

    fn read(&self, id: BlobId) -> Result<Vec<u8>, ContentError> {
        Objects::from(self).read(id)
    }

    fn size(&self, id: BlobId) -> Result<u64, ContentError> {
        Objects::from(self).size(id)
    }
}

fn parse_entry(tree: git2::Oid, entry: &git2::TreeEntry<'_>) -> Result<Entry, ContentError> {
    let name = entry.name_bytes().to_vec();
    if name.is_empty() || name.contains(&b'/') {
        let why = format!("it has an entry named `{}`", String::from_utf8_lossy(&name));
        return Err(ContentError::Malformed { id: tree, why });
    }
    let mode = u32::try_from(entry.filemode_raw()).unwrap_or_default();
    Ok(Entry { name, kind: EntryKind::of_mode(mode, entry.id()) })
}

/// The size of an object that is of the kind expected, in bytes.
fn size(git: &git2::Repository, id: git2::Oid, expected: git2::ObjectType) -> Result<u64, ContentError> {
    let read = git.odb().and_then(|odb| odb.read_header(id));
    match read.map_err(|error| failed(id, error))? {
        (size, kind) if kind == expected => Ok(u64::try_from(size).unwrap_or(u64::MAX)),
        (_, kind) => {
            let why = format!("it is a {kind} where a {expected} should be");
            Err(ContentError::Malformed { id, why })
        }
    }
}

fn failed(id: git2::Oid, source: git2::Error) -> ContentError {
    use git2::ErrorClass::{Object, Tree};
    match (source.code(), source.class()) {
        (ErrorCode::NotFound, _) => ContentError::Missing { id },
        (_, Tree | Object) => ContentError::Malformed { id, why: source.message().to_owned() },
        _ => ContentError::Git { id, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> (tempfile::TempDir, git2::Repository) {
        let directory = tempfile::tempdir().unwrap();
        let git = git2::Repository::init_bare(directory.path()).unwrap();
        (directory, git)
    }

    /// A tree object with exactly these modes and names, all of them on one blob.
    fn raw_tree(git: &git2::Repository, entries: &[(&str, &[u8])]) -> TreeId {
        let blob = git.blob(b"text").unwrap();
        let mut bytes = Vec::new();
        for (mode, name) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(blob.as_bytes());
        }
        git.odb().unwrap().write(git2::ObjectType::Tree, &bytes).unwrap().into()
    }

    #[test]
    fn modes_are_read_as_git_reads_them() {
        let (_directory, git) = repository();
        let modes = ["100644", "100664", "100755", "120000", "160000", "40000", "10644"];
        let names: Vec<[u8; 1]> = (b'a'..=b'g').map(|name| [name]).collect();
        let entries: Vec<(&str, &[u8])> = modes.into_iter().zip(names.iter().map(|n| &n[..])).collect();
        let read = git.tree(raw_tree(&git, &entries)).unwrap();
        let kinds: Vec<EntryKind> = read.iter().map(|entry| entry.kind).collect();
        assert!(matches!(
            kinds[..],
            [
                EntryKind::File { mode: FileMode::Regular, .. },
                EntryKind::File { mode: FileMode::Regular, .. },
                EntryKind::File { mode: FileMode::Executable, .. },
                EntryKind::Symlink(_),
                EntryKind::Submodule,
                EntryKind::Directory(_),
                EntryKind::Other(0o10644),
            ]
        ));
    }

    #[test]
    fn a_name_with_a_slash_makes_its_tree_malformed() {
        let (_directory, git) = repository();
        let tree = raw_tree(&git, &[("100644", b"a/../../etc")]);
        let error = git.tree(tree).unwrap_err();
        assert!(error.to_string().contains("it has an entry named `a/../../etc`"), "{error}");
        assert_eq!(error.remedy(), Remedy::Person);
    }

    #[test]
    fn an_object_of_another_kind_is_malformed_and_a_missing_one_is_missing() {
        let (_directory, git) = repository();
        let blob = git.blob(b"text").unwrap();
        assert!(matches!(git.tree(blob.into()), Err(ContentError::Malformed { .. })));
        let tree = git.odb().unwrap().write(git2::ObjectType::Tree, b"").unwrap();
        assert!(matches!(git.read(tree.into()), Err(ContentError::Malformed { .. })));
        let nowhere = git2::Oid::from_str(&"1".repeat(40)).unwrap();
        assert!(matches!(git.size(nowhere.into()), Err(ContentError::Missing { .. })));
    }

    #[test]
    fn a_tree_that_is_too_large_is_not_opened_and_the_setting_is_named() {
        let (_directory, git) = repository();
        let tree = raw_tree(&git, &[("100644", b"a"), ("100644", b"b")]);
        assert_eq!(Objects::of(&git, 60).tree(tree).unwrap().len(), 2);
        let error = Objects::of(&git, 57).tree(tree).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("the tree {tree} has 58 bytes")), "{text}");
        assert!(text.contains("MAX_OBJECT_BYTES lets 57 be opened; raise it"), "{text}");
        assert_eq!(error.remedy(), Remedy::Person);
    }

    #[test]
    fn bytes_that_are_no_tree_are_malformed() {
        let (_directory, git) = repository();
        let tree = git.odb().unwrap().write(git2::ObjectType::Tree, b"garbage without end").unwrap();
        assert!(matches!(git.tree(tree.into()), Err(ContentError::Malformed { .. })));
    }
}
