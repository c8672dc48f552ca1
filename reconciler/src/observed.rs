//! What the volume holds, by content: the facts that a plan is made from. Reads only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::Digest;
use crate::path::TreePath;

mod asked;
mod look;
mod part;
mod planted;
mod read;
mod vigil;

pub use asked::Asked;
pub use look::{LookError, Trust, look, look_at};
pub(crate) use part::Part;
pub(crate) use planted::planted;
pub use vigil::Vigil;

/// What identifies the content of a file without reading it: if none of these changed, and the
/// change time is older than the look by more than the clock's grain, the bytes did not either.
///
/// A store through a mapped page is never seen by it, so a full re-hash runs on a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The device.
    pub dev: u64,
    /// The inode.
    pub ino: u64,
    /// The size in bytes.
    pub size: u64,
    /// The modification time, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// The change time, in nanoseconds since 1970.
    pub ctime_ns: i64,
}

/// A file whose content is known: its stamp when it was read, and what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The stamp before and after reading.
    pub stamp: Stamp,
    /// What was read.
    pub digest: Digest,
    /// When it was read, in nanoseconds since 1970: a change in the same tick of the file system's
    /// clock cannot be told from it (git's racy-timestamp rule).
    pub read_at_ns: i64,
}

/// The stat cache: what is known of the files that we own. The database keeps it.
pub type StatCache = HashMap<TreePath, Known>;

/// What is neither a file, a directory nor a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Special {
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block or character device.
    Device,
}

/// What is at a path of the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A regular file.
    File {
        /// The SHA-256 of its bytes; none where it is of another size than wanted and so large that
        /// reading it would prove nothing (a sparse file of a terabyte is drift without being read).
        digest: Option<Digest>,
        /// Its permission bits (0o7777).
        mode: u32,
        /// How many names it has; a second one makes consumers refuse it.
        links: u64,
        /// Its stamp at the look.
        stamp: Stamp,
    },
    /// A directory.
    Directory,
    /// A symbolic link, and what it says.
    Symlink(Vec<u8>),
    /// Anything else.
    Special(Special),
}

/// Something on the volume that we do not own and that git does not want: reported, never touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unowned {
    /// Its path below the target; bytes that are no text are shown with replacement characters.
    pub path: String,
    /// Whether it is a directory; what is below it was not looked at.
    pub directory: bool,
}

/// The volume at one look: what was asked for, and how it differs from what was left there.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// What was asked for: what is named nowhere below is as it was left.
    pub(crate) asked: Arc<Asked>,
    /// Whether it asked for a part of what is owned only, since the rest is known to be as it was left.
    pub(crate) is_part: bool,
    /// What was found at paths that are not known to be as they were left, and each directory above one.
    pub found: BTreeMap<TreePath, Found>,
    /// Where nothing is, of what was asked for, and of the directories above it.
    pub absent: BTreeSet<TreePath>,
    /// The topmost paths that nobody asked for.
    pub unowned: BTreeSet<Unowned>,
    /// What became known of the files asked for that was not known before.
    pub known: StatCache,
}

impl Observed {
    /// What is at a path; none where nothing is, or where a directory above it is none.
    pub fn at(&self, path: &TreePath) -> Option<&Found> {
        match self.found.get(path) {
            None if self.absent.contains(path) => None,
            None if self.asked.is_above_one(path) => Some(&Found::Directory),
            None => self.asked.settled(path),
            found => found,
        }
    }

    /// Whether all that was asked for is as it was left.
    pub fn is_as_left(&self) -> bool {
        self.found.is_empty() && self.absent.is_empty() && (self.is_part || !self.asked.is_empty())
    }

    /// Whether a path that is wanted or owned is as it was left: a file with the bytes, the mode and the one
    /// name with which it was published.
    pub fn is_left(&self, path: &TreePath) -> bool {
        let is_settled = || match self.is_part {
            true => !self.asked.contains(path) || self.asked.settled(path).is_some(),
            false => self.asked.settled(path).is_some(),
        };
        !self.found.contains_key(path) && !self.absent.contains(path) && is_settled()
    }

    /// The nearest thing above `path` that stands where a directory should be.
    pub fn obstruction(&self, path: &TreePath) -> Option<(TreePath, &Found)> {
        path.ancestors()
            .filter_map(|above| self.found.get(&above).map(|found| (above, found)))
            .find(|(_, found)| !matches!(found, Found::Directory))
    }
}
