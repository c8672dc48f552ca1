//! Making the mirror durable: libgit2 leaves nearly all that it writes to the kernel's mercy.
//!
//! A pack that is durable has a `.keep` beside it (git's own mark for a pack that stays): it is made
//! after the pack and its index are synced, so a pack without one may be broken after a power cut.
//!
//! A sync that failed is never tried again on the same file: the kernel tells it once, drops the pages,
//! and calls the next one a success. The file is written anew. A process that was started since cannot
//! know that it must.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
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
    /// Files and directories whose sync failed.
    doubtful: BTreeSet<PathBuf>,
    /// Whether the sync of the whole file system failed: it does not say of which file, their own do.
    one_by_one: bool,
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
        let (known, doubtful) = (HashMap::new(), BTreeSet::new());
        Self { root: root.to_owned(), known, doubtful, one_by_one: false }
    }

    /// Syncs what is new since the last time, then what names it.
    pub(super) fn sync(&mut self) -> Result<(), MirrorError> {
        self.renew()?;
        let mut news = News::default();
        self.look(&self.root, &mut news)?;
        let differing = news.directories.iter().filter(|(path, now)| self.differs(path, now));
        let changed: Vec<_> = differing.map(|(path, _)| path.clone()).collect();
        if !changed.is_empty() {
            self.write_out(&mut news, &changed)?;
        }
        self.known.extend(news.directories);
        Ok(())
    }

    fn write_out(&mut self, news: &mut News, changed: &[PathBuf]) -> Result<(), MirrorError> {
        let at_once = news.files.len() > FEW && !self.one_by_one;
        if at_once {
            self.sync_file_system()?;
        } else {
            self.sync_each(&news.files)?;
        }
        let marked = news.mark_packs()?;
        // The file system as a whole was synced before the marks were made.
        self.sync_each(if at_once { &marked } else { changed })
    }

    fn sync_file_system(&mut self) -> Result<(), MirrorError> {
        let root = File::open(&self.root).map_err(MirrorError::io("open", &self.root))?;
        let synced = rustix::fs::syncfs(root);
        self.one_by_one = synced.is_err();
        synced.map_err(|e| MirrorError::io("sync", &self.root)(e.into()))
    }

    fn sync_each(&mut self, paths: &[PathBuf]) -> Result<(), MirrorError> {
        for path in paths {
            let file = File::open(path).map_err(MirrorError::io("open", path))?;
            if let Err(error) = file.sync_all() {
                self.doubtful.insert(path.clone());
                return Err(MirrorError::io("sync", path)(error));
            }
        }
        Ok(())
    }

    /// Writes anew what could not be synced.
    fn renew(&mut self) -> Result<(), MirrorError> {
        while let Some(path) = self.doubtful.first().cloned() {
            write_anew(&path)?;
            self.doubtful.remove(&path);
        }
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
}

impl News {
    /// Marks the packs whose bytes are durable now; tells the directories that hold the marks.
    fn mark_packs(&mut self) -> Result<Vec<PathBuf>, MirrorError> {
        let is_pack = |path: &&PathBuf| path.extension().is_some_and(|end| end == "pack");
        let mut marked = Vec::new();
        for mark in self.files.iter().filter(is_pack).map(|path| path.with_extension("keep")) {
            let made = File::options().create(true).append(true).open(&mark);
            let metadata = made.and_then(|file| file.metadata()).map_err(MirrorError::io("create", &mark))?;
            let (Some(parent), Some(name)) = (mark.parent(), mark.file_name()) else { continue };
            for (_, now) in self.directories.iter_mut().filter(|(path, _)| path == parent) {
                now.files.insert(name.to_owned(), Stamp::of(&metadata));
                now.stamp = None;
            }
            marked.push(parent.to_owned());
        }
        marked.dedup();
        Ok(marked)
    }
}

fn is_settled(metadata: &Metadata) -> bool {
    let age = metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age > CLOCK_GRAIN)
}

