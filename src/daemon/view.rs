//! What everyone else may see of the daemon: a value that each pass replaces.

use std::sync::Arc;
use std::time::Instant;

use reconciler::ids::{CommitId, Timestamp};
use reconciler::observed::StatCache;
use reconciler::report::PassReport;
use reconciler::tree::Skills;

/// What the volume holds, as the last pass left it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served {
    /// The commit that was applied last; none before the first.
    pub revision: Option<CommitId>,
    /// The full name of the reference that the last fetch resolved; none before the first.
    pub reference: Option<String>,
    /// The skills.
    pub skills: Skills,
    /// The stamps of their files.
    pub known: StatCache,
}

/// The pass that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    /// Since when, on the clock that never goes back.
    pub since: Instant,
    /// Since when.
    pub at: Timestamp,
}

/// The daemon as it is seen from outside.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// What the volume holds.
    pub served: Arc<Served>,
    /// The last report; none before the first pass ended.
    pub report: Option<Arc<PassReport>>,
    /// The pass that runs.
    pub running: Option<Running>,
    /// How many passes have begun: it tells one running pass from the next.
    pub begun: u64,
    /// When the next pass begins, if nothing brings it forward.
    pub next_pass_at: Option<Timestamp>,
}

impl View {
    pub(super) fn new(served: Arc<Served>) -> Self {
        Self { served, report: None, running: None, begun: 0, next_pass_at: None }
    }

    pub(super) fn begin(&mut self, since: Instant) {
        self.running = Some(Running { since, at: Timestamp::now() });
        self.begun += 1;
    }

    pub(super) fn end(&mut self, report: Arc<PassReport>, served: Arc<Served>, next_pass_at: Timestamp) {
        self.report = Some(report);
        self.served = served;
        self.give_up(next_pass_at);
    }

    pub(super) fn give_up(&mut self, next_pass_at: Timestamp) {
        self.running = None;
        self.next_pass_at = Some(next_pass_at);
    }
}
