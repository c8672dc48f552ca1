//! Keeping the mirror small. libgit2 collects nothing by itself: each fetch would leave a pack, and each
//! change loose objects, for ever.
//!
//! Packs are merged once there are many. Only the small ones are written anew, as long as each that stays
//! is larger than all the smaller ones together: so a byte is written again a few times in its life, and a
//! large first clone hardly ever. Once what came since takes as much room as the largest pack, all of it is
//! written anew, and what no reference keeps is left out: then the mirror is at most about twice what it
//! must hold.
//!
//! ```text
//! the new pack ─▶ synced and marked ─▶ the end of history is noted ─▶ old packs and loose objects go
//! ```
//!
//! A crash in between leaves objects twice, and never none: nothing goes before its copy is durable.

mod alive;
mod packs;

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use git2::Oid;

use super::libgit2;
use super::mirror::{Mirror, MirrorError};
use crate::cancel::Cancel;
use alive::Alive;
use packs::{Loose, Pack};

/// From so many packs on they are merged: each is a file that every look for an object may open.
const MANY_PACKS: usize = 50;

/// From so many loose objects on they are packed.
const MANY_LOOSE: usize = 2_048;

/// What came since everything was written anew may take so many bytes, however small that was.
const ROOM: u64 = 4 << 20;

/// A mirror of more bytes than this is not written anew as a whole, which would keep passes waiting for
/// minutes: its packs are merged, and `MAX_REPO_BYTES` is its limit.
const LARGEST_REWRITE: u64 = 1 << 30;

/// What is to be done, decided before anything is.
#[derive(Debug, Default)]
struct Tidying {
    /// What the new pack holds, each with a name that tells what it resembles.
    objects: Vec<(Oid, String)>,
    /// The commits behind which history ends from here on; none where that stays as it is.
    ends: Option<BTreeSet<Oid>>,
    /// The packs that go.
    packs: Vec<Pack>,
    /// The loose objects that go.
    loose: Vec<Loose>,
}

impl Mirror {
    /// Merges packs and lets go of what no reference keeps, where that is worth it. Call it under the lock
    /// of the state directory while nothing that is not under a reference is needed: between two passes.
    ///
    /// It ends early once `cancel` asks; the next call goes on.
    ///
    /// # Errors
    /// What the file system or libgit2 says; nothing is lost then, and the next call begins anew.
    pub fn tidy(&mut self, cancel: &Cancel) -> Result<bool, MirrorError> {
        if !packs::are_many(self.path(), MANY_PACKS, MANY_LOOSE)? {
            return Ok(false);
        }
        let tidying = self.plan_tidying()?;
        self.carry_out(&tidying, &mut || !cancel.is_cancelled())?;
        Ok(true)
    }

    /// Decides what goes and what the new pack holds.
    fn plan_tidying(&self) -> Result<Tidying, MirrorError> {
        let alive = Alive::walk(self.git()).map_err(|e| self.damaged("what its references keep", e))?;
        let (packs, loose) = (packs::list(self.path())?, packs::loose(self.path())?);
        if is_worth_all(&packs) {
            let objects = alive.objects.into_iter().collect();
            return Ok(Tidying { objects, ends: Some(alive.ends), packs, loose });
        }
        let (merged, stay) = split(packs);
        let mut present = HashSet::new();
        for pack in &stay {
            present.extend(pack.objects()?);
        }
        let mut objects = Vec::new();
        let loose_alive = loose.iter().map(|loose| loose.id).filter(|id| alive.objects.contains_key(id));
        let mut packed = Vec::new();
        for pack in &merged {
            packed.extend(pack.objects()?);
        }
        for id in packed.into_iter().chain(loose_alive) {
            if present.insert(id) {
                objects.push((id, alive.objects.get(&id).cloned().unwrap_or_default()));
            }
        }
        Ok(Tidying { objects, ends: None, packs: merged, loose })
    }

