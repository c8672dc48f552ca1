//! What the mirror knows of history: whether one commit is behind another, and what a commit says.
//!
//! The first fetch brings one commit, so history may end before its beginning: then it is not known
//! what lies beyond, and that is an answer of its own.

use std::collections::{BTreeSet, BinaryHeap, HashSet};

use git2::{Commit, ErrorCode, Oid};
use serde::{Deserialize, Serialize};

use super::mirror::{Mirror, MirrorError};
use crate::ids::{CommitId, Timestamp};

/// The longest text of a commit that is told, in bytes.
const MAX_TEXT: usize = 1_000;

/// How an older commit is related to a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ancestry {
    /// The newer contains the older: it went forward.
    Yes,
    /// It does not, but they share a commit: a branch was rewound or rewritten.
    No,
    /// They share nothing: another history under the same name.
    Unrelated,
    /// The mirror's history ends before it can be told.
    Unknown,
}

/// Who wrote or committed, as the commit says: any text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// What a commit says of itself. Nobody vouches for it: escape it where it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitMeta {
    /// The commit.
    pub id: CommitId,
    /// Who wrote it.
    pub author: Person,
    /// Who committed it.
    pub committer: Person,
    /// When it was committed.
    pub at: Timestamp,
    /// The first line of its message.
    pub subject: String,
}

impl Mirror {
    /// Tells whether `newer` contains `older`.
    ///
    /// # Errors
    /// One of the two is not in the mirror.
    pub fn is_ancestor(&self, older: CommitId, newer: CommitId) -> Result<Ancestry, MirrorError> {
        self.check_commit(older)?;
        let Some(new) = self.behind(newer, Some(older))? else { return Ok(Ancestry::Yes) };
        let old = self.behind(older, None)?.unwrap_or_default();
        // Where the newer history was cut, it was cut at commits that the older one has behind itself:
        // so the older one cannot be beyond the cut.
        let told = new.missing.is_subset(&old.all());
        let shared = !new.seen.is_disjoint(&old.seen) || !new.missing.is_disjoint(&old.all());
        Ok(match (told, shared) {
            (true, true) => Ancestry::No,
            (true, false) if old.missing.is_empty() => Ancestry::Unrelated,
            _ => Ancestry::Unknown,
        })
    }

    /// The commits that `newer` contains and `older` does not, `newer` itself aside; and one at which the
    /// mirror's history ends in between, so that some are not known.
    ///
    /// # Errors
    /// One of the two is not in the mirror.
    pub(super) fn between(
        &self,
        older: CommitId,
        newer: CommitId,
    ) -> Result<(BTreeSet<Oid>, Option<Oid>), MirrorError> {
        let new = self.behind(newer, None)?.unwrap_or_default();
        let old = self.behind(older, None)?.unwrap_or_default();
        let cut = new.missing.difference(&old.all()).min().copied();
        let between = new.seen.difference(&old.seen).filter(|id| **id != newer.oid()).copied();
        Ok((between.collect(), cut))
    }

    /// Tells what a commit says of itself.
    ///
    /// # Errors
    /// A commit that is not in the mirror.
    pub fn describe(&self, id: CommitId) -> Result<CommitMeta, MirrorError> {
        let commit =
            self.git().find_commit(id.oid()).map_err(|e| self.damaged(&format!("commit {id}"), e))?;
        let seconds = u64::try_from(commit.committer().when().seconds()).unwrap_or(0);
        Ok(CommitMeta {
            id,
            author: person(&commit.author()),
            committer: person(&commit.committer()),
            at: Timestamp::from_millis(seconds.saturating_mul(1000)),
            subject: text(commit.summary_bytes().unwrap_or_default()),
        })
    }

    /// Walks what is behind a commit, newest first; nothing where it meets `target`.
    fn behind(&self, from: CommitId, target: Option<CommitId>) -> Result<Option<Behind>, MirrorError> {
        let mut behind = Behind::default();
        let mut next = BinaryHeap::from([(i64::MAX, from.oid())]);
        while let Some((_, id)) = next.pop() {
            if target.is_some_and(|target| target.oid() == id) {
                return Ok(None);
            }
            if !behind.seen.insert(id) {
                continue;
            }
            let commit = self.git().find_commit(id).map_err(|e| self.damaged(&format!("commit {id}"), e))?;
            for parent in parents(&commit) {
                match self.git().find_commit(parent) {
                    Ok(commit) => next.push((commit.time().seconds(), parent)),
                    Err(error) if error.code() == ErrorCode::NotFound => {
                        behind.missing.insert(parent);
                    }
                    Err(error) => return Err(self.damaged(&format!("commit {parent}"), error)),
                }
            }
        }
        Ok(Some(behind))
    }
}

/// What is behind a commit.
#[derive(Default)]
struct Behind {
    /// Itself and what the mirror holds.
    seen: HashSet<Oid>,
    /// What is named and not there: the end of what is known.
    missing: HashSet<Oid>,
}

impl Behind {
    fn all(&self) -> HashSet<Oid> {
        self.seen.union(&self.missing).copied().collect()
    }
}

