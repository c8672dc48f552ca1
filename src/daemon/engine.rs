//! The engine as the daemon drives it.

use std::sync::Arc;

use reconciler::cancel::Cancel;
use reconciler::ids::Timestamp;
use reconciler::orders::{Actor, Command, OrderError, Orders};
use reconciler::reconcile::Engine;
use reconciler::report::PassReport;
use reconciler::source::Progress;
use reconciler::trigger::Trigger;

use super::{Passed, Reconciler, Served};

/// Hears how far a fetch is.
pub(crate) type Listener = Box<dyn FnMut(Progress) + Send>;

/// An engine, and what it served when it was last asked.
pub(crate) struct Passes {
    engine: Engine,
    served: Arc<Served>,
    listener: Listener,
}

impl Passes {
    /// Drives an engine; `listener` hears how far its fetches are.
    pub(crate) fn new(mut engine: Engine, listener: Listener) -> Self {
        let served = Arc::new(served(&mut engine));
        Self { engine, served, listener }
    }

    /// What the volume holds: before the first pass, what the record says.
    pub(crate) fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served)
    }

    /// How many records the audit holds; zero where it cannot be read, which the pass itself reports.
    pub(crate) fn audit_records(&mut self) -> u64 {
        let newest = self.engine.record().audit(1, None).unwrap_or_default();
        newest.first().map_or(0, |record| record.seq)
    }

    /// Looks again only after a pass that may have changed something.
    fn refresh(&mut self, report: &PassReport) {
        let inventory = self.engine.inventory();
        let same = report.changes.is_empty()
            && report.applied_revision == self.served.revision
            && self.served.reference.is_some()
            && inventory.known == self.served.known;
        if !same {
            self.served = Arc::new(served(&mut self.engine));
        }
    }
}

impl Reconciler for Passes {
    fn pass(&mut self, trigger: Trigger, cancel: &Cancel) -> Passed {
        let report = self.engine.pass(trigger, cancel, &mut self.listener);
        self.refresh(&report);
        Passed { report, served: self.served(), audit_records: self.audit_records() }
    }

    fn command(&mut self, command: &Command, actor: Actor) -> Result<Orders, OrderError> {
        self.engine.command(command, actor)
    }

    fn remember(&mut self, deliveries: &[String]) {
        if let Err(error) = self.engine.record().remember_deliveries(deliveries, Timestamp::now()) {
            // At worst a redelivery brings a pass too many.
            tracing::warn!(%error, "webhook deliveries could not be remembered");
        }
    }
}

fn served(engine: &mut Engine) -> Served {
    let applied = engine.record().last_applied().unwrap_or_default();
    let (revision, reference) = applied.map(|applied| (applied.commit, applied.reference)).unzip();
    let inventory = engine.inventory();
    Served { revision, reference, skills: inventory.skills.clone(), known: inventory.known.clone() }
}
