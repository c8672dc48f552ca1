//! Removing what a killed fetch, or a power cut, left in the mirror.
//!
//! libgit2 refuses for ever what a leftover lock guards, and each killed fetch leaves a temporary pack.

use std::fs::{self, DirEntry};
use std::io::{self, Read as _};
use std::path::Path;

use git2::{Oid, Repository};

use super::libgit2;
use super::mirror::MirrorError;

/// How much of a pack is read at a time, in bytes.
const BLOCK: usize = 64 * 1024;

/// Sweeps the mirror at `root`.
pub(super) fn sweep(root: &Path) -> Result<(), MirrorError> {
    let objects = root.join("objects");
    remove_leftovers(root, false)?;
    remove_leftovers(&root.join("refs"), true)?;
    remove_leftovers(&objects, false)?;
    remove_leftovers(&objects.join("pack"), false)?;
    settle_packs(&objects.join("pack"))
}

/// Removes what a power cut left of files that were not synced yet: empty objects, and references that
/// are empty or name what never reached the disk. libgit2 would take the first for present, and refuse
/// to fetch because of the second.
pub(super) fn settle(repository: &Repository) -> Result<(), MirrorError> {
    let objects = repository.path().join("objects");
    for shard in entries(&objects)? {
        let is_shard = shard.file_name().len() == 2;
        for object in if is_shard { entries(&shard.path())? } else { Vec::new() } {
            let metadata = object.metadata().map_err(MirrorError::io("look at", &object.path()))?;
            if metadata.len() == 0 {
                remove_broken(&object.path())?;
            }
        }
    }
    settle_references(repository, &repository.path().join("refs"))
}

fn settle_references(repository: &Repository, dir: &Path) -> Result<(), MirrorError> {
    for entry in entries(dir)? {
        let path = entry.path();
        if entry.file_type().map_err(MirrorError::io("look at", &path))?.is_dir() {
            settle_references(repository, &path)?;
        } else if !names_an_object(repository, &path)? {
            remove_broken(&path)?;
        }
    }
    Ok(())
}

fn names_an_object(repository: &Repository, path: &Path) -> Result<bool, MirrorError> {
    let text = fs::read(path).map_err(MirrorError::io("read", path))?;
    let id = std::str::from_utf8(&text).ok().and_then(|text| Oid::from_str(text.trim_end()).ok());
    Ok(id.is_some_and(|id| repository.odb().is_ok_and(|odb| odb.exists(id))))
}

fn remove_broken(path: &Path) -> Result<(), MirrorError> {
    tracing::warn!(path = %path.display(), "removing what a power cut left broken");
    remove(path)
}

fn is_leftover(name: &str) -> bool {
    // libgit2 names its temporary files `<name>_git2_<random>`, git `tmp_<name>_<random>`.
    name.ends_with(".lock") || name.starts_with("tmp_") || name.contains("_git2_")
}

fn remove_leftovers(dir: &Path, deep: bool) -> Result<(), MirrorError> {
    for entry in entries(dir)? {
        let is_dir = entry.file_type().map_err(MirrorError::io("look at", &entry.path()))?.is_dir();
        if is_dir && deep {
            remove_leftovers(&entry.path(), true)?;
        } else if !is_dir && is_leftover(&entry.file_name().to_string_lossy()) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Checks each pack that was never marked as durable: whole ones stay, broken ones go, and so does an
/// index without its pack. What they held is fetched again, since nothing was served from it yet.
fn settle_packs(dir: &Path) -> Result<(), MirrorError> {
    for entry in entries(dir)? {
        let path = entry.path();
        let has = |end: &str| path.with_extension(end).exists();
        match path.extension().and_then(|end| end.to_str()) {
            Some("idx") if !has("pack") => remove(&path)?,
            Some("pack") if !has("keep") && !is_whole(&path)? => {
                remove(&path.with_extension("idx"))?;
                remove_broken(&path)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Indexes a pack anew, which reads every object and the checksum at its end. The index that comes out
/// replaces the one that is there.
fn is_whole(pack: &Path) -> Result<bool, MirrorError> {
    libgit2::initialise();
    let dir = pack.parent().unwrap_or(Path::new("."));
    let broken = |error: git2::Error| {
        tracing::debug!(%error, pack = %pack.display(), "the pack does not index");
        Ok(false)
    };
    let mut indexer = match git2::Indexer::new(None, dir, 0o444, false) {
        Ok(indexer) => indexer,
        Err(error) => return broken(error),
    };
    let mut file = fs::File::open(pack).map_err(MirrorError::io("open", pack))?;
    let mut block = vec![0; BLOCK];
    loop {
        let read = file.read(&mut block).map_err(MirrorError::io("read", pack))?;
        if read == 0 {
            break;
        }
        if io::Write::write_all(&mut indexer, &block[..read]).is_err() {
            return Ok(false);
        }
    }
    match indexer.commit() {
        Ok(_) => Ok(true),
        Err(error) => broken(error),
    }
}

fn entries(dir: &Path) -> Result<Vec<DirEntry>, MirrorError> {
    let listed = fs::read_dir(dir).and_then(Iterator::collect);
    listed.map_err(MirrorError::io("list", dir))
}

fn remove(path: &Path) -> Result<(), MirrorError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(MirrorError::io("remove", path)(error)),
        _ => Ok(()),
    }
}
