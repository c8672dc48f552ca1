//! Where the chain begins and what of it is known elsewhere: checkpoints, for records that are let go of,
//! and anchors, for records that somebody might cut off.

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use super::audit::{self, Appender, Kind};
use super::error::Fault;
use super::{Record, RecordError};
use crate::ids::{Digest, PassId, Timestamp};

/// The end of the chain at a moment, to be kept where nobody who writes the record can reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The id of the chain.
    pub chain: String,
    /// The number of its last record.
    pub seq: u64,
    /// The hash of it.
    pub hash: Digest,
    /// When that record was written.
    pub at: Timestamp,
}

/// What was let go of, as the record that signs it off says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The first record that went.
    pub from: u64,
    /// The last record that went.
    pub through: u64,
    /// The hash of the last: the first record that is left follows it.
    pub hash: Digest,
    /// When the last was written.
    pub written: Timestamp,
}

impl Record {
    /// The end of the chain, to be kept elsewhere.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn anchor(&self) -> Result<Anchor, RecordError> {
        self.read(|db| {
            let newest = audit::newest(db, 1, None)?.pop();
            let end = newest.ok_or_else(|| Fault::Odd("no audit record at all".to_owned()))?;
            Ok(Anchor { chain: audit::chain(db)?, seq: end.seq, hash: end.hash, at: end.at })
        })
    }

    /// The newest checkpoint: what was let go of up to which record; none where all are there.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, RecordError> {
        self.read(newest)
    }

    /// One record of the audit; none where there is none of that number, or no longer.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn audit_record(&self, seq: u64) -> Result<Option<audit::AuditRecord>, RecordError> {
        self.read(|db| audit::one(db, seq))
    }

    /// When the oldest record was written.
    pub(crate) fn audit_begins(&self) -> Result<Option<Timestamp>, RecordError> {
        self.read(|db| {
            let mut first = db.prepare_cached("SELECT at FROM audit ORDER BY seq LIMIT 1")?;
            let at: Option<i64> = first.query_row([], |row| row.get(0)).optional()?;
            Ok(at.map(|at| Timestamp::from_millis(at.cast_unsigned())))
        })
    }

    /// Lets go of the records before the first that was written at `oldest` or later, and signs that off
    /// by a record of its own, in the same transaction. Checkpoints alone are not worth another one.
    ///
    /// # Errors
    /// Where the database cannot be written: then nothing went.
    pub fn prune_audit(
        &mut self,
        oldest: Timestamp,
        pass: PassId,
        at: Timestamp,
    ) -> Result<Option<Checkpoint>, RecordError> {
        self.write(|tx| {
            let Some(checkpoint) = before(tx, oldest)? else { return Ok(None) };
            Appender::new(tx, at, Some(pass))?.append(Kind::Checkpoint, &checkpoint)?;
            let through = checkpoint.through.cast_signed();
            // The trigger lets exactly these go.
            tx.execute("UPDATE meta SET pruned = ?1", [through])?;
            tx.execute("DELETE FROM audit WHERE seq <= ?1", [through])?;
            Ok(Some(checkpoint))
        })
    }
}

/// The checkpoint for everything before a moment; none where there is nothing worth one.
fn before(db: &Connection, oldest: Timestamp) -> Result<Option<Checkpoint>, Fault> {
    let through: Option<i64> = db.query_row(
        "SELECT coalesce((SELECT min(seq) FROM audit WHERE at >= ?1) - 1, max(seq)) FROM audit",
        [oldest.millis().cast_signed()],
        |row| row.get(0),
    )?;
    let Some(last) = through.map(|seq| audit::one(db, seq.cast_unsigned())).transpose()?.flatten() else {
        return Ok(None);
    };
    let worth = db
        .prepare("SELECT 1 FROM audit WHERE seq <= ?1 AND kind <> ?2 LIMIT 1")?
        .exists(rusqlite::params![last.seq.cast_signed(), Kind::Checkpoint.as_str()])?;
    let from: i64 = db.query_row("SELECT min(seq) FROM audit", [], |row| row.get(0))?;
    let (from, through, hash, written) = (from.cast_unsigned(), last.seq, last.hash, last.at);
    Ok(worth.then_some(Checkpoint { from, through, hash, written }))
}

/// The newest checkpoint of the chain.
pub(super) fn newest(db: &Connection) -> Result<Option<Checkpoint>, Fault> {
    let mut query =
        db.prepare_cached("SELECT body FROM audit WHERE kind = ?1 AND seq > ?2 ORDER BY seq DESC LIMIT 1")?;
    // Without one nothing is searched: the number of what went is in a table of one row.
    let pruned: i64 = db.query_one("SELECT pruned FROM meta", [], |row| row.get(0))?;
    if pruned == 0 {
        return Ok(None);
    }
    let body: Option<String> =
        query.query_row(rusqlite::params![Kind::Checkpoint.as_str(), pruned], |row| row.get(0)).optional()?;
    Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
}
