//! What drifted and was kept, brought back: as bytes, or as a patch to offer upstream.
//!
//! It reads beside a running service: nothing here takes a lock or writes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{DiffFormat, DiffOptions, FileMode as GitMode, ObjectType, Oid, Repository};
use rustix::fs::OFlags;

use crate::apply::KeptKind;
use crate::ids::CommitId;
use crate::path::TreePath;
use crate::record::{AppliedSource, Drifted, Inventory, Record, RecordError};
use crate::report::Remedy;
use crate::source::{Mirror, MirrorError};
use crate::tree::{FileMode, FileVersion};

/// What goes before our own objects: those of a patch are made in memory alone.
const BEFORE_ALL: i32 = 1_000;

/// Why kept bytes cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// There is no such id.
    #[error("nothing is kept as `{id}`; `skill-sync drift list` names what is")]
    Unknown {
        /// The id.
        id: String,
    },
    /// What stood there had no bytes.
    #[error("`{path}` was a pipe, a socket, a device or an empty directory: it had no bytes to keep")]
    NoBytes {
        /// Where it stood.
        path: TreePath,
    },
    /// A directory was moved aside whole.
    #[error("`{path}` was a directory and was moved aside whole: it is {}, copy from there", at.display())]
    Directory {
        /// Where it stood.
        path: TreePath,
        /// Where it is.
        at: PathBuf,
    },
    /// What was moved aside cannot be opened.
    #[error("cannot read `{}`, which keeps what stood at `{path}`", at.display())]
    Aside {
        /// Where it stood.
        path: TreePath,
        /// Where it should be.
        at: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is nothing that a patch could be against.
    #[error("nothing was applied yet, so there is nothing that a patch could be against")]
    NothingApplied,
    /// The path is no longer a file of a skill.
    #[error("`{path}` is not served any more, so there is nothing that a patch could be against")]
    NotServed {
        /// The path.
        path: TreePath,
    },
    /// The file on the volume is no file of the repository.
    #[error(
        "`{path}` is not a file of commit {commit} as it is served: it is a copy of a link, or its last good \
         version is older; take the bytes with `skill-sync drift restore`"
    )]
    NotInCommit {
        /// The path.
        path: TreePath,
        /// The commit that is applied.
        commit: CommitId,
    },
    /// It was kept without its bytes being read.
    #[error("`{path}` was too large to be stored and was moved aside: a patch of it is not made")]
    TooLarge {
        /// The path.
        path: TreePath,
    },
    /// Nothing differs.
    #[error("nothing that is kept differs from what is served")]
    Same,
    /// libgit2 says no.
    #[error("cannot make a patch from the mirror")]
    Git(#[from] git2::Error),
    /// The mirror does not answer.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The record does not answer.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl DriftError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Mirror(error) => error.remedy(),
            Self::Record(error) => error.remedy(),
            Self::Aside { .. } | Self::Git(_) => Remedy::Retry(None),
            _ => Remedy::Person,
        }
    }
}

/// Finds what is kept under an id.
///
/// # Errors
/// [`DriftError::Unknown`].
pub fn find(record: &Record, id: &str) -> Result<Drifted, DriftError> {
    let kept = record.kept()?;
    kept.into_iter().find(|kept| kept.id == id).ok_or_else(|| DriftError::Unknown { id: id.to_owned() })
}

/// Opens the bytes of something that was kept; `state` is the state directory.
///
/// # Errors
/// Where it had none, or was a directory.
pub fn open(state: &Path, mirror: &Mirror, kept: &Drifted) -> Result<Box<dyn Read>, DriftError> {
    let path = || kept.path.clone();
    match &kept.kind {
        KeptKind::Blob(id) | KeptKind::Link(id) => Ok(Box::new(Cursor::new(mirror.read_blob(*id)?))),
        KeptKind::Nothing => Err(DriftError::NoBytes { path: path() }),
        KeptKind::Aside(aside) => {
            let at = state.join(aside);
            let failed = |source| DriftError::Aside { path: path(), at: at.clone(), source };
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let opened = rustix::fs::open(&at, flags, rustix::fs::Mode::empty());
            let file = File::from(opened.map_err(|errno| failed(errno.into()))?);
            let meta = file.metadata().map_err(failed)?;
            if meta.is_dir() { Err(DriftError::Directory { path: path(), at }) } else { Ok(Box::new(file)) }
        }
    }
}

