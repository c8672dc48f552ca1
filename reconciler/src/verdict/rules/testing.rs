//! What the tests of rules share: skills on a real disk or in a real object database, judged whole.

use std::collections::BTreeMap;
use std::path::Path;

use crate::desired::{self, Content, Memory};
use crate::finding::Finding;
use crate::ids::{CommitId, TreeId};
use crate::options::{Judging, Selection};
use crate::tree::Skills;
use crate::verdict::{Law, MemoryCache, judge};

/// The findings of a rule in files below a directory.
pub(crate) fn hits(rule: &str, files: &[(&str, &[u8])]) -> Vec<Finding> {
    hits_below(rule, write_files(files).path())
}

/// The same where the reference rules are asked for.
pub(crate) fn strict_hits(rule: &str, files: &[(&str, &[u8])]) -> Vec<Finding> {
    of_rule(rule, &all_below(write_files(files).path(), true))
}

/// The findings of a rule below a directory that exists.
pub(crate) fn hits_below(rule: &str, directory: &Path) -> Vec<Finding> {
    of_rule(rule, &all_below(directory, false))
}

/// The findings of a rule in a tree made by hand.
pub(crate) fn hits_in_git(rule: &str, top: &[(&[u8], Made<'_>)]) -> Vec<Finding> {
    let directory = tempfile::tempdir().unwrap();
    let git = git2::Repository::init_bare(directory.path()).unwrap();
    let commit = commit(&git, write_tree(&git, top));
    let desired = desired::read(&git, commit, &Selection::default(), &mut Memory::default()).unwrap();
    of_rule(rule, &all(&desired, &git, false))
}

fn all_below(directory: &Path, strict: bool) -> Vec<Finding> {
    let (desired, content) = desired::from_directory(directory, &Selection::default()).unwrap();
    all(&desired, &content, strict)
}

fn all(desired: &desired::Desired, content: &dyn Content, strict: bool) -> Vec<Finding> {
    let law = Law::new(Judging { strict, block: None });
    let judged = judge(desired, content, &Skills::new(), &law, &mut MemoryCache::default()).unwrap();
    judged.findings().into_values().flatten().collect()
}

fn of_rule(rule: &str, findings: &[Finding]) -> Vec<Finding> {
    assert!(super::find(rule).is_some(), "{rule} is no rule");
    findings.iter().filter(|finding| finding.rule == rule).cloned().collect()
}

fn write_files(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    directory
}

/// A sound skill of this name.
pub(crate) fn skill(name: &str) -> String {
    format!("---\nname: {name}\ndescription: Does what {name} does.\n---\n# {name}\n")
}

/// An entry of a tree made by hand.
#[derive(Clone)]
pub(crate) enum Made<'a> {
    /// A blob under a mode.
    Blob(&'a [u8], u32),
    /// A tree, its entries in this order, whatever their names.
    Tree(Vec<(&'a [u8], Made<'a>)>),
    /// A tree that names one thing so many times.
    Many(usize, Box<Made<'a>>),
    /// A commit of another repository.
    Submodule,
}

pub(crate) fn file(bytes: &[u8]) -> Made<'_> {
    Made::Blob(bytes, 0o100_644)
}

pub(crate) fn link(target: &[u8]) -> Made<'_> {
    Made::Blob(target, 0o120_000)
}

pub(crate) fn tree<'a>(entries: Vec<(&'a [u8], Made<'a>)>) -> Made<'a> {
    Made::Tree(entries)
}

pub(crate) fn entry(text: &str) -> (&'static [u8], Made<'_>) {
    (b"SKILL.md", file(text.as_bytes()))
}

/// Writes a tree byte by byte: no check of git's is in its way.
pub(crate) fn write_tree(git: &git2::Repository, entries: &[(&[u8], Made<'_>)]) -> TreeId {
    let entries: Vec<_> = entries.iter().map(|(name, made)| (name.to_vec(), write(git, made))).collect();
    raw_tree(git, &entries)
}

fn write(git: &git2::Repository, made: &Made<'_>) -> (u32, git2::Oid) {
    match made {
        Made::Blob(bytes, mode) => (*mode, git.blob(bytes).unwrap()),
        Made::Tree(below) => (0o040_000, write_tree(git, below).oid()),
        Made::Submodule => (0o160_000, git2::Oid::from_str(&"5".repeat(40)).unwrap()),
        Made::Many(times, one) => {
            let one = write(git, one);
            let entries: Vec<_> = (0..*times).map(|n| (n.to_string().into_bytes(), one)).collect();
            (0o040_000, raw_tree(git, &entries).oid())
        }
    }
}

fn raw_tree(git: &git2::Repository, entries: &[(Vec<u8>, (u32, git2::Oid))]) -> TreeId {
    let mut bytes = Vec::new();
    for (name, (mode, id)) in entries {
        bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
    }
    git.odb().unwrap().write(git2::ObjectType::Tree, &bytes).unwrap().into()
}

/// Nests files by their paths.
pub(crate) fn nest<'a>(files: &[(&'a str, Made<'a>)]) -> Vec<(&'a [u8], Made<'a>)> {
    let mut here: Vec<(&[u8], Made<'_>)> = Vec::new();
    let mut below: BTreeMap<&str, Vec<(&str, Made<'_>)>> = BTreeMap::new();
    for (path, made) in files {
        match path.split_once('/') {
            None => here.push((path.as_bytes(), made.clone())),
            Some((name, rest)) => below.entry(name).or_default().push((rest, made.clone())),
        }
    }
    here.extend(below.iter().map(|(name, files)| (name.as_bytes(), Made::Tree(nest(files)))));
    here
}

/// A commit of a tree, without parents.
pub(crate) fn commit(git: &git2::Repository, tree: TreeId) -> CommitId {
    let who = git2::Signature::new("A", "a@example.invalid", &git2::Time::new(0, 0)).unwrap();
    let text = format!("tree {}\nauthor {who} 0 +0000\ncommitter {who} 0 +0000\n\nA commit\n", tree.oid());
    git.odb().unwrap().write(git2::ObjectType::Commit, text.as_bytes()).unwrap().into()
}
