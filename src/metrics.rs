//! The metrics of CONTRACT, in the OpenMetrics text format.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use reconciler::finding::Held;
use reconciler::ids::{CommitId, Timestamp};
use reconciler::plan::{SkillChange, Why};
use reconciler::report::{Outcome, PassReport, StagesMs};
use reconciler::trigger::Trigger;

use crate::daemon::Served;
use crate::tell::Told;

/// What `/metrics` is served as.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper bounds of a stage's duration, in seconds: a no-op pass takes milliseconds, a first
/// clone minutes.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// What became of a webhook call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebhookResult {
    /// It brings a pass.
    Accepted,
    /// Signed, and not for us.
    Ignored,
    /// Signed, and no delivery that we can read.
    Malformed,
    /// Without a signature, or with a wrong one.
    Unsigned,
    /// Unsigned once too often.
    Limited,
    /// Larger than the forge may send, of another type, or too slow.
    Refused,
    /// No secret, or no room, to verify it with.
    Unavailable,
}

impl WebhookResult {
    const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Ignored,
        Self::Malformed,
        Self::Unsigned,
        Self::Limited,
        Self::Refused,
        Self::Unavailable,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Malformed => "malformed",
            Self::Unsigned => "unsigned",
            Self::Limited => "limited",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    outcome: String,
    trigger: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RevisionLabels {
    revision: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ToldLabels {
    what: &'static str,
    result: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// The numbers of one service; cheap to clone, all clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    durations: Family<StageLabels, Histogram>,
    skills: Family<StateLabels, Gauge>,
    held_oldest: Seconds,
    last_success: Seconds,
    revision: Family<RevisionLabels, Gauge>,
    drift: Counter,
    webhooks: Family<ResultLabels, Counter>,
    told: Family<ToldLabels, Counter>,
    audit_records: Counter,
    neo4j_behind: Gauge<i64, AtomicI64>,
    condemned: Gauge,
    planted: Gauge,
    held_since: Mutex<Option<Timestamp>>,
    /// The last record that is projected; none where nothing is.
    projected: Mutex<Option<u64>>,
}

impl Metrics {
    /// All of them at zero, each with all the values that its labels can take.
    pub(crate) fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("skill_sync"),
            passes: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            skills: Family::default(),
            held_oldest: Gauge::default(),
            last_success: Gauge::default(),
            revision: Family::default(),
            drift: Counter::default(),
            webhooks: Family::default(),
            told: Family::default(),
            audit_records: Counter::default(),
            neo4j_behind: Gauge::default(),
            condemned: Gauge::default(),
            planted: Gauge::default(),
            held_since: Mutex::new(None),
            projected: Mutex::new(None),
        };
        inner.register();
        inner.show_zeros();
        Self(Arc::new(inner))
    }

    /// Counts a pass that ended, and what it left on the volume.
    pub(crate) fn passed(&self, report: &PassReport, served: &Served, audit_records: u64) {
        let inner = &self.0;
        inner.passes.get_or_create(&pass_labels(report.outcome, report.trigger)).inc();
        for (stage, millis) in stages(report) {
            inner.durations.get_or_create(&StageLabels { stage }).observe(seconds(millis));
        }
        inner.drift.inc_by(drifted(&report.changes));
        if report.outcome.is_converged() {
            inner.last_success.set(seconds(report.started_at.millis() + report.duration_ms));
        }
        if report.revision.is_some() {
            inner.condemned.set(count(report.condemned.len()));
        }
        // A pass that could not look says nothing of what was planted.
        if let Some(planted) = &report.planted {
            inner.planted.set(count(planted.len()));
        }
        self.serving(served, audit_records);
    }

    /// Shows what is on the volume and what is held, also before the first pass of this process.
    pub(crate) fn serving(&self, served: &Served, audit_records: u64) {
        self.0.state("serving").set(count(served.skills.len()));
        self.0.hold(&served.held);
        self.0.audit_records.inner().store(audit_records, Ordering::Relaxed);
        self.0.show_revision(served.revision);
    }

