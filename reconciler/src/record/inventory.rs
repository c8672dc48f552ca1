//! The inventory: what we own on the volume, file by file, with the stat cache beside it. It is
//! written as the difference between two sets of skills, never as a whole.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use super::error::Fault;
use crate::ids::{BlobId, SkillId};
use crate::observed::{Known, Stamp, StatCache};
use crate::path::TreePath;
use crate::plan::Plan;
use crate::tree::{FileMode, FileVersion, Files, SkillVersion, Skills};

/// What we own, and what is known of it on the volume.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The skills, at the versions that were published.
    pub skills: Arc<Skills>,
    /// The files that were seen to hold those bytes, and under which stamp.
    pub known: Arc<StatCache>,
}

impl Inventory {
    /// What is owned and known after a pass that served `skills` and learnt these stamps. What stays as
    /// it was stays shared.
    pub(crate) fn after(&self, plan: &Plan, learnt: StatCache) -> Self {
        let mut known = Arc::clone(&self.known);
        let files = plan.changes.iter().flat_map(|change| &change.files);
        let gone: Vec<_> = files.filter(|file| file.to.is_none()).map(|file| &file.path).collect();
        if !learnt.is_empty() || !gone.is_empty() {
            let known = Arc::make_mut(&mut known);
            for path in gone {
                known.remove(path);
            }
            known.extend(learnt);
        }
        Self { skills: Arc::clone(&plan.next), known }
    }
}

/// What turns one set of skills into another: none where it goes.
pub(super) type Delta<'a> = Vec<(&'a SkillId, Option<&'a SkillVersion>)>;

/// Compares two sets of skills in one walk over both, in the order of the ids. Versions that are
/// shared cost a pointer.
pub(super) fn delta<'a>(before: &'a Skills, after: &'a Skills) -> Delta<'a> {
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    let mut delta = Delta::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return delta,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let gone = old.next_if(|_| order.is_le());
        match (gone, new.next_if(|_| order.is_ge())) {
            (Some((_, was)), Some((_, is))) if Arc::ptr_eq(was, is) || was == is => {}
            (_, Some((skill, version))) => delta.push((skill, Some(&**version))),
            (Some((skill, _)), None) => delta.push((skill, None)),
            (None, None) => {}
        }
    }
}

/// Makes the stored inventory equal to `after`; what changed loses its stamps.
pub(super) fn write(db: &Connection, before: &Skills, after: &Skills) -> Result<(), Fault> {
    let delta = delta(before, after);
    let served = |skill: &SkillId| before.get(skill).map(|old| &old.files);
    // Every path that is left is free before one is taken: a file may go from one skill to another.
    for (skill, version) in &delta {
        for path in served(skill).into_iter().flat_map(Files::keys) {
            if version.is_none_or(|version| !version.files.contains_key(path)) {
                db.prepare_cached("DELETE FROM files WHERE path = ?1")?.execute([path.as_str()])?;
            }
        }
    }
    for (skill, version) in delta {
        match version {
            Some(version) => put(db, skill, version, served(skill))?,
            None => {
                db.prepare_cached("DELETE FROM skills WHERE skill = ?1")?.execute([skill.as_str()])?;
            }
        }
    }
    Ok(())
}

fn put(
    db: &Connection,
    skill: &SkillId,
    version: &SkillVersion,
    served: Option<&Files>,
) -> Result<(), Fault> {
    let mut row = db.prepare_cached(
        "INSERT INTO skills (skill, entry, name, revision) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (skill) DO UPDATE SET entry = ?2, name = ?3, revision = ?4",
    )?;
    row.execute(params![skill.as_str(), version.entry.as_str(), version.name, version.revision.to_string()])?;
    let mut row = db.prepare_cached(
        "INSERT INTO files (path, skill, blob, sha256, size, executable) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (path) DO UPDATE SET skill = ?2, blob = ?3, sha256 = ?4, size = ?5, executable = ?6,
             dev = NULL, ino = NULL, mtime_ns = NULL, ctime_ns = NULL, read_at_ns = NULL",
    )?;
    for (path, file) in &version.files {
        if served.and_then(|served| served.get(path)) == Some(file) {
            continue;
        }
        row.execute(params![
            path.as_str(),
            skill.as_str(),
            file.blob.oid().as_bytes(),
            file.digest.as_bytes(),
            file.size.cast_signed(),
            file.mode == FileMode::Executable,
        ])?;
    }
    Ok(())
}

