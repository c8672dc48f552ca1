//! What everyone else may see of the daemon: a value that each pass replaces.

use std::sync::Arc;
use std::time::Instant;

use reconciler::finding::Held;
use reconciler::ids::{CommitId, Timestamp};
use reconciler::observed::StatCache;
use reconciler::report::{Outcome, PassReport};
use reconciler::status::Failing;
use reconciler::tree::Skills;

/// What the volume holds, as the last pass left it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served {
    /// The commit that was applied last; none before the first.
    pub revision: Option<CommitId>,
    /// The full name of the reference that the last fetch resolved; none before the first.
    pub reference: Option<String>,
    /// The skills.
    pub skills: Arc<Skills>,
    /// The stamps of their files.
    pub known: Arc<StatCache>,
    /// The skills that are not served as git has them.
    pub held: Vec<Held>,
}

/// The pass that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    /// Since when, on the clock that never goes back.
    pub since: Instant,
    /// Since when.
    pub at: Timestamp,
    /// The commit that it judges and applies; none before it has come to one, and where that is served already.
    pub commit: Option<CommitId>,
}

/// The daemon as it is seen from outside.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// What the volume holds.
    pub served: Arc<Served>,
    /// The last report; none before the first pass ended.
    pub report: Option<Arc<PassReport>>,
    /// The last report of a pass that changed something; none before the first.
    pub changed: Option<Arc<PassReport>>,
    /// The pass that runs.
    pub running: Option<Running>,
    /// How many passes have begun: it tells one running pass from the next.
    pub begun: u64,
    /// When the next pass begins, if nothing brings it forward.
    pub next_pass_at: Option<Timestamp>,
    /// Since when passes come to what the last one came to.
    since: Timestamp,
}

impl View {
    pub(super) fn new(served: Arc<Served>) -> Self {
        let since = Timestamp::now();
        Self { served, report: None, changed: None, running: None, begun: 0, next_pass_at: None, since }
    }

    /// What is seen after one pass.
    #[cfg(test)]
    pub(crate) fn after(report: PassReport) -> Self {
        let mut view = Self::new(Arc::default());
        view.end(Arc::new(report), Arc::default(), Timestamp::now());
        view
    }

    /// Why the last pass came to nothing, and since when; none where it did not.
    pub(crate) fn failing(&self) -> Option<Failing> {
        let report = self.report.as_ref()?;
        match report.outcome {
            Outcome::Failed | Outcome::Stalled | Outcome::Guarded => Some(Failing {
                outcome: report.outcome,
                error: report.error.clone().unwrap_or_default(),
                since: self.since,
            }),
            Outcome::InSync | Outcome::Applied | Outcome::Degraded | Outcome::Suspended => None,
        }
    }

    pub(super) fn begin(&mut self, since: Instant) {
        self.running = Some(Running { since, at: Timestamp::now(), commit: None });
        self.begun += 1;
    }

    /// The running pass has come to a commit; says whether that is another one than the one that is served.
    pub(super) fn come_to(&mut self, commit: CommitId) -> bool {
        let is_new = self.served.revision != Some(commit);
        if let Some(running) = self.running.as_mut().filter(|_| is_new) {
            running.commit = Some(commit);
        }
        is_new
    }

    pub(super) fn end(&mut self, report: Arc<PassReport>, served: Arc<Served>, next_pass_at: Timestamp) {
        if self.report.as_ref().is_none_or(|before| before.outcome != report.outcome) {
            self.since = Timestamp::now();
        }
        if !report.changes.is_empty() {
            self.changed = Some(Arc::clone(&report));
        }
        self.report = Some(report);
        self.served = served;
        self.give_up(next_pass_at);
    }

    pub(super) fn give_up(&mut self, next_pass_at: Timestamp) {
        self.running = None;
        self.next_pass_at = Some(next_pass_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_at_work_on_a_commit_only_where_another_one_is_served() {
        let commit = |digit: &str| digit.repeat(40).parse::<CommitId>().expect("an id");
        let served = Served { revision: Some(commit("1")), ..Served::default() };
        let mut view = View::new(Arc::new(served));
        view.begin(Instant::now());
        assert!(!view.come_to(commit("1")));
        assert_eq!(view.running.expect("one runs").commit, None);
        assert!(view.come_to(commit("2")));
        assert_eq!(view.running.expect("one runs").commit, Some(commit("2")));
    }
}
