//! What is served and what may be: skills as sets of files, by content.

mod files;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::ids::{BlobId, CommitId, Digest, SkillId};
use crate::path::TreePath;

pub use files::Files;

/// The two modes that git knows for a file, and that we publish: 0644 and 0755.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileMode {
    /// 0644.
    Regular,
    /// 0755.
    Executable,
}

impl FileMode {
    /// The permission bits on the volume.
    pub fn bits(self) -> u32 {
        match self {
            Self::Regular => 0o644,
            Self::Executable => 0o755,
        }
    }
}

/// One file as git has it and as the volume should have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileVersion {
    /// Where its bytes are in the mirror.
    pub blob: BlobId,
    /// The SHA-256 of those bytes.
    pub digest: Digest,
    /// How many bytes they are.
    pub size: u64,
    /// Its mode.
    pub mode: FileMode,
}

/// One skill at one version: the files that make it up, by their path below the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillVersion {
    /// The commit at which these bytes were published, or will be.
    pub revision: CommitId,
    /// The file that makes it a skill: `SKILL.md`, or the flat file. It is a key of `files`, changes
    /// last when the skill changes and goes first when it goes.
    pub entry: TreePath,
    /// The `name` in its front matter, where it has one: two skills must not share it.
    pub name: Option<String>,
    /// All its files, the entry among them.
    pub files: Files,
}

impl SkillVersion {
    /// Whether both publish the same bytes at the same paths.
    pub fn same_bytes(&self, other: &Self) -> bool {
        self.entry == other.entry && self.files == other.files
    }

    /// Names the version by content: the SHA-256 over its files in the order of their paths, each as the
    /// length of its path in bytes (64-bit big-endian), the path, its permission bits (32-bit big-endian)
    /// and the SHA-256 of its bytes.
    pub fn digest(&self) -> Digest {
        let mut hash = sha2::Sha256::new();
        for (path, file) in &self.files {
            let path = path.as_str().as_bytes();
            hash.update((path.len() as u64).to_be_bytes());
            hash.update(path);
            hash.update(file.mode.bits().to_be_bytes());
            hash.update(file.digest.as_bytes());
        }
        Digest::from(<[u8; 32]>::from(hash.finalize()))
    }
}

/// A set of skills by id. Versions are shared, so that an unchanged one costs a pointer a pass.
pub type Skills = BTreeMap<SkillId, Arc<SkillVersion>>;

/// Goes over a set of skills in the order of the ids, each with the version that another set has of it:
/// one walk over both.
pub(crate) fn beside<'a>(
    skills: &'a Skills,
    others: &'a Skills,
) -> impl Iterator<Item = (&'a SkillId, &'a Arc<SkillVersion>, Option<&'a Arc<SkillVersion>>)> {
    let mut others = others.iter().peekable();
    skills.iter().map(move |(id, version)| {
        while others.next_if(|(other, _)| *other < id).is_some() {}
        (id, version, others.next_if(|(other, _)| *other == id).map(|(_, other)| other))
    })
}

/// Whether two sets hold the very same versions.
pub(crate) fn are_same(one: &Skills, other: &Skills) -> bool {
    let same = |(_, version, other): (_, _, Option<&Arc<SkillVersion>>)| {
        other.is_some_and(|other| Arc::ptr_eq(version, other))
    };
    one.len() == other.len() && beside(one, other).all(same)
}

/// The skills that may be served: what judging let through, with the last good version of what it
/// held. Only [`crate::verdict`] builds one from a commit, and only [`crate::record`] one from what
/// was accepted before.
#[derive(Debug, Clone, Default)]
pub struct AcceptedTree {
    skills: Arc<Skills>,
}

impl AcceptedTree {
    /// Vouches for these skills: each was accepted by the judge, now or when it was recorded.
    pub(crate) fn vouch(skills: impl Into<Arc<Skills>>) -> Self {
        Self { skills: skills.into() }
    }

    /// The skills, by id; shared, so that a set that is served as it was accepted is known by a pointer.
    pub fn skills(&self) -> &Arc<Skills> {
        &self.skills
    }
}
