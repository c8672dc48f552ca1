//! The audit: append-only records, each holding the hash of the one before.
//!
//! The hash of a record is the SHA-256 of these fields, in this order, each preceded by its length
//! in bytes as a 64-bit big-endian number, so that no two records have the same bytes:
//!
//! 1. the id of the chain: 32 hexadecimal digits, random, the same for all records of a database
//! 2. `seq`: 64-bit big-endian; the first is 1 and none is left out
//! 3. `at`: milliseconds since 1970, 64-bit big-endian
//! 4. `pass`: 64-bit big-endian, or nothing (length 0) where it belongs to none
//! 5. `kind`: UTF-8
//! 6. `actor`: UTF-8
//! 7. `body`: UTF-8, JSON with sorted keys and no white space, exactly as it is stored
//! 8. `prev_hash`: 32 bytes; zeros in the first record
//!
//! What the chain proves: a record that was changed, left out, put elsewhere or taken from another
//! chain is found, as long as the last record is known. What it cannot: records cut off at the end,
//! and a chain that was written anew as a whole, look like a chain that never had more. Who must know
//! keeps the count and the head elsewhere (`audit verify` prints both) and compares.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Serialize, Serializer};
use sha2::Digest as _;

use super::error::Fault;
use crate::ids::{Digest, PassId, Timestamp};

/// Who did what no person asked for.
pub const CONTROLLER: &str = "skill-sync";

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The database was made; the first record.
    Opened,
    /// A pass that changed something, or came to something else than the one before.
    Pass,
    /// One skill changed.
    Changed,
    /// A skill is held from here on, or for another reason.
    Held,
    /// A skill is held no more.
    Released,
    /// A planted skill was moved off the volume.
    Quarantined,
    /// Bytes of the volume were kept before they were replaced.
    Drift,
    /// Kept bytes were let go of, to make room.
    Dropped,
    /// What an interrupted pass had begun was finished.
    Settled,
    /// A change was not made and waits for a person's word.
    Refused,
    /// An operator's word for a commit that waited.
    Confirmed,
    /// Passes change nothing from here on.
    Suspended,
    /// A revision is served until further notice: a rollback.
    Pinned,
    /// One pass goes through a closed sync window.
    Forced,
    /// Suspension and pin are over.
    Resumed,
    /// A commit was applied that does not contain the one before.
    Rewound,
    /// The volume was found to be newer than this record.
    Restored,
    /// The record, the mirror or both were made again from what is served.
    Rebuilt,
}

impl Kind {
    /// The word for it in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Pass => "pass",
            Self::Changed => "changed",
            Self::Held => "held",
            Self::Released => "released",
            Self::Quarantined => "quarantined",
            Self::Drift => "drift",
            Self::Dropped => "dropped",
            Self::Settled => "settled",
            Self::Refused => "refused",
            Self::Confirmed => "confirmed",
            Self::Suspended => "suspended",
            Self::Pinned => "pinned",
            Self::Forced => "forced",
            Self::Resumed => "resumed",
            Self::Rewound => "rewound",
            Self::Restored => "restored",
            Self::Rebuilt => "rebuilt",
        }
    }
}

/// One record of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The pass that it belongs to, where it belongs to one.
    pub pass: Option<PassId>,
    /// What it is about: a word of [`Kind`].
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// What is to be said about it: JSON, as the hash covers it. Shown as the object that it is.
    #[serde(serialize_with = "as_object")]
    pub body: String,
    /// The hash of the record before; zeros in the first.
    pub prev_hash: Digest,
    /// The hash of this record.
    pub hash: Digest,
}

fn as_object<S: Serializer>(body: &str, to: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(value) => value.serialize(to),
        // Somebody edited it: shown as it is.
        Err(_) => body.serialize(to),
    }
}

/// What a walk over the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verified {
    /// Every record is what was written, in its place.
    Whole {
        /// How many there are.
        records: u64,
        /// The hash of the last.
        head: Digest,
    },
    /// A record is not; those before it are.
    Broken {
        /// The number of the first bad record.
        seq: u64,
        /// What is wrong with it.
        why: Break,
    },
}

