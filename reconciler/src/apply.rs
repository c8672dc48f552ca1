//! The only writer: does what a plan says, step by step, and decides nothing.
//!
//! Two phases around the moment at which the caller records its intent. [`stage`] checks the room,
//! keeps what will be overwritten, writes every new file outside the watched tree and makes all of it
//! durable; nothing shows yet, and dropping [`Staged`] leaves nothing behind. [`Staged::publish`]
//! renames, unlinks and makes the touched directories durable.
//!
//! A file is old or new, never half. Not guaranteed: that two files of a skill change in one instant. What
//! somebody writes into a file between the last look at it and the rename over it, some microseconds later,
//! is told and kept ([`Late`]); a file that takes its name in that time is not.

mod keep;
mod late;
mod pace;
mod publish;
mod quarantine;
mod sentinel;
mod stage;

use std::collections::HashMap;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::cancel::{Cancel, Cancelled};
use crate::ids::{BlobId, CommitId, Digest, PassId, Timestamp};
use crate::observed::{Observed, Stamp, StatCache};
use crate::path::TreePath;
use crate::plan::Plan;
use crate::report::Remedy;
use crate::source::{Mirror, MirrorError};
use crate::target::{Locked, Target};
use crate::volume::Directory;

pub use late::Late;
pub(crate) use pace::Recent;
pub use quarantine::QUARANTINE;
pub(crate) use quarantine::quarantine;
pub(crate) use sentinel::last_pass;

/// The hidden file in the target's root that is renamed over last by each pass that changed something:
/// consumers that listen only to `change` miss what was added or removed, and not this.
pub const SENTINEL: &str = ".skill-sync.md";

/// Refs below it keep the bytes that passes overwrote.
pub const DRIFT_REFS: &str = "refs/skill-sync/drift/";

/// Where in the state directory new files are written.
const STAGING: &str = "staging";

/// Where in the state directory goes what is moved aside whole.
const DISPLACED: &str = "displaced";

/// Up to so many files or directories are synced one by one; more by one `syncfs` (measured: one sync a
/// file costs 40 times none, one for all up to 2.2 times).
const SYNC_ONE_BY_ONE: usize = 5;

/// Why a plan was not applied, or not to its end. The next pass finishes it.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The file system is too full; it was found before anything was written.
    #[error(
        "the target's file system has too little room: the change needs {needed} bytes and {free} are free; \
         nothing was changed; free some, or enlarge the volume"
    )]
    NoSpace {
        /// How many bytes the change needs, what is kept and some room to spare included.
        needed: u64,
        /// How many are free.
        free: u64,
    },
    /// The mirror has no such content.
    #[error("cannot read blob {blob} for `{path}`")]
    Content {
        /// The file that it is for.
        path: TreePath,
        /// The blob.
        blob: BlobId,
        /// Why not.
        source: MirrorError,
    },
    /// The mirror has other content than what was judged.
    #[error(
        "blob {blob} for `{path}` does not have the bytes that were judged: its SHA-256 is {found}, not {wanted}; \
         the mirror is damaged: run `skill-sync state rebuild`"
    )]
    Mismatch {
        /// The file that it is for.
        path: TreePath,
        /// The blob.
        blob: BlobId,
        /// What was judged.
        wanted: Digest,
        /// What the mirror has.
        found: Digest,
    },
    /// What stands at a path could not be saved, so it is not overwritten.
    #[error("cannot keep what stands at `{path}`, so it was not overwritten")]
    Keep {
        /// The path.
        path: TreePath,
        /// Why not.
        source: MirrorError,
    },
    /// Somebody changed the volume between the look and the change.
    #[error("`{path}` changed on the volume while the pass ran; it was left as it is and is looked at again")]
    Raced {
        /// The path.
        path: TreePath,
    },
    /// A directory that was to go holds what is not ours.
    #[error(
        "`{path}` is to become a file or a new directory, and the directory there holds files that are not \
         ours; move them away"
    )]
    Occupied {
        /// The path.
        path: TreePath,
    },
    /// The system refused something.
    #[error("cannot {what}")]
    Io {
        /// What, and where.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Asked to stop. Each skill is old or new.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ApplyError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Mismatch { .. } | Self::Occupied { .. } => Remedy::Person,
            Self::NoSpace { .. }
            | Self::Content { .. }
            | Self::Keep { .. }
            | Self::Raced { .. }
            | Self::Io { .. }
            | Self::Cancelled(_) => Remedy::Retry(None),
        }
    }

    fn raced(path: &TreePath) -> Self {
        Self::Raced { path: path.clone() }
    }
}

/// Names what failed: `cannot {what}`, with the system's word as its cause.
fn failed<E: Into<std::io::Error>>(what: impl FnOnce() -> String) -> impl FnOnce(E) -> ApplyError {
    move |error| ApplyError::Io { what: what(), source: error.into() }
}

