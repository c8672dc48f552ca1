//! Webhook deliveries whose fetch succeeded: a forge that sends one again is answered without a pass.

use rusqlite::{Connection, params};

use super::error::Fault;
use crate::ids::Timestamp;

/// How many are remembered.
const MOST: i64 = 10_000;

/// For how long one is remembered (30 days, in milliseconds).
const AGE: u64 = 30 * 24 * 3600 * 1000;

/// Whether a delivery is remembered.
pub(super) fn is_known(db: &Connection, id: &str) -> Result<bool, Fault> {
    Ok(db.prepare_cached("SELECT 1 FROM deliveries WHERE id = ?1")?.exists([id])?)
}

/// Remembers deliveries and forgets the oldest.
pub(super) fn write(db: &Connection, ids: &[String], at: Timestamp) -> Result<(), Fault> {
    let mut row = db.prepare_cached("INSERT OR IGNORE INTO deliveries (id, at) VALUES (?1, ?2)")?;
    for id in ids {
        row.execute(params![id, at.millis().cast_signed()])?;
    }
    db.execute(
        "DELETE FROM deliveries WHERE number <= (SELECT max(number) FROM deliveries) - ?1 OR at < ?2",
        params![MOST, at.millis().saturating_sub(AGE).cast_signed()],
    )?;
    Ok(())
}