/// What is wrong with a record of the audit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Its number is not the next.
    #[error("record {expected} is missing: the next one is {found}")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: i64,
    },
    /// There is no record at all; even a new database has its first.
    #[error("there are no records, and even a new database has its first")]
    Empty,
    /// It does not follow the one before.
    #[error("its prev_hash is not the hash of the record before: a record was changed, exchanged or put in")]
    Chain,
    /// Its content is not what was hashed.
    #[error("its hash is not that of its content: the record was changed after it was written")]
    Hash,
    /// A field has a type that was never written.
    #[error("its field {0} cannot be read: the record was changed after it was written")]
    Unreadable(&'static str),
}

impl Serialize for Break {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The fields of a record that its hash covers.
struct Hashed<'a> {
    chain: &'a str,
    seq: u64,
    at: u64,
    pass: Option<u64>,
    kind: &'a str,
    actor: &'a str,
    body: &'a str,
    prev_hash: &'a [u8; 32],
}

impl Hashed<'_> {
    fn hash(&self) -> [u8; 32] {
        let mut hash = sha2::Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        field(self.chain.as_bytes());
        field(&self.seq.to_be_bytes());
        field(&self.at.to_be_bytes());
        field(self.pass.map(u64::to_be_bytes).as_ref().map_or(&[], |pass| pass.as_slice()));
        field(self.kind.as_bytes());
        field(self.actor.as_bytes());
        field(self.body.as_bytes());
        field(self.prev_hash);
        hash.finalize().into()
    }
}

/// Writes records at the end of the chain, within a transaction of the caller's.
pub(super) struct Appender<'a> {
    db: &'a Connection,
    chain: String,
    seq: u64,
    head: [u8; 32],
    at: Timestamp,
    pass: Option<PassId>,
}

impl<'a> Appender<'a> {
    /// Finds the end of the chain.
    pub(super) fn new(db: &'a Connection, at: Timestamp, pass: Option<PassId>) -> Result<Self, Fault> {
        let chain = db.query_one("SELECT chain FROM meta", [], |row| row.get(0))?;
        let (seq, head) = end(db)?.map_or((0, [0; 32]), |(seq, head)| (seq, *head.as_bytes()));
        Ok(Self { db, chain, seq, head, at, pass })
    }

    /// Says when what is appended from here on happened.
    pub(super) fn set_time(&mut self, at: Timestamp) {
        self.at = at;
    }

    /// Appends one record of what we did ourselves.
    pub(super) fn append(&mut self, kind: Kind, body: &impl Serialize) -> Result<(), Fault> {
        self.append_by(CONTROLLER, kind, body)
    }

    /// Appends one record of what somebody did.
    pub(super) fn append_by(&mut self, actor: &str, kind: Kind, body: &impl Serialize) -> Result<(), Fault> {
        // By way of a value: its maps are sorted.
        let body = serde_json::to_value(body)?.to_string();
        let hashed = Hashed {
            chain: &self.chain,
            seq: self.seq + 1,
            at: self.at.millis(),
            pass: self.pass.map(|pass| pass.0),
            kind: kind.as_str(),
            actor,
            body: &body,
            prev_hash: &self.head,
        };
        let hash = hashed.hash();
        let mut insert = self.db.prepare_cached(
            "INSERT INTO audit (seq, at, pass, kind, actor, body, prev_hash, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        insert.execute(params![
            hashed.seq.cast_signed(),
            hashed.at.cast_signed(),
            hashed.pass.map(u64::cast_signed),
            hashed.kind,
            hashed.actor,
            hashed.body,
            self.head,
            hash
        ])?;
        self.seq += 1;
        self.head = hash;
        Ok(())
    }
}

#[derive(Serialize)]
struct OpenedBody<'a> {
    chain: &'a str,
    environment: &'a str,
    version: &'static str,
}

/// Begins the chain of a new database.
pub(super) fn open_chain(db: &Connection, at: Timestamp, environment: &str) -> Result<(), Fault> {
    db.execute(
        "INSERT INTO meta (id, created_at, chain) VALUES (1, ?1, lower(hex(randomblob(16))))",
        [at.millis().cast_signed()],
    )?;
    let mut audit = Appender::new(db, at, None)?;
    let chain = audit.chain.clone();
    audit.append(Kind::Opened, &OpenedBody { chain: &chain, environment, version: env!("CARGO_PKG_VERSION") })
}

