//! Making the mirror durable: libgit2 leaves nearly all that it writes to the kernel's mercy.
//!
//! A pack that is durable has a `.keep` beside it (git's own mark for a pack that stays): it is made
//! after the pack and its index are synced, so a pack without one may be broken after a power cut.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::mirror::MirrorError;

/// Up to so many new files are synced one by one; for more, the whole file system at once is faster.
const FEW: usize = 6;
/// A directory that changed more recently than this may change again within one tick of the clock
/// that stamps it: it is looked at again next time.
const CLOCK_GRAIN: Duration = Duration::from_millis(100);

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    ino: u64,
    size: u64,
    mtime: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { ino: metadata.ino(), size: metadata.size(), mtime: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

/// What is known to be durable of one directory.
#[derive(Default, Clone)]
struct Directory {
    /// None where it may have changed since.
    stamp: Option<Stamp>,
    files: HashMap<OsString, Stamp>,
    directories: Vec<OsString>,
}

/// What of the mirror this process knows to be durable.
pub(super) struct Durable {
    root: PathBuf,
    known: HashMap<PathBuf, Directory>,
}

/// What one look found.
#[derive(Default)]
struct News {
    files: Vec<PathBuf>,
    directories: Vec<(PathBuf, Directory)>,
}

impl Durable {
    /// Knows nothing yet.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), known: HashMap::new() }
    }

    /// Syncs what is new since the last time, then what names it.
    pub(super) fn sync(&mut self) -> Result<(), MirrorError> {
        let mut news = News::default();
        self.look(&self.root, &mut news)?;
        let changed: Vec<_> = news.directories.iter().filter(|(path, now)| self.differs(path, now)).collect();
        if changed.is_empty() {
            self.remember(news);
            return Ok(());
        }
        if news.files.len() > FEW {
            let root = File::open(&self.root).map_err(MirrorError::io("open", &self.root))?;
            rustix::fs::syncfs(root).map_err(|e| MirrorError::io("sync", &self.root)(e.into()))?;
        } else {
            news.files.iter().try_for_each(|path| sync_one(path))?;
        }
        mark_packs(&news.files)?;
        changed.iter().try_for_each(|(path, _)| sync_one(path))?;
        self.remember(news);
        Ok(())
    }

    /// Lists the directories that changed, and the files in them that are not known.
    fn look(&self, path: &Path, news: &mut News) -> Result<(), MirrorError> {
        let metadata = fs::metadata(path).map_err(MirrorError::io("look at", path))?;
        let stamp = Stamp::of(&metadata);
        let known = self.known.get(path);
        if let Some(known) = known.filter(|known| known.stamp == Some(stamp)) {
            return known.directories.iter().try_for_each(|name| self.look(&path.join(name), news));
        }
        let mut now = Directory { stamp: is_settled(&metadata).then_some(stamp), ..Directory::default() };
        for entry in fs::read_dir(path).map_err(MirrorError::io("list", path))? {
            let entry = entry.map_err(MirrorError::io("list", path))?;
            let metadata = entry.metadata().map_err(MirrorError::io("look at", &entry.path()))?;
            let name = entry.file_name();
            if metadata.is_dir() {
                now.directories.push(name);
            } else if metadata.is_file() {
                let stamp = Stamp::of(&metadata);
                if known.and_then(|known| known.files.get(&name)) != Some(&stamp) {
                    news.files.push(entry.path());
                }
                now.files.insert(name, stamp);
            }
        }
        let directories = now.directories.clone();
        news.directories.push((path.to_owned(), now));
        directories.iter().try_for_each(|name| self.look(&path.join(name), news))
    }

    /// Whether what a directory names is not what was synced.
    fn differs(&self, path: &Path, now: &Directory) -> bool {
        self.known.get(path).is_none_or(|known| {
            let same_directories = known.directories.len() == now.directories.len()
                && known.directories.iter().all(|name| now.directories.contains(name));
            known.files != now.files || !same_directories
        })
    }

    fn remember(&mut self, news: News) {
        self.known.extend(news.directories);
    }
}

fn is_settled(metadata: &Metadata) -> bool {
    let age = metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age > CLOCK_GRAIN)
}

fn sync_one(path: &Path) -> Result<(), MirrorError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(MirrorError::io("sync", path))
}

/// Marks the packs whose bytes are durable now.
fn mark_packs(files: &[PathBuf]) -> Result<(), MirrorError> {
    let packs = files.iter().filter(|path| path.extension().is_some_and(|end| end == "pack"));
    packs.map(|path| path.with_extension("keep")).try_for_each(|mark| {
        let made = File::options().create(true).append(true).open(&mark);
        made.map(drop).map_err(MirrorError::io("create", &mark))
    })
}
