//! The served set as a commit of the mirror: what a lost database is made again from.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode as GitMode, ObjectType, Oid, TreeWalkMode, TreeWalkResult};

use super::libgit2::open_bare;
use super::mirror::{Mirror, MirrorError};
use crate::ids::{CommitId, TreeId};
use crate::tree::{FileMode, FileVersion, SkillVersion, Skills};

/// The commit whose tree is what is served.
const SERVED: &str = "refs/skill-sync/served";

impl Mirror {
    /// The commit whose tree is what is served; none where nothing was.
    pub(crate) fn served_commit(&self) -> Option<CommitId> {
        self.git().refname_to_id(SERVED).ok().map(CommitId::from)
    }

    /// Writes the served set as a tree and keeps it alive by a commit under `refs/skill-sync/served`,
    /// from which a lost database is made again; durable after the next [`sync`](Self::sync).
    ///
    /// Only what differs from the last call is written.
    ///
    /// # Errors
    /// A blob that is not there.
    pub fn pin_served(&self, skills: &Skills) -> Result<TreeId, MirrorError> {
        let last = self.served.take();
        let updated = last.and_then(|(before, base)| self.update_served(&before, base, skills).ok());
        let tree = match updated {
            Some(tree) => tree,
            // From nothing: the first time, and where a file took a directory's place or the reverse.
            None => {
                let empty = self.git().treebuilder(None).and_then(|builder| builder.write());
                empty
                    .and_then(|empty| self.update_served(&Skills::new(), empty, skills))
                    .map_err(|e| self.unwritten("the served tree", e))?
            }
        };
        self.point_at_tree(SERVED, tree)?;
        self.served.replace(Some((skills.clone(), tree)));
        Ok(tree.into())
    }

    fn update_served(&self, before: &Skills, base: Oid, skills: &Skills) -> Result<Oid, git2::Error> {
        let mut update = TreeUpdateBuilder::new();
        describe_change(&mut update, before, skills);
        update.create_updated(self.git(), &self.git().find_tree(base)?)
    }
}

/// Whether a target holds each file that was served last, by the mirror alone: for who must know while
/// there is no database. It reads, and takes no lock; false also where it cannot tell.
pub fn holds_served(mirror: &Path, target: &Path) -> bool {
    is_served(mirror, target).unwrap_or(false)
}

fn is_served(mirror: &Path, target: &Path) -> Result<bool, git2::Error> {
    let mirror = open_bare(mirror)?;
    let tree = mirror.find_reference(SERVED)?.peel_to_tree()?;
    let mut equal = true;
    tree.walk(TreeWalkMode::PreOrder, |directory, entry| {
        if entry.kind() == Some(ObjectType::Blob) {
            equal = entry.name().is_ok_and(|name| is_blob(&target.join(directory).join(name), entry.id()));
        }
        if equal { TreeWalkResult::Ok } else { TreeWalkResult::Abort }
    })
    .or_else(|error| if equal { Err(error) } else { Ok(()) })?;
    Ok(equal)
}

fn is_blob(path: &Path, id: Oid) -> bool {
    let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
    is_file && Oid::hash_file(ObjectType::Blob, path).is_ok_and(|found| found == id)
}

/// Says what differs between two served sets, file by file.
fn describe_change(update: &mut TreeUpdateBuilder, before: &Skills, after: &Skills) {
    let unchanged = |id, skill: &Arc<SkillVersion>| before.get(id).is_some_and(|old| Arc::ptr_eq(old, skill));
    let changed = || after.iter().filter(|(id, skill)| !unchanged(id, skill));
    let mut kept = BTreeSet::new();
    for (path, file) in changed().flat_map(|(_, skill)| &skill.files) {
        upsert(update, path.as_str(), *file);
        kept.insert(path);
    }
    for (id, skill) in before {
        if after.get(id).is_some_and(|new| Arc::ptr_eq(new, skill)) {
            continue;
        }
        for path in skill.files.keys().filter(|path| !kept.contains(path)) {
            update.remove(path.as_str());
        }
    }
}

