//! Walking the chain: whether every record is what was written, in its place.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde::{Serialize, Serializer};

use super::audit::{self, COLUMNS, Hashed};
use super::checkpoint::{self, Anchor};
use super::error::Fault;
use crate::ids::Digest;

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
        /// The last record that `AUDIT_KEEP` let go of, as a checkpoint in the chain says.
        #[serde(skip_serializing_if = "Option::is_none")]
        pruned: Option<u64>,
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
    /// It is not the one that was anchored under its number.
    #[error(
        "its hash is not the one of the anchor: the chain was written anew, or continued from a copy, before \
         or at this record"
    )]
    Anchored,
    /// The anchor knows more records than there are.
    #[error(
        "it is gone, and whatever followed it: the anchor was taken at record {anchored}, the chain ends at {last}"
    )]
    Cut {
        /// The record that was anchored.
        anchored: u64,
        /// The last one that is there.
        last: u64,
    },
    /// The anchor was taken of another chain.
    #[error(
        "the anchor is of the chain {anchor}, and this is the chain {chain}: the record was made anew since"
    )]
    OtherChain {
        /// The chain of the anchor.
        anchor: String,
        /// The chain that is here.
        chain: String,
    },
    /// A field has a type that was never written.
    #[error("its field {0} cannot be read: the record was changed after it was written")]
    Unreadable(&'static str),
}

impl Serialize for Break {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Walks the whole chain, one record in memory at a time; with an anchor, that it is the chain that was
/// anchored.
pub(super) fn verify(db: &Connection, anchor: Option<&Anchor>) -> Result<Verified, Fault> {
    let chain = audit::chain(db)?;
    if let Some(other) = anchor.filter(|anchor| anchor.chain != chain) {
        let why = Break::OtherChain { anchor: other.chain.clone(), chain };
        return Ok(Verified::Broken { seq: 1, why });
    }
    let begins = checkpoint::newest(db)?;
    let (before, mut head) = begins.map_or((0, [0; 32]), |begins| (begins.through, *begins.hash.as_bytes()));
    let mut query = db.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY seq"))?;
    let mut rows = query.query([])?;
    let mut last = before;
    while let Some(row) = rows.next()? {
        match check(row, &chain, last + 1, &head) {
            Ok(hash) => head = hash,
            Err(why) => return Ok(Verified::Broken { seq: last + 1, why }),
        }
        last += 1;
        if anchor.is_some_and(|anchor| anchor.seq == last && *anchor.hash.as_bytes() != head) {
            return Ok(Verified::Broken { seq: last, why: Break::Anchored });
        }
    }
    if last == before {
        return Ok(Verified::Broken { seq: 1, why: Break::Empty });
    }
    if let Some(anchored) = anchor.map(|anchor| anchor.seq).filter(|anchored| *anchored > last) {
        return Ok(Verified::Broken { seq: last + 1, why: Break::Cut { anchored, last } });
    }
    let pruned = (before > 0).then_some(before);
    Ok(Verified::Whole { records: last - before, head: head.into(), pruned })
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
