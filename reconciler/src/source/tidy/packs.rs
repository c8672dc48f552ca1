//! The packs and the loose objects of a mirror, as they lie on the disk.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use git2::Oid;

use crate::source::mirror::MirrorError;

/// The first bytes of a pack's index in version 2, the only one that libgit2 writes.
const MAGIC: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];

/// How many bytes the table of an index takes that says how many objects begin with each byte.
const FANOUT: usize = 256 * 4;

/// How many bytes an object's id has.
const ID: usize = 20;

/// The directory of loose objects that stands for all 256 of them when they are counted.
const SAMPLE: &str = "objects/17";

/// A pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pack {
    /// The file that ends in `.pack`.
    pub(super) path: PathBuf,
    /// Its bytes.
    pub(super) size: u64,
}

/// A loose object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loose {
    /// Its file.
    pub(super) path: PathBuf,
    /// Its id.
    pub(super) id: Oid,
}

impl Pack {
    /// The pack in a file.
    pub(super) fn at(path: &Path) -> Result<Self, MirrorError> {
        let size = fs::metadata(path).map_err(MirrorError::io("look at", path))?.len();
        Ok(Self { path: path.to_owned(), size })
    }

    /// Its files in the order in which they go: a sweep takes a pack without its mark for one that must
    /// be proven whole, and an index without its pack for left over.
    pub(super) fn parts(&self) -> [PathBuf; 3] {
        ["keep", "pack", "idx"].map(|end| self.path.with_extension(end))
    }

    /// The ids of its objects, as its index has them.
    pub(super) fn objects(&self) -> Result<Vec<Oid>, MirrorError> {
        let path = self.path.with_extension("idx");
        let index = fs::read(&path).map_err(MirrorError::io("read", &path))?;
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "it is no index of a pack in version 2");
        ids(&index).ok_or_else(broken).map_err(MirrorError::io("read", &path))
    }
}

fn ids(index: &[u8]) -> Option<Vec<Oid>> {
    let fanout = index.strip_prefix(&MAGIC)?.get(..FANOUT)?;
    let count = u32::from_be_bytes(fanout.last_chunk().copied()?);
    let begin = MAGIC.len() + FANOUT;
    let end = begin + usize::try_from(count).ok()?.checked_mul(ID)?;
    index.get(begin..end)?.chunks_exact(ID).map(|id| Oid::from_bytes(id).ok()).collect()
}

/// Whether there are so many packs, or so many loose objects, that merging them is worth it. It costs two
/// short lists.
pub(super) fn are_many(mirror: &Path, packs: usize, loose: usize) -> Result<bool, MirrorError> {
    let all = entries(&mirror.join("objects/pack"))?;
    let count = all.iter().filter(|entry| is_pack(&entry.path())).count();
    Ok(count >= packs || entries(&mirror.join(SAMPLE))?.len() * 256 >= loose)
}

/// The packs that have an index; what else is there belongs to a sweep.
pub(super) fn list(mirror: &Path) -> Result<Vec<Pack>, MirrorError> {
    let paths = entries(&mirror.join("objects/pack"))?.into_iter().map(|entry| entry.path());
    let whole = |path: &PathBuf| is_pack(path) && path.with_extension("idx").exists();
    paths.filter(whole).map(|path| Pack::at(&path)).collect()
}

/// The loose objects.
pub(super) fn loose(mirror: &Path) -> Result<Vec<Loose>, MirrorError> {
    let mut all = Vec::new();
    for shard in entries(&mirror.join("objects"))? {
        let shard_name = shard.file_name().to_string_lossy().into_owned();
        if shard_name.len() != 2 {
            continue;
        }
        for entry in entries(&shard.path())? {
            let digits = format!("{shard_name}{}", entry.file_name().to_string_lossy());
            let id = Oid::from_str(&digits).ok().filter(|_| digits.len() == 2 * ID);
            all.extend(id.map(|id| Loose { path: entry.path(), id }));
        }
    }
    Ok(all)
}

fn is_pack(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "pack")
}

/// What a directory holds; nothing where there is none.
fn entries(dir: &Path) -> Result<Vec<DirEntry>, MirrorError> {
    match fs::read_dir(dir).and_then(Iterator::collect) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(MirrorError::io("list", dir)),
    }
}
