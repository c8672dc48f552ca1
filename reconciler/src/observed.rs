//! What the volume holds, by content: the facts that a plan is made from. Reads only.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::ids::Digest;
use crate::path::TreePath;

mod look;
mod planted;
mod read;

pub use look::{LookError, Trust, look, look_at};
pub(crate) use planted::planted;

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

/// The volume at one look.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// What was found at each path that was asked for and exists, and at each directory above one.
    pub found: BTreeMap<TreePath, Found>,
    /// The topmost paths that nobody asked for.
    pub unowned: BTreeSet<Unowned>,
    /// What became known of the files asked for: it replaces the stat cache.
    pub known: StatCache,
}

impl Observed {
    /// What is at a path; none where nothing is, or where a directory above it is none.
    pub fn at(&self, path: &TreePath) -> Option<&Found> {
        self.found.get(path)
    }

    /// The nearest thing above `path` that stands where a directory should be.
    pub fn obstruction(&self, path: &TreePath) -> Option<(TreePath, &Found)> {
        path.ancestors()
            .filter_map(|above| self.found.get(&above).map(|found| (above, found)))
            .find(|(_, found)| !matches!(found, Found::Directory))
    }
}
