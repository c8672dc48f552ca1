//! Opening a skill: everything below its directory, raw, within budgets.

use super::content::{Content, ContentError, EntryKind};
use crate::ids::TreeId;

/// How many files and directories a skill may hold: nine times the largest of 101,336 real ones.
pub const MAX_MEMBERS: usize = 10_000;

/// How many bytes the paths of one skill may have together (16 MiB): one tree that is named again
/// and again needs none on disk and all of them in memory.
pub const MAX_PATH_BYTES: usize = 16 << 20;

/// How deep a walk descends; deeper paths are refused by their type, so that nothing is missed.
pub(super) const MAX_DEPTH: usize = 64;

/// How long a directory's path may be before a walk stops below it, in bytes (longer ones are
/// refused by their type).
pub(super) const MAX_DIRECTORY_BYTES: usize = 4_096;

/// One thing in a skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path below the skill's directory, raw.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
}

/// What is in a skill.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// All of it, directories too; cut where `over` says so.
    pub members: Vec<Member>,
    /// The budget that it exceeds, in words.
    pub over: Option<String>,
}

/// Opens the skill in a directory. `skip` names what at its top is not part of it.
///
/// # Errors
/// Where a tree cannot be read.
pub(crate) fn open(
    content: &dyn Content,
    tree: TreeId,
    skip: impl Fn(&[u8]) -> bool,
) -> Result<Opened, ContentError> {
    let mut opened = Opened::default();
    let mut bytes = 0;
    let mut waiting = vec![(Vec::new(), tree, 1)];
    while let Some((parent, tree, depth)) = waiting.pop() {
        for entry in content.tree(tree)? {
            if parent.is_empty() && skip(&entry.name) {
                continue;
            }
            let member = Member { path: join(&parent, &entry.name), kind: entry.kind };
            bytes += member.path.len();
            if let EntryKind::Directory(below) = member.kind
                && depth < MAX_DEPTH
                && member.path.len() < MAX_DIRECTORY_BYTES
            {
                waiting.push((member.path.clone(), below, depth + 1));
            }
            opened.members.push(member);
            opened.over = exceeded(opened.members.len(), bytes);
            if opened.over.is_some() {
                return Ok(opened);
            }
        }
    }
    opened.members.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(opened)
}

fn exceeded(members: usize, bytes: usize) -> Option<String> {
    if members > MAX_MEMBERS {
        return Some(format!("more than {MAX_MEMBERS} files and directories"));
    }
    (bytes > MAX_PATH_BYTES).then(|| format!("paths of more than {MAX_PATH_BYTES} bytes together"))
}

/// A name below a directory; the top has an empty path.
pub(crate) fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    match parent {
        [] => name.to_vec(),
        _ => [parent, b"/", name].concat(),
    }
}
