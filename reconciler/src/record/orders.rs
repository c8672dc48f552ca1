//! The standing orders and the history of what was applied, as tables.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::audit::{Appender, CONTROLLER, Kind};
use super::error::Fault;
use super::{Record, RecordError, column, conditions};
use crate::ids::{CommitId, Digest, PassId, Timestamp};
use crate::orders::{Actor, Confirmation, Forced, Orders, Pin, Restored, Suspension};

/// How many applied revisions are remembered, and kept alive in the mirror.
pub const APPLIED_KEPT: usize = 100;

/// The end of a projection that is not a part of this chain: what it would cost to make it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The number of its last record.
    pub seq: u64,
    /// The hash of it.
    pub hash: Digest,
}

const CONFIRMED: &str = "confirmed";
const SUSPENDED: &str = "suspended";
const PINNED: &str = "pinned";
const FORCED: &str = "forced";
const RESTORED: &str = "restored";
/// The last that was told, also when it does not stand any more.
const RESTORED_SEEN: &str = "restored_seen";
/// The pass that the sentinel on the volume names.
const SIGNED: &str = "signed";

impl Record {
    /// Everything that stands.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn orders(&self) -> Result<Orders, RecordError> {
        self.read(load)
    }

    /// The revisions that were applied, the oldest first: the newest 100.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn applied_history(&self) -> Result<Vec<CommitId>, RecordError> {
        self.read(history)
    }

    /// Stores durably that a commit was confirmed; the confirmation of another one is replaced.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn confirm(&mut self, confirmation: &Confirmation) -> Result<(), RecordError> {
        let Confirmation { actor, at, .. } = confirmation;
        self.write(|tx| give(tx, actor, *at, Kind::Confirmed, CONFIRMED, confirmation))
    }

    /// Stores durably that passes change nothing from here on.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn suspend(&mut self, suspension: &Suspension) -> Result<(), RecordError> {
        let Suspension { actor, at, .. } = suspension;
        self.write(|tx| give(tx, actor, *at, Kind::Suspended, SUSPENDED, suspension))
    }

    /// Stores durably that a revision is served until `resume`. It ends a suspension: what is pinned does
    /// not change by itself.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn pin(&mut self, pin: &Pin) -> Result<(), RecordError> {
        self.write(|tx| {
            withdraw(tx, SUSPENDED)?;
            give(tx, &pin.actor, pin.at, Kind::Pinned, PINNED, pin)
        })
    }

    /// Ends suspension and pin, and says whether there was one; without one nothing is recorded.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn resume(
        &mut self,
        actor: &Actor,
        at: Timestamp,
        reason: Option<&str>,
    ) -> Result<bool, RecordError> {
        self.write(|tx| {
            let body = ResumedBody {
                suspended: withdraw(tx, SUSPENDED)?,
                pinned: withdraw(tx, PINNED)?,
                over: false,
                reason,
            };
            let any = body.suspended || body.pinned;
            if any {
                let mut audit = Appender::new(tx, at, None)?;
                audit.append_by(actor.as_str(), Kind::Resumed, &body)?;
                conditions::write_orders(tx, &load(tx)?, None, at)?;
            }
            Ok(any)
        })
    }

    /// Ends a suspension whose time is over.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn end_suspension(&mut self, at: Timestamp) -> Result<(), RecordError> {
        self.write(|tx| {
            withdraw(tx, SUSPENDED)?;
            let body = ResumedBody { suspended: true, pinned: false, over: true, reason: None };
            Appender::new(tx, at, None)?.append_by(CONTROLLER, Kind::Resumed, &body)?;
            conditions::write_orders(tx, &load(tx)?, None, at)
        })
    }

    /// Stores durably that the next pass goes through a closed sync window.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn force(&mut self, forced: &Forced) -> Result<(), RecordError> {
        self.write(|tx| give(tx, &forced.actor, forced.at, Kind::Forced, FORCED, forced))
    }

    /// Takes that word back: it was for one pass.
    pub(crate) fn use_force(&mut self) -> Result<(), RecordError> {
        self.write(|tx| withdraw(tx, FORCED).map(drop))
    }

    /// Stores durably that the sentinel on the volume names this pass.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub(crate) fn note_signed(&mut self, pass: PassId) -> Result<(), RecordError> {
        self.write(|tx| put(tx, SIGNED, &pass))
    }

    /// The pass that the sentinel on the volume was last known to name.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub(crate) fn signed(&self) -> Result<Option<PassId>, RecordError> {
        self.read(|db| get(db, SIGNED))
    }

    /// What [`note_restored`](Self::note_restored) stored last, confirmed or not.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub(crate) fn restored_seen(&self) -> Result<Option<Restored>, RecordError> {
        self.read(|db| get(db, RESTORED_SEEN))
    }

    /// Stores durably an operator's word that the projection is made again over what disagrees there:
    /// over exactly this evidence, and no other.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn reproject(
        &mut self,
        evidence: &Evidence,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<(), RecordError> {
        self.write(|tx| Appender::new(tx, at, None)?.append_by(actor.as_str(), Kind::Reprojected, evidence))
    }

    /// What an operator last gave up of a projection that disagreed.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn given_up(&self) -> Result<Option<Evidence>, RecordError> {
        self.read(|db| {
            let query = "SELECT body FROM audit WHERE kind = ?1 ORDER BY seq DESC LIMIT 1";
            let mut query = db.prepare_cached(query)?;
            let body: Option<String> =
                query.query_row([Kind::Reprojected.as_str()], |row| row.get(0)).optional()?;
            Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
        })
    }

    /// Stores durably that volume and record are of different times; passes are guarded from here on until
    /// one converges.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn note_restored(&mut self, restored: Restored, at: Timestamp) -> Result<(), RecordError> {
        self.write(|tx| {
            put(tx, RESTORED, &restored)?;
            put(tx, RESTORED_SEEN, &restored)?;
            Appender::new(tx, at, None)?.append(Kind::Restored, &restored)
        })
    }
}

