//! Bringing what is new from a repository on this machine: object by object, in one pack.
//!
//! libgit2's own way opens every tree of both sides to find that out, which costs in proportion to the
//! skills. Here a tree is compared with its parent commit's, and what is equal is not opened: the mirror
//! holds a commit only with all that its tree names, since packs come whole.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

use git2::{ObjectType, Odb, OdbLookupFlags, Oid, PackBuilder, Repository, RepositoryOpenFlags, Tree};

/// The most objects that are brought like this; where there are more, libgit2's way costs less.
const MAX_OBJECTS: usize = 5_000;

/// How deep trees are followed; deeper ones are libgit2's to refuse or to take.
const MAX_DEPTH: usize = 64;

/// Why libgit2 has to do it.
enum Beyond {
    /// More, or deeper, than is followed here.
    Much,
    /// Something cannot be read or written; libgit2 says it in the words that are known.
    Git,
}

impl From<git2::Error> for Beyond {
    fn from(_: git2::Error) -> Self {
        Self::Git
    }
}

/// Copies what the mirror lacks of a commit, or of a tag that leads to one, from the repository at a path;
/// false where it did not: then nothing was written, and libgit2 does it or says why not.
pub(super) fn copy(mirror: &Repository, path: &Path, id: Oid, room: u64) -> bool {
    take(mirror, path, id, room).is_ok()
}

fn take(mirror: &Repository, path: &Path, id: Oid, room: u64) -> Result<(), Beyond> {
    let no_search: &[&std::ffi::OsStr] = &[];
    let from = Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, no_search)?;
    let mut missing = Missing { from: &from, known: mirror.odb()?, ids: Vec::new(), seen: HashSet::new() };
    missing.follow(id)?;
    let mut pack = from.packbuilder()?;
    missing.ids.iter().try_for_each(|id| pack.insert_object(*id, None))?;
    write(&missing.known, &mut pack, room)
}

/// Writes a pack into the mirror: whole or not at all.
fn write(mirror: &Odb<'_>, pack: &mut PackBuilder<'_>, room: u64) -> Result<(), Beyond> {
    let mut writer = mirror.packwriter()?;
    let mut left = room;
    pack.foreach(|bytes| {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let fits = left.checked_sub(length).inspect(|rest| left = *rest).is_some();
        fits && writer.write_all(bytes).is_ok()
    })?;
    writer.commit()?;
    Ok(())
}

/// What the mirror does not have.
struct Missing<'a> {
    from: &'a Repository,
    known: Odb<'a>,
    ids: Vec<Oid>,
    seen: HashSet<Oid>,
}

impl Missing<'_> {
    /// Whether an object is to be brought; it is then noted as brought.
    fn lacks(&mut self, id: Oid) -> Result<bool, Beyond> {
        // Without a refresh: the mirror is ours alone, and nearly all that is asked for is not there.
        if !self.seen.insert(id) || self.known.exists_ext(id, OdbLookupFlags::NO_REFRESH) {
            return Ok(false);
        }
        if self.ids.len() == MAX_OBJECTS {
            return Err(Beyond::Much);
        }
        self.ids.push(id);
        Ok(true)
    }

    /// Notes a tag, what it leads to, and all behind that.
    fn follow(&mut self, mut id: Oid) -> Result<(), Beyond> {
        for _ in 0..MAX_DEPTH {
            let object = self.from.find_object(id, None)?;
            match object.as_tag() {
                Some(tag) => {
                    self.lacks(id)?;
                    id = tag.target_id();
                }
                None if object.kind() == Some(ObjectType::Commit) => return self.history(id),
                None => return Err(Beyond::Git),
            }
        }
        Err(Beyond::Much)
    }

    fn history(&mut self, from: Oid) -> Result<(), Beyond> {
        let mut waiting = vec![from];
        while let Some(id) = waiting.pop() {
            if !self.lacks(id)? {
                continue;
            }
            let commit = self.from.find_commit(id)?;
            let before = commit.parent(0).and_then(|parent| parent.tree()).ok();
            self.tree(commit.tree_id(), before.as_ref(), 0)?;
            waiting.extend(commit.parent_ids());
        }
        Ok(())
    }

    /// Notes what a tree names, but for what the tree before it names too: that came with it.
    fn tree(&mut self, id: Oid, before: Option<&Tree<'_>>, depth: usize) -> Result<(), Beyond> {
        if !self.lacks(id)? {
            return Ok(());
        }
        if depth == MAX_DEPTH {
            return Err(Beyond::Much);
        }
        let tree = self.from.find_tree(id)?;
        let mut old = before.iter().flat_map(|tree| tree.iter()).peekable();
        for entry in &tree {
            // Both are in git's order. Where they are not, more is looked at and nothing is missed.
            while old.next_if(|old| old.name_bytes() < entry.name_bytes()).is_some() {}
            let same = old.next_if(|old| old.name_bytes() == entry.name_bytes());
            if same.as_ref().is_some_and(|same| same.id() == entry.id() && same.kind() == entry.kind()) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let before = same.and_then(|same| self.from.find_tree(same.id()).ok());
                    self.tree(entry.id(), before.as_ref(), depth + 1)?;
                }
                Some(ObjectType::Blob) => drop(self.lacks(entry.id())?),
                // A submodule is somebody else's commit.
                _ => {}
            }
        }
        Ok(())
    }
}
