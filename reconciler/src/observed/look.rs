//! The look: one walk over the directories that lie above a path somebody asked for.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use super::asked::{AskedFile, by_directory};
use super::{Asked, Found, Observed, Special, Stamp, StatCache, Unowned};
use crate::path::{RESERVED_PREFIX, TreePath};
use crate::report::Remedy;
use crate::target::Locked;
use crate::volume::{Directory, kind, links, permissions};

/// Room for the names of one reading of a directory, in bytes.
const NAMES: usize = 32 << 10;

/// How often something that changes its kind while it is looked at is looked at again.
const ATTEMPTS: usize = 4;

/// From how many names on a directory is looked at by two threads: below, starting one costs more.
const SHARED: usize = 64;

/// So many names of such a directory are taken by a thread at a time.
const SHARE: usize = 16;

/// Whether a file whose stamp is known is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Not where its stamp is the one of the cache and too old to hide a change.
    Cache,
    /// Always: this finds what a store through a mapped page did.
    Nothing,
}

/// Why the volume could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The system refused it.
    #[error("cannot {what} `{path}` on the target; check its permissions and the disk")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where, below the target.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Somebody keeps replacing it.
    #[error("`{path}` on the target changes faster than it can be looked at; find out who writes there")]
    Unsettled {
        /// Where, below the target.
        path: String,
    },
}

impl LookError {
    /// Who must act: it may succeed by itself.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Io { .. } | Self::Unsettled { .. } => Remedy::Retry(None),
        }
    }
}

/// Looks at the paths that are asked for and at nothing below a directory that holds none of them.
///
/// No link is followed and no pipe waited for. What vanishes meanwhile is absent. Where nothing changed
/// it costs what walking the directories and looking at each file costs, shared by two threads.
///
/// # Errors
/// [`LookError`] where something that was asked for cannot be read.
pub fn look(
    target: &Locked<'_>,
    asked: &Arc<Asked>,
    cache: &StatCache,
    trust: Trust,
) -> Result<Observed, LookError> {
    all(target.target().directory(), asked, cache, trust)
}

/// The same for a command that only reads, beside whoever holds the lock; a target that does not exist
/// holds nothing.
///
/// # Errors
/// As [`look`].
pub fn look_at(
    target: &Path,
    asked: &Arc<Asked>,
    cache: &StatCache,
    trust: Trust,
) -> Result<Observed, LookError> {
    match Directory::open(target) {
        Err(Errno::NOENT) => Ok(Observed::default()),
        Err(errno) => Err(failed("open", &target.display().to_string())(errno)),
        Ok(directory) => all(&directory, asked, cache, trust),
    }
}

fn all(
    directory: &Directory,
    asked: &Arc<Asked>,
    cache: &StatCache,
    trust: Trust,
) -> Result<Observed, LookError> {
    // A descriptor of its own: reading a directory moves its position.
    let directory = directory.below("").map_err(failed("open", ""))?;
    let mut look = Look::new(asked, cache, trust);
    look.walk(&directory, 0, 0..asked.files().len())?;
    Ok(look.seen.of(asked))
}

pub(super) fn failed(what: &'static str, path: &str) -> impl FnOnce(Errno) -> LookError {
    let path = if path.is_empty() { "." } else { path }.to_owned();
    move |errno| LookError::Io { what, path, source: errno.into() }
}

/// A name that a directory has and somebody asked for, or for something below it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// The file that is asked for under this name.
    at: Option<usize>,
    /// The files that are asked for below it: together with `at` for a file where a directory is wanted,
    /// or was.
    pub(super) below: Range<usize>,
    /// What the directory says that it is.
    kind: FileType,
}

impl Listed {
    /// A name of a directory that was not listed; none where nobody asked for anything there.
    pub(super) fn unlisted(asked: &Asked, within: &Range<usize>, prefix: usize, name: &str) -> Option<Self> {
        let (at, below) = find(asked, within, prefix, name.as_bytes())?;
        Some(Self { at, below, kind: FileType::Unknown })
    }

    fn count(&self) -> usize {
        usize::from(self.at.is_some()) + self.below.len()
    }

