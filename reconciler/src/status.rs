//! The status: what is served and how the controller is, built from the record and what only the
//! running service knows.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, Digest, PassId, Timestamp};
use crate::orders::Orders;
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
    pub(crate) fn absence(self) -> &'static str {
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// How it is.
    pub state: ProjectionState,
    /// How many records it lacks.
    pub behind: u64,
    /// Since when it is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What is wrong, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Projection {
    /// None is configured.
    pub const OFF: Self = Self { state: ProjectionState::Off, behind: 0, since: None, error: None };

    /// `waits` is since when a record waits, where one does.
    fn of(facts: Option<&ProjectionFacts>, records: u64, waits: Option<Timestamp>) -> Self {
        let Some(facts) = facts else { return Self::OFF };
        let behind = records.saturating_sub(facts.seq);
        let state = match (behind, &facts.error) {
            (0, None) => ProjectionState::Ok,
            _ => ProjectionState::Behind,
        };
        let since = waits.filter(|_| facts.error.is_none()).unwrap_or(facts.since);
        Self { state, behind, since: Some(since), error: facts.error.clone() }
    }
}

/// What only the projector knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionFacts {
    /// The last record that is known to be projected.
    pub seq: u64,
    /// Since when it goes well, or does not.
    pub since: Timestamp,
    /// What is wrong, and what to do.
    pub error: Option<String>,
    /// Whether what is there disagrees with the record.
    pub forked: bool,
}

/// The audit at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What keeps the running service from converging; none where nothing does. It may be what the
    /// record cannot say, since nothing could be recorded.
    pub failing: Option<Failing>,
    /// How the projection is; none where none is configured.
    pub projection: Option<ProjectionFacts>,
}

/// Why passes come to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// What they come to: `Failed`, `Stalled` or `Guarded`.
    pub outcome: Outcome,
    /// The error and its causes.
    pub error: String,
    /// Since when.
    pub since: Timestamp,
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
        let recorded = over(record.conditions()?, &record.orders()?, Timestamp::now());
        let attempt = record.last_attempt()?;
        let applied = record.last_applied()?.map(|applied| applied.commit);
        let (last_pass, idle_since) = record.last_pass()?.unzip();
        let (serving, held) = record.counts()?;
        let (records, head) = record.audit_end()?.unzip();
        let next = facts.projection.as_ref().map(|projection| record.audit_record(projection.seq + 1));
        let waits = next.transpose()?.flatten().map(|record| record.at);
        Ok(Self {
            conditions: conditions(recorded, record.created_at()?, idle_since, facts),
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
                neo4j: Projection::of(facts.projection.as_ref(), records.unwrap_or_default(), waits),
            },
        })
    }
}

impl Status {
    /// The status where the record cannot be read: what is served, and why no pass can change it.
    pub fn without_record(facts: &StatusFacts, applied: Option<CommitId>, skills: SkillCounts) -> Self {
        let since = facts.failing.as_ref().map_or_else(Timestamp::now, |failing| failing.since);
        Self {
            conditions: conditions(BTreeMap::new(), since, None, facts),
            sync: SyncState::Unknown,
            environment: facts.environment.clone(),
            repo: facts.repo.clone(),
            reference: facts.reference.clone(),
            last_attempted_revision: None,
            last_applied_revision: applied,
            last_pass: None,
            next_pass_at: facts.next_pass_at,
            skills,
            audit: AuditStatus {
                records: 0,
                head: None,
                neo4j: Projection::of(facts.projection.as_ref(), 0, None),
            },
        }
    }
}

/// A suspension whose time is over is over, also before the next pass has noticed.
fn over(
    mut recorded: BTreeMap<ConditionType, Condition>,
    orders: &Orders,
    now: Timestamp,
) -> BTreeMap<ConditionType, Condition> {
    let until =
        orders.suspended.as_ref().and_then(|suspension| suspension.until).filter(|until| *until <= now);
    if let Some(since) = until {
        let (kind, status) = (ConditionType::Suspended, ConditionStatus::False);
        let reason = kind.absence().to_owned();
        recorded.insert(kind, Condition { kind, status, reason, message: String::new(), since });
    }
    recorded
}