fn upsert(update: &mut TreeUpdateBuilder, path: &str, file: FileVersion) {
    let mode = match file.mode {
        FileMode::Regular => GitMode::Blob,
        FileMode::Executable => GitMode::BlobExecutable,
    };
    update.upsert(path, file.blob.oid(), mode);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Digest, SkillId};

    fn skill(mirror: &Mirror, files: &[(&str, &str)]) -> Arc<SkillVersion> {
        let version = |bytes: &str| FileVersion {
            blob: mirror.git().blob(bytes.as_bytes()).unwrap().into(),
            digest: Digest::of(bytes.as_bytes()),
            size: u64::try_from(bytes.len()).unwrap(),
            mode: if bytes.starts_with("#!") { FileMode::Executable } else { FileMode::Regular },
        };
        let files: crate::tree::Files =
            files.iter().map(|(path, bytes)| (path.parse().unwrap(), version(bytes))).collect();
        let entry = files.keys().next().unwrap().clone();
        Arc::new(SkillVersion { revision: Oid::ZERO_SHA1.into(), entry, name: None, files })
    }

    #[test]
    fn a_target_is_compared_with_what_was_served_last() {
        let (root, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = root.path().join("repo.git");
        let mirror = Mirror::open(&path).unwrap();
        assert!(!holds_served(&path, target.path()), "nothing was served");

        let one = skill(&mirror, &[("a/SKILL.md", "text"), ("a/b/c.md", "more")]);
        mirror.pin_served(&Skills::from([(SkillId::new("a"), one)])).unwrap();
        std::fs::create_dir_all(target.path().join("a/b")).unwrap();
        std::fs::write(target.path().join("a/SKILL.md"), "text").unwrap();
        assert!(!holds_served(&path, target.path()), "one is missing");
        std::fs::write(target.path().join("a/b/c.md"), "more").unwrap();
        assert!(holds_served(&path, target.path()));
        std::fs::write(target.path().join("a/b/c.md"), "less").unwrap();
        assert!(!holds_served(&path, target.path()), "one is another");
    }

    fn listing(mirror: &Mirror, tree: TreeId) -> Vec<String> {
        let mut names = Vec::new();
        let tree = mirror.git().find_tree(tree.oid()).unwrap();
        tree.walk(git2::TreeWalkMode::PreOrder, |dir, entry| {
            if entry.kind() == Some(ObjectType::Blob) {
                names.push(format!("{:o} {dir}{}", entry.filemode(), entry.name().unwrap()));
            }
            git2::TreeWalkResult::Ok
        })
        .unwrap();
        names
    }

    #[test]
    fn the_served_tree_is_what_is_served_however_it_came_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&dir.path().join("repo.git")).unwrap();
        let flat = skill(&mirror, &[("flat.md", "one")]);
        let folder = skill(&mirror, &[("pdf/SKILL.md", "two"), ("pdf/scripts/run.sh", "#!/bin/sh")]);
        let id = |name: &str| SkillId::new(name);
        let both = Skills::from([(id("flat"), flat.clone()), (id("pdf"), folder)]);
        let first = mirror.pin_served(&both).unwrap();
        assert_eq!(
            listing(&mirror, first),
            ["100644 flat.md", "100644 pdf/SKILL.md", "100755 pdf/scripts/run.sh"]
        );

        let smaller = skill(&mirror, &[("pdf/SKILL.md", "three")]);
        let second =
            mirror.pin_served(&Skills::from([(id("flat"), flat.clone()), (id("pdf"), smaller)])).unwrap();
        assert_eq!(listing(&mirror, second), ["100644 flat.md", "100644 pdf/SKILL.md"]);

        let third = mirror.pin_served(&Skills::from([(id("flat"), flat)])).unwrap();
        assert_eq!(listing(&mirror, third), ["100644 flat.md"]);
        let pinned = mirror.git().find_reference(SERVED).unwrap().peel_to_tree().unwrap();
        assert_eq!(pinned.id(), third.oid());
        mirror.pin_served(&Skills::new()).unwrap();
        assert_eq!(mirror.pin_served(&both).unwrap(), first);
        assert_eq!(Mirror::open(mirror.path()).unwrap().pin_served(&both).unwrap(), first);
    }

    #[test]
    fn a_file_that_takes_a_directorys_place_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&dir.path().join("repo.git")).unwrap();
        let served = |files: &[(&str, &str)]| {
            let skills = Skills::from([(SkillId::new("x"), skill(&mirror, files))]);
            listing(&mirror, mirror.pin_served(&skills).unwrap())
        };
        assert_eq!(served(&[("x.md/SKILL.md", "one")]), ["100644 x.md/SKILL.md"]);
        assert_eq!(served(&[("x.md", "two")]), ["100644 x.md"]);
        assert_eq!(served(&[("x.md/SKILL.md", "one")]), ["100644 x.md/SKILL.md"]);
    }
}