    /// A file whose path begins with its path.
    fn witness(&self) -> usize {
        self.at.unwrap_or(self.below.start)
    }
}

/// What a look has come to see.
#[derive(Default)]
pub(super) struct Seen {
    found: Vec<(TreePath, Found)>,
    absent: Vec<TreePath>,
    pub(super) unowned: Vec<Unowned>,
    pub(super) known: StatCache,
}

impl Seen {
    /// What was seen of what was asked for.
    pub(super) fn of(self, asked: &Arc<Asked>) -> Observed {
        Observed {
            asked: Arc::clone(asked),
            is_part: false,
            found: self.found.into_iter().collect(),
            absent: self.absent.into_iter().collect(),
            unowned: self.unowned.into_iter().collect(),
            known: self.known,
        }
    }

    /// How much differs from what was left.
    pub(super) fn differing(&self) -> usize {
        self.found.len() + self.absent.len()
    }

    fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
        self.absent.extend(other.absent);
        self.unowned.extend(other.unowned);
        self.known.extend(other.known);
    }
}

/// One look, as it goes.
pub(super) struct Look<'a> {
    asked: &'a Asked,
    pub(super) cache: &'a StatCache,
    pub(super) trust: Trust,
    pub(super) seen: Seen,
    /// What bytes are read into.
    pub(super) bytes: Vec<u8>,
    names: Box<[MaybeUninit<u8>]>,
    /// The names of the directories that are being looked at, those of the deepest last.
    listed: Vec<Listed>,
    /// Whether another thread looks too already.
    is_shared: bool,
}

impl<'a> Look<'a> {
    pub(super) fn new(asked: &'a Asked, cache: &'a StatCache, trust: Trust) -> Self {
        Self {
            asked,
            cache,
            trust,
            seen: Seen::default(),
            bytes: Vec::new(),
            names: Box::new_uninit_slice(NAMES),
            listed: Vec::new(),
            is_shared: false,
        }
    }

