//! What handlers read of the record, beside a pass that may be writing it.

use std::path::PathBuf;

use reconciler::ids::{PassId, Timestamp};
use reconciler::record::{AuditRecord, PassRow, Record, RecordError};
use reconciler::report::PassReport;
use reconciler::status::{Status, StatusFacts};

/// Reads the record; each call opens the database for itself and may block.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    database: PathBuf,
    facts: StatusFacts,
}

impl Ledger {
    /// Reads the record at `database`; `facts` is what the settings say of the target.
    pub(crate) fn new(database: PathBuf, facts: StatusFacts) -> Self {
        Self { database, facts }
    }

    /// The status, with what only the running service knows.
    pub(crate) fn status(
        &self,
        reconciling: Option<Timestamp>,
        next_pass_at: Option<Timestamp>,
    ) -> Result<Status, RecordError> {
        let facts = StatusFacts { reconciling, next_pass_at, ..self.facts.clone() };
        Status::read(&self.record()?, &facts)
    }

    /// The newest passes before a number, the newest first.
    pub(crate) fn passes(&self, limit: usize, before: Option<u64>) -> Result<Vec<PassRow>, RecordError> {
        self.record()?.passes(limit, before.map(PassId))
    }

    /// The report of one pass.
    pub(crate) fn pass(&self, number: u64) -> Result<Option<PassReport>, RecordError> {
        self.record()?.pass(PassId(number))
    }

    /// The newest audit records before a number, the newest first.
    pub(crate) fn audit(&self, limit: usize, before: Option<u64>) -> Result<Vec<AuditRecord>, RecordError> {
        self.record()?.audit(limit, before)
    }

    /// Whether a fetch succeeded that this webhook delivery caused.
    pub(crate) fn was_delivered(&self, id: &str) -> Result<bool, RecordError> {
        self.record()?.delivery_seen(id)
    }

    fn record(&self) -> Result<Record, RecordError> {
        Record::open_read_only(&self.database)
    }
}