/// The parents that the commit names. libgit2's own list leaves out those of a shallow clone's last
/// commit, also where a later fetch has brought them.
pub(super) fn parents(commit: &Commit<'_>) -> Vec<Oid> {
    let lines = commit.raw_header_bytes().split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| Oid::from_str(std::str::from_utf8(line.strip_prefix(b"parent ")?).ok()?).ok())
        .collect()
}

fn person(signature: &git2::Signature<'_>) -> Person {
    Person { name: text(signature.name_bytes()), email: text(signature.email_bytes()) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..MAX_TEXT).unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Story {
        _dir: tempfile::TempDir,
        mirror: Mirror,
    }

    impl Story {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mirror = Mirror::open(&dir.path().join("repo.git")).unwrap();
            Self { _dir: dir, mirror }
        }

        fn commit(&self, message: &str, parents: &[CommitId]) -> CommitId {
            let git = self.mirror.git();
            let tree = git.find_tree(git.treebuilder(None).unwrap().write().unwrap()).unwrap();
            let when = git2::Time::new(1_700_000_000, 0);
            let who = git2::Signature::new("Temüjin", "t@example.org", &when).unwrap();
            let parents: Vec<_> = parents.iter().map(|id| git.find_commit(id.oid()).unwrap()).collect();
            let parents: Vec<_> = parents.iter().collect();
            git.commit(None, &who, &who, message, &tree, &parents).unwrap().into()
        }

        fn forget(&self, id: CommitId) {
            let digits = id.to_string();
            let object = self.mirror.path().join("objects").join(&digits[..2]).join(&digits[2..]);
            std::fs::remove_file(object).unwrap();
        }

        /// As another process sees it, without libgit2's object cache.
        fn ancestry(&self, older: CommitId, newer: CommitId) -> Ancestry {
            Mirror::open(self.mirror.path()).unwrap().is_ancestor(older, newer).unwrap()
        }
    }

    #[test]
    fn forward_rewound_and_unrelated_are_told_apart() {
        let story = Story::new();
        let root = story.commit("root", &[]);
        let left = story.commit("left", &[root]);
        let right = story.commit("right", &[root]);
        let merge = story.commit("merge", &[left, right]);
        let stranger = story.commit("stranger", &[]);
        assert_eq!(story.ancestry(root, merge), Ancestry::Yes);
        assert_eq!(story.ancestry(merge, merge), Ancestry::Yes);
        assert_eq!(story.ancestry(merge, left), Ancestry::No);
        assert_eq!(story.ancestry(left, right), Ancestry::No);
        assert_eq!(story.ancestry(left, stranger), Ancestry::Unrelated);
    }

    #[test]
    fn where_history_ends_only_what_is_known_is_told() {
        let story = Story::new();
        let root = story.commit("root", &[]);
        let first = story.commit("first", &[root]);
        let second = story.commit("second", &[first]);
        let rewritten = story.commit("rewritten", &[first]);
        let stranger = story.commit("stranger", &[]);
        story.forget(root);
        assert_eq!(story.ancestry(first, second), Ancestry::Yes);
        assert_eq!(story.ancestry(second, rewritten), Ancestry::No);
        assert_eq!(story.ancestry(second, stranger), Ancestry::Unknown);
        assert_eq!(story.ancestry(stranger, second), Ancestry::Unknown);
        story.forget(first);
        assert_eq!(story.ancestry(second, rewritten), Ancestry::No);
    }

    #[test]
    fn what_lies_between_two_commits_is_told_with_the_end_of_what_is_known() {
        let story = Story::new();
        let root = story.commit("root", &[]);
        let left = story.commit("left", &[root]);
        let right = story.commit("right", &[root]);
        let merge = story.commit("merge", &[left, right]);
        let between = |older, newer| {
            let mirror = Mirror::open(story.mirror.path()).unwrap();
            mirror.between(older, newer).unwrap()
        };
        assert_eq!(between(left, merge), ([right.oid()].into(), None));
        assert_eq!(between(merge, left), ([].into(), None));
        story.forget(root);
        assert_eq!(between(left, merge), ([right.oid()].into(), None));
        story.forget(right);
        assert_eq!(between(left, merge), ([].into(), Some(right.oid())));
    }

    #[test]
    fn a_commit_that_is_not_there_is_an_error() {
        let story = Story::new();
        let root = story.commit("root", &[]);
        let absent = "12".repeat(20).parse().unwrap();
        assert!(story.mirror.is_ancestor(absent, root).is_err());
        assert!(story.mirror.is_ancestor(root, absent).is_err());
        assert!(story.mirror.describe(absent).is_err());
    }

    #[test]
    fn a_commit_says_who_when_and_what() {
        let story = Story::new();
        let id = story.commit("Ride west\n\nAt dawn.\n", &[]);
        let meta = story.mirror.describe(id).unwrap();
        assert_eq!((meta.author.name.as_str(), meta.author.email.as_str()), ("Temüjin", "t@example.org"));
        assert_eq!(meta.subject, "Ride west");
        assert_eq!(meta.at.to_string(), "2023-11-14T22:13:20.000Z");
    }
}