/// Puts a copy of a file in its place, durable before it has the name. A directory gets a name that
/// comes and goes, so that its next sync has something to write. What is gone needs neither.
fn write_anew(path: &Path) -> Result<(), MirrorError> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata.map_err(MirrorError::io("look at", path))?,
    };
    let is_directory = metadata.is_dir();
    let parent = if is_directory { path } else { path.parent().unwrap_or(path) };
    // One that stays is swept as any temporary file of git's.
    let mut name = OsString::from("tmp_");
    name.push(path.file_name().unwrap_or_default());
    let copy = parent.join(name);
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(MirrorError::io("remove", &copy)(error));
        }
        _ => {}
    }
    if is_directory {
        File::create_new(&copy).map_err(MirrorError::io("create", &copy))?;
        return fs::remove_file(&copy).map_err(MirrorError::io("remove", &copy));
    }
    fs::copy(path, &copy).map_err(MirrorError::io("write anew", path))?;
    let written = File::open(&copy).and_then(|file| file.sync_all());
    written.map_err(MirrorError::io("sync", &copy))?;
    fs::rename(&copy, path).map_err(MirrorError::io("write anew", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_files(durable: &Durable) -> Vec<String> {
        let mut news = News::default();
        durable.look(&durable.root, &mut news).unwrap();
        let mut names: Vec<_> = news
            .files
            .iter()
            .map(|path| path.strip_prefix(&durable.root).unwrap().display().to_string())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_what_is_new_is_synced() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("objects/pack")).unwrap();
        fs::write(path("HEAD"), "ref: refs/heads/main\n").unwrap();
        let mut durable = Durable::new(dir.path());
        assert_eq!(new_files(&durable), ["HEAD"]);
        durable.sync().unwrap();
        assert!(new_files(&durable).is_empty());

        fs::create_dir(path("objects/ab")).unwrap();
        fs::write(path("objects/ab/cd"), "object").unwrap();
        fs::write(path("HEAD.lock"), "ref: refs/heads/other\n").unwrap();
        fs::rename(path("HEAD.lock"), path("HEAD")).unwrap();
        assert_eq!(new_files(&durable), ["HEAD", "objects/ab/cd"]);
        durable.sync().unwrap();
        assert!(new_files(&durable).is_empty());
    }

    #[test]
    fn a_pack_is_marked_once_it_is_durable_few_or_many() {
        let dir = tempfile::tempdir().unwrap();
        let mut durable = Durable::new(dir.path());
        for n in [1, 2 * FEW] {
            for name in (0..n).map(|i| format!("pack-{n}-{i}")) {
                fs::write(dir.path().join(&name).with_extension("pack"), "pack").unwrap();
                fs::write(dir.path().join(&name).with_extension("idx"), "idx").unwrap();
            }
            durable.sync().unwrap();
            assert!(new_files(&durable).is_empty(), "the marks are durable too");
            assert!((0..n).all(|i| dir.path().join(format!("pack-{n}-{i}.keep")).exists()));
        }
    }

    #[test]
    fn what_a_sync_failed_on_is_written_anew_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let (file, gone) = (dir.path().join("object"), dir.path().join("gone"));
        fs::write(&file, "bytes").unwrap();
        fs::write(dir.path().join("tmp_object"), "of a try before").unwrap();
        let mut durable = Durable::new(dir.path());
        durable.sync().unwrap();
        let before = fs::metadata(&file).unwrap().ino();
        durable.doubtful = [dir.path(), &file, &gone].map(Path::to_owned).into();
        durable.sync().unwrap();
        assert!(durable.doubtful.is_empty());
        assert_ne!(fs::metadata(&file).unwrap().ino(), before, "another file has the name");
        assert_eq!(fs::read(&file).unwrap(), b"bytes");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left over");
        assert!(new_files(&durable).is_empty());
    }

    #[test]
    fn what_cannot_be_synced_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("repo.git");
        let error = Durable::new(&gone).sync().unwrap_err();
        assert!(error.to_string().contains("repo.git"), "{error}");
    }
}
