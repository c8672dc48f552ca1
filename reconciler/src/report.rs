//! What a pass came to: the outcome, who must act, and the report that everyone is shown.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Held};
use crate::ids::{CommitId, PassId, SkillId, Timestamp};
use crate::observed::Unowned;
use crate::path::TreePath;
use crate::plan::SkillChange;
use crate::policy::Excepted;
use crate::source::Signer;
use crate::trigger::Trigger;

/// What a pass came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The volume was already what git says.
    InSync,
    /// The volume was changed into what git says.
    Applied,
    /// Converged, but skills are held at their last good version.
    Degraded,
    /// The change waits for `confirm`.
    Guarded,
    /// It may succeed later, by itself.
    Failed,
    /// A person or a commit must act first.
    Stalled,
    /// Suspended: looked, and changed nothing.
    Suspended,
}

impl Outcome {
    /// All of them, for metrics that must show a zero.
    pub const ALL: [Self; 7] = [
        Self::InSync,
        Self::Applied,
        Self::Degraded,
        Self::Guarded,
        Self::Failed,
        Self::Stalled,
        Self::Suspended,
    ];

    /// The exit code of a command that ran such a pass.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::InSync | Self::Applied => 0,
            Self::Failed => 1,
            Self::Degraded => 3,
            Self::Guarded => 4,
            Self::Stalled | Self::Suspended => 5,
        }
    }

    /// Whether the volume is now what git says, but for what is held.
    pub fn is_converged(self) -> bool {
        matches!(self, Self::InSync | Self::Applied | Self::Degraded)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InSync => "in_sync",
            Self::Applied => "applied",
            Self::Degraded => "degraded",
            Self::Guarded => "guarded",
            Self::Failed => "failed",
            Self::Stalled => "stalled",
            Self::Suspended => "suspended",
        })
    }
}

/// Who must act after an error: it decides outcome, exit code and retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nobody: it may succeed by itself, after as long as the server asked for.
    Retry(Option<Duration>),
    /// A person or a commit; the poll goes on and heals it when they have.
    Person,
    /// An operator confirms the change.
    Confirm,
    /// An operator resumes.
    Resume,
}

impl Remedy {
    /// The outcome of a pass that ended so.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Retry(_) => Outcome::Failed,
            Self::Person => Outcome::Stalled,
            Self::Confirm => Outcome::Guarded,
            Self::Resume => Outcome::Suspended,
        }
    }
}

/// Where the time of a pass went, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is a stage of the pass, by its name")]
pub struct StagesMs {
    pub fetch: u64,
    pub desired: u64,
    pub judge: u64,
    pub observe: u64,
    pub plan: u64,
    pub apply: u64,
    pub record: u64,
}

/// The report of a pass, the same object wherever it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassReport {
    /// Its number.
    pub pass: PassId,
    /// Why it ran.
    pub trigger: Trigger,
    /// What it came to.
    pub outcome: Outcome,
    /// The commit that it looked at; none where the fetch failed.
    pub revision: Option<CommitId>,
    /// The commit that was applied last, this pass included.
    pub applied_revision: Option<CommitId>,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// Where the time went.
    pub stages_ms: StagesMs,
    /// What it changed; empty where it changed nothing.
    pub changes: Vec<SkillChange>,
    /// The skills that are not served as git has them.
    pub held: Vec<Held>,
    /// What the source holds besides skills and should not, such as a flat file without front matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Finding>,
    /// The findings that the operator's policy took away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Excepted>,
    /// What stays served although today's rules would hold it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub condemned: Vec<Condemned>,
    /// Skills on the volume that somebody else put there; none where this pass did not look.
    #[serde(default, skip_serializing_if = "is_none_or_empty")]
    pub planted: Option<Vec<Unowned>>,
    /// What of it was moved to the state directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantined: Vec<Quarantined>,
    /// What somebody wrote to while this pass replaced or removed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overwritten: Vec<Overwritten>,
    /// What is on the volume besides, and stays as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unowned: Vec<Unowned>,
    /// Who signed the commit, or the tag that names it, where `VERIFY` wants that somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
    /// What stands in the way of following the source: a pin, and what waits for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What went wrong and what to do: the error and its causes in one text.
    pub error: Option<String>,
    /// How long the server asked us to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
    /// When the sync window opens that this pass found closed.
    #[serde(skip)]
    pub opens_at: Option<Timestamp>,
}

fn is_none_or_empty(list: &Option<Vec<Unowned>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

/// A served version that today's rules would hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemned {
    /// The skill.
    pub skill: SkillId,
    /// The rule that would hold it.
    pub rule: String,
    /// The file that the rule is about.
    pub path: String,
    /// The line, from 1, where there is one.
    pub line: Option<u32>,
    /// What was seen, and what to do.
    pub message: String,
    /// The commit at which the served bytes were published.
    pub serving: Option<CommitId>,
}

/// A skill that somebody planted, moved off the volume with its bytes as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Where it was, below the target.
    pub path: String,
    /// Where it is, below the state directory.
    pub to: String,
}

/// A file that was written to between the last look at it and the change of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwritten {
    /// Where it stood, below the target.
    pub path: TreePath,
    /// What `drift` keeps its bytes as; none where they could not be kept, or are too many to be read.
    pub drift: Option<String>,
}

impl fmt::Display for Overwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was written to while it was replaced", self.path)?;
        match &self.drift {
            Some(id) => write!(f, ", and that is kept as drift {id}"),
            None => write!(f, ", and that could not be kept"),
        }
    }
}

/// What a pass would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The commit that was looked at.
    pub revision: Option<CommitId>,
    /// What it waits for before any of it is done: `confirm`, and why. Then the changes are those that
    /// would follow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// What would change.
    pub changes: Vec<SkillChange>,
    /// The skills that would not be served as git has them.
    pub held: Vec<Held>,
    /// The paths at which something stands that git does not have, drifted or taken over: it would be
    /// kept first, and `drift` brings it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<TreePath>,
    /// What the source holds besides skills and should not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Finding>,
    /// What is on the volume besides, and would stay as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unowned: Vec<Unowned>,
}

/// An error and its causes in one line.
pub fn error_text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        // Some libraries repeat their cause in their own text.
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}
