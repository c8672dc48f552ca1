//! The repository that benches follow.

use std::path::Path;

/// A file that was changed: where, and what is in it now.
#[allow(dead_code, reason = "not every bench waits for it")]
pub(crate) struct Changed {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

/// The repository that is followed.
pub(crate) struct Origin {
    git: git2::Repository,
}

impl Origin {
    /// A bare repository with one commit of `skills` skills, in one pack, as a server has it.
    pub(crate) fn create(path: &Path, skills: usize) -> Self {
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).initial_head("main");
        let git = git2::Repository::init_opts(path, &options).expect("a bare repository");
        let odb = git.odb().expect("the object database");
        let memory = odb.add_new_mempack_backend(1_000).expect("objects in memory");
        let mut root = git.treebuilder(None).expect("a tree");
        for number in 0..skills {
            root.insert(name(number), skill(&git, number, 0), 0o40_000).expect("an entry");
        }
        let tree = root.write().expect("the tree");
        commit(&git, tree);
        let mut pack = git2::Buf::new();
        memory.dump(&git, &mut pack).expect("the pack");
        // The same repository opened again writes to the disk and not into that memory.
        let git = git2::Repository::open(path).expect("the repository");
        let odb = git.odb().expect("its object database");
        let mut writer = odb.packwriter().expect("a writer of packs");
        std::io::Write::write_all(&mut writer, &pack).expect("the pack on disk");
        writer.commit().expect("its index");
        drop(writer);
        drop(odb);
        Self { git }
    }

    /// Commits another text of one skill.
    pub(crate) fn change(&self, run: usize) -> Changed {
        let head = self.git.head().and_then(|head| head.peel_to_tree()).expect("the head's tree");
        let number = (run * 997) % head.len();
        let mut root = self.git.treebuilder(Some(&head)).expect("a tree");
        root.insert(name(number), skill(&self.git, number, run + 1), 0o40_000).expect("an entry");
        let tree = root.write().expect("the tree");
        commit(&self.git, tree);
        Changed { path: format!("{}/SKILL.md", name(number)), bytes: entry(number, run + 1).into_bytes() }
    }
}

fn name(number: usize) -> String {
    format!("skill-{number:05}")
}

/// A folder skill: `SKILL.md` of some 3.5 KiB, and every second one with a reference of 2 KiB.
fn skill(git: &git2::Repository, number: usize, version: usize) -> git2::Oid {
    let mut tree = git.treebuilder(None).expect("a tree");
    let entry = entry(number, version);
    tree.insert("SKILL.md", git.blob(entry.as_bytes()).expect("a blob"), 0o100_644).expect("an entry");
    if number.is_multiple_of(2) {
        let mut references = git.treebuilder(None).expect("a tree");
        let notes = git.blob(format!("# Notes {number}\n").repeat(130).as_bytes()).expect("a blob");
        references.insert("notes.md", notes, 0o100_644).expect("an entry");
        tree.insert("references", references.write().expect("a tree"), 0o40_000).expect("an entry");
    }
    tree.write().expect("the tree")
}

fn entry(number: usize, version: usize) -> String {
    let name = name(number);
    let line = format!("Step {number} of version {version}: read what is there, then do the next thing.\n");
    format!(
        "---\nname: {name}\ndescription: Does the work of {name} when somebody asks for it.\n---\n\n{}",
        line.repeat(50)
    )
}

fn commit(git: &git2::Repository, tree: git2::Oid) {
    let who = git2::Signature::new("A bench", "bench@example.invalid", &git2::Time::new(1_767_225_600, 0))
        .expect("a signature");
    let tree = git.find_tree(tree).expect("the tree");
    let parents: Vec<git2::Commit<'_>> =
        git.head().and_then(|head| head.peel_to_commit()).into_iter().collect();
    let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
    git.commit(Some("refs/heads/main"), &who, &who, "A change", &tree, &parents).expect("a commit");
}
