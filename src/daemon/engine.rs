//! The engine as the daemon drives it.

use std::sync::Arc;
use std::time::Duration;

use reconciler::cancel::Cancel;
use reconciler::ids::{CommitId, PassId, Timestamp};
use reconciler::observed::Vigil;
use reconciler::orders::{Command, OrderError, Orders, Word};
use reconciler::reconcile::{Engine, OpenError, Reached};
use reconciler::record::{Anchor, HookFailure, Inventory};
use reconciler::report::{Diff, PassReport, StagesMs, error_text};
use reconciler::trigger::Trigger;
use tokio::sync::watch;

use super::{Delivered, NoDiff, Opening, Passed, Reconciler, Served, StateDir, Voice};
use crate::render::progress::Progress;

/// The number of a pass that nothing could be recorded of.
const UNRECORDED: PassId = PassId(0);

/// An engine, or the way to one, and what it served when it was last asked.
pub(crate) struct Passes {
    opening: Opening,
    /// None for as long as it cannot be opened.
    engine: Option<Engine>,
    served: Arc<Served>,
    voice: Voice,
    vigil: Vigil,
}

impl Passes {
    /// Drives an engine, or opens it first where there is none yet; a person who listens to `voice` is
    /// shown how far a first clone is.
    pub(crate) fn new(opening: Opening, engine: Option<Engine>, voice: Voice) -> Self {
        let vigil = Vigil::default();
        let mut passes = Self { opening, engine, served: Arc::default(), voice, vigil };
        passes.look_anew();
        passes
    }

    /// What the volume holds: before the first pass, what the record says.
    pub(crate) fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served)
    }

    /// What the one who watches the target says to the engine.
    pub(crate) fn vigil(&self) -> Vigil {
        self.vigil.clone()
    }

    /// Follows what is known of the state directory.
    pub(crate) fn state(&self) -> watch::Receiver<StateDir> {
        self.opening.state()
    }

    /// How many records the audit holds; zero where it cannot be read, which the pass itself reports.
    pub(crate) fn audit_records(&mut self) -> u64 {
        let newest = self.engine.as_mut().map(|engine| engine.record().audit(1, None).unwrap_or_default());
        newest.and_then(|records| records.first().map(|record| record.seq)).unwrap_or_default()
    }

    /// The engine, opened where there is none. Nobody's lock is waited for: the next pass tries again.
    fn engine(&mut self, cancel: &Cancel) -> Result<&mut Engine, OpenError> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                let mut engine = self.opening.open(Duration::ZERO, cancel)?;
                self.served = Arc::new(served(&mut engine));
                engine
            }
        };
        let engine = self.engine.insert(engine);
        engine.heed(self.vigil.clone());
        Ok(engine)
    }

    fn look_anew(&mut self) {
        if let Some(engine) = &mut self.engine {
            self.served = Arc::new(served(engine));
        }
    }

    /// Looks again only after a pass that may have changed something.
    fn refresh(&mut self, report: &PassReport) {
        let same = |engine: &Engine| {
            report.changes.is_empty()
                && report.applied_revision == self.served.revision
                && self.served.reference.is_some()
                && report.held == self.served.held
                && Arc::ptr_eq(&engine.inventory().known, &self.served.known)
        };
        if !self.engine.as_ref().is_some_and(same) {
            self.look_anew();
        }
    }

    /// Names the end of the audit after a pass that changed something: the log is kept elsewhere, and tells
    /// a record that was cut short.
    fn log_anchor(&mut self, report: &PassReport) {
        let Some(engine) = self.engine.as_mut().filter(|_| !report.changes.is_empty()) else { return };
        if let (Voice::Log, Ok(Anchor { chain, seq, hash, .. })) = (self.voice, engine.record().anchor()) {
            tracing::info!(pass = report.pass.0, chain, seq, %hash, "the audit ends at");
        }
    }

    /// The line that shows how far a first clone is; later fetches are over before one could read it.
    fn progress(&self) -> Progress {
        Progress::new(self.voice != Voice::Log && self.served.revision.is_none())
    }

    fn run(&mut self, trigger: Trigger, cancel: &Cancel, at: &mut dyn FnMut(CommitId)) -> PassReport {
        let (started_at, progress) = (Timestamp::now(), self.progress());
        match self.engine(cancel) {
            Ok(engine) => engine.pass(trigger, cancel, &mut |reached| match reached {
                Reached::Commit(commit) => at(commit),
                Reached::Bytes(_) => progress.follow(reached),
            }),
            Err(error) => self.unopened(trigger, started_at, &error),
        }
    }

    /// The report of a pass that came to nothing, since there is no engine: what is served stays.
    fn unopened(&self, trigger: Trigger, started_at: Timestamp, error: &OpenError) -> PassReport {
        PassReport {
            pass: UNRECORDED,
            trigger,
            outcome: error.remedy().outcome(),
            revision: None,
            applied_revision: self.served.revision,
            started_at,
            duration_ms: Timestamp::now().millis_since(started_at),
            stages_ms: StagesMs::default(),
            changes: Vec::new(),
            held: self.served.held.clone(),
            warnings: Vec::new(),
            exceptions: Vec::new(),
            condemned: Vec::new(),
            planted: None,
            quarantined: Vec::new(),
            overwritten: Vec::new(),
            unowned: Vec::new(),
            error: Some(error_text(error)),
            signer: None,
            note: None,
            retry_after: None,
            opens_at: None,
        }
    }
}

