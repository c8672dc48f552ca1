//! The look: one walk over the directories that lie above a path somebody asked for.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::path::Path;

use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use super::{Found, Observed, Special, StatCache, Unowned};
use crate::path::{RESERVED_PREFIX, TreePath};
use crate::report::Remedy;
use crate::target::Locked;
use crate::volume::{Directory, kind};

/// Room for the names of one reading of a directory, in bytes.
const NAMES: usize = 32 << 10;

/// How often something that changes its kind while it is looked at is looked at again.
const ATTEMPTS: usize = 4;

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

/// Looks at the paths that are asked for (with the size that each should have) and at nothing below a
/// directory that holds none of them.
///
/// No link is followed and no pipe waited for. What vanishes meanwhile is absent.
///
/// # Errors
/// [`LookError`] where something that was asked for cannot be read.
pub fn look(
    target: &Locked<'_>,
    asked: &BTreeMap<TreePath, u64>,
    cache: &StatCache,
    trust: Trust,
) -> Result<Observed, LookError> {
    Look::new(cache, trust, asked.len()).all(target.target().directory(), asked)
}

/// The same for a command that only reads, beside whoever holds the lock; a target that does not exist
/// holds nothing.
///
/// # Errors
/// As [`look`].
pub fn look_at(
    target: &Path,
    asked: &BTreeMap<TreePath, u64>,
    cache: &StatCache,
    trust: Trust,
) -> Result<Observed, LookError> {
    match Directory::open(target) {
        Err(Errno::NOENT) => Ok(Observed::default()),
        Err(errno) => Err(failed("open", &target.display().to_string())(errno)),
        Ok(directory) => Look::new(cache, trust, asked.len()).all(&directory, asked),
    }
}

pub(super) fn failed(what: &'static str, path: &str) -> impl FnOnce(Errno) -> LookError {
    let path = if path.is_empty() { "." } else { path }.to_owned();
    move |errno| LookError::Io { what, path, source: errno.into() }
}

/// A path that is asked for, and the size that its file should have.
type Asked<'a> = (&'a TreePath, u64);

/// What is asked for in one directory under one name.
struct Wanted<'a> {
    name: &'a str,
    /// The path itself.
    at: Option<Asked<'a>>,
    /// The paths below it: together with `at` for a file where a directory is wanted, or was.
    below: &'a [Asked<'a>],
    /// What the directory says that it is; none where it has no such name.
    listed: Option<FileType>,
}

impl Wanted<'_> {
    /// The path of this name, `length` bytes long.
    fn path(&self, length: usize) -> Option<TreePath> {
        let above = || self.below.first()?.0.ancestors().find(|above| above.as_str().len() == length);
        self.at.map(|(path, _)| path.clone()).or_else(above)
    }
}

/// Sorts what is asked for below a directory, whose path and slash are the first `prefix` bytes, by
/// the name that it has there.
fn by_name<'a>(mut asked: &'a [Asked<'a>], prefix: usize) -> Vec<Wanted<'a>> {
    let mut wanted: Vec<Wanted<'a>> = Vec::new();
    while let Some(first @ (path, _)) = asked.first() {
        let rest = &path.as_str()[prefix..];
        let (name, below) = match rest.split_once('/') {
            None => (rest, 0),
            Some((name, _)) => {
                let end = prefix + name.len() + 1;
                let start = &path.as_str().as_bytes()[..end];
                (name, asked.iter().take_while(|(p, _)| p.as_str().as_bytes().starts_with(start)).count())
            }
        };
        let at = (below == 0).then_some(*first);
        wanted.push(Wanted { name, at, below: &asked[..below], listed: None });
        asked = &asked[below.max(1)..];
    }
    // `a`, `a-b`, `a/c` is the order of paths; of names it is `a`, `a`, `a-b`.
    wanted.sort_by_key(|wanted| wanted.name);
    wanted.dedup_by(|later, earlier| {
        let twins = later.name == earlier.name;
        if twins {
            earlier.at = earlier.at.or(later.at);
            earlier.below = if earlier.below.is_empty() { later.below } else { earlier.below };
        }
        twins
    });
    wanted
}

/// One look, as it goes.
pub(super) struct Look<'a> {
    pub(super) cache: &'a StatCache,
    pub(super) trust: Trust,
    pub(super) known: StatCache,
    /// What bytes are read into.
    pub(super) bytes: Vec<u8>,
    names: Box<[MaybeUninit<u8>]>,
    found: Vec<(TreePath, Found)>,
    unowned: Vec<Unowned>,
}

impl<'a> Look<'a> {
    fn new(cache: &'a StatCache, trust: Trust, asked: usize) -> Self {
        Self {
            cache,
            trust,
            known: StatCache::with_capacity(asked),
            bytes: Vec::new(),
            names: Box::new_uninit_slice(NAMES),
            found: Vec::with_capacity(asked),
            unowned: Vec::new(),
        }
    }

