//! The files of a skill, by path, in as little room as they need: a skill has few, and there are many
//! skills. (A `BTreeMap` takes the room of eleven for one.)

use std::ops::Index;

use serde::de::Deserializer;
use serde::{Deserialize, Serialize, Serializer};

use super::FileVersion;
use crate::path::TreePath;

/// Files by their path, in the order of the paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(Vec<(TreePath, FileVersion)>);

impl Files {
    fn find(&self, path: &TreePath) -> Result<usize, usize> {
        // Nearly always they come in order.
        match self.0.last() {
            Some((last, _)) if last < path => Err(self.0.len()),
            _ => self.0.binary_search_by(|(known, _)| known.cmp(path)),
        }
    }

    /// The file at a path.
    pub fn get(&self, path: &TreePath) -> Option<&FileVersion> {
        self.find(path).ok().map(|at| &self.0[at].1)
    }

    /// Whether there is a file at a path.
    pub fn contains_key(&self, path: &TreePath) -> bool {
        self.find(path).is_ok()
    }

    /// Puts a file at a path, in place of the one that was there.
    pub fn insert(&mut self, path: TreePath, file: FileVersion) {
        match self.find(&path) {
            Ok(at) => self.0[at].1 = file,
            Err(at) => self.0.insert(at, (path, file)),
        }
    }

    /// Gives back the room that nothing is in: no more files come.
    pub(crate) fn close(&mut self) {
        self.0.shrink_to_fit();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each path with its file.
    pub fn iter<'a>(&'a self) -> Iter<'a> {
        let pair: fn(&'a (TreePath, FileVersion)) -> (&'a TreePath, &'a FileVersion) =
            |(path, file)| (path, file);
        self.0.iter().map(pair)
    }

    /// The paths.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &TreePath> + Clone {
        self.0.iter().map(|(path, _)| path)
    }

    /// The files.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &FileVersion> + Clone {
        self.0.iter().map(|(_, file)| file)
    }

    /// The files, to change them.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut FileVersion> {
        self.0.iter_mut().map(|(_, file)| file)
    }
}

/// Goes over files in the order of their paths.
pub(crate) type Iter<'a> = std::iter::Map<
    std::slice::Iter<'a, (TreePath, FileVersion)>,
    fn(&'a (TreePath, FileVersion)) -> (&'a TreePath, &'a FileVersion),
>;

impl<'a> IntoIterator for &'a Files {
    type Item = (&'a TreePath, &'a FileVersion);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<(TreePath, FileVersion)> for Files {
    fn from_iter<I: IntoIterator<Item = (TreePath, FileVersion)>>(all: I) -> Self {
        let mut files = Self::default();
        all.into_iter().for_each(|(path, file)| files.insert(path, file));
        files.close();
        files
    }
}

impl Index<&TreePath> for Files {
    type Output = FileVersion;

    #[allow(clippy::panic, reason = "as of every map: who does not know that it is there asks `get`")]
    fn index(&self, path: &TreePath) -> &FileVersion {
        match self.get(path) {
            Some(file) => file,
            None => panic!("there is no file `{path}`"),
        }
    }
}

impl Serialize for Files {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self)
    }
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let files = std::collections::BTreeMap::deserialize(from)?;
        Ok(files.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Digest;
    use crate::tree::FileMode;

    fn file(size: u64) -> FileVersion {
        let blob = "a".repeat(40).parse().unwrap();
        FileVersion { blob, digest: Digest::of(b""), size, mode: FileMode::Regular }
    }

    fn path(text: &str) -> TreePath {
        text.parse().unwrap()
    }

    #[test]
    fn files_are_in_the_order_of_their_paths_however_they_came() {
        let files: Files = [("b", 1), ("a", 2), ("c", 3), ("b", 4)]
            .map(|(at, size)| (path(at), file(size)))
            .into_iter()
            .collect();
        let sizes: Vec<_> = files.iter().map(|(path, file)| (path.as_str(), file.size)).collect();
        assert_eq!(sizes, [("a", 2), ("b", 4), ("c", 3)]);
        assert_eq!((files.len(), files.contains_key(&path("d")), files[&path("a")].size), (3, false, 2));
        let text = serde_json::to_string(&files).unwrap();
        assert!(text.starts_with("{\"a\":{"), "{text}");
        assert_eq!(serde_json::from_str::<Files>(&text).unwrap(), files);
    }
}
