//! The status: what is served, and whether that is what git says, in the words of Flux.
//!
//! A pure function of facts, so that the CLI beside a stopped service and the service itself say the
//! same.

use reconciler::ids::{CommitId, Digest, PassId, Timestamp};
use reconciler::report::{Outcome, PassReport};
use serde::{Deserialize, Serialize};

/// What a status is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// `ENVIRONMENT_NAME`.
    pub environment: &'a str,
    /// `SKILLS_REPO`, or the repository that was applied last; it has no credentials in it.
    pub repository: Option<&'a str>,
    /// `SKILLS_REF`, or the reference that was applied last.
    pub reference: Option<&'a str>,
    /// The last pass that ended.
    pub last: Option<&'a PassReport>,
    /// When the passes began to come to that outcome; the last one's start where nobody knows.
    pub since: Option<Timestamp>,
    /// Since when a pass runs.
    pub running: Option<Timestamp>,
    /// When the next pass begins, if nothing brings it forward.
    pub next_pass_at: Option<Timestamp>,
    /// How many skills are served.
    pub serving: usize,
    /// How many records the audit has.
    pub records: u64,
    /// The hash of the last of them.
    pub head: Option<Digest>,
}

/// The object of `status -o json` and `GET /status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the contract, which describes them")]
pub(crate) struct Status {
    pub conditions: Vec<Condition>,
    pub sync: Sync,
    pub environment: String,
    pub repo: Option<String>,
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    pub last_attempted_revision: Option<CommitId>,
    pub last_applied_revision: Option<CommitId>,
    pub last_pass: Option<PassId>,
    pub next_pass_at: Option<Timestamp>,
    pub skills: SkillCounts,
    pub audit: AuditState,
}

/// One condition, as Kubernetes has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Condition {
    /// Which.
    #[serde(rename = "type")]
    pub kind: ConditionKind,
    /// Whether it holds.
    pub status: Truth,
    /// One word for why.
    pub reason: String,
    /// A sentence for why.
    pub message: String,
    /// Since when; none where nothing has happened yet.
    pub since: Option<Timestamp>,
}

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ConditionKind {
    /// The last pass converged.
    Ready,
    /// A pass runs.
    Reconciling,
    /// A person or a commit must act first.
    Stalled,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the three words say it")]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// Whether the volume is what git says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sync {
    /// It is, as of the last pass.
    Synced,
    /// It is not: something is held, or waits.
    OutOfSync,
    /// Nobody could tell.
    Unknown,
}

/// How many skills there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SkillCounts {
    /// On the volume.
    pub serving: usize,
    /// Not as git has them.
    pub held: usize,
}

/// The audit and its projection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditState {
    /// How many records there are.
    pub records: u64,
    /// The hash of the last.
    pub head: Option<Digest>,
    /// The projection.
    pub neo4j: Projection,
}

/// How far the projection of the audit is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Projection {
    /// Whether it is on.
    pub state: ProjectionState,
    /// How many records it lacks.
    pub behind: u64,
}

/// Whether the projection of the audit is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProjectionState {
    /// There is none.
    Off,
}

impl Status {
    /// The status that follows from the facts.
    pub(crate) fn of(facts: &Facts<'_>) -> Self {
        let last = facts.last;
        Self {
            conditions: vec![ready(facts), reconciling(facts), stalled(facts)],
            sync: last.map_or(Sync::Unknown, |report| sync(report.outcome)),
            environment: facts.environment.to_owned(),
            repo: facts.repository.map(str::to_owned),
            reference: facts.reference.map(str::to_owned),
            last_attempted_revision: last.and_then(|report| report.revision),
            last_applied_revision: last.and_then(|report| report.applied_revision),
            last_pass: last.map(|report| report.pass),
            next_pass_at: facts.next_pass_at,
            skills: SkillCounts { serving: facts.serving, held: last.map_or(0, |report| report.held.len()) },
            audit: AuditState {
                records: facts.records,
                head: facts.head,
                neo4j: Projection { state: ProjectionState::Off, behind: 0 },
            },
        }
    }
}

fn sync(outcome: Outcome) -> Sync {
    match outcome {
        Outcome::InSync | Outcome::Applied => Sync::Synced,
        Outcome::Degraded | Outcome::Guarded | Outcome::Stalled | Outcome::Suspended => Sync::OutOfSync,
        Outcome::Failed => Sync::Unknown,
    }
}

fn ready(facts: &Facts<'_>) -> Condition {
    let Some(report) = facts.last else {
        return condition(ConditionKind::Ready, Truth::Unknown, "NoPass", "no pass has ended yet", None);
    };
    let message = match (&report.error, report.held.len()) {
        (Some(error), _) => error.clone(),
        (None, 0) => "the directory is what git says".to_owned(),
        (None, 1) => "1 skill is held at its last good version".to_owned(),
        (None, held) => format!("{held} skills are held at their last good versions"),
    };
    let since = facts.since.or(Some(report.started_at));
    condition(
        ConditionKind::Ready,
        report.outcome.is_converged().into(),
        reason(report.outcome),
        &message,
        since,
    )
}