/// The number and hash of the last record.
pub(super) fn end(db: &Connection) -> Result<Option<(u64, Digest)>, Fault> {
    let mut query = db.prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?;
    let end =
        query.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?))).optional()?;
    Ok(end.map(|(seq, hash)| (seq.cast_unsigned(), hash.into())))
}

const COLUMNS: &str = "seq, at, pass, kind, actor, body, prev_hash, hash";

/// The newest records, newest first.
pub(super) fn newest(db: &Connection, limit: usize, before: Option<u64>) -> Result<Vec<AuditRecord>, Fault> {
    let query = format!("SELECT {COLUMNS} FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");
    let before = before.map_or(i64::MAX, u64::cast_signed);
    list(db, &query, before, limit)
}

/// The records after a number, oldest first.
pub(super) fn after(db: &Connection, seq: u64, limit: usize) -> Result<Vec<AuditRecord>, Fault> {
    let query = format!("SELECT {COLUMNS} FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    list(db, &query, seq.cast_signed(), limit)
}

fn list(db: &Connection, query: &str, seq: i64, limit: usize) -> Result<Vec<AuditRecord>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut query = db.prepare_cached(query)?;
    let rows = query.query_map(params![seq, limit], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        at: Timestamp::from_millis(row.get::<_, i64>(1)?.cast_unsigned()),
        pass: row.get::<_, Option<i64>>(2)?.map(|pass| PassId(pass.cast_unsigned())),
        kind: row.get(3)?,
        actor: row.get(4)?,
        body: row.get(5)?,
        prev_hash: row.get::<_, [u8; 32]>(6)?.into(),
        hash: row.get::<_, [u8; 32]>(7)?.into(),
    })
}

/// Walks the whole chain, one record in memory at a time.
pub(super) fn verify(db: &Connection) -> Result<Verified, Fault> {
    let chain: String = db.query_one("SELECT chain FROM meta", [], |row| row.get(0))?;
    let mut query = db.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY seq"))?;
    let mut rows = query.query([])?;
    let (mut records, mut head) = (0, [0; 32]);
    while let Some(row) = rows.next()? {
        match check(row, &chain, records + 1, &head) {
            Ok(hash) => head = hash,
            Err(why) => return Ok(Verified::Broken { seq: records + 1, why }),
        }
        records += 1;
    }
    match records {
        0 => Ok(Verified::Broken { seq: 1, why: Break::Empty }),
        _ => Ok(Verified::Whole { records, head: head.into() }),
    }
}

/// Checks one record against its place: its hash, where it is what was written.
fn check(row: &Row<'_>, chain: &str, expected: u64, head: &[u8; 32]) -> Result<[u8; 32], Break> {
    let found = number(row, 0, "seq")?.ok_or(Break::Unreadable("seq"))?;
    if found != expected.cast_signed() {
        return Err(Break::Gap { expected, found });
    }
    let prev_hash = hash_at(row, 6, "prev_hash")?;
    if prev_hash != *head {
        return Err(Break::Chain);
    }
    let hashed = Hashed {
        chain,
        seq: expected,
        at: number(row, 1, "at")?.ok_or(Break::Unreadable("at"))?.cast_unsigned(),
        pass: number(row, 2, "pass")?.map(i64::cast_unsigned),
        kind: text(row, 3, "kind")?,
        actor: text(row, 4, "actor")?,
        body: text(row, 5, "body")?,
        prev_hash: &prev_hash,
    };
    let hash = hash_at(row, 7, "hash")?;
    if hashed.hash() == hash { Ok(hash) } else { Err(Break::Hash) }
}

fn number(row: &Row<'_>, column: usize, name: &'static str) -> Result<Option<i64>, Break> {
    match row.get_ref(column) {
        Ok(ValueRef::Integer(number)) => Ok(Some(number)),
        Ok(ValueRef::Null) => Ok(None),
        _ => Err(Break::Unreadable(name)),
    }
}

fn text<'a>(row: &'a Row<'_>, column: usize, name: &'static str) -> Result<&'a str, Break> {
    row.get_ref(column).ok().and_then(|value| value.as_str().ok()).ok_or(Break::Unreadable(name))
}

fn hash_at(row: &Row<'_>, column: usize, name: &'static str) -> Result<[u8; 32], Break> {
    let bytes = row.get_ref(column).ok().and_then(|value| value.as_blob().ok());
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(Break::Unreadable(name))
}