/// Stores stamps under which files were seen to hold the bytes that we published there. What was
/// seen with other bytes is not stored: it is about to be put right and to get another stamp.
pub(super) fn write_stamps(db: &Connection, known: &StatCache) -> Result<(), Fault> {
    let mut row = db.prepare_cached(
        "UPDATE files SET dev = ?2, ino = ?3, mtime_ns = ?4, ctime_ns = ?5, read_at_ns = ?6
         WHERE path = ?1 AND sha256 = ?7 AND size = ?8",
    )?;
    for (path, Known { stamp, digest, read_at_ns }) in known {
        row.execute(params![
            path.as_str(),
            stamp.dev.cast_signed(),
            stamp.ino.cast_signed(),
            stamp.mtime_ns,
            stamp.ctime_ns,
            read_at_ns,
            digest.as_bytes(),
            stamp.size.cast_signed(),
        ])?;
    }
    Ok(())
}

/// Reads the whole inventory.
pub(super) fn load(db: &Connection) -> Result<Inventory, Fault> {
    let mut skills = load_skills(db)?;
    let mut known = StatCache::with_capacity(skills.len());
    let mut query = db.prepare_cached(
        "SELECT skill, path, blob, sha256, size, executable, dev, ino, mtime_ns, ctime_ns, read_at_ns
         FROM files ORDER BY path",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let skill = row.get_ref(0)?.as_str()?;
        let path: TreePath = row.get_ref(1)?.as_str()?.parse()?;
        let file = file_version(row)?;
        if let Some(stamp) = stamp(row, file)? {
            known.insert(path.clone(), stamp);
        }
        let owner = skills.get_mut(skill).ok_or_else(|| Fault::Odd(format!("`{path}` is no skill's")))?;
        owner.files.insert(path, file);
    }
    let share = |(skill, mut version): (String, SkillVersion)| {
        version.files.close();
        let has_entry = version.files.contains_key(&version.entry);
        let whole = (SkillId::new(&skill), Arc::new(version));
        if has_entry { Ok(whole) } else { Err(Fault::Odd(format!("the skill `{skill}` has no entry"))) }
    };
    let skills: Skills = skills.into_iter().map(share).collect::<Result<_, _>>()?;
    Ok(Inventory { skills: Arc::new(skills), known: Arc::new(known) })
}

/// The skills, without their files.
fn load_skills(db: &Connection) -> Result<HashMap<String, SkillVersion>, Fault> {
    let mut query = db.prepare_cached("SELECT skill, entry, name, revision FROM skills")?;
    let mut rows = query.query([])?;
    let mut skills = HashMap::new();
    while let Some(row) = rows.next()? {
        let version = SkillVersion {
            entry: row.get_ref(1)?.as_str()?.parse()?,
            name: row.get(2)?,
            revision: row.get_ref(3)?.as_str()?.parse()?,
            files: Files::default(),
        };
        skills.insert(row.get(0)?, version);
    }
    Ok(skills)
}

fn file_version(row: &Row<'_>) -> Result<FileVersion, Fault> {
    let blob: [u8; 20] = row.get(2)?;
    let blob = git2::Oid::from_bytes(&blob).map_err(|error| Fault::Odd(error.message().to_owned()))?;
    Ok(FileVersion {
        blob: BlobId::from(blob),
        digest: row.get::<_, [u8; 32]>(3)?.into(),
        size: row.get::<_, i64>(4)?.cast_unsigned(),
        mode: if row.get(5)? { FileMode::Executable } else { FileMode::Regular },
    })
}

fn stamp(row: &Row<'_>, file: FileVersion) -> Result<Option<Known>, Fault> {
    let Some(dev) = row.get::<_, Option<i64>>(6)? else { return Ok(None) };
    let stamp = Stamp {
        dev: dev.cast_unsigned(),
        ino: row.get::<_, i64>(7)?.cast_unsigned(),
        size: file.size,
        mtime_ns: row.get(8)?,
        ctime_ns: row.get(9)?,
    };
    Ok(Some(Known { stamp, digest: file.digest, read_at_ns: row.get(10)? }))
}

/// How many skills are served.
pub(super) fn count(db: &Connection) -> Result<u64, Fault> {
    let count: i64 = db.prepare_cached("SELECT count(*) FROM skills")?.query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}