    fn file_of(&self, index: usize) -> &'a AskedFile {
        &self.asked.files()[index]
    }

    /// Looks at one directory, whose path and slash are the first `prefix` bytes of the files that are
    /// asked for below it.
    fn walk(&mut self, directory: &Directory, prefix: usize, asked: Range<usize>) -> Result<(), LookError> {
        let first = self.listed.len();
        self.list(directory, prefix, &asked)?;
        let listed = first..self.listed.len();
        let covered: usize = self.listed[listed.clone()].iter().map(Listed::count).sum();
        if covered < asked.len() {
            self.miss(prefix, &asked, first);
        }
        if listed.len() < SHARED || self.is_shared {
            for at in listed {
                let name = self.listed[at].clone();
                self.name(directory, prefix, &name)?;
            }
        } else {
            self.share(directory, prefix, first)?;
        }
        self.listed.truncate(first);
        Ok(())
    }

    /// Looks at the names of one directory with a second thread.
    fn share(&mut self, directory: &Directory, prefix: usize, first: usize) -> Result<(), LookError> {
        let names = self.listed.split_off(first);
        let (next, asked, cache, trust) = (AtomicUsize::new(0), self.asked, self.cache, self.trust);
        let work = |look: &mut Self| -> Result<(), LookError> {
            look.is_shared = true;
            let share = || {
                let from = next.fetch_add(SHARE, Ordering::Relaxed);
                names.get(from..names.len().min(from + SHARE)).filter(|share| !share.is_empty())
            };
            while let Some(share) = share() {
                share.iter().try_for_each(|name| look.name(directory, prefix, name))?;
            }
            Ok(())
        };
        let other = std::thread::scope(|scope| {
            let other = std::thread::Builder::new().name("look".to_owned()).spawn_scoped(scope, || {
                let mut other = Look::new(asked, cache, trust);
                work(&mut other).map(|()| other.seen)
            });
            let ours = work(self);
            // Without a second thread, one does it all.
            let other = other.ok().map(std::thread::ScopedJoinHandle::join);
            ours.and_then(|()| match other {
                None => Ok(Seen::default()),
                Some(Ok(seen)) => seen,
                Some(Err(panic)) => std::panic::resume_unwind(panic),
            })
        })?;
        self.is_shared = false;
        self.seen.extend(other);
        Ok(())
    }

    /// Reads the names of a directory: notes which of them somebody asked for, and what nobody did.
    fn list(&mut self, directory: &Directory, prefix: usize, asked: &Range<usize>) -> Result<(), LookError> {
        let above =
            || self.asked.files()[asked.clone()].first().map_or("", |file| &file.path.as_str()[..prefix]);
        let mut entries = RawDir::new(directory.descriptor(), &mut self.names);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Err(Errno::INTR) => continue,
                // It was removed meanwhile.
                Err(Errno::NOENT) => break,
                entry => entry.map_err(failed("list", above()))?,
            };
            let name = entry.file_name().to_bytes();
            if let Some((at, below)) = find(self.asked, asked, prefix, name) {
                self.listed.push(Listed { at, below, kind: entry.file_type() });
            } else if !is_ours(prefix, name) {
                let directory = match entry.file_type() {
                    FileType::Unknown => is_directory(directory, entry.file_name()),
                    known => known == FileType::Directory,
                };
                let path = format!("{}{}", above(), String::from_utf8_lossy(name));
                self.seen.unowned.push(Unowned { path, directory });
            }
        }
        Ok(())
    }

    /// Notes what is asked for in a directory and not there, with the directories that hold nothing else.
    fn miss(&mut self, prefix: usize, asked: &Range<usize>, first: usize) {
        let mut there = vec![false; asked.len()];
        for listed in &self.listed[first..] {
            listed.at.into_iter().chain(listed.below.clone()).for_each(|at| there[at - asked.start] = true);
        }
        for (at, _) in asked.clone().zip(there).filter(|(_, there)| !there) {
            self.lack(at, prefix);
        }
    }

    /// Notes that a file is absent, with the directories above it whose paths are longer than `prefix`.
    fn lack(&mut self, at: usize, prefix: usize) {
        let path = &self.file_of(at).path;
        let above = path.ancestors().take_while(|above| above.as_str().len() > prefix);
        self.seen.absent.extend(above);
        self.seen.absent.push(path.clone());
    }

    /// Looks at one name that is asked for, or that is above one.
    pub(super) fn name(
        &mut self,
        directory: &Directory,
        prefix: usize,
        listed: &Listed,
    ) -> Result<(), LookError> {
        let witness = self.file_of(listed.witness());
        let rest = &witness.path.as_str()[prefix..];
        let name = rest.split('/').next().unwrap_or(rest);
        let end = prefix + name.len();
        if !listed.below.is_empty() && matches!(listed.kind, FileType::Directory | FileType::Unknown) {
            match directory.child(name) {
                Ok(child) => return self.enter(&child, end, listed),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(errno) => return Err(failed("open", &witness.path.as_str()[..end])(errno)),
            }
        }
        if listed.below.is_empty() && self.trust == Trust::Cache && is_settled(witness, directory, name) {
            return Ok(());
        }
        self.examine_as(directory, name, end, listed)
    }

    /// Looks at a directory above something that is asked for; its path is `end` bytes long.
    fn enter(&mut self, child: &Directory, end: usize, listed: &Listed) -> Result<(), LookError> {
        let before = self.seen.differing();
        self.walk(child, end + 1, listed.below.clone())?;
        self.note_directory(before, end, listed);
        Ok(())
    }

    /// Notes that a directory is there, where that is news: something in it differs that did not `before`, or a
    /// file is asked for in its place. Its path is `end` bytes long.
    pub(super) fn note_directory(&mut self, before: usize, end: usize, listed: &Listed) {
        if self.seen.differing() > before || listed.at.is_some() {
            let path = self.path(listed, end);
            self.seen.found.extend(path.map(|path| (path, Found::Directory)));
        }
    }

    /// Looks closer at what is not known to be as it was left; nothing below it can be there.
    fn examine_as(
        &mut self,
        directory: &Directory,
        name: &str,
        end: usize,
        listed: &Listed,
    ) -> Result<(), LookError> {
        let Some(path) = self.path(listed, end) else { return Ok(()) };
        let size = listed.at.map(|at| self.file_of(at).size);
        let found = self.examine(directory, name, &path, size)?;
        for at in listed.below.clone() {
            self.lack(at, end);
        }
        match (found, listed.at) {
            (Some(found), Some(at)) if listed.below.is_empty() && self.file_of(at).is_as_left(&found) => {}
            (Some(found), _) => self.seen.found.push((path, found)),
            (None, _) => self.seen.absent.push(path),
        }
        Ok(())
    }

    /// The path of a name, `end` bytes long.
    fn path(&self, listed: &Listed, end: usize) -> Option<TreePath> {
        match listed.at {
            Some(at) => Some(self.file_of(at).path.clone()),
            None => {
                self.file_of(listed.below.start).path.ancestors().find(|above| above.as_str().len() == end)
            }
        }
    }

    fn examine(
        &mut self,
        directory: &Directory,
        name: &str,
        path: &TreePath,
        size: Option<u64>,
    ) -> Result<Option<Found>, LookError> {
        for _ in 0..ATTEMPTS {
            let stat = directory.entry(name).map_err(failed("look at", path.as_str()))?;
            let Some(stat) = stat else { return Ok(None) };
            let found = match kind(&stat) {
                FileType::Directory => Some(Found::Directory),
                FileType::Symlink => link(directory, name, path)?,
                FileType::RegularFile => self.file(directory, name, &stat, path, size)?,
                FileType::Fifo => Some(Found::Special(Special::Fifo)),
                FileType::Socket => Some(Found::Special(Special::Socket)),
                _ => Some(Found::Special(Special::Device)),
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Err(LookError::Unsettled { path: path.to_string() })
    }
}

/// The file that is asked for under a name of a directory, and the files below it; none where there are
/// none. The directory's path and slash are the first `prefix` bytes of all that is asked for in it.
fn find(
    asked: &Asked,
    within: &Range<usize>,
    prefix: usize,
    name: &[u8],
) -> Option<(Option<usize>, Range<usize>)> {
    let files = &asked.files()[within.clone()];
    let start = files.partition_point(|file| by_directory(file.rest(prefix), name).is_lt());
    let below = files[start..].partition_point(|file| by_directory(file.rest(prefix), name).is_eq());
    let below = within.start + start..within.start + start + below;
    if !below.is_empty() && !asked.has_nested {
        return Some((None, below));
    }
    let at = files.binary_search_by(|file| file.rest(prefix).cmp(name)).ok().map(|at| within.start + at);
    (at.is_some() || !below.is_empty()).then_some((at, below))
}

/// Whether a name leads to the file that was left there, by its stamp alone.
fn is_settled(asked: &AskedFile, directory: &Directory, name: &str) -> bool {
    let stat = directory.entry(name).ok().flatten();
    stat.is_some_and(|stat| {
        kind(&stat) == FileType::RegularFile
            && asked.is_settled(Stamp::of(&stat), permissions(&stat), links(&stat))
    })
}

/// What a link says; none where it is none any more.
fn link(directory: &Directory, name: &str, path: &TreePath) -> Result<Option<Found>, LookError> {
    match directory.link(name) {
        Ok(text) => Ok(Some(Found::Symlink(text))),
        Err(Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(errno) => Err(failed("read the link", path.as_str())(errno)),
    }
}

/// Names in the root that are ours: state, staging, the sentinel.
pub(super) fn is_ours(prefix: usize, name: &[u8]) -> bool {
    matches!(name, b"." | b"..") || (prefix == 0 && name.starts_with(RESERVED_PREFIX.as_bytes()))
}

/// For file systems whose directories do not say what a name is.
fn is_directory(directory: &Directory, name: &std::ffi::CStr) -> bool {
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::statat(directory.descriptor(), name, flags)
        .is_ok_and(|stat| kind(&stat) == FileType::Directory)
}

#[cfg(test)]
mod tests;