fn reconciling(facts: &Facts<'_>) -> Condition {
    let (kind, last) = (ConditionKind::Reconciling, facts.last.map(|report| report.started_at));
    match facts.running {
        Some(since) => condition(kind, Truth::True, "PassRunning", "a pass runs", Some(since)),
        None => condition(kind, Truth::False, "Idle", "no pass runs", last),
    }
}

fn stalled(facts: &Facts<'_>) -> Condition {
    let waits = facts.last.filter(|report| matches!(report.outcome, Outcome::Stalled | Outcome::Guarded));
    let since = facts.since.or(facts.last.map(|report| report.started_at));
    match waits {
        Some(report) => {
            let message = report.error.as_deref().unwrap_or("a person or a commit must act first");
            condition(ConditionKind::Stalled, Truth::True, reason(report.outcome), message, since)
        }
        None => condition(ConditionKind::Stalled, Truth::False, "Progressing", "nobody has to act", since),
    }
}

fn condition(
    kind: ConditionKind,
    status: Truth,
    reason: &str,
    message: &str,
    since: Option<Timestamp>,
) -> Condition {
    Condition { kind, status, reason: reason.to_owned(), message: message.to_owned(), since }
}

fn reason(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::InSync => "InSync",
        Outcome::Applied => "Applied",
        Outcome::Degraded => "SkillsHeld",
        Outcome::Guarded => "Guarded",
        Outcome::Failed => "Failed",
        Outcome::Stalled => "Stalled",
        Outcome::Suspended => "Suspended",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use reconciler::report::StagesMs;
    use reconciler::trigger::Trigger;

    use super::*;

    pub(crate) fn report(outcome: Outcome, error: Option<&str>) -> PassReport {
        let revision = "3f2a".repeat(10).parse().ok();
        PassReport {
            pass: PassId(12),
            trigger: Trigger::Poll,
            outcome,
            revision,
            applied_revision: revision,
            started_at: Timestamp::from_millis(1_700_000_000_000),
            duration_ms: 41,
            stages_ms: StagesMs::default(),
            changes: Vec::new(),
            held: Vec::new(),
            error: error.map(str::to_owned),
        }
    }

    pub(crate) fn facts(last: Option<&PassReport>) -> Facts<'_> {
        Facts {
            environment: "prod",
            repository: Some("https://git.example/skills"),
            reference: None,
            last,
            since: None,
            running: None,
            next_pass_at: None,
            serving: 9,
            records: 3,
            head: None,
        }
    }

    fn truths(status: &Status) -> Vec<(ConditionKind, Truth)> {
        status.conditions.iter().map(|condition| (condition.kind, condition.status)).collect()
    }

    #[test]
    fn before_the_first_pass_nobody_can_tell() {
        let status = Status::of(&facts(None));
        assert_eq!(status.sync, Sync::Unknown);
        assert_eq!(truths(&status)[0], (ConditionKind::Ready, Truth::Unknown));
    }

    #[test]
    fn who_must_act_is_in_the_conditions() {
        let cases = [
            (Outcome::InSync, Sync::Synced, Truth::True, Truth::False),
            (Outcome::Applied, Sync::Synced, Truth::True, Truth::False),
            (Outcome::Degraded, Sync::OutOfSync, Truth::True, Truth::False),
            (Outcome::Failed, Sync::Unknown, Truth::False, Truth::False),
            (Outcome::Guarded, Sync::OutOfSync, Truth::False, Truth::True),
            (Outcome::Stalled, Sync::OutOfSync, Truth::False, Truth::True),
            (Outcome::Suspended, Sync::OutOfSync, Truth::False, Truth::False),
        ];
        for (outcome, sync, ready, stalled) in cases {
            let report = report(outcome, None);
            let status = Status::of(&facts(Some(&report)));
            assert_eq!(status.sync, sync, "{outcome}");
            assert_eq!(
                truths(&status),
                [
                    (ConditionKind::Ready, ready),
                    (ConditionKind::Reconciling, Truth::False),
                    (ConditionKind::Stalled, stalled)
                ],
                "{outcome}"
            );
        }
    }

    #[test]
    fn json_has_the_shape_of_the_contract_and_reads_back() {
        let report = report(Outcome::Stalled, Some("the token is wrong"));
        let status = Status::of(&facts(Some(&report)));
        let json = serde_json::to_value(&status).expect("JSON");
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(
            keys,
            [
                "audit",
                "conditions",
                "environment",
                "last_applied_revision",
                "last_attempted_revision",
                "last_pass",
                "next_pass_at",
                "ref",
                "repo",
                "skills",
                "sync"
            ]
        );
        assert_eq!(json["conditions"][0]["type"], "Ready");
        assert_eq!(json["conditions"][0]["status"], "False");
        assert_eq!(json["conditions"][0]["message"], "the token is wrong");
        assert_eq!(json["audit"]["neo4j"]["state"], "off");
        assert_eq!(serde_json::from_value::<Status>(json).expect("the same"), status);
    }
}
