//! Trees that no git would write.

use std::collections::BTreeSet;

use git2::{ObjectType, Odb, Oid, Repository};

use crate::desired::{self, Content, Memory};
use crate::options::{Judging, Selection};
use crate::path::TreePath;
use crate::tree::Skills;
use crate::verdict::{Law, MemoryCache, judge};

const SKILL: &[u8] =
    b"---\nname: a\ndescription: A skill that does a thing when it is asked to.\n---\nText.\n";

/// The modes that git knows, and some that it does not.
const MODES: [&str; 10] =
    ["100644", "100755", "40000", "120000", "160000", "100664", "040000", "0", "10644", "777777"];

/// A repository in memory.
fn repository() -> Result<Repository, git2::Error> {
    let odb = Odb::new()?;
    odb.add_new_mempack_backend(1)?;
    Repository::from_odb(odb)
}

/// Reads entries of a tree: a byte for the mode, one for what it names, one for the length of the name.
/// What it names is a file, a link's text, or a tree that was read before; a mode over the list ends a tree.
fn write(git: &Repository, mut data: &[u8]) -> Result<Oid, git2::Error> {
    let odb = git.odb()?;
    let blobs = [SKILL, b"../../etc/passwd", b"SKILL.md", b""].map(|bytes| git.blob(bytes));
    let mut named = blobs.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut tree = Vec::new();
    while let [mode, which, length, rest @ ..] = data {
        let (name, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        data = rest;
        if let Some(mode) = MODES.get(usize::from(*mode)) {
            tree.extend_from_slice(mode.as_bytes());
            tree.push(b' ');
            tree.extend(name.iter().filter(|byte| **byte != 0));
            tree.push(0);
            tree.extend_from_slice(named[usize::from(*which) % named.len()].as_bytes());
        } else {
            named.push(odb.write(ObjectType::Tree, &tree)?);
            tree.clear();
        }
    }
    odb.write(ObjectType::Tree, &tree)
}

/// Whatever a tree holds, what is accepted of it are paths that stay below the target, no two of which are
/// one to any file system.
pub fn check(data: &[u8]) {
    thread_local! {
        static LAW: Law = Law::new(Judging { strict: false, block: None });
    }
    let Some((first, rest)) = data.split_first() else { return };
    let git = repository().expect("a repository in memory");
    let written = match first % 4 {
        // The bytes as they are.
        0 => git.odb().and_then(|odb| odb.write(ObjectType::Tree, rest)),
        _ => write(&git, rest),
    };
    let id = written.expect("memory takes anything");
    if let Ok(entries) = git.tree(id.into()) {
        for entry in entries {
            assert!(!entry.name.is_empty() && !entry.name.contains(&b'/'), "{entry:?}");
        }
    }
    let Ok(commit) = commit(&git, id) else { return };
    let selection = Selection::default();
    let Ok(desired) = desired::read(&git, commit.into(), &selection, &mut Memory::default()) else { return };
    let judged = LAW.with(|law| judge(&desired, &git, &Skills::new(), law, &mut MemoryCache::default()));
    let Ok(judged) = judged else { return };
    let mut seen = BTreeSet::new();
    for version in judged.accepted.skills().values() {
        for path in version.files.keys() {
            assert_eq!(TreePath::parse(path.as_str().as_bytes()).as_ref(), Ok(path));
            assert!(seen.insert(path.folded()), "{path} is there twice for some file systems");
        }
    }
}

/// A commit of a tree that git itself may not be able to read.
fn commit(git: &Repository, tree: Oid) -> Result<Oid, git2::Error> {
    let who = "a <a@example.org> 0 +0000";
    let text = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nc\n");
    git.odb()?.write(ObjectType::Commit, text.as_bytes())
}
