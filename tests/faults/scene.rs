//! What a fault meets: a repository, a volume just before a pass, and what the pass must make of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use git2::build::TreeUpdateBuilder;

use crate::product::Product;

/// The bytes of files, by path below the target.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;

/// What somebody did to a file of ours before the pass.
pub(crate) enum Drift {
    /// Other bytes stand there.
    Bytes(&'static [u8]),
    /// Nothing does.
    Missing,
    /// A directory does, with this file in it.
    Directory(&'static str, &'static [u8]),
}

/// A volume just before a pass, in as many copies as there are faults.
pub(crate) struct Scene {
    scratch: tempfile::TempDir,
    copies: AtomicUsize,
    /// What is served.
    pub(crate) old: Tree,
    /// What the pass is to serve.
    pub(crate) new: Tree,
    /// What stands in place of files that are served.
    pub(crate) drift: BTreeMap<&'static str, Drift>,
    /// What is not ours.
    pub(crate) unowned: Tree,
    /// Whether a pass was interrupted already: the next one settles it, and may find nothing else.
    pub(crate) is_interrupted: bool,
}

/// One copy of it.
pub(crate) struct Place {
    directory: PathBuf,
    pub(crate) product: Product,
}

impl Scene {
    /// Two skills change, one file of them has drifted, and two files are not ours.
    pub(crate) fn change() -> Self {
        let drift = [("a/x.txt", Drift::Bytes(b"edited by hand\n"))];
        let unowned = [("a/notes.txt", "mine\n"), ("other/own.md", "mine too\n")];
        Self::make(&two_skills("old"), &two_skills("new"), drift.into(), tree(&unowned))
    }

    /// The first pass of all: there is no target and no state directory.
    pub(crate) fn first() -> Self {
        Self::make(&Tree::new(), &two_skills("new"), BTreeMap::new(), Tree::new())
    }

    /// A pass that adds, changes, removes and restores, and meets every kind of drift.
    pub(crate) fn everything() -> Self {
        let old = tree(&[
            ("change/SKILL.md", &skill("change", "old")),
            ("change/lib/one.txt", "one old\n"),
            ("change/lib/dropped.txt", "dropped\n"),
            ("flat.md", &skill("flat", "old")),
            ("gone/SKILL.md", &skill("gone", "old")),
            ("gone/data/z.txt", "z\n"),
            ("keep/SKILL.md", &skill("keep", "kept")),
            ("keep/assets/a.txt", "a\n"),
            ("keep/b.txt", "b\n"),
        ]);
        let mut new = old.clone();
        new.retain(|path, _| !path.starts_with("gone/") && path != "change/lib/dropped.txt");
        new.extend(tree(&[
            ("added/SKILL.md", &skill("added", "new")),
            ("added/scripts/run.py", "print()\n"),
            ("change/SKILL.md", &skill("change", "new")),
            ("change/lib/one.txt", "one new\n"),
            ("change/more/two.txt", "two new\n"),
            ("flat.md", &skill("flat", "new")),
        ]));
        let drift = [
            ("change/lib/one.txt", Drift::Bytes(b"edited one\n")),
            ("gone/SKILL.md", Drift::Bytes(b"edited, and gone in git\n")),
            ("keep/SKILL.md", Drift::Bytes(b"overwritten\n")),
            ("keep/assets/a.txt", Drift::Missing),
            ("keep/b.txt", Drift::Directory("inner.txt", b"in the way\n")),
        ];
        let unowned = [("gone/notes.txt", "mine\n"), ("keep/cache/x.bin", "mine too\n")];
        Self::make(&old, &new, drift.into(), tree(&unowned))
    }

    fn make(old: &Tree, new: &Tree, drift: BTreeMap<&'static str, Drift>, unowned: Tree) -> Self {
        let scratch = scratch();
        let (old, new, copies) = (old.clone(), new.clone(), AtomicUsize::new(0));
        let scene = Self { scratch, copies, old, new, drift, unowned, is_interrupted: false };
        let base = scene.place("base");
        let repository = git2::Repository::init_bare(scene.origin()).expect("a repository");
        if !scene.old.is_empty() {
            commit(&repository, &scene.old);
            base.product.once().expect_code(0);
        }
        commit(&repository, &scene.new);
        scene.write_on(&base);
        scene
    }