    /// Counts a webhook call.
    pub(crate) fn webhook(&self, result: WebhookResult) {
        self.0.webhooks.get_or_create(&ResultLabels { result: result.as_str() }).inc();
    }

    /// Shows up to which record of the audit Neo4j has them.
    pub(crate) fn projected(&self, seq: u64) {
        *self.0.projected.lock().unwrap_or_else(PoisonError::into_inner) = Some(seq);
    }

    /// Counts what somebody was told, or could not be.
    pub(crate) fn told(&self, what: Told, ok: bool) {
        self.0.told.get_or_create(&told_labels(what, ok)).inc();
    }

    /// The text of `/metrics`.
    pub(crate) fn render(&self) -> String {
        let held_since = *self.0.held_since.lock().unwrap_or_else(PoisonError::into_inner);
        let age = held_since.map_or(0, |since| Timestamp::now().millis_since(since));
        self.0.held_oldest.set(seconds(age));
        let projected = *self.0.projected.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = projected.map_or(0, |seq| self.0.audit_records.get().saturating_sub(seq));
        self.0.neo4j_behind.set(i64::try_from(behind).unwrap_or(i64::MAX));
        let mut page = String::new();
        // Writing to a string fails only where a metric does, and none of ours does.
        let _ = text::encode(&mut page, &self.0.registry);
        page
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("passes", "Passes that ended, by outcome and trigger", self.passes.clone());
        to.register("pass_duration_seconds", "Where the time of a pass went", self.durations.clone());
        to.register("skills", "Skills that are served, and skills that are held", self.skills.clone());
        to.register(
            "held_oldest_seconds",
            "How long the oldest held skill is held",
            self.held_oldest.clone(),
        );
        to.register(
            "last_success_timestamp_seconds",
            "When a pass last converged, in seconds since 1970",
            self.last_success.clone(),
        );
        to.register("revision_info", "The commit that was applied last", self.revision.clone());
        to.register(
            "drift",
            "Files of ours that were changed on the volume and put right",
            self.drift.clone(),
        );
        to.register("webhooks", "Webhook calls, by what became of them", self.webhooks.clone());
        to.register(
            "told",
            "Commit statuses, notices and ON_APPLIED, by what became of them",
            self.told.clone(),
        );
        to.register("audit_records", "Records of the audit", self.audit_records.clone());
        to.register(
            "condemned",
            "Skills whose served version today's rules would hold",
            self.condemned.clone(),
        );
        to.register("planted", "Skills on the volume that somebody else put there", self.planted.clone());
        to.register("neo4j_behind", "Audit records that Neo4j does not have yet", self.neo4j_behind.clone());
    }

    fn show_zeros(&self) {
        for outcome in Outcome::ALL {
            for trigger in Trigger::ALL {
                drop(self.passes.get_or_create(&pass_labels(outcome, trigger)));
            }
        }
        for (stage, _) in stage_list(&StagesMs::default()) {
            drop(self.durations.get_or_create(&StageLabels { stage }));
        }
        for result in WebhookResult::ALL {
            drop(self.webhooks.get_or_create(&ResultLabels { result: result.as_str() }));
        }
        for (what, ok) in Told::ALL.into_iter().flat_map(|what| [(what, true), (what, false)]) {
            drop(self.told.get_or_create(&told_labels(what, ok)));
        }
        self.state("serving").set(0);
        self.state("held").set(0);
    }

    fn state(&self, state: &'static str) -> Gauge {
        self.skills.get_or_create_owned(&StateLabels { state })
    }

    fn hold(&self, held: &[Held]) {
        self.state("held").set(count(held.len()));
        let oldest = held.iter().map(|held| held.since).min();
        *self.held_since.lock().unwrap_or_else(PoisonError::into_inner) = oldest;
    }