/// A git patch from what is served to what was kept: of one id, else the newest of each path that can be
/// told. It applies to the commit that is served.
///
/// # Errors
/// [`DriftError::Same`] where it would be empty; what one id cannot be a patch for.
pub fn patch(record: &Record, mirror: &Mirror, id: Option<&str>) -> Result<Vec<u8>, DriftError> {
    let applied = record.last_applied()?.ok_or(DriftError::NothingApplied)?;
    let mut patch = Patch::begin(mirror, applied, record.inventory()?)?;
    match id {
        Some(id) => patch.add(mirror, &find(record, id)?)?,
        None => patch.add_newest(mirror, &record.kept()?)?,
    }
    patch.finish()
}

/// A patch as it grows: changes to the tree of the applied commit.
struct Patch {
    applied: AppliedSource,
    inventory: Inventory,
    git: Repository,
    base: Oid,
    update: TreeUpdateBuilder,
}

impl Patch {
    fn begin(mirror: &Mirror, applied: AppliedSource, inventory: Inventory) -> Result<Self, DriftError> {
        // A repository of its own: what is made for the patch never reaches the mirror.
        let git = Repository::open_bare(mirror.path())?;
        git.odb()?.add_new_mempack_backend(BEFORE_ALL)?;
        let base = git.find_commit(applied.commit.oid())?.tree_id();
        Ok(Self { applied, inventory, git, base, update: TreeUpdateBuilder::new() })
    }

    /// Adds the newest of each path; what cannot be in a patch is left out.
    fn add_newest(&mut self, mirror: &Mirror, kept: &[Drifted]) -> Result<(), DriftError> {
        let mut seen = BTreeSet::new();
        for kept in kept.iter().filter(|kept| seen.insert(&kept.path)) {
            match self.add(mirror, kept) {
                Err(error @ (DriftError::Mirror(_) | DriftError::Git(_))) => return Err(error),
                Err(error) => tracing::warn!(id = kept.id, %error, "left out of the patch"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, mirror: &Mirror, kept: &Drifted) -> Result<(), DriftError> {
        let path = || kept.path.clone();
        let (id, is_link) = match &kept.kind {
            KeptKind::Blob(id) => (*id, false),
            KeptKind::Link(id) => (*id, true),
            KeptKind::Aside(_) => return Err(DriftError::TooLarge { path: path() }),
            KeptKind::Nothing => return Err(DriftError::NoBytes { path: path() }),
        };
        let mut files = self.inventory.skills.iter();
        let served = files.find_map(|(skill, version)| Some((skill, *version.files.get(&kept.path)?)));
        let (skill, file) = served.ok_or_else(|| DriftError::NotServed { path: path() })?;
        let source = self.source(kept, skill.as_str(), file)?;
        let source =
            source.ok_or_else(|| DriftError::NotInCommit { path: path(), commit: self.applied.commit })?;
        let blob = self.git.blob(&mirror.read_blob(id)?)?;
        let mode = match file.mode {
            _ if is_link => GitMode::Link,
            FileMode::Regular => GitMode::Blob,
            FileMode::Executable => GitMode::BlobExecutable,
        };
        self.update.upsert(source, blob, mode);
        Ok(())
    }

    /// Where the repository has the file that is served at a path: by its bytes, since the layout may
    /// have moved it.
    fn source(&self, kept: &Drifted, skill: &str, file: FileVersion) -> Result<Option<String>, DriftError> {
        let path = kept.path.as_str();
        let below = path.strip_prefix(skill).and_then(|rest| rest.strip_prefix('/'));
        let flat = below.filter(|below| *below == crate::desired::SKILL_FILE).map(|_| format!("{skill}.md"));
        let own = [Some(path.to_owned()), flat, below.map(str::to_owned)];
        let tree = self.git.find_tree(self.base)?;
        let rooted = |below: String| match &self.applied.path {
            Some(root) => format!("{root}/{below}"),
            None => below,
        };
        let is_it = |source: &String| {
            let entry = tree.get_path(Path::new(source));
            entry.is_ok_and(|entry| entry.id() == file.blob.oid() && entry.kind() == Some(ObjectType::Blob))
        };
        Ok(own.into_iter().flatten().map(rooted).find(is_it))
    }

    fn finish(mut self) -> Result<Vec<u8>, DriftError> {
        let base = self.git.find_tree(self.base)?;
        let changed = self.git.find_tree(self.update.create_updated(&self.git, &base)?)?;
        let mut options = DiffOptions::new();
        options.show_binary(true).id_abbrev(40);
        let diff = self.git.diff_tree_to_tree(Some(&base), Some(&changed), Some(&mut options))?;
        let mut text = Vec::new();
        diff.print(DiffFormat::Patch, |_, _, line| {
            if let origin @ ('+' | '-' | ' ') = line.origin() {
                text.extend_from_slice(origin.encode_utf8(&mut [0; 4]).as_bytes());
            }
            text.extend_from_slice(line.content());
            true
        })?;
        if text.is_empty() { Err(DriftError::Same) } else { Ok(text) }
    }
}
