//! A repository that somebody commits to, and the binary with its settings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use git2::build::TreeUpdateBuilder;
use serde_json::Value;

use crate::model::{Files, Tree};

/// What deliveries are signed with.
pub(crate) const SECRET: &str = "It's a Secret to Everybody";

/// The branch that is followed.
pub(crate) const BRANCH: &str = "refs/heads/main";

pub(crate) struct Place {
    scratch: tempfile::TempDir,
    git: git2::Repository,
}

impl Place {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).initial_head("main").external_template(false);
        let git = git2::Repository::init_opts(scratch.path().join("origin.git"), &options).unwrap();
        fs::create_dir(scratch.path().join("edits")).unwrap();
        Self { scratch, git }
    }

    pub(crate) fn origin(&self) -> PathBuf {
        self.scratch.path().join("origin.git")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.scratch.path().join("data/skills")
    }

    /// Commits exactly this tree, and gives the commit.
    pub(crate) fn commit(&self, tree: &Tree) -> String {
        let mut update = TreeUpdateBuilder::new();
        for (path, bytes) in tree.values().flat_map(|skill| &skill.files) {
            update.upsert(path.as_str(), self.git.blob(bytes).unwrap(), git2::FileMode::Blob);
        }
        let empty = self.git.treebuilder(None).and_then(|builder| builder.write()).unwrap();
        let empty = self.git.find_tree(empty).unwrap();
        let tree = update.create_updated(&self.git, &empty).unwrap();
        let tree = self.git.find_tree(tree).unwrap();
        let who = git2::Signature::now("A test", "test@example.invalid").unwrap();
        let parent = self.git.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        self.git.commit(Some(BRANCH), &who, &who, "A commit", &tree, &parents).unwrap().to_string()
    }

    /// The binary, with nothing around it but its settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let named = std::env::var_os("SKILL_SYNC_TEST_BINARY");
        let binary: OsString = named.unwrap_or_else(|| env!("CARGO_BIN_EXE_skill-sync").into());
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.scratch.path())
            .env("SKILLS_REPO", self.origin())
            .env("SKILLS_REF", "main")
            .env("SKILLS_DIR", self.target())
            .env("ENVIRONMENT_NAME", "soak")
            .env("HOST", "127.0.0.1")
            .env("SKILL_SYNC_PORT", "0")
            .env("GITHUB_WEBHOOK_SECRET", SECRET)
            // Removing most skills is one of the things that happen here.
            .env("PRUNE_LIMIT", "100%")
            .env("POLL_INTERVAL", "1s")
            .env("LOG_FORMAT", "json")
            .stdin(Stdio::null());
        command
    }

    /// Runs a verb: its exit code, what it printed as JSON, and what it said besides.
    pub(crate) fn ask(&self, arguments: &[&str]) -> (Option<i32>, Value, String) {
        let output = self.command(arguments).output().expect("it starts");
        let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), json, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Everything on the volume but our own names.
    pub(crate) fn volume(&self) -> Files {
        let mut found = BTreeMap::new();
        let target = self.target();
        let mut waiting = vec![target.clone()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&target).unwrap().to_str().unwrap().to_owned();
                if path.is_dir() {
                    waiting.push(path);
                } else if !name.starts_with(".skill-sync") {
                    found.insert(name, fs::read(path).unwrap());
                }
            }
        }
        found
    }

    /// Puts a file on the volume at once, as an editor does that saves by renaming.
    pub(crate) fn save(&self, path: &str, bytes: &[u8]) {
        let (aside, path) = (self.scratch.path().join("edits/file"), self.target().join(path));
        fs::write(&aside, bytes).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::rename(aside, path).unwrap();
    }

    /// Puts a directory with one file where a file was.
    pub(crate) fn save_directory(&self, path: &str, bytes: &[u8]) {
        let (aside, path) = (self.scratch.path().join("edits/directory"), self.target().join(path));
        fs::create_dir(&aside).unwrap();
        fs::write(aside.join("inner.txt"), bytes).unwrap();
        // Between the two a pass may put the file back.
        let mut tries = 0..1_000;
        while let Err(error) = {
            make_room(&path);
            fs::rename(&aside, &path)
        } {
            assert!(tries.next().is_some(), "{}: {error}", path.display());
        }
    }

    /// Removes a file from the volume.
    pub(crate) fn unlink(&self, path: &str) {
        make_room(&self.target().join(path));
    }
}

/// What stands there goes, where something does.
fn make_room(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", path.display()),
        _ => {}
    }
}