    fn show_revision(&self, revision: Option<CommitId>) {
        let Some(labels) = revision.map(|id| RevisionLabels { revision: id.to_string() }) else { return };
        if self.revision.get(&labels).is_none() {
            self.revision.clear();
            self.revision.get_or_create(&labels).set(1);
        }
    }
}

fn told_labels(what: Told, ok: bool) -> ToldLabels {
    ToldLabels { what: what.word(), result: if ok { "ok" } else { "failed" } }
}

fn pass_labels(outcome: Outcome, trigger: Trigger) -> PassLabels {
    PassLabels { outcome: outcome.to_string(), trigger: trigger.to_string() }
}

/// The stages that a pass came to: one whose fetch failed has no others.
fn stages(report: &PassReport) -> impl Iterator<Item = (&'static str, u64)> {
    let looked = report.revision.is_some();
    stage_list(&report.stages_ms).into_iter().filter(move |(stage, _)| looked || *stage == "fetch")
}

fn stage_list(of: &StagesMs) -> [(&'static str, u64); 7] {
    [
        ("fetch", of.fetch),
        ("desired", of.desired),
        ("judge", of.judge),
        ("observe", of.observe),
        ("plan", of.plan),
        ("apply", of.apply),
        ("record", of.record),
    ]
}

fn drifted(changes: &[SkillChange]) -> u64 {
    let files = changes
        .iter()
        .filter(|change| matches!(change.why, Why::Drifted | Why::GitChangedAndDrifted))
        .map(|change| change.files.len())
        .sum::<usize>();
    u64::try_from(files).unwrap_or(u64::MAX)
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::tests::report;

    #[test]
    fn every_name_of_the_contract_is_there_before_anything_happened() {
        let page = Metrics::new().render();
        for line in [
            "skill_sync_passes_total{outcome=\"in_sync\",trigger=\"poll\"} 0",
            "skill_sync_passes_total{outcome=\"suspended\",trigger=\"recheck\"} 0",
            "skill_sync_pass_duration_seconds_count{stage=\"record\"} 0",
            "skill_sync_skills{state=\"serving\"} 0",
            "skill_sync_skills{state=\"held\"} 0",
            "skill_sync_held_oldest_seconds 0.0",
            "skill_sync_last_success_timestamp_seconds 0.0",
            "skill_sync_drift_total 0",
            "skill_sync_webhooks_total{result=\"accepted\"} 0",
            "skill_sync_audit_records_total 0",
            "skill_sync_neo4j_behind 0",
            "skill_sync_condemned 0",
            "skill_sync_planted 0",
        ] {
            assert!(page.contains(&format!("{line}\n")), "{line} is not in\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }

    #[test]
    fn a_pass_is_counted_and_only_the_last_revision_is_shown() {
        let metrics = Metrics::new();
        let mut served = Served { revision: "a".repeat(40).parse().ok(), ..Served::default() };
        metrics.passed(&report(Trigger::Webhook, Outcome::Applied), &served, 3);
        served.revision = "b".repeat(40).parse().ok();
        metrics.passed(&report(Trigger::Poll, Outcome::InSync), &served, 4);
        let page = metrics.render();
        assert!(page.contains("skill_sync_passes_total{outcome=\"applied\",trigger=\"webhook\"} 1\n"));
        assert!(page.contains(&format!("skill_sync_revision_info{{revision=\"{}\"}} 1\n", "b".repeat(40))));
        assert!(!page.contains(&"a".repeat(40)));
        assert!(page.contains("skill_sync_audit_records_total 4\n"));
        assert!(page.contains("skill_sync_pass_duration_seconds_count{stage=\"apply\"} 2\n"));
        assert!(page.contains("skill_sync_neo4j_behind 0\n"), "nothing is projected");
        metrics.projected(1);
        assert!(metrics.render().contains("skill_sync_neo4j_behind 3\n"));
    }
}
