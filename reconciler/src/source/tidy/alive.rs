//! What the mirror must hold: everything that its references keep, and the newest history behind them.

use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use git2::{ErrorCode, ObjectType, Oid, Repository};

use crate::source::history::parents;

/// So many commits behind the references are kept, the newest: far enough to tell a force push from
/// another history.
pub(super) const HISTORY_KEPT: usize = 1_000;

/// What must stay.
#[derive(Default)]
pub(super) struct Alive {
    /// Each object with the name under which it was met.
    pub(super) objects: HashMap<Oid, String>,
    /// The commits whose parents are not kept, or are not there.
    pub(super) ends: BTreeSet<Oid>,
}

impl Alive {
    /// Walks from every reference. A commit that is kept is kept whole: a server that is told of it leaves
    /// out all that it holds.
    pub(super) fn walk(repository: &Repository) -> Result<Self, git2::Error> {
        let mut alive = Self::default();
        let commits = alive.commits(repository)?;
        for id in &commits {
            let commit = repository.find_commit(*id)?;
            if parents(&commit).iter().any(|parent| !commits.contains(parent)) {
                alive.ends.insert(*id);
            }
            alive.objects.insert(*id, String::new());
            alive.tree(repository, commit.tree_id())?;
        }
        Ok(alive)
    }

    /// The commits that the references name, and the newest behind them.
    fn commits(&mut self, repository: &Repository) -> Result<HashSet<Oid>, git2::Error> {
        let named = self.named(repository)?;
        let time = |id: Oid| repository.find_commit(id).map(|commit| commit.time().seconds());
        let mut next = BinaryHeap::new();
        for id in &named {
            next.push((time(*id)?, *id));
        }
        let (mut kept, mut behind) = (HashSet::new(), 0);
        while let Some((_, id)) = next.pop() {
            if kept.contains(&id) || (!named.contains(&id) && behind == HISTORY_KEPT) {
                continue;
            }
            behind += usize::from(!named.contains(&id));
            kept.insert(id);
            for parent in parents(&repository.find_commit(id)?) {
                match time(parent) {
                    Ok(at) => next.push((at, parent)),
                    // There history ends already.
                    Err(error) if error.code() == ErrorCode::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(kept)
    }

    fn named(&mut self, repository: &Repository) -> Result<HashSet<Oid>, git2::Error> {
        let mut named = HashSet::new();
        for reference in repository.references()? {
            let reference = reference?;
            let mut id = reference.resolve()?.target();
            // An annotated tag is an object of its own, and may name another.
            while let Some(tag) = id.and_then(|id| repository.find_tag(id).ok()) {
                self.objects.insert(tag.id(), String::new());
                id = Some(tag.target_id());
            }
            match id {
                Some(id) if repository.find_commit(id).is_ok() => {
                    named.insert(id);
                }
                Some(id) if repository.find_tree(id).is_ok() => self.tree(repository, id)?,
                Some(id) => {
                    repository.find_blob(id)?;
                    self.objects.insert(id, String::new());
                }
                None => {}
            }
        }
        Ok(named)
    }

    fn tree(&mut self, repository: &Repository, root: Oid) -> Result<(), git2::Error> {
        let mut waiting = vec![(root, String::new())];
        while let Some((id, name)) = waiting.pop() {
            if self.objects.contains_key(&id) {
                continue;
            }
            self.objects.insert(id, name);
            for entry in &repository.find_tree(id)? {
                let name = || String::from_utf8_lossy(entry.name_bytes()).into_owned();
                match entry.kind() {
                    Some(ObjectType::Tree) => waiting.push((entry.id(), name())),
                    Some(ObjectType::Blob) if !self.objects.contains_key(&entry.id()) => {
                        self.objects.insert(entry.id(), name());
                    }
                    // A submodule is another repository's.
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
