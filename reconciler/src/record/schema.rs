//! The format of the database, by number: each step from one to the next is one transaction.
//!
//! A step is never edited once it was released: the next one changes what it made. `PRAGMA
//! user_version` is the number of steps that a database has taken.

use rusqlite::{Connection, TransactionBehavior};

use super::error::{APPLICATION_ID, Fault};

/// The steps, in order. What is wanted of the tables is said where they are written.
pub(super) const STEPS: &[&str] = &[
    r"
-- One row: the database as a whole.
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    created_at INTEGER NOT NULL,
    -- Names the chain of the audit: it is part of every hash.
    chain TEXT NOT NULL,
    -- Repository, path, reference and commit that were applied last, as JSON.
    applied TEXT,
    -- What the newest pass came to, without what differs from pass to pass: the audit records it
    -- when it changes.
    state TEXT
) STRICT;

-- Passes; consecutive ones that changed nothing and came to the same share a row.
CREATE TABLE passes (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL UNIQUE,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    trigger TEXT NOT NULL,
    -- NULL: interrupted.
    outcome TEXT,
    revision TEXT,
    changes INTEGER NOT NULL,
    held INTEGER NOT NULL,
    error TEXT,
    -- What must be the same for the next pass to share the row; NULL where it changed something.
    sameness TEXT,
    report TEXT
) STRICT;

-- The inventory: what we own on the volume.
CREATE TABLE skills (
    skill TEXT PRIMARY KEY,
    entry TEXT NOT NULL,
    name TEXT,
    revision TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE files (
    path TEXT PRIMARY KEY,
    skill TEXT NOT NULL,
    blob BLOB NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    executable INTEGER NOT NULL,
    -- The stat cache: the stamp under which the volume was seen to hold exactly these bytes.
    dev INTEGER, ino INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, read_at_ns INTEGER
) STRICT, WITHOUT ROWID;

-- What a pass is about to do; gone when it is done.
CREATE TABLE intent (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pass INTEGER NOT NULL,
    trigger TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    applied TEXT NOT NULL,
    plan TEXT NOT NULL
) STRICT;
CREATE TABLE intent_skills (
    skill TEXT PRIMARY KEY,
    -- NULL: it goes.
    version TEXT
) STRICT, WITHOUT ROWID;

-- Bytes of the volume that were kept before a pass replaced them.
CREATE TABLE drift (
    id TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    skill TEXT,
    pass INTEGER NOT NULL,
    at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB,
    kind TEXT NOT NULL,
    -- The object that holds the bytes, or where they were moved to.
    object TEXT,
    aside BLOB,
    mtime INTEGER,
    uid INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX drift_by_time ON drift (at);

-- The skills that are held now.
CREATE TABLE held (
    skill TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    path TEXT NOT NULL,
    line INTEGER,
    message TEXT NOT NULL,
    serving TEXT,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE findings (
    skill TEXT PRIMARY KEY,
    findings TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conditions (
    type TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What operators ordered and stands: one confirmation, one suspension, one pin; and whether the volume
-- was found newer than this database.
CREATE TABLE orders (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The revisions that were applied, each once; the newest 100 are kept alive in the mirror.
CREATE TABLE applied (
    number INTEGER PRIMARY KEY,
    revision TEXT NOT NULL UNIQUE,
    pass INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- Which paths drifted when, for as long as it takes to tell that two writers fight for one.
CREATE TABLE drifting (
    path TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- The verdict cache, by content and rule set.
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    rules TEXT NOT NULL,
    judged TEXT NOT NULL,
    UNIQUE (key, rules)
) STRICT;
CREATE TABLE rule_sets (
    id INTEGER PRIMARY KEY,
    rules TEXT NOT NULL UNIQUE
) STRICT;

-- Webhook deliveries whose fetch succeeded.
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    pass INTEGER,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    body TEXT NOT NULL,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_is_not_updated BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only: a record cannot be changed'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only: a record cannot be deleted'); END;
-- REPLACE deletes without asking the trigger above.
CREATE TRIGGER audit_has_no_gap BEFORE INSERT ON audit
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only: the next record follows the last'); END;
",
    r"
-- The last record that a checkpoint signed off: only what it covers may go.
ALTER TABLE meta ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER audit_is_not_deleted;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
    WHEN OLD.seq > (SELECT pruned FROM meta)
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only: a record cannot be deleted'); END;
",
];

/// The format that this version writes.
pub(super) fn known(steps: &[&str]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

/// The format of a database, from its header.
pub(super) fn version(db: &Connection) -> Result<u32, Fault> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Whose database it is, from its header.
pub(super) fn application_id(db: &Connection) -> Result<u32, Fault> {
    // The pragma gives a signed number of the same 32 bits.
    let id: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(id.cast_unsigned())
}

/// Takes the steps that a database has not taken yet, each with its number in one transaction.
pub(super) fn migrate(db: &mut Connection, steps: &[&str]) -> Result<(), Fault> {
    let taken = version(db)?;
    for (number, step) in (1..).zip(steps).filter(|(number, _)| *number > taken) {
        let step_tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step_tx.execute_batch(step)?;
        step_tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        step_tx.pragma_update(None, "user_version", number)?;
        step_tx.commit()?;
    }
    Ok(())
}

/// How every connection of ours behaves, writers and readers.
pub(super) fn settle_connection(db: &Connection) -> Result<(), Fault> {
    use rusqlite::config::DbConfig;
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(64);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    // REPLACE must not pass the triggers of the audit by.
    db.pragma_update(None, "recursive_triggers", true)?;
    Ok(())
}

/// How a writer makes a commit durable.
pub(super) fn settle_writer(db: &Connection) -> Result<(), Fault> {
    // In WAL mode FULL syncs the log at each commit; NORMAL would lose the last ones with the power.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    Ok(())
}

/// How long a statement waits for another process's lock (5 s): a shell on the database.
const BUSY: std::time::Duration = std::time::Duration::from_secs(5);

/// To how many bytes the log is cut after a large pass (16 MiB).
const LOG_LIMIT: i64 = 16 << 20;
