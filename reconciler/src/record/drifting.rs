//! Which paths drift again and again: two writers that fight for one file.

use rusqlite::{Connection, params};

use super::error::Fault;
use super::{End, ended_at};
use crate::ids::{Digest, Timestamp};
use crate::path::TreePath;
use crate::plan::{FileChange, Why};
use crate::tree::Skills;

/// How long drift is remembered (10 minutes, in milliseconds).
pub(super) const WINDOW_MS: u64 = 10 * 60 * 1_000;

/// How often a path drifts in that time before it is named.
pub(super) const TIMES: u32 = 3;

/// How many paths of one pass are remembered: a volume that was emptied is no fight.
const MOST: usize = 1_000;

/// Remembers what a pass put right.
pub(super) fn remember(db: &Connection, end: &End<'_>) -> Result<(), Fault> {
    if !end.changed() {
        return Ok(());
    }
    let at = ended_at(end.report).millis();
    db.prepare_cached("DELETE FROM drifting WHERE at <= ?1")?
        .execute([at.saturating_sub(WINDOW_MS).cast_signed()])?;
    let mut row = db.prepare_cached("INSERT INTO drifting (path, at) VALUES (?1, ?2)")?;
    for path in drifted(end).take(MOST) {
        row.execute(params![path.as_str(), at.cast_signed()])?;
    }
    Ok(())
}

fn drifted<'a>(end: &'a End<'_>) -> impl Iterator<Item = &'a TreePath> {
    let changes = end.report.changes.iter();
    changes.flat_map(move |change| {
        let is_drift = move |file: &&FileChange| match change.why {
            Why::Drifted => true,
            Why::GitChangedAndDrifted => file.from != owned(end.inventory, &file.path),
            _ => false,
        };
        change.files.iter().filter(is_drift).map(|file| &file.path)
    })
}

fn owned(inventory: &Skills, path: &TreePath) -> Option<Digest> {
    inventory.values().find_map(|version| version.files.get(path)).map(|file| file.digest)
}

/// The paths that drifted too often, by name.
pub(super) fn repeated(db: &Connection, now: Timestamp) -> Result<Vec<String>, Fault> {
    let mut query = db.prepare_cached(
        "SELECT path FROM drifting WHERE at > ?1 GROUP BY path HAVING count(*) >= ?2 ORDER BY path",
    )?;
    let since = now.millis().saturating_sub(WINDOW_MS).cast_signed();
    let rows = query.query_map(params![since, TIMES], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
