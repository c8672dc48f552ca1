//! The plan: what to change and why, decided in values. Execution has no choice left to make.
//!
//! `accepted + inventory + observed → plan` is pure. What a plan says is what `diff` prints, the API
//! returns, the audit stores and the tests compare.

mod planner;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, Digest, SkillId};
use crate::observed::Unowned;
use crate::path::TreePath;
use crate::tree::{FileVersion, Files, Skills};
use crate::verdict::Abilities;

pub use planner::plan;

/// What happens to a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SkillAction {
    /// It was not served.
    Add,
    /// Another version of it is served.
    Update,
    /// It is no longer served.
    Remove,
    /// The same version is served again as it was accepted: the volume had drifted.
    Restore,
    /// It was on the volume already and is now ours.
    Adopt,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileAction {
    /// Nothing was at its path.
    Add,
    /// Something else was at its path.
    Update,
    /// Nothing will be at its path.
    Remove,
}

/// Why a skill changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// Git has it and the inventory does not.
    #[serde(rename = "new in git")]
    GitAdded,
    /// Git has another version of it.
    #[serde(rename = "git changed")]
    GitChanged,
    /// Git has it no more.
    #[serde(rename = "gone from git")]
    GitRemoved,
    /// Somebody changed it on the volume.
    #[serde(rename = "the volume drifted")]
    Drifted,
    /// Git has another version of it, and somebody changed it on the volume.
    #[serde(rename = "git changed, and the volume drifted")]
    GitChangedAndDrifted,
    /// The same bytes were on the volume already.
    #[serde(rename = "the same bytes were there already")]
    SameBytes,
    /// `ADOPT`: other bytes were on the volume; they are kept and replaced.
    #[serde(rename = "taken over from files that were not ours")]
    TakenOver,
    /// The operator's policy denies it.
    #[serde(rename = "denied by the policy")]
    Denied,
    /// `ON_CONDEMNED=remove`: today's rules would hold the version that is served.
    #[serde(rename = "condemned by today's rules")]
    Condemned,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What happens to one file, for its reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Its path below the target.
    pub path: TreePath,
    /// What happens to it.
    pub action: FileAction,
    /// The SHA-256 of what is on the volume; none where nothing is, or nothing that was read.
    pub from: Option<Digest>,
    /// The SHA-256 of what will be there; none where nothing will be.
    pub to: Option<Digest>,
}

/// What stands at a path and must be kept before the path is used: a drifted file, or one that is
/// taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The bytes of a file, read into the object database of the mirror. A file over the limit of
    /// [`KEEP_BY_RENAME`] is moved aside instead of read.
    File {
        /// How many bytes it had at the look.
        size: u64,
    },
    /// The text of a symbolic link, likewise; the link is replaced, never followed.
    Link,
    /// A directory: moved aside whole, since what is in it is not ours to judge. An empty one is
    /// removed.
    Directory,
    /// A pipe, socket or device: replaced; it has no bytes to keep.
    Special,
}

/// A drifted file above this many bytes is moved aside by a rename instead of stored (16 MiB): its
/// size is somebody else's choice, and reading it would be paid by the pass.
pub const KEEP_BY_RENAME: u64 = 16 << 20;

/// One effect on the volume. The steps of a plan are done in their order, but that everything is
/// kept and staged before the first of them shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Step {
    /// Saves what stands at the path. A file and a link stay until a publish replaces or a remove
    /// unlinks them; a directory, and a file too large to store, is gone from its path afterwards,
    /// and so is anything that stands where a directory is needed (`clear`).
    Keep {
        /// The path.
        path: TreePath,
        /// What stands there.
        what: Keep,
        /// Whether the path must be free afterwards.
        clear: bool,
    },
    /// Puts a complete directory, which does not exist, in its place by one rename.
    PublishDirectory {
        /// The directory.
        path: TreePath,
        /// All files below it, by their path below the target.
        files: Files,
    },
    /// Puts a file in its place by one rename over whatever file is there; its directory exists.
    Publish {
        /// The path.
        path: TreePath,
        /// The file.
        file: FileVersion,
    },
    /// Unlinks a file of ours.
    Remove {
        /// The path.
        path: TreePath,
    },
    /// Removes a directory of ours if it is empty; one that holds files that are not ours stays.
    RemoveDirectory {
        /// The path.
        path: TreePath,
    },
}