impl Reconciler for Passes {
    fn pass(&mut self, trigger: Trigger, cancel: &Cancel, at: &mut dyn FnMut(CommitId)) -> Passed {
        let report = self.run(trigger, cancel, at);
        self.refresh(&report);
        self.log_anchor(&report);
        Passed { report, served: self.served(), audit_records: self.audit_records() }
    }

    fn command(&mut self, command: &Command, word: Word) -> Result<Orders, OrderError> {
        self.engine(&Cancel::new())?.command(command, word)
    }

    fn asks_server(&mut self) -> bool {
        self.engine.as_ref().is_none_or(Engine::asks_server)
    }

    fn look(&mut self, cancel: &Cancel) -> Result<Diff, NoDiff> {
        let ended =
            |remedy, error: &dyn std::error::Error| NoDiff::Ended { remedy, error: error_text(error) };
        let engine = self.engine(cancel).map_err(|error| ended(error.remedy(), &error))?;
        engine.diff(cancel, &mut |_| {}).map_err(|error| ended(error.remedy(), &error))
    }

    fn note(&mut self, failure: &HookFailure) {
        let noted = match self.engine(&Cancel::new()) {
            Ok(engine) => engine
                .record()
                .note_hook_failure(failure, Timestamp::now())
                .map_err(|error| error_text(&error)),
            Err(error) => Err(error_text(&error)),
        };
        if let Err(error) = noted {
            tracing::warn!(error, pass = failure.pass.0, "that ON_APPLIED failed could not be put on record");
        }
    }

    fn remember(&mut self, deliveries: &[Delivered], revision: CommitId) {
        let Some(engine) = &mut self.engine else { return };
        let (record, at) = (engine.record(), Timestamp::now());
        // Of what did not come nobody asks who pushed it. A delivery is done with once this is on record.
        let claims = deliveries.iter().filter_map(|delivered| delivered.claim.as_ref());
        for claim in claims.filter(|claim| claim.commit == revision) {
            if let Err(error) = record.note_push(claim, at) {
                tracing::warn!(%error, commit = %claim.commit, "who pushed could not be put on record");
            }
        }
        let ids: Vec<_> = deliveries.iter().filter_map(|delivered| delivered.id.clone()).collect();
        if let Err(error) = record.remember_deliveries(&ids, at) {
            // At worst a redelivery brings a pass too many.
            tracing::warn!(%error, "webhook deliveries could not be remembered");
        }
    }
}

fn served(engine: &mut Engine) -> Served {
    let applied = engine.record().last_applied().unwrap_or_default();
    let held = engine.record().held().unwrap_or_default();
    let (revision, reference) = applied.map(|applied| (applied.commit, applied.reference)).unzip();
    let Inventory { skills, known } = engine.inventory().clone();
    Served { revision, reference, skills, known, held }
}
