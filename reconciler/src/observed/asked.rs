//! What a look asks for: each path that is wanted or ours, by path, with what is known of it already.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Found, Stamp, StatCache};
use crate::ids::{Digest, SkillId};
use crate::path::TreePath;
use crate::tree::{FileVersion, SkillVersion, Skills};

/// The paths that a look asks for, in their order. It is made once and serves every look until what is
/// served, wanted or known changes: nothing is copied for a path where nothing changed.
#[derive(Debug, Default)]
pub struct Asked {
    files: Vec<AskedFile>,
    /// Whether a path is asked for and another one below it.
    pub(super) has_nested: bool,
}

/// One path that is asked for.
#[derive(Debug)]
pub(super) struct AskedFile {
    pub(super) path: TreePath,
    /// The size at which its bytes are worth reading.
    pub(super) size: u64,
    /// The file that a look meets where nothing changed since it was read: the bytes, the mode and the
    /// one name with which it was published. None where that is not known for certain.
    settled: Option<Found>,
}

impl Asked {
    /// Asks for all that is wanted or owned. A path that is owned should be as it was published, until
    /// somebody publishes it anew.
    pub fn new(wanted: &Skills, owned: &Skills, known: &StatCache) -> Self {
        let shared = |id: &SkillId, version: &Arc<SkillVersion>| {
            owned.get(id).is_some_and(|ours| Arc::ptr_eq(ours, version))
        };
        let ours = owned.values().flat_map(|version| &version.files);
        let news = wanted.iter().filter(|(id, version)| !shared(id, version));
        let news: Vec<_> = news.flat_map(|(_, version)| &version.files).collect();
        let mut files: Vec<(&TreePath, &FileVersion)> = ours.chain(news.iter().copied()).collect();
        // Stable: of two with one path the owned one stays.
        files.sort_by_key(|(path, _)| *path);
        files.dedup_by_key(|(path, _)| *path);
        let asked = files.into_iter().map(|(path, file)| AskedFile {
            path: path.clone(),
            size: file.size,
            settled: settled(path, file, known),
        });
        Self::of(asked.collect(), news.into_iter().map(|(path, _)| path))
    }

    /// What is owned lies beside each other; only what is new can be above or below it.
    fn of<'a>(files: Vec<AskedFile>, mut news: impl Iterator<Item = &'a TreePath>) -> Self {
        let mut asked = Self { files, has_nested: false };
        asked.has_nested = news.any(|path| {
            asked.is_above_one(path) || path.ancestors().any(|above| asked.find(&above).is_some())
        });
        asked
    }

    fn find(&self, path: &TreePath) -> Option<&AskedFile> {
        self.files.binary_search_by(|file| file.path.cmp(path)).ok().map(|at| &self.files[at])
    }

    /// Whether a path is asked for.
    pub(super) fn contains(&self, path: &TreePath) -> bool {
        self.find(path).is_some()
    }

    /// The paths, in their order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &TreePath> {
        self.files.iter().map(|file| &file.path)
    }

    pub(super) fn files(&self) -> &[AskedFile] {
        &self.files
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What a look meets at a path where nothing changed.
    pub(super) fn settled(&self, path: &TreePath) -> Option<&Found> {
        self.find(path)?.settled.as_ref()
    }

    /// Whether something is asked for below a path.
    pub(super) fn is_above_one(&self, directory: &TreePath) -> bool {
        let directory = directory.as_str().as_bytes();
        let start = self.files.partition_point(|file| by_directory(file.rest(0), directory).is_lt());
        self.files.get(start).is_some_and(|file| by_directory(file.rest(0), directory).is_eq())
    }
}

impl FromIterator<(TreePath, u64)> for Asked {
    /// Asks for paths with the sizes that they should have; nothing is taken for settled.
    fn from_iter<I: IntoIterator<Item = (TreePath, u64)>>(files: I) -> Self {
        let files: BTreeMap<TreePath, u64> = files.into_iter().collect();
        let asked =
            files.iter().map(|(path, size)| AskedFile { path: path.clone(), size: *size, settled: None });
        Self::of(asked.collect(), files.keys())
    }
}

/// The file as it was published, where the stat cache vouches for those bytes.
fn settled(path: &TreePath, file: &FileVersion, known: &StatCache) -> Option<Found> {
    let known = known.get(path)?;
    let vouches = known.digest == file.digest && known.holds(known.stamp);
    vouches.then(|| published(file.digest, file.mode.bits(), known.stamp))
}

fn published(digest: Digest, mode: u32, stamp: Stamp) -> Found {
    Found::File { digest: Some(digest), mode, links: 1, stamp }
}

impl AskedFile {
    /// Its path below a directory whose path and slash are the first `prefix` bytes.
    pub(super) fn rest(&self, prefix: usize) -> &[u8] {
        &self.path.as_str().as_bytes()[prefix..]
    }

    /// Whether a file with this stamp, mode and number of names is the one that was left there.
    pub(super) fn is_settled(&self, found: Stamp, permissions: u32, names: u64) -> bool {
        match &self.settled {
            Some(Found::File { mode, links, stamp, .. }) => {
                *stamp == found && *mode == permissions && *links == names
            }
            _ => false,
        }
    }

    /// Whether what was found, after a reading, is what was left there.
    pub(super) fn is_as_left(&self, found: &Found) -> bool {
        self.settled.as_ref() == Some(found)
    }
}

/// How a path lies to all that is below a directory: equal where it is below it. The order of paths is
/// that of bytes, so what is below lies together.
pub(super) fn by_directory(path: &[u8], directory: &[u8]) -> Ordering {
    let common = path.len().min(directory.len());
    path[..common].cmp(&directory[..common]).then_with(|| match path.get(directory.len()) {
        Some(next) => next.cmp(&b'/'),
        None => Ordering::Less,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().expect("a plain path")
    }

    #[test]
    fn what_is_below_a_directory_lies_together_in_the_order_of_paths() {
        let files = ["a", "a-b", "a-b/c", "a/b", "a/b/c", "a0", "b"];
        let asked: Asked = files.iter().map(|text| (path(text), 0)).collect();
        for directory in ["a", "a-b", "a/b", "a0", "b", "c", "a/b/c"] {
            let below = |file: &&&str| file.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
            let expected = files.iter().filter(below).count();
            let ordered = |file: &AskedFile| by_directory(file.rest(0), directory.as_bytes());
            assert_eq!(asked.files().iter().filter(|file| ordered(file).is_eq()).count(), expected);
            assert!(asked.files().is_sorted_by_key(ordered), "{directory}");
            assert_eq!(asked.is_above_one(&path(directory)), expected > 0);
        }
        assert!(asked.has_nested);
        let flat: Asked = [(path("a/b"), 0), (path("a-b"), 0)].into_iter().collect();
        assert!(!flat.has_nested);
    }
}
