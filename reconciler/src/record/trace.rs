//! Which commit, pass and actor put something on the volume: from the audit alone.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::{self, AuditRecord, COLUMNS, Kind};
use super::error::Fault;
use super::{CommitFacts, Record, RecordError};
use crate::ids::{CommitId, Digest, PassId, SkillId, Timestamp};
use crate::plan::{FileAction, SkillAction, Why};
use crate::report::Outcome;
use crate::trigger::Trigger;

/// What the audit says of a path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// The path that was asked for, below the target, or the id of a skill.
    pub path: String,
    /// The record that says what stands there, or that nothing does.
    pub put: Placed,
    /// The newest record that put the same back, where the volume had drifted since.
    pub restored: Option<Placed>,
    /// Why the pass that put it ran; none where its record is gone.
    pub trigger: Option<Trigger>,
    /// What that pass came to.
    pub outcome: Option<Outcome>,
    /// Who wrote the commit.
    pub commit: Option<CommitFacts>,
    /// Who pushed it, as the forge said: a claim.
    pub pushed: Option<Claim>,
    /// The newest order that was given for this very commit.
    pub order: Option<Given>,
}

/// One change of one skill, as it is on record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Placed {
    /// The number of the record.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The pass.
    pub pass: Option<PassId>,
    /// Who did it.
    pub actor: String,
    /// The skill.
    pub skill: SkillId,
    /// What happened to it.
    pub action: SkillAction,
    /// Why.
    pub why: Why,
    /// The commit.
    pub revision: Option<CommitId>,
    /// The digest of the skill's version; none where it went.
    pub version: Option<Digest>,
    /// What happened to the file that was asked for; none where a skill was.
    pub file: Option<FilePlaced>,
}

/// What happened to one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilePlaced {
    /// Its path, below the target.
    pub path: String,
    /// What happened to it.
    pub action: FileAction,
    /// The SHA-256 of what was put there.
    pub to: Option<Digest>,
}

/// What a forge said of a push. Whoever holds the webhook secret can say anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The commit that the ref was at after the push.
    pub commit: CommitId,
    /// The pusher's name.
    pub name: Option<String>,
    /// The account that sent it.
    pub login: Option<String>,
    /// The id of the delivery.
    pub delivery: Option<String>,
}

/// An order, as far as a trace tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Given {
    /// The number of the record.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// `confirmed` or `pinned`.
    pub kind: String,
    /// Who gave it.
    pub actor: String,
}

#[derive(Deserialize)]
struct Changed {
    skill: SkillId,
    action: SkillAction,
    why: Why,
    revision: Option<CommitId>,
    #[serde(default)]
    version: Option<Digest>,
    #[serde(default)]
    files: Vec<FilePlaced>,
}

impl Record {
    /// What the audit says of a path below the target, or of a skill by its id; none where it says
    /// nothing.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn trace(&self, path: &str) -> Result<Option<Trace>, RecordError> {
        self.read(|db| trace(db, path))
    }

    /// Stores durably what a forge said of a push.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn note_push(&mut self, claim: &Claim, at: Timestamp) -> Result<(), RecordError> {
        self.write(|tx| super::Appender::new(tx, at, None)?.append_by(audit::WEBHOOK, Kind::Pushed, claim))
    }
}

fn trace(db: &Connection, path: &str) -> Result<Option<Trace>, Fault> {
    let mut placed = placed(db, path)?;
    let Some(at) = placed.iter().position(|one| one.action != SkillAction::Restore) else {
        // What put it is before the checkpoint: what put it back is all that is known.
        return placed.pop().map(|put| told(db, path, put, None)).transpose();
    };
    let put = placed.swap_remove(at);
    let restored = if at == 0 { None } else { Some(placed.swap_remove(0)) };
    told(db, path, put, restored).map(Some)
}

fn told(db: &Connection, path: &str, put: Placed, restored: Option<Placed>) -> Result<Trace, Fault> {
    let pass = put.pass.map(|pass| of_pass(db, pass)).transpose()?.flatten();
    let field = |name: &str| pass.as_ref().map(|body| body[name].clone()).unwrap_or_default();
    let (pushed, order) = match put.revision {
        Some(commit) => (claim(db, commit)?, order(db, commit, put.seq)?),
        None => (None, None),
    };
    Ok(Trace {
        path: path.to_owned(),
        trigger: serde_json::from_value(field("trigger")).ok(),
        outcome: serde_json::from_value(field("outcome")).ok(),
        commit: serde_json::from_value(field("commit")).ok(),
        pushed,
        order,
        put,
        restored,
    })
}

/// The changes of a skill or a file, the newest first, down to the first that is more than putting back.
fn placed(db: &Connection, path: &str) -> Result<Vec<Placed>, Fault> {
    let mut query = db.prepare(&format!(
        "SELECT {COLUMNS} FROM audit
         WHERE kind = ?1 AND json_valid(body) AND (json_extract(body, '$.skill') = ?2 OR EXISTS (
             SELECT 1 FROM json_each(body, '$.files') WHERE json_extract(value, '$.path') = ?2))
         ORDER BY seq DESC"
    ))?;
    let mut rows = query.query(params![Kind::Changed.as_str(), path])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let one = read(audit::record(row)?, path)?;
        let last = one.action != SkillAction::Restore;
        all.push(one);
        if last {
            break;
        }
    }
    Ok(all)
}

fn read(record: AuditRecord, path: &str) -> Result<Placed, Fault> {
    let Changed { skill, action, why, revision, version, files } = serde_json::from_str(&record.body)?;
    let file = files.into_iter().find(|file| file.path == path);
    let AuditRecord { seq, at, pass, actor, .. } = record;
    Ok(Placed { seq, at, pass, actor, skill, action, why, revision, version, file })
}

fn of_pass(db: &Connection, pass: PassId) -> Result<Option<Value>, Fault> {
    let query = "SELECT body FROM audit WHERE kind = ?1 AND pass = ?2 ORDER BY seq DESC LIMIT 1";
    let mut query = db.prepare(query)?;
    let body: Option<String> =
        query.query_row(params![Kind::Pass.as_str(), pass.0.cast_signed()], |row| row.get(0)).optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}

fn claim(db: &Connection, commit: CommitId) -> Result<Option<Claim>, Fault> {
    let mut query = db.prepare(
        "SELECT body FROM audit WHERE kind = ?1 AND json_extract(body, '$.commit') = ?2
         ORDER BY seq DESC LIMIT 1",
    )?;
    let body: Option<String> =
        query.query_row(params![Kind::Pushed.as_str(), commit.to_string()], |row| row.get(0)).optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}

fn order(db: &Connection, commit: CommitId, before: u64) -> Result<Option<Given>, Fault> {
    let mut query = db.prepare(&format!(
        "SELECT {COLUMNS} FROM audit
         WHERE kind IN (?1, ?2) AND json_extract(body, '$.commit') = ?3 AND seq < ?4
         ORDER BY seq DESC LIMIT 1"
    ))?;
    let kinds = [Kind::Confirmed.as_str(), Kind::Pinned.as_str()];
    let given = query
        .query_row(params![kinds[0], kinds[1], commit.to_string(), before.cast_signed()], audit::record)
        .optional()?;
    Ok(given.map(|AuditRecord { seq, at, kind, actor, .. }| Given { seq, at, kind, actor }))
}
