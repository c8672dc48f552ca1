//! The verdict cache: what judging came to, by content and rule set. Losing it costs time only.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::Record;
use super::error::Fault;
use crate::verdict::{ContentKey, JudgeCache, JudgedSkill};

/// Verdicts that the next commit will store, by rule set.
pub(super) type Fresh = HashMap<String, HashMap<ContentKey, Arc<JudgedSkill>>>;

/// How many rule sets are remembered: an operator who tries a stricter one goes back without
/// judging everything again.
const RULE_SETS: i64 = 3;

/// The fewest verdicts that are kept.
const VERDICTS: i64 = 20_000;

/// How many verdicts are kept for each skill that is served, where that is more.
const VERDICTS_A_SKILL: i64 = 4;

impl JudgeCache for Record {
    /// A verdict that cannot be read is one that is not there: judging again costs time only, and a
    /// fault of the database shows where the pass is recorded.
    fn get(&mut self, key: &ContentKey, rules: &str) -> Option<Arc<JudgedSkill>> {
        if let Some(judged) = self.fresh.get(rules).and_then(|fresh| fresh.get(key)) {
            return Some(Arc::clone(judged));
        }
        load(&self.db, key, rules).ok().flatten().map(Arc::new)
    }

    /// Remembers it from here on, and durably with the next commit of the pass.
    fn put(&mut self, key: &ContentKey, rules: &str, judged: &Arc<JudgedSkill>) {
        self.fresh.entry(rules.to_owned()).or_default().insert(*key, Arc::clone(judged));
    }
}

/// The record while many verdicts are asked for: all of one moment, and without a lock taken for each.
pub(crate) struct Reading<'a>(&'a mut Record);

impl Record {
    /// Begins to read; dropping what is given ends it.
    pub(crate) fn reading(&mut self) -> Reading<'_> {
        // Where it cannot begin, each verdict is read by itself.
        let _ = self.db.execute_batch("BEGIN");
        Reading(self)
    }
}

impl JudgeCache for Reading<'_> {
    fn get(&mut self, key: &ContentKey, rules: &str) -> Option<Arc<JudgedSkill>> {
        self.0.get(key, rules)
    }

    fn put(&mut self, key: &ContentKey, rules: &str, judged: &Arc<JudgedSkill>) {
        self.0.put(key, rules, judged);
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // It fails where none has begun; nothing was written that could be lost.
        let _ = self.0.db.execute_batch("ROLLBACK");
    }
}

fn load(db: &Connection, key: &ContentKey, rules: &str) -> Result<Option<JudgedSkill>, Fault> {
    let mut query = db.prepare_cached("SELECT judged FROM verdicts WHERE key = ?1 AND rules = ?2")?;
    let judged: Option<String> =
        query.query_row([key.to_string().as_str(), rules], |row| row.get(0)).optional()?;
    Ok(judged.map(|judged| serde_json::from_str(&judged)).transpose()?)
}

/// Stores what is new and lets go of what is too much.
pub(super) fn write(db: &Connection, fresh: &Fresh, served: usize) -> Result<(), Fault> {
    let mut row =
        db.prepare_cached("INSERT OR REPLACE INTO verdicts (key, rules, judged) VALUES (?1, ?2, ?3)")?;
    for (rules, verdicts) in fresh {
        let new = db.execute("INSERT OR IGNORE INTO rule_sets (rules) VALUES (?1)", [rules])? > 0;
        if new {
            forget_old_rules(db)?;
        }
        for (key, judged) in verdicts {
            row.execute(params![key.to_string(), rules, serde_json::to_string(&**judged)?])?;
        }
    }
    if !fresh.is_empty() {
        let most = i64::try_from(served).unwrap_or(i64::MAX).saturating_mul(VERDICTS_A_SKILL).max(VERDICTS);
        db.execute("DELETE FROM verdicts WHERE id <= (SELECT max(id) FROM verdicts) - ?1", [most])?;
    }
    Ok(())
}

fn forget_old_rules(db: &Connection) -> Result<(), Fault> {
    db.execute("DELETE FROM rule_sets WHERE id <= (SELECT max(id) FROM rule_sets) - ?1", [RULE_SETS])?;
    db.execute("DELETE FROM verdicts WHERE rules NOT IN (SELECT rules FROM rule_sets)", [])?;
    Ok(())
}