    fn all(mut self, directory: &Directory, asked: &BTreeMap<TreePath, u64>) -> Result<Observed, LookError> {
        let asked: Vec<Asked<'_>> = asked.iter().map(|(path, size)| (path, *size)).collect();
        // A descriptor of its own: reading a directory moves its position.
        let directory = directory.below("").map_err(failed("open", ""))?;
        self.walk(&directory, "", &asked)?;
        let (found, unowned) = (self.found.into_iter().collect(), self.unowned.into_iter().collect());
        Ok(Observed { found, unowned, known: self.known })
    }

    /// Looks at one directory; `above` is its path with a slash at the end, or nothing.
    fn walk(&mut self, directory: &Directory, above: &str, asked: &[Asked<'_>]) -> Result<(), LookError> {
        let mut wanted = by_name(asked, above.len());
        self.list(directory, above, &mut wanted)?;
        for wanted in &wanted {
            if let Some(listed) = wanted.listed {
                self.name(directory, above.len(), wanted, listed)?;
            }
        }
        Ok(())
    }

    /// Reads the names of a directory: notes which of the wanted it has, and what nobody asked for.
    fn list(
        &mut self,
        directory: &Directory,
        above: &str,
        wanted: &mut [Wanted<'_>],
    ) -> Result<(), LookError> {
        let mut entries = RawDir::new(directory.descriptor(), &mut self.names);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Err(Errno::INTR) => continue,
                // It was removed meanwhile.
                Err(Errno::NOENT) => break,
                entry => entry.map_err(failed("list", above))?,
            };
            let name = entry.file_name().to_bytes();
            if let Ok(index) = wanted.binary_search_by(|wanted| wanted.name.as_bytes().cmp(name)) {
                wanted[index].listed = Some(entry.file_type());
            } else if !is_ours(above, name) {
                let name = String::from_utf8_lossy(name);
                let directory = match entry.file_type() {
                    FileType::Unknown => is_directory(directory, entry.file_name()),
                    known => known == FileType::Directory,
                };
                self.unowned.push(Unowned { path: format!("{above}{name}"), directory });
            }
        }
        Ok(())
    }

    /// Looks at one name that is asked for, or that is above one.
    fn name(
        &mut self,
        directory: &Directory,
        prefix: usize,
        wanted: &Wanted<'_>,
        listed: FileType,
    ) -> Result<(), LookError> {
        let Some(path) = wanted.path(prefix + wanted.name.len()) else { return Ok(()) };
        if !wanted.below.is_empty() && matches!(listed, FileType::Directory | FileType::Unknown) {
            match directory.child(wanted.name) {
                Ok(child) => {
                    let above = format!("{path}/");
                    self.found.push((path, Found::Directory));
                    return self.walk(&child, &above, wanted.below);
                }
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(errno) => return Err(failed("open", path.as_str())(errno)),
            }
        }
        if let Some(found) = self.examine(directory, wanted, &path)? {
            self.found.push((path, found));
        }
        Ok(())
    }

    fn examine(
        &mut self,
        directory: &Directory,
        wanted: &Wanted<'_>,
        path: &TreePath,
    ) -> Result<Option<Found>, LookError> {
        for _ in 0..ATTEMPTS {
            let stat = directory.entry(wanted.name).map_err(failed("look at", path.as_str()))?;
            let Some(stat) = stat else { return Ok(None) };
            let found = match kind(&stat) {
                FileType::Directory => Some(Found::Directory),
                FileType::Symlink => link(directory, wanted.name, path)?,
                FileType::RegularFile => {
                    self.file(directory, wanted.name, &stat, path, wanted.at.map(|(_, size)| size))?
                }
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

/// What a link says; none where it is none any more.
fn link(directory: &Directory, name: &str, path: &TreePath) -> Result<Option<Found>, LookError> {
    match directory.link(name) {
        Ok(text) => Ok(Some(Found::Symlink(text))),
        Err(Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(errno) => Err(failed("read the link", path.as_str())(errno)),
    }
}

/// Names in the root that are ours: state, staging, the sentinel.
fn is_ours(above: &str, name: &[u8]) -> bool {
    matches!(name, b"." | b"..") || (above.is_empty() && name.starts_with(RESERVED_PREFIX.as_bytes()))
}

/// For file systems whose directories do not say what a name is.
fn is_directory(directory: &Directory, name: &std::ffi::CStr) -> bool {
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::statat(directory.descriptor(), name, flags)
        .is_ok_and(|stat| kind(&stat) == FileType::Directory)
}

#[cfg(test)]
mod tests;