/// What happens to one skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillChange {
    /// The skill.
    pub skill: SkillId,
    /// What happens to it.
    pub action: SkillAction,
    /// Why.
    pub why: Why,
    /// Its files that change.
    pub files: Vec<FileChange>,
    /// What the change lets it do that it could not.
    #[serde(default, skip_serializing_if = "Abilities::is_empty")]
    pub gains: Abilities,
}

/// A path that git wants and where something of somebody else's stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The skill, held for it.
    pub skill: SkillId,
    /// The path below the target.
    pub path: TreePath,
    /// What stands there, in words.
    pub found: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} that skill-sync did not put there is in the way: move it, or set ADOPT=true to take its \
             place (its bytes are kept)",
            self.found
        )
    }
}

/// What one pass will do, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What changes, by skill.
    pub changes: Vec<SkillChange>,
    /// How, in order.
    pub steps: Vec<Step>,
    /// What is there besides and stays as it is.
    pub unowned: Vec<Unowned>,
    /// The inventory after it: what we own where all steps are done.
    #[serde(skip)]
    pub next: Arc<Skills>,
    /// Skills that keep their last good version for the sake of files that are not ours.
    #[serde(skip)]
    pub conflicts: Vec<Conflict>,
}

impl Plan {
    /// Whether there is nothing to do, adopting included.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The paths at which something stands that is kept before the path is used.
    pub fn kept(&self) -> impl Iterator<Item = &TreePath> {
        self.steps.iter().filter_map(|step| match step {
            Step::Keep { path, .. } => Some(path),
            _ => None,
        })
    }

    /// Says what skills gain.
    pub(crate) fn say_gains(&mut self, gains: &BTreeMap<SkillId, Abilities>) {
        for change in &mut self.changes {
            if let Some(gained) = gains.get(&change.skill) {
                change.gains.clone_from(gained);
            }
        }
    }

    /// Says why skills go, where git is not the reason.
    pub(crate) fn say_why(&mut self, why: Why, of: impl Fn(&SkillId) -> bool) {
        let gone = self.changes.iter_mut().filter(|change| change.action == SkillAction::Remove);
        gone.filter(|change| of(&change.skill)).for_each(|change| change.why = why);
    }

    /// How many bytes it will write on the target's file system.
    pub fn bytes_to_write(&self) -> u64 {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Publish { file, .. } => file.size,
                Step::PublishDirectory { files, .. } => files.values().map(|file| file.size).sum(),
                Step::Keep { .. } | Step::Remove { .. } | Step::RemoveDirectory { .. } => 0,
            })
            .sum()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{} {}: {}", word(change.action), change.skill, change.why)?;
            for file in &change.files {
                writeln!(f, "  {} {}", word(file.action), file.path)?;
            }
        }
        for step in &self.steps {
            match step {
                Step::Keep { path, .. } => writeln!(f, "keep {path}")?,
                Step::PublishDirectory { path, files } => {
                    writeln!(f, "publish {path}/ ({} files)", files.len())?;
                }
                Step::Publish { path, .. } => writeln!(f, "publish {path}")?,
                Step::Remove { path } => writeln!(f, "unlink {path}")?,
                Step::RemoveDirectory { path } => writeln!(f, "rmdir {path}/")?,
            }
        }
        for conflict in &self.conflicts {
            writeln!(f, "held {}: {} is at {}", conflict.skill, conflict.found, conflict.path)?;
        }
        self.unowned.iter().try_for_each(|unowned| {
            writeln!(f, "unowned {}{}", unowned.path, if unowned.directory { "/" } else { "" })
        })
    }
}

/// An action as the word that JSON has for it.
fn word(action: impl Serialize) -> String {
    serde_json::to_value(action).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A share of the owned skills, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneLimit(pub u8);

/// However small the inventory, so many skills may go without asking.
const PRUNE_ALWAYS: usize = 3;

/// A change that is too large to make without a person's word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the change would remove {removed} of {owned} skills, more than the {limit} % that PRUNE_LIMIT allows; \
     if that is meant, confirm revision {revision}"
)]
pub struct PruneGuard {
    /// The commit that would remove them.
    pub revision: CommitId,
    /// How many skills would go.
    pub removed: usize,
    /// How many are owned.
    pub owned: usize,
    /// The limit, in percent.
    pub limit: u8,
}

/// How a plan is made.
#[derive(Debug, Clone, Copy)]
pub struct PlanOptions {
    /// Take over files that are not ours at paths that git wants; their bytes are kept.
    pub adopt: bool,
    /// How many of the owned skills may go at once; none where a person confirmed it.
    pub prune_limit: Option<PruneLimit>,
}