/// What is to be applied, and what it was planned from.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The pass that does it.
    pub pass: PassId,
    /// The commit that the plan is for: the sentinel names it.
    pub revision: CommitId,
    /// The plan.
    pub plan: &'a Plan,
    /// What the plan was made from: what is no longer so is not touched.
    pub observed: &'a Observed,
}

/// Something that a pass removes from the volume and that git does not have: saved first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name for people: the pass and a number, such as `12-1`.
    pub id: String,
    /// Where it stood.
    pub path: TreePath,
    /// Where it is now.
    pub kind: KeptKind,
    /// How many bytes it has; zero for what has none.
    pub size: u64,
    /// The SHA-256 of its bytes; none for what was moved aside unread, and for what has none.
    pub digest: Option<Digest>,
    /// When it was kept.
    pub at: Timestamp,
    /// When it was changed, as the volume says.
    pub mtime: Option<Timestamp>,
    /// Whose it was.
    pub uid: u32,
}

/// Where something that was overwritten is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptKind {
    /// The bytes of a file, in the mirror under [`DRIFT_REFS`] and the id.
    Blob(BlobId),
    /// The text of a symbolic link, likewise.
    Link(BlobId),
    /// Moved as it is to this path below the state directory, when the plan is published.
    Aside(PathBuf),
    /// It had no bytes: an empty directory, a pipe, a socket, a device.
    Nothing,
}

/// How a kept path is freed when the plan is published.
#[derive(Debug)]
enum Vacate {
    /// Not at all: a later step replaces or unlinks it.
    Later,
    /// It is an empty directory.
    Remove,
    /// What stands there is saved, and goes with the staging.
    Discard,
    /// It is moved to the displaced, under this name.
    Displace(String),
}

/// A file that was staged.
#[derive(Debug)]
struct Written {
    path: TreePath,
    stamp: Stamp,
    digest: Digest,
}

/// A plan whose every new file is written and durable, and of which nothing shows yet.
///
/// Dropping it removes what was staged.
#[must_use = "nothing shows on the volume until it is published"]
#[derive(Debug)]
pub struct Staged<'a> {
    target: &'a Target,
    order: Order<'a>,
    staging: Staging,
    displaced: Option<Directory>,
    /// By the index of their step.
    vacate: HashMap<usize, Vacate>,
    kept: Vec<Kept>,
    written: Vec<Written>,
}

/// The directory of what is staged; gone when dropped.
#[derive(Debug)]
struct Staging {
    directory: Directory,
    path: PathBuf,
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays is swept before the next pass stages.
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the staging directory");
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Applied {
    /// The stamps of what was published, for the stat cache.
    pub known: StatCache,
    /// Whether the sentinel on the volume names this pass now: only where something changed.
    pub signed: bool,
}

/// Removes what a pass that was killed, or could not tidy up, left staged.
///
/// # Errors
/// [`ApplyError`], where it cannot be removed.
pub fn sweep(target: &Locked<'_>) -> Result<(), ApplyError> {
    stage::sweep(target.target())
}

/// Prepares a plan: checks the room, saves what it overwrites, writes what is new, and makes all of it
/// durable. Nothing shows on the volume.
///
/// # Errors
/// [`ApplyError`]; the volume is as it was.
pub fn stage<'a>(
    target: &Locked<'a>,
    mirror: &Mirror,
    order: Order<'a>,
    cancel: &Cancel,
) -> Result<Staged<'a>, ApplyError> {
    let mut staged = Staged::begin(target.target(), order)?;
    staged.keep_all(mirror, cancel)?;
    staged.write_all(mirror, cancel)?;
    Ok(staged)
}

impl Staged<'_> {
    /// What was saved, or will be moved aside.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// Makes the plan show, in the order of its steps, and then durable.
    ///
    /// It stops for `cancel` between two skills only. What was written into a file while that was replaced
    /// is kept in `mirror` and added to `late`, also where it ends with an error.
    ///
    /// # Errors
    /// [`ApplyError`]; what was done until then stays, each file whole.
    pub fn publish(
        self,
        mirror: &Mirror,
        cancel: &Cancel,
        late: &mut Vec<Late>,
    ) -> Result<Applied, ApplyError> {
        publish::publish(&self, mirror, cancel, late, &|_| {})
    }
}

/// The directory that holds a path; empty for the root.
fn parent_of(path: &TreePath) -> &str {
    path.as_str().rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Opens the directory that holds a path, through plain directories only.
fn open_parent(target: &Target, path: &TreePath) -> Result<Directory, ApplyError> {
    target.directory().below(parent_of(path)).map_err(|errno| match errno {
        // It was there and a directory at the look.
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV => ApplyError::raced(path),
        other => failed(|| format!("open the directory of `{path}`"))(other),
    })
}

#[cfg(test)]
mod tests;
