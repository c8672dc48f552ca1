//! Stories of one volume: what git wants, what somebody did there, and what a pass makes of it.

mod converging;
mod late;
mod publishing;
mod racing;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::ids::SkillId;
use crate::observed::{Asked, Trust, look};
use crate::plan::{PlanOptions, plan};
use crate::tree::{AcceptedTree, FileMode, FileVersion, Files, SkillVersion, Skills};

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

fn path(text: &str) -> TreePath {
    text.parse().expect("a plain path")
}

/// A volume with its mirror, as one engine holds it.
struct World {
    root: tempfile::TempDir,
    target: Target,
    mirror: Mirror,
    inventory: Arc<Skills>,
    known: StatCache,
    pass: u64,
}

/// What a pass decided.
struct Decided {
    plan: Plan,
    observed: Observed,
}

/// What a pass did.
struct Done {
    plan: Plan,
    kept: Vec<Kept>,
}

impl World {
    fn new() -> Self {
        Self::below(tempfile::tempdir().expect("a directory"))
    }

    fn below(root: tempfile::TempDir) -> Self {
        let (skills, state) = (root.path().join("skills"), root.path().join(".skill-sync"));
        let target = Target::open(&skills, &state, false, Duration::ZERO, &Cancel::new()).expect("opened");
        let mirror = Mirror::open(&state.join("repo.git")).expect("a mirror");
        Self { root, target, mirror, inventory: Arc::default(), known: StatCache::new(), pass: 0 }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join("skills").join(path)
    }

    fn state(&self, path: &str) -> PathBuf {
        self.target.state().join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn mode(&self, path: &str) -> u32 {
        fs::symlink_metadata(self.at(path)).expect("it is there").permissions().mode() & 0o7777
    }

    fn inode(&self, path: &str) -> (u64, i64) {
        let seen = fs::symlink_metadata(self.at(path)).expect("it is there");
        (seen.ino(), seen.ctime_nsec())
    }

    /// Skills by their files: what is in no directory is a flat one, `*.sh` is executable.
    fn skills(&self, files: &[(&str, &str)]) -> AcceptedTree {
        let mut skills: BTreeMap<SkillId, SkillVersion> = BTreeMap::new();
        for (name, text) in files {
            let (id, entry) = match name.split_once('/') {
                Some((directory, _)) => (directory, format!("{directory}/SKILL.md")),
                None => (name.trim_end_matches(".md"), (*name).to_owned()),
            };
            let fresh = || SkillVersion {
                revision: REVISION.parse().expect("a commit"),
                entry: path(&entry),
                name: None,
                files: Files::default(),
            };
            let version = skills.entry(SkillId::new(id)).or_insert_with(fresh);
            version.files.insert(path(name), self.version(name, text));
        }
        let shared = skills.into_iter().map(|(id, version)| (id, Arc::new(version)));
        AcceptedTree::vouch(shared.collect::<Skills>())
    }

    fn version(&self, name: &str, text: &str) -> FileVersion {
        let blob = self.mirror.git().blob(text.as_bytes()).expect("a blob");
        FileVersion {
            blob: blob.into(),
            digest: Digest::of(text.as_bytes()),
            size: text.len() as u64,
            mode: if name.ends_with(".sh") { FileMode::Executable } else { FileMode::Regular },
        }
    }

    fn look(&self, wanted: &AcceptedTree, trust: Trust) -> Observed {
        let asked = Arc::new(Asked::new(wanted.skills(), &self.inventory, &self.known));
        let locked = self.target.locked().expect("locked");
        look(&locked, &asked, &self.known, trust).expect("looked")
    }

    fn decide(&mut self, files: &[(&str, &str)]) -> Decided {
        let wanted = self.skills(files);
        let observed = self.look(&wanted, Trust::Cache);
        let options = PlanOptions { adopt: false, prune_limit: None };
        let revision = REVISION.parse().expect("a commit");
        let plan = plan(revision, &wanted, &self.inventory, &observed, options).expect("no guard");
        self.pass += 1;
        Decided { plan, observed }
    }

    fn stage<'a>(&'a self, decided: &'a Decided) -> Result<Staged<'a>, ApplyError> {
        stage(&self.target.locked().expect("locked"), &self.mirror, self.order(decided), &Cancel::new())
    }

    fn order<'a>(&self, Decided { plan, observed }: &'a Decided) -> Order<'a> {
        Order { pass: PassId(self.pass), revision: REVISION.parse().expect("a commit"), plan, observed }
    }

    /// One whole pass.
    fn serve(&mut self, files: &[(&str, &str)]) -> Result<Done, ApplyError> {
        let decided = self.decide(files);
        let staged = self.stage(&decided)?;
        let kept = staged.kept().to_vec();
        let applied = staged.publish(&self.mirror, &Cancel::new(), &mut Vec::new())?;
        self.known.extend(decided.observed.known);
        self.known.extend(applied.known);
        self.inventory = decided.plan.next.clone();
        assert!(!self.state("staging").join(self.pass.to_string()).exists(), "the staging is gone");
        Ok(Done { plan: decided.plan, kept })
    }

    /// A pass that must find nothing to do.
    fn assert_settled(&mut self, files: &[(&str, &str)]) {
        let decided = self.decide(files);
        assert!(decided.plan.is_empty() && decided.plan.steps.is_empty(), "{}", decided.plan);
    }

    /// The bytes that a drift ref keeps.
    fn drift(&self, id: &str) -> Vec<u8> {
        let reference = self.mirror.git().find_reference(&format!("{DRIFT_REFS}{id}")).expect("a ref");
        let keeper = reference.peel_to_tree().expect("a tree");
        let kept = keeper.iter().next().expect("an entry").to_object(self.mirror.git()).expect("an object");
        kept.peel_to_blob().expect("a blob").content().to_vec()
    }

    /// Every name below the target.
    fn names(&self) -> Vec<String> {
        fn walk(directory: &Path, names: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(directory).expect("listed") {
                let entry = entry.expect("an entry");
                names.push(entry.path());
                if entry.file_type().expect("a type").is_dir() {
                    walk(&entry.path(), names);
                }
            }
        }
        let mut names = Vec::new();
        walk(&self.at(""), &mut names);
        let below = |name: &PathBuf| name.strip_prefix(self.at("")).expect("below").display().to_string();
        let mut names: Vec<_> = names.iter().map(below).collect();
        names.sort();
        names
    }
}
