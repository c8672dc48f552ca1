//! What must be true: small enough to be right.

use std::collections::BTreeMap;

/// Files by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// One skill in git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skill {
    /// Its files, by path below the target.
    pub(crate) files: Files,
    /// Whether it passes the judge.
    pub(crate) is_valid: bool,
}

/// All skills of a commit, by name.
pub(crate) type Tree = BTreeMap<String, Skill>;

/// What is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The branch.
    Following,
    /// Nothing: passes change nothing.
    Suspended,
    /// One commit, whatever the branch does.
    Pinned,
}

/// What is to be on the volume, and why.
pub(crate) struct Model {
    /// What the branch holds.
    pub(crate) branch: Tree,
    /// The commits that were applied, oldest first, and what they held.
    pub(crate) applied: Vec<(String, Tree)>,
    /// What is served of each skill.
    served: BTreeMap<String, Files>,
    /// What is not ours.
    pub(crate) unowned: Files,
    /// Bytes that were overwritten, and must be kept.
    pub(crate) kept: Vec<Vec<u8>>,
    pub(crate) mode: Mode,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            branch: Tree::new(),
            applied: Vec::new(),
            served: BTreeMap::new(),
            unowned: Files::new(),
            kept: Vec::new(),
            mode: Mode::Following,
        }
    }

    /// A pass applies a commit: what is valid is served, what is not keeps its last good version, what is
    /// not there goes.
    pub(crate) fn apply(&mut self, tree: &Tree) {
        self.served.retain(|name, _| tree.contains_key(name));
        for (name, skill) in tree.iter().filter(|(_, skill)| skill.is_valid) {
            self.served.insert(name.clone(), skill.files.clone());
        }
    }

    /// The files that are ours.
    pub(crate) fn owned(&self) -> Vec<String> {
        self.served.values().flat_map(|files| files.keys().cloned()).collect()
    }

    /// Everything that must be on the volume, and nothing else may be.
    pub(crate) fn volume(&self) -> Files {
        let served = self.served.values().flatten().chain(&self.unowned);
        served.map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
    }
}