    /// Does it. `go_on` is asked before each change of a file that has no way back.
    fn carry_out(&mut self, tidying: &Tidying, go_on: &mut dyn FnMut() -> bool) -> Result<(), MirrorError> {
        let mut written = None;
        if !tidying.objects.is_empty() {
            if !go_on() {
                return Ok(());
            }
            let pack = self.write_pack(&tidying.objects)?;
            self.sync()?;
            self.check_pack(&pack, &tidying.objects)?;
            written = Some(pack);
        }
        if let Some(ends) = &tidying.ends {
            if !go_on() {
                return Ok(());
            }
            write_ends(self.path(), ends)?;
        }
        let packs = tidying.packs.iter().filter(|pack| Some(&pack.path) != written.as_ref());
        let loose = tidying.loose.iter().map(|loose| loose.path.clone());
        for path in packs.flat_map(Pack::parts).chain(loose) {
            if !go_on() {
                break;
            }
            remove(&path)?;
        }
        self.reopen()
    }

    /// Writes the new pack with its index, under a name that a sweep knows until it is whole.
    fn write_pack(&self, objects: &[(Oid, String)]) -> Result<PathBuf, MirrorError> {
        let dir = self.path().join("objects/pack");
        let written = self.git().packbuilder().and_then(|mut builder| {
            for (id, name) in objects {
                builder.insert_object(*id, Some(name))?;
            }
            builder.write(&dir, 0)?;
            Ok(builder.name()?.unwrap_or_default().to_owned())
        });
        let name = written.map_err(|e| self.unwritten("a pack", e))?;
        Ok(dir.join(format!("pack-{name}.pack")))
    }

    /// Nothing goes before the new pack is known to hold what it was made for, and to be durable.
    fn check_pack(&self, path: &Path, objects: &[(Oid, String)]) -> Result<(), MirrorError> {
        let held: HashSet<Oid> = Pack::at(path)?.objects()?.into_iter().collect();
        if path.with_extension("keep").exists() && objects.iter().all(|(id, _)| held.contains(id)) {
            return Ok(());
        }
        Err(self.unwritten("a pack", git2::Error::from_str("the pack does not hold what it was made for")))
    }

    /// libgit2 holds on to the files that it has opened.
    fn reopen(&mut self) -> Result<(), MirrorError> {
        let unusable = |source| MirrorError::Unusable { path: self.path().to_owned(), source };
        let repository = libgit2::open_bare(self.path()).map_err(unusable)?;
        self.replace_repository(repository);
        Ok(())
    }
}

/// Whether what came since the largest pack takes as much room as it does, and all of it is worth writing
/// anew.
fn is_worth_all(packs: &[Pack]) -> bool {
    let total: u64 = packs.iter().map(|pack| pack.size).sum();
    let largest = packs.iter().map(|pack| pack.size).max().unwrap_or_default();
    total - largest > largest.max(ROOM) && total <= LARGEST_REWRITE
}

/// Splits packs into those that are merged and those that stay: each of these is larger than all the
/// smaller ones together.
fn split(mut packs: Vec<Pack>) -> (Vec<Pack>, Vec<Pack>) {
    packs.sort_by_key(|pack| pack.size);
    let mut smaller: u64 = packs.iter().map(|pack| pack.size).sum();
    let mut merged = packs.len();
    while let Some(pack) = merged.checked_sub(1).and_then(|last| packs.get(last)) {
        smaller -= pack.size;
        if pack.size < smaller {
            break;
        }
        merged -= 1;
    }
    let stay = packs.split_off(merged);
    (packs, stay)
}

/// Notes where history ends, before what lies behind it goes: git calls such a repository shallow, and
/// tells it to servers, which then take nothing behind it for present.
fn write_ends(mirror: &Path, ends: &BTreeSet<Oid>) -> Result<(), MirrorError> {
    let (path, part) = (mirror.join("shallow"), mirror.join("tmp_shallow"));
    let text: String = ends.iter().map(|id| format!("{id}\n")).collect();
    if text.is_empty() {
        return remove(&path);
    }
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(MirrorError::io("write", &part))?;
    fs::rename(&part, &path).map_err(MirrorError::io("write", &path))?;
    File::open(mirror).and_then(|dir| dir.sync_all()).map_err(MirrorError::io("sync", mirror))
}

fn remove(path: &Path) -> Result<(), MirrorError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(MirrorError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
