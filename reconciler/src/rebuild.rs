//! `state rebuild`: a database or a mirror that cannot be used is set aside, and what they knew is made
//! again from what is served. Nothing on the target changes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::cancel::Cancel;
use crate::desired;
use crate::ids::{CommitId, Digest, Timestamp};
use crate::options::{Judging, Options, Selection};
use crate::orders::Actor;
use crate::reconcile::{APPLIED, DATABASE, MIRROR, OpenError};
use crate::record::{self, AppliedSource, PreviousChain, Record, RecordError};
use crate::report::{Remedy, error_text};
use crate::source::{self, Mirror, MirrorError, Progress, Reference};
use crate::target::{Target, TargetError};
use crate::tree::{SkillVersion, Skills};
use crate::verdict::{self, Law, MemoryCache};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Where the old database is; none where it was whole and stays.
    pub database: Option<PathBuf>,
    /// Where the old mirror is; none where it was whole and stays.
    pub mirror: Option<PathBuf>,
    /// How many skills are owned now.
    pub skills: usize,
    /// The end of the chain that the new one names; none where the old one stays or cannot be read.
    pub previous: Option<PreviousChain>,
}

/// Looks at database and mirror, and makes again what is broken. `actor` asked for it.
///
/// # Errors
/// Another process holds the target; the file system fails; a database of another program is in the way.
pub fn rebuild(
    options: &Options,
    actor: &Actor,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Done, OpenError> {
    let Options { target, state, require_mount, .. } = options;
    let target = Target::open(target, state, *require_mount, Duration::ZERO, cancel)?;
    let at = Timestamp::now();
    let (old_mirror, mirror) = open_mirror(options, at)?;
    let (database, mut record) = open_record(options, &mirror, at)?;
    let known = record.inventory()?.skills;
    let applied = match &database {
        None => record.last_applied()?,
        Some(_) => applied(options, &mirror),
    };
    let mut skills = match &database {
        None => Skills::clone(&known),
        Some(_) => served(&mirror, applied.as_ref()),
    };
    if old_mirror.is_some() {
        bring_applied(options, &mirror, applied.as_ref(), cancel, progress);
        skills = seed(&mirror, &target, skills)?;
    }
    if database.is_none() && old_mirror.is_none() {
        return Ok(Done { database, mirror: old_mirror, skills: skills.len(), previous: None });
    }
    mirror.pin_served(&skills)?;
    mirror.sync()?;
    let previous = record.rebuild(&record::Rebuilt {
        actor,
        at,
        database: database.as_deref(),
        mirror: old_mirror.as_deref(),
        before: &known,
        skills: &skills,
        applied: applied.as_ref(),
    })?;
    Ok(Done { database, mirror: old_mirror, skills: skills.len(), previous })
}

/// The record; a new one where the old cannot be used, and where that is now.
fn open_record(
    options: &Options,
    mirror: &Mirror,
    at: Timestamp,
) -> Result<(Option<PathBuf>, Record), RecordError> {
    let path = options.state.join(DATABASE);
    let opened = crate::reconcile::open_record(options, mirror);
    let broken = match opened.and_then(|record| record.check().map(|()| record)) {
        Ok(record) => return Ok((None, record)),
        Err(error) => error,
    };
    let is_broken = matches!(
        broken,
        RecordError::Lost { .. }
            | RecordError::NotADatabase { .. }
            | RecordError::Newer { .. }
            | RecordError::Corrupt { .. }
            | RecordError::Inconsistent { .. }
    );
    if !is_broken {
        return Err(broken);
    }
    tracing::warn!(error = error_text(&broken), "the database is set aside");
    let aside = record::broken_name(&path, at);
    record::set_aside(&path, &aside)?;
    Ok((Some(aside), Record::open(&path, &options.environment)?))
}

/// The mirror; a new one where the old cannot be used, and where that is now.
fn open_mirror(options: &Options, at: Timestamp) -> Result<(Option<PathBuf>, Mirror), MirrorError> {
    let path = options.state.join(MIRROR);
    let broken = match Mirror::open(&path).and_then(|mirror| mirror.check().map(|()| mirror)) {
        Ok(mirror) => return Ok((None, mirror)),
        Err(error) => error,
    };
    if broken.remedy() != Remedy::Person {
        return Err(broken);
    }
    tracing::warn!(error = error_text(&broken), "the mirror is set aside");
    let aside = record::broken_name(&path, at);
    std::fs::rename(&path, &aside).map_err(|source| MirrorError::Io {
        what: "set aside",
        path: path.clone(),
        source,
    })?;
    Ok((Some(aside), Mirror::open(&path)?))
}

/// What was applied last, as the mirror says; repository and path are taken from the settings.
fn applied(options: &Options, mirror: &Mirror) -> Option<AppliedSource> {
    let commit: CommitId = mirror.git().refname_to_id(APPLIED).ok()?.into();
    let (repo, path) = (options.source.url.to_string(), options.selection.root.clone());
    Some(AppliedSource { repo, path, reference: commit.to_string(), commit, layout: None })
}

/// What is served, as the mirror's own tree of it says: read as skills, and judged for what makes a file
/// or a directory one, since all of it was accepted once.
fn served(mirror: &Mirror, applied: Option<&AppliedSource>) -> Skills {
    let Some(commit) = mirror.served_commit() else { return Skills::new() };
    let (selection, law) = (Selection::default(), Law::new(Judging { strict: false, block: None }));
    let memory = &mut desired::Memory::default();
    let Ok(desired) = desired::read(mirror.git(), commit, &selection, memory) else { return Skills::new() };
    let judged = verdict::judge(&desired, mirror.git(), &Skills::new(), &law, &mut MemoryCache::default());
    let skills = judged.map(|judged| Arc::clone(judged.accepted.skills())).unwrap_or_default();
    let revision = applied.map_or(commit, |applied| applied.commit);
    let published = |version: &SkillVersion| Arc::new(SkillVersion { revision, ..version.clone() });
    skills.iter().map(|(id, version)| (id.clone(), published(version))).collect()
}

/// Brings the applied commit into a new mirror, so that what follows can be compared with it. Without it
/// the next pass waits for a word.
fn bring_applied(
    options: &Options,
    mirror: &Mirror,
    applied: Option<&AppliedSource>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) {
    let Some(applied) = applied else { return };
    let source = source::Source { reference: Reference::Commit(applied.commit), ..options.source.clone() };
    if let Err(error) = source::fetch(&source, mirror, cancel, progress) {
        let commit = applied.commit;
        tracing::warn!(%commit, error = error_text(&error), "the applied commit could not be fetched");
    }
}

/// Puts into a new mirror what the volume holds as it was published. A skill of which a file is nowhere
/// any more is no longer owned: its files stay where they are.
fn seed(mirror: &Mirror, target: &Target, skills: Skills) -> Result<Skills, OpenError> {
    let mut seeded = BTreeMap::new();
    for (id, version) in skills {
        let mut whole = true;
        for (path, file) in &version.files {
            if mirror.blob_size(file.blob).is_ok() {
                continue;
            }
            let bytes = target.read(path, file.size).map_err(|error| io(target, error))?;
            match bytes.filter(|bytes| Digest::of(bytes) == file.digest) {
                Some(bytes) => mirror.add_blob(&bytes)?,
                None => whole = false,
            }
        }
        match whole {
            true => drop(seeded.insert(id, version)),
            false => tracing::warn!(skill = %id, "not all of it is left: it is no longer owned"),
        }
    }
    Ok(seeded)
}

fn io(target: &Target, source: std::io::Error) -> TargetError {
    TargetError::Io { what: format!("read `{}`", target.path().display()), source }
}
