//! What handlers read of the record, beside a pass that may be writing it.

use reconciler::ids::{PassId, Timestamp};
use reconciler::reconcile::DATABASE;
use reconciler::record::{AuditRecord, PassRow, Record, RecordError};
use reconciler::report::{PassReport, Remedy, error_text};
use reconciler::status::{Failing, SkillCounts, Status, StatusFacts};
use tokio::sync::watch;

use crate::daemon::{Served, StateDir, View};
use crate::graph::Projection;

/// Says why the record does not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRecord {
    /// Nobody knows yet where it is.
    #[error("the state directory is not known, since the target cannot be looked at")]
    Nowhere,
    /// It is there, or should be.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl NoRecord {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Nowhere => Remedy::Retry(None),
            Self::Record(error) => error.remedy(),
        }
    }
}

/// Reads the record; each call opens the database for itself and may block.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    state: watch::Receiver<StateDir>,
    facts: StatusFacts,
    projection: Option<watch::Receiver<Projection>>,
}

impl Ledger {
    /// Reads the record in the state directory; `facts` is what the settings say of the target.
    /// `projection` follows the projector, where there is one.
    pub(crate) fn new(
        state: watch::Receiver<StateDir>,
        facts: StatusFacts,
        projection: Option<watch::Receiver<Projection>>,
    ) -> Self {
        Self { state, facts, projection }
    }

    /// The status: what the record says, with what only the running service knows. Where there is no
    /// record to read, that is all.
    pub(crate) fn status(&self, view: &View) -> Status {
        let reconciling = view.running.map(|running| running.at);
        let (next_pass_at, failing) = (view.next_pass_at, view.failing());
        let projection = self.projection.as_ref().map(|told| told.borrow().facts());
        let facts = StatusFacts { reconciling, next_pass_at, failing, projection, ..self.facts.clone() };
        let read = self.record().and_then(|record| Ok(Status::read(&record, &facts)?));
        read.unwrap_or_else(|error| unrecorded(facts, &error, view))
    }

    /// The newest passes before a number, the newest first.
    pub(crate) fn passes(&self, limit: usize, before: Option<u64>) -> Result<Vec<PassRow>, NoRecord> {
        Ok(self.record()?.passes(limit, before.map(PassId))?)
    }

    /// The report of one pass.
    pub(crate) fn pass(&self, number: u64) -> Result<Option<PassReport>, NoRecord> {
        Ok(self.record()?.pass(PassId(number))?)
    }

    /// The newest audit records before a number, the newest first.
    pub(crate) fn audit(&self, limit: usize, before: Option<u64>) -> Result<Vec<AuditRecord>, NoRecord> {
        Ok(self.record()?.audit(limit, before)?)
    }

    /// Whether a fetch succeeded that this webhook delivery caused.
    pub(crate) fn was_delivered(&self, id: &str) -> Result<bool, NoRecord> {
        Ok(self.record()?.delivery_seen(id)?)
    }

    fn record(&self) -> Result<Record, NoRecord> {
        let state = self.state.borrow().path().cloned();
        Ok(Record::open_read_only(&state.ok_or(NoRecord::Nowhere)?.join(DATABASE))?)
    }
}

/// Where the last pass does not say what is wrong, the record that cannot be read does. Before the
/// first pass of this service has ended it says nothing: that pass makes the record, or says why not.
fn unrecorded(facts: StatusFacts, error: &NoRecord, view: &View) -> Status {
    let told =
        || Failing { outcome: error.remedy().outcome(), error: error_text(error), since: Timestamp::now() };
    let failing = facts.failing.clone().or_else(|| view.report.is_some().then(told));
    let facts = StatusFacts { failing, ..facts };
    let count = |of: usize| u64::try_from(of).unwrap_or(u64::MAX);
    let Served { revision, skills, held, .. } = &*view.served;
    let skills = SkillCounts { serving: count(skills.len()), held: count(held.len()) };
    Status::without_record(&facts, *revision, skills)
}