/// Stores an order and records who gave it.
fn give(
    db: &Connection,
    actor: &Actor,
    at: Timestamp,
    kind: Kind,
    name: &str,
    order: &impl Serialize,
) -> Result<(), Fault> {
    put(db, name, order)?;
    Appender::new(db, at, None)?.append_by(actor.as_str(), kind, order)?;
    conditions::write_orders(db, &load(db)?, None, at)
}

#[derive(Serialize)]
struct ResumedBody<'a> {
    suspended: bool,
    pinned: bool,
    /// Its time was over.
    over: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Reads everything that stands.
pub(super) fn load(db: &Connection) -> Result<Orders, Fault> {
    Ok(Orders {
        confirmed: get(db, CONFIRMED)?,
        suspended: get(db, SUSPENDED)?,
        pinned: get(db, PINNED)?,
        forced: get(db, FORCED)?,
        restored: get(db, RESTORED)?,
    })
}

fn get<T: DeserializeOwned>(db: &Connection, name: &str) -> Result<Option<T>, Fault> {
    let mut query = db.prepare_cached("SELECT body FROM orders WHERE name = ?1")?;
    let body: Option<String> = query.query_row([name], |row| row.get(0)).optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}

fn put(db: &Connection, name: &str, order: &impl Serialize) -> Result<(), Fault> {
    let mut row = db.prepare_cached("INSERT OR REPLACE INTO orders (name, body) VALUES (?1, ?2)")?;
    row.execute(params![name, serde_json::to_string(order)?])?;
    Ok(())
}

/// Takes an order back; says whether it stood.
fn withdraw(db: &Connection, name: &str) -> Result<bool, Fault> {
    Ok(db.prepare_cached("DELETE FROM orders WHERE name = ?1")?.execute([name])? > 0)
}

/// What a pass that converged fulfils: a confirmation counts once, and no longer than until something
/// else was applied.
pub(super) fn fulfil(db: &Connection) -> Result<(), Fault> {
    withdraw(db, CONFIRMED)?;
    withdraw(db, RESTORED)?;
    Ok(())
}

/// Remembers that a commit was applied. One that a rollback brings back stays where it was in the
/// history, so that what is before it can still be told.
pub(super) fn remember(db: &Connection, commit: CommitId, pass: PassId, at: Timestamp) -> Result<(), Fault> {
    let id = commit.to_string();
    if get::<Pin>(db, PINNED)?.is_none_or(|pin| pin.commit != commit) {
        db.prepare_cached("DELETE FROM applied WHERE revision = ?1")?.execute([&id])?;
    }
    let mut row =
        db.prepare_cached("INSERT OR IGNORE INTO applied (revision, pass, at) VALUES (?1, ?2, ?3)")?;
    row.execute(params![id, pass.0.cast_signed(), at.millis().cast_signed()])?;
    let mut oldest = db.prepare_cached(
        "DELETE FROM applied WHERE number NOT IN (SELECT number FROM applied ORDER BY number DESC LIMIT ?1)",
    )?;
    oldest.execute([i64::try_from(APPLIED_KEPT).unwrap_or(i64::MAX)])?;
    Ok(())
}

fn history(db: &Connection) -> Result<Vec<CommitId>, Fault> {
    let mut query = db.prepare_cached("SELECT revision FROM applied ORDER BY number")?;
    let mut rows = query.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.extend(column::commit(row, 0)?);
    }
    Ok(all)
}
