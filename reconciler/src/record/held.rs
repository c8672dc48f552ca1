//! What is held now, since when, and what the rules said of every skill.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rusqlite::{Connection, params};
use serde::Serialize;

use super::audit::{Appender, Kind};
use super::column;
use super::error::Fault;
use crate::finding::{Finding, Held};
use crate::ids::{CommitId, SkillId, Timestamp};

/// What makes two holds of a skill the same one, so that it keeps its `since`: the rule and the
/// file. Where in the file, and in which words, may change.
pub fn hold_key(rule: &str, path: &str) -> String {
    format!("{rule} {path}")
}

/// The skills that are held, by id.
pub(super) fn load(db: &Connection) -> Result<BTreeMap<SkillId, Held>, Fault> {
    let mut query = db
        .prepare_cached("SELECT skill, rule, path, line, message, serving, since FROM held ORDER BY skill")?;
    let mut rows = query.query([])?;
    let mut held = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let skill = SkillId::new(row.get_ref(0)?.as_str()?);
        let one = Held {
            skill: skill.clone(),
            rule: row.get(1)?,
            path: row.get(2)?,
            line: row.get(3)?,
            message: row.get(4)?,
            serving: column::commit(row, 5)?,
            since: column::time(row, 6)?,
        };
        held.insert(skill, one);
    }
    Ok(held)
}

/// Since when each skill is held, and as what.
pub(super) fn since(db: &Connection) -> Result<HashMap<SkillId, (String, Timestamp)>, Fault> {
    let held = load(db)?.into_values();
    Ok(held.map(|held| (held.skill, (hold_key(&held.rule, &held.path), held.since))).collect())
}

#[derive(Serialize)]
struct HeldBody<'a> {
    #[serde(flatten)]
    held: &'a Held,
    revision: Option<CommitId>,
}

#[derive(Serialize)]
struct ReleasedBody<'a> {
    skill: &'a SkillId,
    revision: Option<CommitId>,
}

/// Makes the stored holds equal to `now` and records what changed.
pub(super) fn write(
    db: &Connection,
    audit: &mut Appender<'_>,
    now: &[Held],
    revision: Option<CommitId>,
) -> Result<(), Fault> {
    let mut before = load(db)?;
    for held in now {
        let old = before.remove(&held.skill);
        let same = old.as_ref().filter(|old| old.rule == held.rule && old.path == held.path);
        let held = Held { since: same.map_or(held.since, |old| old.since), ..held.clone() };
        if same.is_none() {
            audit.append(Kind::Held, &HeldBody { held: &held, revision })?;
        }
        if same != Some(&held) {
            put(db, &held)?;
        }
    }
    for skill in before.keys() {
        db.prepare_cached("DELETE FROM held WHERE skill = ?1")?.execute([skill.as_str()])?;
        audit.append(Kind::Released, &ReleasedBody { skill, revision })?;
    }
    Ok(())
}

fn put(db: &Connection, held: &Held) -> Result<(), Fault> {
    let mut row = db.prepare_cached(
        "INSERT OR REPLACE INTO held (skill, rule, path, line, message, serving, since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    row.execute(params![
        held.skill.as_str(),
        held.rule,
        held.path,
        held.line,
        held.message,
        held.serving.map(|commit| commit.to_string()),
        held.since.millis().cast_signed(),
    ])?;
    Ok(())
}

/// How many skills are held.
pub(super) fn count(db: &Connection) -> Result<u64, Fault> {
    let count: i64 = db.prepare_cached("SELECT count(*) FROM held")?.query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// What the rules say of each skill of which they say anything.
pub type Findings = BTreeMap<SkillId, Vec<Finding>>;

/// A number that differs where the findings do: comparing them with the stored ones costs reading
/// those, and in nearly every pass they are the same as in the one before.
pub(super) fn fingerprint(findings: &Findings) -> u64 {
    let mut hash = DefaultHasher::new();
    for (skill, findings) in findings {
        (skill, findings.len()).hash(&mut hash);
        for Finding { rule, severity, class, path, line, column, message, help } in findings {
            (rule, severity, class, path, line, column, message, help).hash(&mut hash);
        }
    }
    hash.finish()
}

/// Reads the findings.
pub(super) fn load_findings(db: &Connection) -> Result<Findings, Fault> {
    let mut query = db.prepare_cached("SELECT skill, findings FROM findings")?;
    let mut rows = query.query([])?;
    let mut all = Findings::new();
    while let Some(row) = rows.next()? {
        let skill = SkillId::new(row.get_ref(0)?.as_str()?);
        all.insert(skill, serde_json::from_str(row.get_ref(1)?.as_str()?)?);
    }
    Ok(all)
}

/// Makes the stored findings equal to `now`.
pub(super) fn write_findings(db: &Connection, now: &Findings) -> Result<(), Fault> {
    let before = load_findings(db)?;
    let wanted = |skill: &SkillId| now.get(skill).is_some_and(|findings| !findings.is_empty());
    for skill in before.keys().filter(|skill| !wanted(skill)) {
        db.prepare_cached("DELETE FROM findings WHERE skill = ?1")?.execute([skill.as_str()])?;
    }
    let mut row = db.prepare_cached("INSERT OR REPLACE INTO findings (skill, findings) VALUES (?1, ?2)")?;
    for (skill, findings) in now.iter().filter(|(skill, _)| wanted(skill)) {
        if before.get(skill) != Some(findings) {
            row.execute(params![skill.as_str(), serde_json::to_string(findings)?])?;
        }
    }
    Ok(())
}
