//! What the engine is told: parsed, whole and without ambient state. The service makes it from its
//! settings; whoever uses the engine as a library makes it by hand.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::finding::Severity;
use crate::guard::Rewind;
use crate::path::TreePath;
use crate::plan::PruneLimit;
use crate::source::{Source, Verify};
use crate::verdict::Hook;
use crate::window::Windows;

/// What one engine keeps equal to what.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the skills come from.
    pub source: Source,
    /// Which of them.
    pub selection: Selection,
    /// The target directory: absolute.
    pub target: PathBuf,
    /// The state directory: absolute, on the file system of the target.
    pub state: PathBuf,
    /// Names this target in the audit.
    pub environment: String,
    /// What may enter.
    pub judging: Judging,
    /// The operator's policy; it is read at each pass.
    pub policy: Option<PathBuf>,
    /// The operator's own judge.
    pub judge: Option<Hook>,
    /// Whether a skill that it is unsure about waits.
    pub holds_unsure: bool,
    /// What happens to a served version that today's rules would hold.
    pub on_condemned: OnCondemned,
    /// What happens to skills that somebody else put on the volume.
    pub on_unowned: OnUnowned,
    /// What holding one skill means for the others.
    pub hold: Hold,
    /// Take over files that are not ours at paths that git wants.
    pub adopt: bool,
    /// How many of the owned skills may go at once.
    pub prune_limit: PruneLimit,
    /// What a branch that no longer contains the applied commit means.
    pub rewind: Rewind,
    /// When git's changes may reach the volume.
    pub windows: Windows,
    /// Whose signature a commit needs; none where it needs no one's.
    pub verify: Option<Verify>,
    /// Refuse to create anything while the target is on the root file system's device.
    pub require_mount: bool,
    /// How long drifted files are kept (`DRIFT_KEEP`).
    pub drift_keep: Duration,
    /// How many bytes of drifted files are kept (`DRIFT_MAX_BYTES`).
    pub drift_max_bytes: u64,
    /// How long records of the audit are kept (`AUDIT_KEEP`); for ever where there is no limit.
    pub audit_keep: Option<Duration>,
}

/// Which skills of a commit are wanted, and where they go.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The directory of the repository that holds the skills; none for its root.
    pub root: Option<TreePath>,
    /// Globs over skill paths: only what matches one is wanted; all, where there is none.
    pub include: Vec<globset::Glob>,
    /// Globs over skill paths: what matches one is not wanted.
    pub exclude: Vec<globset::Glob>,
    /// How skills lie on the volume.
    pub layout: Layout,
}

/// How skills lie on the volume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// As they lie in git.
    #[default]
    Mirror,
    /// Each in a directory of its own: `golden-horde.md` becomes `golden-horde/SKILL.md`.
    Folder,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mirror => "mirror",
            Self::Folder => "folder",
        })
    }
}

/// What may enter.
#[derive(Debug, Clone, Copy)]
pub struct Judging {
    /// The Agent Skills reference rules are errors.
    pub strict: bool,
    /// The lowest severity that holds a skill, structure aside; none where only structure holds.
    pub block: Option<Severity>,
}

/// What holding one skill means for the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hold {
    /// They converge.
    #[default]
    Skill,
    /// They wait: a commit is served whole or not at all.
    Revision,
}

/// What happens to a served version that today's rules would hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnCondemned {
    /// It goes on being served.
    #[default]
    Keep,
    /// It is taken off the volume.
    Remove,
}

/// What happens to skills that somebody else put on the volume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUnowned {
    /// They are reported.
    #[default]
    Keep,
    /// They are moved to the state directory.
    Quarantine,
}
