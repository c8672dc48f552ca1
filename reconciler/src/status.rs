//! The status: what is served and how the controller is, built from the record and what only the
//! running service knows.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, Digest, PassId, Timestamp};
use crate::record::{Record, RecordError};
use crate::report::Outcome;

/// What a condition is about; the order is that in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionType {
    /// The volume is what git says, nothing held, and the last pass went well.
    Ready,
    /// A pass runs.
    Reconciling,
    /// A person or a commit must act first; the poll goes on all the same.
    Stalled,
    /// Passes change nothing until `resume`.
    Suspended,
    /// A revision is pinned until `resume`.
    Pinned,
    /// The last pass found that the volume had been changed, and put it right.
    Drifting,
    /// A served version would be held by today's rules.
    Condemned,
    /// There are skills on the volume that we did not put there.
    Planted,
    /// The audit and its projection disagree.
    AuditForked,
}

impl ConditionType {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Ready,
        Self::Reconciling,
        Self::Stalled,
        Self::Suspended,
        Self::Pinned,
        Self::Drifting,
        Self::Condemned,
        Self::Planted,
        Self::AuditForked,
    ];

    /// The reason of one that is not so.
    fn absence(self) -> &'static str {
        match self {
            Self::Ready => "NoPassYet",
            Self::Reconciling => "Idle",
            Self::Stalled => "NotStalled",
            Self::Suspended => "NotSuspended",
            Self::Pinned => "NotPinned",
            Self::Drifting => "NotDrifting",
            Self::Condemned => "NotCondemned",
            Self::Planted => "NotPlanted",
            Self::AuditForked => "NotForked",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Whether a condition is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It is.
    True,
    /// It is not.
    False,
    /// Nobody has looked yet.
    Unknown,
}

impl fmt::Display for ConditionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One condition, in Flux's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it is so.
    pub status: ConditionStatus,
    /// Why, in one word for machines.
    pub reason: String,
    /// Why, for people; empty where the reason says it all.
    pub message: String,
    /// Since when status and reason are these.
    pub since: Timestamp,
}

/// Whether the volume is what git says. What is held is told by `Ready` and counted in `skills`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SyncState {
    /// The newest commit that was looked at is applied.
    Synced,
    /// It is not.
    OutOfSync,
    /// No commit was looked at yet.
    Unknown,
}

/// How many skills there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillCounts {
    /// Those that are served.
    pub serving: u64,
    /// Those that are not served as git has them.
    pub held: u64,
}

/// How the Neo4j projection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectionState {
    /// None is configured.
    Off,
    /// It has every record.
    Ok,
    /// It lacks some.
    Behind,
}

/// The Neo4j projection of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// How it is.
    pub state: ProjectionState,
    /// How many records it lacks.
    pub behind: u64,
}

/// The audit at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditStatus {
    /// How many records there are.
    pub records: u64,
    /// The hash of the last.
    pub head: Option<Digest>,
    /// The projection.
    pub neo4j: Projection,
}

/// What only the running service, or the command that asks, knows.
#[derive(Debug, Clone)]
pub struct StatusFacts {
    /// Names the target.
    pub environment: String,
    /// The repository, as it is shown: without credentials.
    pub repo: String,
    /// What of it is followed.
    pub reference: String,
    /// Since when a pass runs; none where none does.
    pub reconciling: Option<Timestamp>,
    /// When the next poll is due; none where no service runs.
    pub next_pass_at: Option<Timestamp>,
}

/// The status of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// One of each [`ConditionType`].
    pub conditions: Vec<Condition>,
    /// Whether the volume is what git says.
    pub sync: SyncState,
    /// Names the target.
    pub environment: String,
    /// The repository.
    pub repo: String,
    /// What of it is followed.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit that was looked at last.
    pub last_attempted_revision: Option<CommitId>,
    /// The commit that was applied last.
    pub last_applied_revision: Option<CommitId>,
    /// The number of the last pass.
    pub last_pass: Option<PassId>,
    /// When the next poll is due.
    pub next_pass_at: Option<Timestamp>,
    /// How many skills there are.
    pub skills: SkillCounts,
    /// The audit.
    pub audit: AuditStatus,
}

impl Status {
    /// Builds the status from the record.
    ///
    /// # Errors
    /// Where the record cannot be read.
    pub fn read(record: &Record, facts: &StatusFacts) -> Result<Self, RecordError> {
        let _as_of_now = record.snapshot()?;
        let attempt = record.last_attempt()?;
        let applied = record.last_applied()?.map(|applied| applied.commit);
        let (last_pass, idle_since) = record.last_pass()?.unzip();
        let (serving, held) = record.counts()?;
        let (records, head) = record.audit_end()?.unzip();
        Ok(Self {
            conditions: conditions(record.conditions()?, record.created_at()?, idle_since, facts),
            sync: sync(attempt, applied),
            environment: facts.environment.clone(),
            repo: facts.repo.clone(),
            reference: facts.reference.clone(),
            last_attempted_revision: attempt.map(|(revision, _)| revision),
            last_applied_revision: applied,
            last_pass,
            next_pass_at: facts.next_pass_at,
            skills: SkillCounts { serving, held },
            audit: AuditStatus {
                records: records.unwrap_or_default(),
                head,
                neo4j: Projection { state: ProjectionState::Off, behind: 0 },
            },
        })
    }
}

fn sync(attempt: Option<(CommitId, Outcome)>, applied: Option<CommitId>) -> SyncState {
    match attempt {
        None => SyncState::Unknown,
        Some((_, outcome)) if outcome.is_converged() => SyncState::Synced,
        Some((revision, Outcome::Suspended)) if Some(revision) == applied => SyncState::Synced,
        Some(_) => SyncState::OutOfSync,
    }
}

/// One condition of each type: as it was recorded, else as it is from the start.
fn conditions(
    mut recorded: BTreeMap<ConditionType, Condition>,
    created_at: Timestamp,
    idle_since: Option<Timestamp>,
    facts: &StatusFacts,
) -> Vec<Condition> {
    if let Some(since) = facts.reconciling {
        let (kind, status) = (ConditionType::Reconciling, ConditionStatus::True);
        let running = Condition { kind, status, reason: "PassRunning".into(), message: String::new(), since };
        recorded.insert(kind, running);
    }
    let untouched = |kind: ConditionType| Condition {
        kind,
        status: match kind {
            ConditionType::Ready => ConditionStatus::Unknown,
            _ => ConditionStatus::False,
        },
        reason: kind.absence().to_owned(),
        message: String::new(),
        since: match kind {
            ConditionType::Reconciling => idle_since.unwrap_or(created_at),
            _ => created_at,
        },
    };
    let one = |kind| recorded.remove(&kind).unwrap_or_else(|| untouched(kind));
    ConditionType::ALL.into_iter().map(one).collect()
}
