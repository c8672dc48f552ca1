//! A look at a part of the volume: at what is to change, and at the places where something happened since
//! the rest was looked at.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::look::{Listed, Look, failed, is_ours};
use super::{Asked, LookError, Observed, StatCache, Trust, Unowned};
use crate::path::TreePath;
use crate::tree::{SkillVersion, Skills, beside};
use crate::volume::{Directory, kind, links};

/// What may be another than when all of the volume was looked at, and what was seen then.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// What is wanted now.
    pub(crate) wanted: &'a Skills,
    /// What is owned; what is both wanted and owned, and lies where nothing happened, is as it was left.
    pub(crate) owned: &'a Skills,
    /// Where something happened.
    pub(crate) stirred: &'a BTreeSet<TreePath>,
    /// What was there that nobody asked for.
    pub(crate) unowned: &'a [Unowned],
}

impl Part<'_> {
    /// Looks at it. None where that would not tell all: where something is there that no watch looks into.
    ///
    /// # Errors
    /// As [`super::look`].
    pub(crate) fn look(&self, target: &Path, cache: &StatCache) -> Result<Option<Observed>, LookError> {
        if self.unowned.iter().any(|one| one.directory) {
            return Ok(None);
        }
        let root = match Directory::open(target) {
            Err(Errno::NOENT) => return Ok(None),
            root => root.map_err(failed("open", &target.display().to_string()))?,
        };
        let (wanted, owned) = self.concerned();
        let asked = Arc::new(Asked::new(&wanted, &owned, cache));
        let places = topmost(asked.paths().chain(self.stirred));
        let mut look =
            PartLook { look: Look::new(&asked, cache, Trust::Cache), asked: &asked, linked: false };
        look.below(&root, 0, 0..asked.files().len(), &places)?;
        let PartLook { look, linked, .. } = look;
        let mut observed = Observed { is_part: true, ..look.seen.of(&asked) };
        let is_elsewhere = |one: &&Unowned| places.iter().all(|place| is_apart(&one.path, place.as_str()));
        observed.unowned.extend(self.unowned.iter().filter(is_elsewhere).cloned());
        Ok((!linked && self.is_watched(&observed.unowned)).then_some(observed))
    }

    /// The skills that are to change, and those at whose files something happened: wanted and owned.
    fn concerned(&self) -> (Skills, Skills) {
        let (mut wanted, mut owned) = (Skills::new(), Skills::new());
        for (id, version, before) in beside(self.wanted, self.owned) {
            if !before.is_some_and(|before| Arc::ptr_eq(before, version)) {
                wanted.insert(id.clone(), Arc::clone(version));
                owned.extend(before.map(|before| (id.clone(), Arc::clone(before))));
            }
        }
        let stirred = Stirred::of(self.stirred);
        for (id, version, after) in beside(self.owned, self.wanted) {
            if after.is_none() || stirred.meets(version) {
                wanted.extend(after.map(|after| (id.clone(), Arc::clone(after))));
                owned.insert(id.clone(), Arc::clone(version));
            }
        }
        (wanted, owned)
    }

    /// Whether a watch tells what happens to all that is not ours: nothing of it is a directory, and each
    /// lies in one of ours.
    fn is_watched(&self, unowned: &BTreeSet<Unowned>) -> bool {
        let mut above: HashSet<&str> = unowned.iter().flat_map(|one| above(&one.path)).collect();
        if !above.is_empty() {
            let skills = self.owned.values().chain(self.wanted.values());
            let ours = skills.flat_map(|version| version.files.keys()).map(TreePath::as_str);
            ours.flat_map(self::above).for_each(|directory| {
                above.remove(directory);
            });
        }
        above.is_empty() && unowned.iter().all(|one| !one.directory)
    }
}

/// The places where something happened, and the directories above them.
struct Stirred<'a> {
    places: HashSet<&'a str>,
    above: HashSet<&'a str>,
}