fn sync(attempt: Option<(CommitId, Outcome)>, applied: Option<CommitId>) -> SyncState {
    match attempt {
        None => SyncState::Unknown,
        Some((_, outcome)) if outcome.is_converged() => SyncState::Synced,
        Some((revision, Outcome::Suspended)) if Some(revision) == applied => SyncState::Synced,
        Some(_) => SyncState::OutOfSync,
    }
}

impl Failing {
    /// What it says, in the words of the record.
    fn conditions(&self) -> [Condition; 2] {
        let (reason, stalled) = match self.outcome {
            Outcome::Stalled => ("Stalled", true),
            Outcome::Guarded => ("Guarded", true),
            _ => ("Failed", false),
        };
        let condition = |kind, status, reason: &str, message: &str| {
            let (reason, message) = (reason.to_owned(), message.to_owned());
            Condition { kind, status, reason, message, since: self.since }
        };
        let stalled = match stalled {
            true => condition(ConditionType::Stalled, ConditionStatus::True, reason, &self.error),
            false => condition(
                ConditionType::Stalled,
                ConditionStatus::False,
                ConditionType::Stalled.absence(),
                "",
            ),
        };
        [condition(ConditionType::Ready, ConditionStatus::False, reason, &self.error), stalled]
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
    if let Some(ProjectionFacts { error, since, forked: true, .. }) = &facts.projection {
        let (kind, status) = (ConditionType::AuditForked, ConditionStatus::True);
        let (reason, message) = ("Forked".to_owned(), error.clone().unwrap_or_default());
        recorded.insert(kind, Condition { kind, status, reason, message, since: *since });
    }
    if let Some(failing) = &facts.failing {
        for told in failing.conditions() {
            let same = recorded
                .get(&told.kind)
                .filter(|old| (old.status, &old.reason) == (told.status, &told.reason));
            let since = same.map_or(told.since, |old| old.since);
            recorded.insert(told.kind, Condition { since, ..told });
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SkillId;
    use crate::orders::{Actor, Suspension};
    use crate::plan::{FileAction, FileChange, SkillAction, SkillChange, Why};
    use crate::record::tests::{Place, commit, held, skills};

    fn facts() -> StatusFacts {
        StatusFacts {
            environment: "production".into(),
            repo: "https://example.org/skills".into(),
            reference: "main".into(),
            reconciling: None,
            next_pass_at: Some(Timestamp::from_millis(1_700_000_300_000)),
            failing: None,
            projection: None,
        }
    }

    fn status(place: &Place) -> Status {
        Status::read(&place.record, &facts()).unwrap()
    }

    fn of(status: &Status, kind: ConditionType) -> (ConditionStatus, &str, &str, Timestamp) {
        let found = status.conditions.iter().find(|condition| condition.kind == kind).unwrap();
        (found.status, &found.reason, &found.message, found.since)
    }

    #[test]
    fn before_the_first_pass_nothing_is_claimed() {
        let place = Place::new();
        let status = status(&place);
        assert_eq!(status.sync, SyncState::Unknown);
        assert_eq!((status.last_pass, status.last_attempted_revision), (None, None));
        let (ready, reason, ..) = of(&status, ConditionType::Ready);
        assert_eq!((ready, reason), (ConditionStatus::Unknown, "NoPassYet"));
        let kinds: Vec<_> = status.conditions.iter().map(|condition| condition.kind).collect();
        assert_eq!(kinds, ConditionType::ALL);
        let others = status.conditions.iter().skip(1);
        assert!(others.clone().all(|condition| condition.status == ConditionStatus::False));
        let reasons: Vec<_> = others.map(|condition| condition.reason.as_str()).collect();
        let expected = [
            "Idle",
            "NotStalled",
            "NotSuspended",
            "NotPinned",
            "NotDrifting",
            "NotCondemned",
            "NotPlanted",
            "NotForked",
        ];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn the_status_has_the_shape_of_the_contract() {
        let mut place = Place::new();
        place.serve(skills([("a", "1"), ("b", "1")], commit(1)), commit(1));
        let status = status(&place);
        let mut json = serde_json::to_value(&status).unwrap();
        let head = place.record.audit(1, None).unwrap()[0].hash.to_string();
        let conditions = json["conditions"].take();
        let expected = serde_json::json!({
            "conditions": null, "sync": "Synced", "environment": "production",
            "repo": "https://example.org/skills", "ref": "main",
            "last_attempted_revision": commit(1), "last_applied_revision": commit(1),
            "last_pass": 1, "next_pass_at": "2023-11-14T22:18:20.000Z",
            "skills": {"serving": 2, "held": 0},
            "audit": {"records": 4, "head": head, "neo4j": {"state": "off", "behind": 0}},
        });
        assert_eq!(json, expected);
        let ready = serde_json::json!({
            "type": "Ready", "status": "True", "reason": "Converged",
            "message": format!("{} is served", commit(1)), "since": "2023-11-14T22:13:22.007Z",
        });
        assert_eq!(conditions[0], ready);
        json["conditions"] = conditions;
        assert_eq!(serde_json::from_value::<Status>(json).unwrap(), status, "it reads back");
    }

    #[test]
    fn a_condition_keeps_its_beginning_while_it_stays() {
        let mut place = Place::new();
        let applied = place.serve(skills([("a", "1")], commit(1)), commit(1));
        let ready_since = Timestamp::from_millis(applied.started_at.millis() + applied.duration_ms);
        place.pass(Outcome::InSync, |report| {
            report.revision = Some(commit(2));
            report.applied_revision = Some(commit(2));
        });
        let now = status(&place);
        let message = format!("{} is served", commit(2));
        let expected = (ConditionStatus::True, "Converged", message.as_str(), ready_since);
        assert_eq!(of(&now, ConditionType::Ready), expected);
        let failed = place.pass(Outcome::Failed, |report| report.error = Some("no route".into()));
        place.pass(Outcome::Failed, |report| report.error = Some("timed out".into()));
        let since = Timestamp::from_millis(failed.started_at.millis() + failed.duration_ms);
        let now = status(&place);
        let expected = (ConditionStatus::False, "Failed", "timed out", since);
        assert_eq!(of(&now, ConditionType::Ready), expected);
        assert_eq!(of(&now, ConditionType::Stalled).1, "NotStalled");
        // No commit was seen: what is known of the last one stays.
        assert_eq!((now.sync, now.last_attempted_revision), (SyncState::Synced, Some(commit(2))));
    }

    #[test]
    fn who_must_act_is_told_by_the_reason() {
        let mut place = Place::new();
        place.serve(skills([("a", "1")], commit(1)), commit(1));
        place.pass(Outcome::Guarded, |report| {
            report.revision = Some(commit(2));
            report.error = Some("confirm it".into());
        });
        let now = status(&place);
        let (stalled, reason, message, since) = of(&now, ConditionType::Stalled);
        assert_eq!((stalled, reason, message), (ConditionStatus::True, "Guarded", "confirm it"));
        assert_eq!((now.sync, now.last_applied_revision), (SyncState::OutOfSync, Some(commit(1))));
        place.pass(Outcome::Stalled, |report| report.error = Some("wrong token".into()));
        let later = status(&place);
        let (_, reason, message, changed) = of(&later, ConditionType::Stalled);
        assert_eq!((reason, message), ("Stalled", "wrong token"));
        assert!(changed > since);
        assert_eq!(of(&later, ConditionType::Ready).1, "Stalled");
    }

    #[test]
    fn held_skills_are_named_and_counted() {
        let mut place = Place::new();
        place.serve(skills([("a", "1")], commit(1)), commit(1));
        place.pass(Outcome::Degraded, |report| {
            (report.revision, report.applied_revision) = (Some(commit(2)), Some(commit(2)));
            report.held = (0..7).map(|n| held(&format!("h{n}"), "x", Timestamp::from_millis(1))).collect();
        });
        let now = status(&place);
        let (ready, reason, message, _) = of(&now, ConditionType::Ready);
        let text = format!("{} is served but for 7 held skills: h0, h1, h2, h3, h4, …", commit(2));
        assert_eq!((ready, reason, message), (ConditionStatus::False, "Degraded", text.as_str()));
        assert_eq!(now.skills, SkillCounts { serving: 1, held: 7 });
        assert_eq!(now.sync, SyncState::Synced);
    }

    #[test]
    fn drift_shows_until_a_pass_finds_none() {
        let mut place = Place::new();
        place.serve(skills([("a", "1")], commit(1)), commit(1));
        let (skill, action, why) = (SkillId::new("a"), SkillAction::Restore, Why::Drifted);
        place.restore(vec![SkillChange { skill, action, why, files: Vec::new(), gains: Default::default() }]);
        let now = status(&place);
        let (drifting, reason, ..) = of(&now, ConditionType::Drifting);
        assert_eq!((drifting, reason), (ConditionStatus::True, "DriftCorrected"));
        place.pass(Outcome::InSync, |report| report.revision = Some(commit(1)));
        assert_eq!(of(&status(&place), ConditionType::Drifting).1, "NotDrifting");
    }

    #[test]
    fn a_suspended_pass_says_so_and_leaves_readiness_alone() {
        let mut place = Place::new();
        place.serve(skills([("a", "1")], commit(1)), commit(1));
        let (actor, at) = (Actor::cli(7), Timestamp::from_millis(1_800_000_000_000));
        let suspension = Suspension { actor, at, until: None, reason: None };
        place.record.suspend(&suspension).unwrap();
        let now = status(&place);
        let expected = (ConditionStatus::True, "Suspended", &*suspension.to_string(), at);
        assert_eq!(of(&now, ConditionType::Suspended), expected);
        place.pass(Outcome::Suspended, |report| {
            report.revision = Some(commit(1));
            report.error = Some("2 skills would change".into());
        });
        let now = status(&place);
        let expected = (ConditionStatus::True, "Suspended", "2 skills would change", at);
        assert_eq!(of(&now, ConditionType::Suspended), expected);
        assert_eq!(of(&now, ConditionType::Ready).0, ConditionStatus::True);
        assert_eq!(now.sync, SyncState::Synced);
        place.pass(Outcome::Suspended, |report| report.revision = Some(commit(2)));
        assert_eq!(status(&place).sync, SyncState::OutOfSync);
        let later = Timestamp::from_millis(1_800_000_060_000);
        assert!(place.record.resume(&Actor::api(), later, None).unwrap());
        let expected = (ConditionStatus::False, "NotSuspended", "", later);
        assert_eq!(of(&status(&place), ConditionType::Suspended), expected);
        assert!(!place.record.resume(&Actor::api(), later, None).unwrap(), "nothing stands any more");
    }

    #[test]
    fn a_suspension_whose_time_is_over_shows_no_more() {
        let mut place = Place::new();
        let (at, until) = (Timestamp::from_millis(1_000), Some(Timestamp::from_millis(2_000)));
        place.record.suspend(&Suspension { actor: Actor::api(), at, until, reason: None }).unwrap();
        let expected = (ConditionStatus::False, "NotSuspended", "", Timestamp::from_millis(2_000));
        assert_eq!(of(&status(&place), ConditionType::Suspended), expected);
    }

    #[test]
    fn a_path_that_drifts_three_times_in_ten_minutes_is_named() {
        let mut place = Place::new();
        place.serve(skills([("a", "1")], commit(1)), commit(1));
        let file = || FileChange {
            path: "a/SKILL.md".parse().unwrap(),
            action: FileAction::Update,
            from: None,
            to: None,
        };
        let drift = || SkillChange {
            skill: SkillId::new("a"),
            action: SkillAction::Restore,
            why: Why::Drifted,
            files: vec![file()],
            gains: Default::default(),
        };
        for reason in ["DriftCorrected", "DriftCorrected", "DriftRepeats"] {
            place.restore(vec![drift()]);
            assert_eq!(of(&status(&place), ConditionType::Drifting).1, reason);
        }
        let now = status(&place);
        let message = of(&now, ConditionType::Drifting).2;
        assert!(
            message.starts_with("a/SKILL.md: changed on the volume 3 times or more in 10 minutes"),
            "{message}"
        );
        assert!(message.contains("SKILLS_EXCLUDE"), "{message}");
        place.pass(Outcome::InSync, |report| report.revision = Some(commit(1)));
        assert_eq!(of(&status(&place), ConditionType::Drifting).1, "DriftRepeats", "the fight is not over");
        place.wait_minutes(10);
        place.pass(Outcome::InSync, |report| report.revision = Some(commit(1)));
        assert_eq!(of(&status(&place), ConditionType::Drifting).1, "NotDrifting");
    }

    #[test]
    fn the_projection_is_off_ok_or_behind() {
        let mut place = Place::new();
        place.serve(skills([("a", "1")], commit(1)), commit(1));
        let since = Timestamp::from_millis(1_800_000_000_000);
        let of = |seq, error: Option<&str>, forked| {
            let error = error.map(str::to_owned);
            let projection = Some(ProjectionFacts { seq, since, error, forked });
            Status::read(&place.record, &StatusFacts { projection, ..facts() }).unwrap()
        };
        let off = status(&place).audit.neo4j;
        assert_eq!(serde_json::to_value(off).unwrap(), serde_json::json!({"state": "off", "behind": 0}));
        let ok = of(3, None, false).audit.neo4j;
        assert_eq!((ok.state, ok.behind, ok.since), (ProjectionState::Ok, 0, Some(since)));
        let behind = of(1, None, false).audit.neo4j;
        assert_eq!((behind.state, behind.behind), (ProjectionState::Behind, 2));
        let waits = place.record.audit_record(2).unwrap().unwrap().at;
        assert_eq!(behind.since, Some(waits), "since the first record that waits");
        let away = of(3, Some("it is away"), false).audit.neo4j;
        assert_eq!(
            (away.state, away.behind, away.error.as_deref()),
            (ProjectionState::Behind, 0, Some("it is away"))
        );
        let forked = of(3, Some("it ends at 9"), true);
        let expected = (ConditionStatus::True, "Forked", "it ends at 9", since);
        assert_eq!(self::of(&forked, ConditionType::AuditForked), expected);
    }

    #[test]
    fn a_running_pass_is_a_condition() {
        let mut place = Place::new();
        let pass = place.serve(skills([("a", "1")], commit(1)), commit(1));
        let ended = Timestamp::from_millis(pass.started_at.millis() + pass.duration_ms);
        let idle = status(&place);
        assert_eq!(of(&idle, ConditionType::Reconciling), (ConditionStatus::False, "Idle", "", ended));
        let since = Timestamp::from_millis(ended.millis() + 5);
        let running = StatusFacts { reconciling: Some(since), ..facts() };
        let now = Status::read(&place.record, &running).unwrap();
        assert_eq!(of(&now, ConditionType::Reconciling), (ConditionStatus::True, "PassRunning", "", since));
    }

    #[test]
    fn what_could_not_be_recorded_is_told_over_what_was() {
        let at = |millis: u64| Timestamp::from_millis(1_800_000_000_000 + millis);
        let mut place = Place::new();
        place.serve(skills([("a", "1")], commit(1)), commit(1));
        let error = "the record cannot grow".to_owned();
        let failing = |outcome, since| Some(Failing { outcome, error: error.clone(), since });
        let facts = StatusFacts { failing: failing(Outcome::Stalled, at(5)), ..facts() };
        let told = Status::read(&place.record, &facts).unwrap();
        use ConditionStatus::{False, True};
        assert_eq!(of(&told, ConditionType::Ready), (False, "Stalled", error.as_str(), at(5)));
        assert_eq!(of(&told, ConditionType::Stalled), (True, "Stalled", error.as_str(), at(5)));

        let facts = StatusFacts { failing: failing(Outcome::Failed, at(9)), ..facts };
        let told = Status::read(&place.record, &facts).unwrap();
        assert_eq!(of(&told, ConditionType::Ready), (False, "Failed", error.as_str(), at(9)));
        let (status, reason, message, since) = of(&told, ConditionType::Stalled);
        assert_eq!((status, reason, message), (False, "NotStalled", ""));
        assert!(since < at(9), "it never stalled, and that is as long so as the record says");

        let counts = SkillCounts { serving: 3, held: 1 };
        let told = Status::without_record(&facts, Some(commit(1)), counts);
        assert_eq!((told.skills, told.sync, told.last_pass), (counts, SyncState::Unknown, None));
        assert_eq!(of(&told, ConditionType::Ready), (False, "Failed", error.as_str(), at(9)));
        assert_eq!(told.conditions.len(), ConditionType::ALL.len());
    }
}
