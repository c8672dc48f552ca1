//! The repository of a story: real commits in a bare repository, odd trees included.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid};

use crate::fields;

/// What a tree holds: mode and bytes by path. The bytes of a link are its target, those of a
/// submodule the digits of its commit.
type Tree = BTreeMap<Vec<u8>, (u32, Vec<u8>)>;

const SUBMODULE: u32 = 0o160_000;
const DIRECTORY: u32 = 0o40_000;

/// A bare repository whose branch `main` the story grows.
pub(crate) struct Repository {
    git: git2::Repository,
    commits: Vec<Oid>,
}

impl Repository {
    pub(crate) fn create(path: &Path) -> Self {
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).initial_head("main");
        let git = git2::Repository::init_opts(path, &options).expect("a bare repository");
        Self { git, commits: Vec::new() }
    }

    /// Commits the files below `files`, changed by the lines of `entries`: `MODE PATH CONTENT…` as in
    /// a git tree, or `delete PATH`. Author and time are fixed, so the ids are the same everywhere.
    pub(crate) fn commit(&mut self, files: &Path, entries: &Path) {
        let mut tree = Tree::new();
        add_files(&mut tree, files, Path::new(""));
        for line in fields::lines(entries) {
            match &line[..] {
                [word, path] if word == b"delete" => drop(tree.remove(path)),
                [mode, path, content @ ..] => {
                    tree.insert(path.clone(), (fields::octal(mode), content.concat()));
                }
                _ => panic!("{}: a line needs MODE, PATH and CONTENT", entries.display()),
            }
        }
        let tree = self.git.find_tree(self.write(&tree)).expect("the tree just written");
        let number = i64::try_from(self.commits.len()).expect("a few commits") + 1;
        let when = git2::Time::new(1_767_225_600 + number * 60, 0);
        let who = git2::Signature::new("A story", "story@example.invalid", &when).expect("a signature");
        let parents: Vec<_> = self
            .commits
            .last()
            .map(|id| self.git.find_commit(*id).expect("its parent"))
            .into_iter()
            .collect();
        let message = format!("Commit {number}");
        let id = self
            .git
            .commit(Some("refs/heads/main"), &who, &who, &message, &tree, &parents.iter().collect::<Vec<_>>())
            .expect("a commit");
        self.commits.push(id);
    }

    /// The number of a commit of this story, from 1.
    pub(crate) fn number(&self, commit: &str) -> Option<usize> {
        self.commits.iter().position(|id| id.to_string() == commit).map(|at| at + 1)
    }

    /// Writes tree objects by hand: libgit2's own builder refuses what a hostile repository holds.
    fn write(&self, tree: &Tree) -> Oid {
        let odb = self.git.odb().expect("the object database");
        let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut below: BTreeMap<&[u8], Tree> = BTreeMap::new();
        for (path, (mode, bytes)) in tree {
            if let Some(slash) = path.iter().position(|byte| *byte == b'/') {
                let inner = below.entry(&path[..slash]).or_default();
                inner.insert(path[slash + 1..].to_vec(), (*mode, bytes.clone()));
                continue;
            }
            let id = match *mode {
                SUBMODULE => Oid::from_str(fields::text(bytes)).expect("a commit id"),
                _ => odb.write(ObjectType::Blob, bytes).expect("a blob"),
            };
            rows.push((path.clone(), row(*mode, path, id)));
        }
        for (name, inner) in &below {
            // Git sorts a directory as if its name ended in a slash.
            rows.push(([name, &b"/"[..]].concat(), row(DIRECTORY, name, self.write(inner))));
        }
        rows.sort();
        let raw: Vec<u8> = rows.into_iter().flat_map(|(_, row)| row).collect();
        odb.write(ObjectType::Tree, &raw).expect("a tree")
    }
}

fn row(mode: u32, name: &[u8], id: Oid) -> Vec<u8> {
    [format!("{mode:o} ").as_bytes(), name, b"\0", id.as_bytes()].concat()
}

fn add_files(tree: &mut Tree, root: &Path, below: &Path) {
    for path in children(&root.join(below)) {
        let name = below.join(path.file_name().expect("a name"));
        let meta = path.symlink_metadata().expect("its metadata");
        if meta.is_dir() {
            add_files(tree, root, &name);
            continue;
        }
        assert!(meta.is_file(), "{}: describe links in the entries file", path.display());
        let mode = if meta.permissions().mode() & 0o100 == 0 { 0o100_644 } else { 0o100_755 };
        tree.insert(
            name.as_os_str().as_encoded_bytes().to_vec(),
            (mode, std::fs::read(&path).expect("its bytes")),
        );
    }
}

/// What a directory holds, sorted; nothing where it is not there.
pub(crate) fn children(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}