impl<'a> Stirred<'a> {
    fn of(places: &'a BTreeSet<TreePath>) -> Self {
        let texts = || places.iter().map(TreePath::as_str);
        Self { places: texts().collect(), above: texts().flat_map(above).collect() }
    }

    /// Whether one of them is a file of a skill, above one or below one.
    fn meets(&self, version: &SkillVersion) -> bool {
        let is_meant = |path: &str| self.places.contains(path) || self.above.contains(path);
        let mut paths = version.files.keys().map(TreePath::as_str);
        !self.places.is_empty()
            && paths.any(|path| is_meant(path) || above(path).any(|above| self.places.contains(above)))
    }
}

/// The look at some places, as it goes.
struct PartLook<'a> {
    look: Look<'a>,
    asked: &'a Asked,
    /// Whether something that is not ours has a second name: that may be one of ours.
    linked: bool,
}

impl PartLook<'_> {
    /// Looks at the places below a directory, whose path and slash are the first `prefix` bytes of all of
    /// them and of the files that are asked for there. None of them lies below another.
    fn below(
        &mut self,
        directory: &Directory,
        prefix: usize,
        asked: Range<usize>,
        places: &[&TreePath],
    ) -> Result<(), LookError> {
        let is_same = |one: &&TreePath, other: &&TreePath| name_at(one, prefix) == name_at(other, prefix);
        for group in places.chunk_by(is_same) {
            let [first, ..] = group else { continue };
            let name = name_at(first, prefix);
            let end = prefix + name.len();
            let listed = Listed::unlisted(self.asked, &asked, prefix, name);
            if first.as_str().len() > end {
                match directory.child(name) {
                    Ok(child) => {
                        self.enter(&child, end, listed.as_ref(), group)?;
                        continue;
                    }
                    // What stands there instead is what happened.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                    Err(errno) => return Err(failed("open", &first.as_str()[..end])(errno)),
                }
            }
            match listed {
                Some(listed) => self.look.name(directory, prefix, &listed)?,
                None => self.strange(directory, prefix, &first.as_str()[..end])?,
            }
        }
        Ok(())
    }

    /// Goes on below a directory, whose path is `end` bytes long.
    fn enter(
        &mut self,
        child: &Directory,
        end: usize,
        listed: Option<&Listed>,
        places: &[&TreePath],
    ) -> Result<(), LookError> {
        let below = listed.map_or(0..0, |listed| listed.below.clone());
        let before = self.look.seen.differing();
        self.below(child, end + 1, below, places)?;
        listed.into_iter().for_each(|listed| self.look.note_directory(before, end, listed));
        Ok(())
    }

    /// Looks at what nobody asked for.
    fn strange(&mut self, directory: &Directory, prefix: usize, path: &str) -> Result<(), LookError> {
        let name = &path[prefix..];
        let found = directory.entry(name).map_err(failed("look at", path))?;
        if let Some(found) = found.filter(|_| !is_ours(prefix, name.as_bytes())) {
            let is_directory = kind(&found) == FileType::Directory;
            self.linked |= !is_directory && links(&found) > 1;
            self.look.seen.unowned.push(Unowned { path: path.to_owned(), directory: is_directory });
        }
        Ok(())
    }
}

/// The name that a path has in a directory whose path and slash are its first `prefix` bytes.
fn name_at(path: &TreePath, prefix: usize) -> &str {
    let rest = &path.as_str()[prefix..];
    rest.split('/').next().unwrap_or(rest)
}

/// The directories above a path.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Whether neither of two paths is the other one or lies below it.
fn is_apart(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    !long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Of several paths, in their order, those that lie below none of the others.
fn topmost<'p>(paths: impl Iterator<Item = &'p TreePath>) -> Vec<&'p TreePath> {
    let all: BTreeSet<&TreePath> = paths.collect();
    let texts: HashSet<&str> = all.iter().map(|path| path.as_str()).collect();
    let is_topmost = |path: &&TreePath| !above(path.as_str()).any(|above| texts.contains(above));
    all.iter().copied().filter(is_topmost).collect()
}

#[cfg(test)]
mod tests;
