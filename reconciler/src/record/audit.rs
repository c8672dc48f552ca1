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
//! keeps an [`Anchor`](super::Anchor) elsewhere (`audit anchor`), and `audit verify --anchor` compares.
//!
//! With `AUDIT_KEEP` old records go, and a record of the kind `checkpoint` says up to which one and with
//! which hash: the first that is left follows that hash ([`super::checkpoint`]).

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Serialize, Serializer};
use sha2::Digest as _;

use super::error::Fault;
use crate::ids::{Digest, PassId, Timestamp};

/// Who did what no person asked for.
pub const CONTROLLER: &str = "skill-sync";

/// Who changed what stood on the volume, as far as it can be known.
pub const VOLUME: &str = "volume";

/// Who brought what a forge said of a push.
pub const WEBHOOK: &str = "webhook";

/// The operator's program that is told of passes.
pub const ON_APPLIED: &str = "on_applied";

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
    /// A forge said who pushed a commit.
    Pushed,
    /// The operator's program that is told of passes failed.
    HookFailed,
    /// Older records were let go of; what follows is verified from here.
    Checkpoint,
    /// An operator's word to make the projection again, over one that disagreed.
    Reprojected,
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
            Self::Pushed => "pushed",
            Self::HookFailed => "hook_failed",
            Self::Checkpoint => "checkpoint",
            Self::Reprojected => "reprojected",
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

/// The fields of a record that its hash covers.
pub(super) struct Hashed<'a> {
    pub(super) chain: &'a str,
    pub(super) seq: u64,
    pub(super) at: u64,
    pub(super) pass: Option<u64>,
    pub(super) kind: &'a str,
    pub(super) actor: &'a str,
    pub(super) body: &'a str,
    pub(super) prev_hash: &'a [u8; 32],
}

impl Hashed<'_> {
    pub(super) fn hash(&self) -> [u8; 32] {
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
        let chain = chain(db)?;
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

pub(super) const COLUMNS: &str = "seq, at, pass, kind, actor, body, prev_hash, hash";

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

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
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

/// The id of the chain.
pub(super) fn chain(db: &Connection) -> Result<String, Fault> {
    Ok(db.query_one("SELECT chain FROM meta", [], |row| row.get(0))?)
}

/// One record.
pub(super) fn one(db: &Connection, seq: u64) -> Result<Option<AuditRecord>, Fault> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM audit WHERE seq = ?1"))?;
    Ok(query.query_row([seq.cast_signed()], record).optional()?)
}
