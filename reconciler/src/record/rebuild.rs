//! A record that is made again: set aside what cannot be used, salvage what can be read of it, and begin
//! a chain that names the old one.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use serde::Serialize;

use super::audit::{self, Appender, Kind};
use super::error::Fault;
use super::open::beside;
use super::{AppliedSource, Record, RecordError, drift, inventory, orders, write_applied};
use crate::ids::{Digest, PassId, Timestamp};
use crate::orders::Actor;
use crate::tree::Skills;

/// What a database consists of: itself, its log and the index of that.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// The end of a chain that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviousChain {
    /// How many records it has.
    pub records: u64,
    /// The hash of its last record.
    pub head: Digest,
}

/// What a record is made again from.
#[derive(Debug, Clone, Copy)]
pub struct Rebuilt<'a> {
    /// Who asked for it.
    pub actor: &'a Actor,
    /// When.
    pub at: Timestamp,
    /// Where the old database is now; none where it stays.
    pub database: Option<&'a Path>,
    /// Where the old mirror is now; none where it stays.
    pub mirror: Option<&'a Path>,
    /// What is owned by this record so far.
    pub before: &'a Skills,
    /// What is owned from here on.
    pub skills: &'a Skills,
    /// What was applied last, as far as it is known.
    pub applied: Option<&'a AppliedSource>,
}

#[derive(Serialize)]
struct RebuiltBody<'a> {
    database: Option<&'a Path>,
    mirror: Option<&'a Path>,
    previous: Option<&'a PreviousChain>,
    skills: usize,
}

/// Moves a database that cannot be used to another name, its log with it.
///
/// # Errors
/// What the file system says.
pub fn set_aside(path: &Path, aside: &Path) -> Result<(), RecordError> {
    for part in PARTS {
        let (from, to) = (beside(path, part), beside(aside, part));
        match std::fs::rename(&from, &to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(RecordError::Io { doing: "set aside", path: from, source: error });
            }
            _ => {}
        }
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let synced = std::fs::File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|source| RecordError::Io { doing: "sync", path: directory.to_owned(), source })
}

impl Record {
    /// Reads everything that passes need, and lets SQLite look at every page.
    ///
    /// # Errors
    /// What is damaged.
    pub fn check(&self) -> Result<(), RecordError> {
        self.read(|db| {
            let told: String = db.query_one("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            if told != "ok" {
                return Err(Fault::Odd(told));
            }
            drift::load(db)?;
            orders::load(db)?;
            inventory::load(db).map(drop)
        })
    }

    /// Stores durably what was rebuilt, and names in the chain what was given up. What of the kept bytes
    /// and the standing orders can still be read in the old database goes on.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn rebuild(&mut self, rebuilt: &Rebuilt<'_>) -> Result<Option<PreviousChain>, RecordError> {
        let Rebuilt { actor, at, database, mirror, before, skills, applied } = *rebuilt;
        let old = database.and_then(|path| open_old(path).ok());
        let previous = old.as_ref().and_then(|old| audit::end(old).ok().flatten());
        let previous = previous.map(|(records, head)| PreviousChain { records, head });
        self.write(|tx| {
            inventory::write(tx, before, skills)?;
            if let Some(applied) = applied {
                write_applied(tx, applied, PassId(0), at)?;
            }
            for table in ["drift", "orders"] {
                if let Some(Err(Fault::Odd(why))) = old.as_ref().map(|old| salvage(old, tx, table)) {
                    tracing::warn!(table, why, "not all of the old record could be read");
                }
            }
            let body = RebuiltBody { database, mirror, previous: previous.as_ref(), skills: skills.len() };
            Appender::new(tx, at, None)?.append_by(actor.as_str(), Kind::Rebuilt, &body)
        })?;
        Ok(previous)
    }
}

fn open_old(path: &Path) -> rusqlite::Result<Connection> {
    // Its log may hold what was committed last: reading that needs the index to be made.
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Copies the rows that can be read and that this format takes.
fn salvage(old: &Connection, new: &Connection, table: &str) -> Result<(), Fault> {
    let odd = |error: rusqlite::Error| Fault::Odd(error.to_string());
    let mut query = old.prepare(&format!("SELECT * FROM {table}")).map_err(odd)?;
    let columns: Vec<String> = query.column_names().map(|name| format!("\"{name}\"")).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let insert = format!("INSERT OR IGNORE INTO {table} ({}) VALUES ({marks})", columns.join(", "));
    let mut insert = new.prepare(&insert).map_err(odd)?;
    let mut rows = query.query([]).map_err(odd)?;
    while let Some(row) = rows.next().map_err(odd)? {
        let values: Result<Vec<Value>, _> = (0..columns.len()).map(|column| row.get(column)).collect();
        insert.execute(params_from_iter(values.map_err(odd)?)).map_err(odd)?;
    }
    Ok(())
}

/// The name under which something that broke at a moment is set aside.
pub fn broken_name(path: &Path, at: Timestamp) -> PathBuf {
    beside(path, &format!(".broken-{}", at.to_string().replace([':', '.'], "-")))
}
