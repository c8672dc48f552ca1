//! What the record answers: nothing here writes.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Transaction;

use super::audit::{self, AuditRecord};
use super::drift::{self, Drifted};
use super::held::{self, Findings};
use super::open::Identity;
use super::passes::{self, PassRow};
use super::verify::{self, Verified};
use super::{
    Anchor, AppliedSource, Record, RecordError, conditions, deliveries, intent, inventory, load_applied,
};
use crate::finding::Held;
use crate::ids::{CommitId, Digest, PassId, SkillId, Timestamp};
use crate::report::{Outcome, PassReport};
use crate::status::{Condition, ConditionType};

impl Record {
    /// What was applied last.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn last_applied(&self) -> Result<Option<AppliedSource>, RecordError> {
        self.read(load_applied)
    }

    /// Since when each held skill is held, and as what (`hold_key`): a hold for the same key keeps it.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn held_since(&self) -> Result<HashMap<SkillId, (String, Timestamp)>, RecordError> {
        self.read(held::since)
    }

    /// The skills that are held, in the order of their ids.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn held(&self) -> Result<Vec<Held>, RecordError> {
        Ok(self.read(held::load)?.into_values().collect())
    }

    /// What the rules said of each skill when it was judged last.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn findings(&self) -> Result<Findings, RecordError> {
        self.read(held::load_findings)
    }

    /// Whether a webhook delivery caused a fetch that succeeded.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn delivery_seen(&self, id: &str) -> Result<bool, RecordError> {
        self.read(|db| deliveries::is_known(db, id))
    }

    /// The history, newest first: at most `limit` rows that begin before a pass, where one is given.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn passes(&self, limit: usize, before: Option<PassId>) -> Result<Vec<PassRow>, RecordError> {
        self.read(|db| passes::list(db, limit, before))
    }

    /// The report of a pass. Passes that share a row share a report: that of the last of them. None for
    /// a number that was never given, for an interrupted pass, and for one beyond the newest 10,000 rows.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn pass(&self, pass: PassId) -> Result<Option<PassReport>, RecordError> {
        self.read(|db| passes::report(db, pass))
    }

    /// The bytes of the volume that are kept, the newest first.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn kept(&self) -> Result<Vec<Drifted>, RecordError> {
        self.read(drift::load)
    }

    /// What of the kept bytes must go: what is from before `oldest`, and the oldest of the rest until it
    /// has at most `limit` bytes.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn kept_beyond(&self, limit: u64, oldest: Timestamp) -> Result<Vec<Drifted>, RecordError> {
        self.read(|db| drift::beyond(db, limit, oldest))
    }

    /// Whether anything is kept from before a moment.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn keeps_older_than(&self, oldest: Timestamp) -> Result<bool, RecordError> {
        self.read(|db| drift::is_any_before(db, oldest))
    }

    /// The audit, newest first: at most `limit` records before a number, where one is given.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn audit(&self, limit: usize, before: Option<u64>) -> Result<Vec<AuditRecord>, RecordError> {
        self.read(|db| audit::newest(db, limit, before))
    }

    /// The audit, oldest first: at most `limit` records after a number; 0 is before the first.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn audit_after(&self, seq: u64, limit: usize) -> Result<Vec<AuditRecord>, RecordError> {
        self.read(|db| audit::after(db, seq, limit))
    }

    /// Walks the whole audit, one record in memory at a time. It cannot see that records were cut off
    /// at the end: [`verify_from`](Self::verify_from) can.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn verify(&self) -> Result<Verified, RecordError> {
        self.verify_with(None)
    }

    /// The same, and that it is the chain that was anchored, with nothing cut off. An anchor from before
    /// the newest checkpoint is of a record that is gone: it cannot be compared, and is not.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn verify_from(&self, anchor: &Anchor) -> Result<Verified, RecordError> {
        self.verify_with(Some(anchor))
    }

    fn verify_with(&self, anchor: Option<&Anchor>) -> Result<Verified, RecordError> {
        let verified = self.read(|db| verify::verify(db, anchor))?;
        // Read without locks, a checkpoint of a service that started meanwhile looks like tampering.
        if self.at_rest && Identity::of(&self.path).ok() != Some(self.file) {
            return Err(RecordError::ChangedWhileRead { path: self.path.clone() });
        }
        Ok(verified)
    }

    /// Keeps what is read as it is at this moment, until it is dropped.
    pub(crate) fn snapshot(&self) -> Result<Transaction<'_>, RecordError> {
        self.read(|db| Ok(db.unchecked_transaction()?))
    }

    pub(crate) fn audit_end(&self) -> Result<Option<(u64, Digest)>, RecordError> {
        self.read(audit::end)
    }

    pub(crate) fn conditions(&self) -> Result<BTreeMap<ConditionType, Condition>, RecordError> {
        self.read(conditions::load)
    }

    pub(crate) fn created_at(&self) -> Result<Timestamp, RecordError> {
        self.read(|db| {
            let at: i64 = db.query_one("SELECT created_at FROM meta", [], |row| row.get(0))?;
            Ok(Timestamp::from_millis(at.cast_unsigned()))
        })
    }

    /// The last pass, and when it ended.
    pub(crate) fn last_pass(&self) -> Result<Option<(PassId, Timestamp)>, RecordError> {
        self.read(passes::newest)
    }

    /// The greatest number of a pass that is on record, an interrupted one included.
    pub(crate) fn newest_pass(&self) -> Result<Option<PassId>, RecordError> {
        let finished = self.last_pass()?.map(|(pass, _)| pass);
        Ok(finished.max(self.read(intent::begun)?.map(|begun| begun.pass)))
    }

    pub(crate) fn last_attempt(&self) -> Result<Option<(CommitId, Outcome)>, RecordError> {
        self.read(passes::last_attempt)
    }

    /// How many skills are served, and how many held.
    pub(crate) fn counts(&self) -> Result<(u64, u64), RecordError> {
        self.read(|db| Ok((inventory::count(db)?, held::count(db)?)))
    }
}