    /// Writes what drifted and what is not ours.
    fn write_on(&self, base: &Place) {
        for (path, drift) in &self.drift {
            let path = base.target().join(path);
            fs::remove_file(&path).expect("a file that is served");
            match drift {
                Drift::Missing => {}
                Drift::Bytes(bytes) => fs::write(&path, bytes).expect("written"),
                Drift::Directory(name, bytes) => {
                    fs::create_dir(&path).expect("made");
                    fs::write(path.join(name), bytes).expect("written");
                }
            }
        }
        for (path, bytes) in &self.unowned {
            let path = base.target().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, bytes).expect("written");
        }
    }

    /// The repository that is followed.
    pub(crate) fn origin(&self) -> PathBuf {
        self.scratch.path().join("origin.git")
    }

    /// The place that the copies are made of.
    pub(crate) fn base(&self) -> Place {
        self.place("base")
    }

    /// A fresh copy.
    pub(crate) fn copy(&self) -> Place {
        self.copy_to(self.scratch.path())
    }

    /// A fresh copy in some directory.
    pub(crate) fn copy_to(&self, directory: &Path) -> Place {
        let name = format!("copy-{}", self.copies.fetch_add(1, Ordering::Relaxed));
        let place = self.place_at(directory.join(name));
        copy_directory(&self.base().directory, &place.directory);
        place
    }

    fn place(&self, name: &str) -> Place {
        self.place_at(self.scratch.path().join(name))
    }

    fn place_at(&self, directory: PathBuf) -> Place {
        fs::create_dir_all(&directory).expect("a directory");
        let product = Product::new(&self.origin(), &directory.join("data/skills"));
        Place { directory, product }
    }
}

impl Place {
    /// Everything that a pass may write.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// What is served.
    pub(crate) fn target(&self) -> PathBuf {
        self.data().join("skills")
    }

    /// The state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.data().join(".skill-sync")
    }

    /// A file beside the data, for a trace.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Everything below the target but our own names there.
    pub(crate) fn contents(&self) -> Tree {
        let mut found = Tree::new();
        let target = self.target();
        read_directory(&target, &mut |path| {
            let name = path.strip_prefix(&target).expect("below it").to_str().expect("text").to_owned();
            if !name.starts_with(".skill-sync") {
                found.insert(name, fs::read(path).expect("its bytes"));
            }
        });
        found
    }

    /// Removes the copy.
    pub(crate) fn remove(self) {
        fs::remove_dir_all(self.directory).expect("removed");
    }
}

/// Where copies are made: in memory where that is to be had, since no fault here cuts the power.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a scratch directory")
}

fn skill(name: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Says {text}.\n---\n{text}\n")
}

fn two_skills(text: &str) -> Tree {
    tree(&[
        ("a/SKILL.md", &skill("a", text)),
        ("a/x.txt", &format!("x {text}\n")),
        ("b/SKILL.md", &skill("b", text)),
        ("b/s/y.txt", &format!("y {text}\n")),
    ])
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn commit(repository: &git2::Repository, files: &Tree) {
    let mut update = TreeUpdateBuilder::new();
    for (path, bytes) in files {
        let blob = repository.blob(bytes).expect("a blob");
        update.upsert(path.as_str(), blob, git2::FileMode::Blob);
    }
    let empty = repository.treebuilder(None).and_then(|builder| builder.write()).expect("a tree");
    let empty = repository.find_tree(empty).expect("the tree");
    let tree = update.create_updated(repository, &empty).expect("a tree");
    let tree = repository.find_tree(tree).expect("the tree");
    let who = git2::Signature::now("A test", "test@example.invalid").expect("a signature");
    let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some("HEAD"), &who, &who, "A commit", &tree, &parents).expect("a commit");
}

/// Copies directories and plain files with their modes.
fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    fs::set_permissions(to, from.metadata().expect("its metadata").permissions()).expect("a mode");
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("its kind").is_dir() {
            copy_directory(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

/// Visits every file below a directory; nothing where it is not there.
pub(crate) fn read_directory(directory: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() { read_directory(&path, visit) } else { visit(&path) }
    }
}
