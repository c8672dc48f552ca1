//! Symbolic links inside a skill: published as copies of what they point at, where that is a file of
//! the same skill.
//!
//! Consumers refuse a link that leaves the root and the volume holds regular files only, so a link
//! is never published as one. It is resolved by text, in the skill's own tree; nothing is followed.

use std::collections::BTreeMap;

use crate::desired::{EntryKind, Member};
use crate::ids::BlobId;
use crate::tree::FileMode;

/// How many links may lead to each other.
pub const MAX_LINKS: usize = 8;

/// The longest target of a link, in bytes (Linux's own limit).
pub const MAX_TARGET_BYTES: u64 = 4_096;

/// Where a link leads that is not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// Its target begins with a slash.
    Absolute,
    /// It leaves the skill's directory, at its end or on the way.
    Escapes,
    /// Nothing of the skill is there.
    Dangling,
    /// It leads to a directory.
    Directory,
    /// To a submodule or a special file.
    NotAFile,
    /// Through more links than may be.
    Loops,
    /// The target is longer than a path may be.
    Long,
}

impl LinkFault {
    /// Why the link is not copied, to follow "the symbolic link".
    pub fn why(self) -> &'static str {
        match self {
            Self::Absolute => "points at an absolute path",
            Self::Escapes => "leaves the skill's directory",
            Self::Dangling => "points at nothing in the skill",
            Self::Directory => "points at a directory; only links to files are copied",
            Self::NotAFile => "points at what is not a regular file",
            Self::Loops => "leads through too many links, or back to itself",
            Self::Long => "has a target that is longer than a path may be",
        }
    }
}

/// The members of a skill by path, with the targets of its links.
#[derive(Debug, Default)]
pub(super) struct Links<'a> {
    kinds: BTreeMap<&'a [u8], EntryKind>,
    targets: BTreeMap<&'a [u8], Vec<u8>>,
}

impl<'a> Links<'a> {
    pub(super) fn new(members: &'a [Member]) -> Self {
        let kinds = members.iter().map(|member| (&member.path[..], member.kind)).collect();
        Self { kinds, targets: BTreeMap::new() }
    }

    pub(super) fn add_target(&mut self, link: &'a [u8], target: Vec<u8>) {
        self.targets.insert(link, target);
    }

    /// The file that a link stands for.
    pub(super) fn resolve(&self, link: &[u8]) -> Result<(BlobId, FileMode), LinkFault> {
        let mut at = link.to_vec();
        for _ in 0..MAX_LINKS {
            let target = self.targets.get(&at[..]).ok_or(LinkFault::Long)?;
            at = step(&at, target)?;
            match self.kinds.get(&at[..]) {
                Some(EntryKind::File { blob, mode }) => return Ok((*blob, *mode)),
                Some(EntryKind::Symlink(_)) => {}
                Some(EntryKind::Directory(_)) => return Err(LinkFault::Directory),
                Some(_) => return Err(LinkFault::NotAFile),
                None if at.is_empty() => return Err(LinkFault::Directory),
                None => return Err(LinkFault::Dangling),
            }
        }
        Err(LinkFault::Loops)
    }
}

/// The path that a target names, seen from its link; both below the skill's directory.
fn step(link: &[u8], target: &[u8]) -> Result<Vec<u8>, LinkFault> {
    if target.starts_with(b"/") {
        return Err(LinkFault::Absolute);
    }
    let mut names: Vec<&[u8]> = link.split(|byte| *byte == b'/').collect();
    names.pop();
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop().ok_or(LinkFault::Escapes)?;
            }
            _ => names.push(name),
        }
    }
    Ok(names.join(&b'/'))
}
