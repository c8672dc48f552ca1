//! What is kept of the volume's own changes: where the bytes are that a pass replaced.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::audit::{Appender, Kind, VOLUME};
use super::column;
use super::error::Fault;
use crate::apply::{Kept, KeptKind};
use crate::ids::{Digest, PassId, SkillId, Timestamp};
use crate::path::TreePath;
use crate::plan::Plan;

/// Bytes that stood on the volume and were kept when a pass replaced them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drifted {
    /// Names them.
    pub id: String,
    /// The skill whose path it was, where there is one.
    pub skill: Option<SkillId>,
    /// Where they stood, below the target.
    pub path: TreePath,
    /// When they were kept.
    pub at: Timestamp,
    /// How many they are.
    pub size: u64,
    /// Their SHA-256, where they were read.
    pub sha256: Option<Digest>,
    /// The pass that kept them.
    pub pass: PassId,
    /// Where they are.
    #[serde(skip)]
    pub kind: KeptKind,
}

#[derive(Serialize)]
struct DriftBody<'a> {
    id: &'a str,
    skill: Option<&'a SkillId>,
    path: &'a TreePath,
    size: u64,
    sha256: Option<Digest>,
}

/// Stores what was kept and records it.
pub(super) fn write(
    db: &Connection,
    audit: &mut Appender<'_>,
    pass: PassId,
    plan: &Plan,
    kept: &[Kept],
) -> Result<(), Fault> {
    let mut row = db.prepare_cached(
        "INSERT INTO drift (id, path, skill, pass, at, size, sha256, kind, object, aside, mtime, uid)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for kept in kept {
        let skill = skill_at(plan, &kept.path);
        let (kind, object, aside) = place(&kept.kind);
        row.execute(params![
            kept.id,
            kept.path.as_str(),
            skill.map(SkillId::as_str),
            pass.0.cast_signed(),
            kept.at.millis().cast_signed(),
            kept.size.cast_signed(),
            kept.digest.as_ref().map(Digest::as_bytes),
            kind,
            object,
            aside,
            kept.mtime.map(|mtime| mtime.millis().cast_signed()),
            kept.uid,
        ])?;
        let Kept { id, path, size, digest: sha256, .. } = kept;
        audit.set_time(kept.at);
        audit.append_by(VOLUME, Kind::Drift, &DriftBody { id, skill, path, size: *size, sha256: *sha256 })?;
    }
    Ok(())
}

fn place(kind: &KeptKind) -> (&'static str, Option<String>, Option<&[u8]>) {
    match kind {
        KeptKind::Blob(id) => ("blob", Some(id.to_string()), None),
        KeptKind::Link(id) => ("link", Some(id.to_string()), None),
        KeptKind::Aside(path) => ("aside", None, Some(path.as_os_str().as_bytes())),
        KeptKind::Nothing => ("nothing", None, None),
    }
}

/// The skill that the plan changes at a path, or below it where a directory of it was taken.
fn skill_at<'a>(plan: &'a Plan, path: &TreePath) -> Option<&'a SkillId> {
    let is_at = |file: &TreePath| file == path || file.is_below(path);
    let change = plan.changes.iter().find(|change| change.files.iter().any(|file| is_at(&file.path)))?;
    Some(&change.skill)
}

/// What is kept, the newest first.
pub(super) fn load(db: &Connection) -> Result<Vec<Drifted>, Fault> {
    let mut query = db.prepare_cached(
        "SELECT id, skill, path, at, size, sha256, pass, kind, object, aside FROM drift
         ORDER BY at DESC, id DESC",
    )?;
    let mut rows = query.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(drifted(row)?);
    }
    Ok(all)
}

fn drifted(row: &Row<'_>) -> Result<Drifted, Fault> {
    Ok(Drifted {
        id: row.get(0)?,
        skill: row.get_ref(1)?.as_str_or_null()?.map(SkillId::new),
        path: row.get_ref(2)?.as_str()?.parse()?,
        at: column::time(row, 3)?,
        size: column::unsigned(row, 4)?,
        sha256: row.get::<_, Option<[u8; 32]>>(5)?.map(Digest::from),
        pass: column::pass(row, 6)?,
        kind: kind(row)?,
    })
}

fn kind(row: &Row<'_>) -> Result<KeptKind, Fault> {
    let object = || Ok::<_, Fault>(row.get_ref(8)?.as_str()?.parse()?);
    match row.get_ref(7)?.as_str()? {
        "blob" => Ok(KeptKind::Blob(object()?)),
        "link" => Ok(KeptKind::Link(object()?)),
        "aside" => Ok(KeptKind::Aside(OsStr::from_bytes(row.get_ref(9)?.as_blob()?).into())),
        "nothing" => Ok(KeptKind::Nothing),
        other => Err(Fault::Odd(format!("kept bytes of the kind `{other}`"))),
    }
}

/// Whether anything is kept from before a moment.
pub(super) fn is_any_before(db: &Connection, oldest: Timestamp) -> Result<bool, Fault> {
    let mut query = db.prepare_cached("SELECT 1 FROM drift WHERE at < ?1 LIMIT 1")?;
    Ok(query.exists([oldest.millis().cast_signed()])?)
}

/// What must go, the newest of it first: what is from before a moment, and the oldest of the rest until
/// it has at most `limit` bytes. What is larger than that by itself goes alone: a sparse file costs its
/// maker nothing, and must not push out what else is kept.
pub(super) fn beyond(db: &Connection, limit: u64, oldest: Timestamp) -> Result<Vec<Drifted>, Fault> {
    let mut total = 0u64;
    let mut is_over = |drifted: &Drifted| {
        if drifted.size > limit {
            return true;
        }
        total = total.saturating_add(drifted.size);
        total > limit || drifted.at < oldest
    };
    Ok(load(db)?.into_iter().filter(|drifted| is_over(drifted)).collect())
}

/// Forgets what was kept under these names and records it.
pub(super) fn forget(db: &Connection, audit: &mut Appender<'_>, gone: &[Drifted]) -> Result<(), Fault> {
    for Drifted { id, skill, path, size, sha256, .. } in gone {
        db.prepare_cached("DELETE FROM drift WHERE id = ?1")?.execute([id])?;
        let skill = skill.as_ref();
        audit.append(Kind::Dropped, &DriftBody { id, skill, path, size: *size, sha256: *sha256 })?;
    }
    Ok(())
}
