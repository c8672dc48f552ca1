//! The intent: what a pass is about to do, durable before the first rename and gone when it is done.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::{AppliedSource, column, inventory};
use crate::ids::{CommitId, PassId, SkillId, Timestamp};
use crate::path::TreePath;
use crate::plan::{FileAction, FileChange, Plan, SkillAction, SkillChange, Why};
use crate::tree::{AcceptedTree, Files, SkillVersion, Skills};
use crate::trigger::Trigger;
use crate::verdict::Abilities;

/// What a pass that never finished was about to do.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The pass.
    pub pass: PassId,
    /// What it was applying.
    pub applied: AppliedSource,
    /// What was to be served afterwards: the inventory with the intended changes.
    pub next: AcceptedTree,
}

/// The pass of an intent, for the history.
pub(super) struct Begun {
    pub(super) pass: PassId,
    pub(super) trigger: Trigger,
    pub(super) started_at: Timestamp,
    pub(super) revision: CommitId,
}

/// A version as the table has it.
#[derive(Serialize, Deserialize)]
struct StoredVersion {
    revision: CommitId,
    entry: TreePath,
    name: Option<String>,
    files: Files,
}

/// Stores an intent; one that is there already is replaced: its pass was recorded as interrupted, and
/// this one begins where it ended.
pub(super) fn write(
    db: &Connection,
    begun: (PassId, Trigger, Timestamp),
    applied: &AppliedSource,
    plan: &Plan,
    before: &Skills,
) -> Result<(), Fault> {
    clear(db)?;
    let (pass, trigger, started_at) = begun;
    db.execute(
        "INSERT INTO intent (id, pass, trigger, started_at, applied, plan) VALUES (1, ?1, ?2, ?3, ?4, ?5)",
        params![
            pass.0.cast_signed(),
            trigger.to_string(),
            started_at.millis().cast_signed(),
            serde_json::to_string(applied)?,
            serde_json::to_string(plan)?,
        ],
    )?;
    let mut row = db.prepare_cached("INSERT INTO intent_skills (skill, version) VALUES (?1, ?2)")?;
    for (skill, version) in inventory::delta(before, &plan.next) {
        row.execute(params![skill.as_str(), version.map(stored).transpose()?])?;
    }
    Ok(())
}

fn stored(version: &SkillVersion) -> Result<String, Fault> {
    let SkillVersion { revision, entry, name, files } = version.clone();
    Ok(serde_json::to_string(&StoredVersion { revision, entry, name, files })?)
}

/// Forgets the intent.
pub(super) fn clear(db: &Connection) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM intent")?.execute([])?;
    db.prepare_cached("DELETE FROM intent_skills")?.execute([])?;
    Ok(())
}

/// Whose the intent is.
pub(super) fn begun(db: &Connection) -> Result<Option<Begun>, Fault> {
    let mut query = db.prepare_cached("SELECT pass, trigger, started_at, applied FROM intent")?;
    let mut rows = query.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let applied: AppliedSource = serde_json::from_str(row.get_ref(3)?.as_str()?)?;
    Ok(Some(Begun {
        pass: column::pass(row, 0)?,
        trigger: column::word(row, 1)?,
        started_at: column::time(row, 2)?,
        revision: applied.commit,
    }))
}

/// Reads the intent, if there is one.
pub(super) fn load(db: &Connection) -> Result<Option<Intent>, Fault> {
    let mut query = db.prepare_cached("SELECT pass, applied FROM intent")?;
    let begun =
        query.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).optional()?;
    let Some((pass, applied)) = begun else { return Ok(None) };
    let mut next = Arc::unwrap_or_clone(inventory::load(db)?.skills);
    let mut query = db.prepare_cached("SELECT skill, version FROM intent_skills")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let skill = SkillId::new(row.get_ref(0)?.as_str()?);
        match row.get_ref(1)?.as_str_or_null()? {
            None => next.remove(&skill),
            Some(version) => {
                let StoredVersion { revision, entry, name, files } = serde_json::from_str(version)?;
                next.insert(skill, Arc::new(SkillVersion { revision, entry, name, files }))
            }
        };
    }
    Ok(Some(Intent {
        pass: PassId(pass.cast_unsigned()),
        applied: serde_json::from_str(&applied)?,
        next: AcceptedTree::vouch(next),
    }))
}

/// What finishing an interrupted pass changed, from the version that was on record before it: what
/// the volume held when it was settled may have been new already.
pub(super) fn changes(before: &Skills, plan: &Plan) -> Vec<SkillChange> {
    let delta = inventory::delta(before, &plan.next);
    let recorded: Vec<SkillChange> =
        delta.iter().map(|(skill, version)| change(skill, before.get(*skill), *version)).collect();
    let is_new = |change: &&SkillChange| delta.iter().all(|(skill, _)| **skill != change.skill);
    let besides = plan.changes.iter().filter(is_new).cloned();
    recorded.into_iter().chain(besides).collect()
}

fn change(skill: &SkillId, before: Option<&Arc<SkillVersion>>, after: Option<&SkillVersion>) -> SkillChange {
    let nothing = Files::default();
    let old = before.map_or(&nothing, |version| &version.files);
    let new = after.map_or(&nothing, |version| &version.files);
    let (action, why) = match (before, after) {
        (None, _) => (SkillAction::Add, Why::GitAdded),
        (_, None) => (SkillAction::Remove, Why::GitRemoved),
        _ => (SkillAction::Update, Why::GitChanged),
    };
    let gone = old.keys().filter(|path| !new.contains_key(path));
    let files = new.keys().filter(|path| old.get(path) != new.get(path)).chain(gone);
    let file = |path: &TreePath| {
        let (from, to) = (old.get(path).map(|file| file.digest), new.get(path).map(|file| file.digest));
        let action = match (from, to) {
            (None, _) => FileAction::Add,
            (_, None) => FileAction::Remove,
            _ => FileAction::Update,
        };
        FileChange { path: path.clone(), action, from, to }
    };
    SkillChange {
        skill: skill.clone(),
        action,
        why,
        files: files.map(file).collect(),
        gains: Abilities::default(),
    }
}
