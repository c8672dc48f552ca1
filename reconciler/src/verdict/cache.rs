//! What was judged before: an unchanged skill is never read twice.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::abilities::Abilities;
use crate::desired::{Candidate, Kind};
use crate::finding::Finding;
use crate::ids::{Digest, ParseIdError};
use crate::tree::{FileMode, Files};

/// Names what a candidate is, by content: its place below `SKILLS_PATH`, and git's id of what is
/// there. With the same key and the same rules the same is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentKey(Digest);

impl ContentKey {
    /// The key of a candidate.
    pub fn of(candidate: &Candidate) -> Self {
        let (kind, id) = match candidate.kind {
            Kind::Folder(tree) => (b'd', tree.oid()),
            Kind::Flat { blob, mode: FileMode::Regular } => (b'f', blob.oid()),
            Kind::Flat { blob, mode: FileMode::Executable } => (b'x', blob.oid()),
            Kind::Root(tree) => (b'r', tree.oid()),
        };
        // A skill that `validate` was pointed at has no path; its name counts all the same.
        let name =
            if candidate.source.is_empty() { candidate.id.as_str().as_bytes() } else { &candidate.source };
        Self(Digest::of(&[&[kind], id.as_bytes(), name].concat()))
    }

    /// The key as 32 bytes, as a database stores it.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ContentKey {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse().map(Self)
    }
}

/// What looking at one skill alone came to: all that later passes need of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedSkill {
    /// Its file begins as one with front matter does.
    pub fronted: bool,
    /// The `name` in its front matter, where that is text.
    pub name: Option<String>,
    /// Its files by their path below its directory (of a flat skill by the file's name); they are
    /// whole only where no finding holds it.
    pub files: Files,
    /// What it can do.
    #[serde(default)]
    pub abilities: Abilities,
    /// What the rules found, the gravest first.
    pub findings: Vec<Finding>,
}

/// Keeps what was judged.
pub trait JudgeCache {
    /// What was judged under these rules ([`super::rules::fingerprint`]).
    fn get(&mut self, key: &ContentKey, rules: &str) -> Option<Arc<JudgedSkill>>;

    /// Keeps it. What is lost here is judged again.
    fn put(&mut self, key: &ContentKey, rules: &str, judged: &Arc<JudgedSkill>);
}

/// A cache that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemoryCache {
    rules: String,
    judged: HashMap<ContentKey, Kept>,
    /// How often [`Self::forget_unasked`] was called.
    round: u64,
}

#[derive(Debug)]
struct Kept {
    judged: Arc<JudgedSkill>,
    /// The round in which it was asked for last.
    round: u64,
}

impl MemoryCache {
    /// Forgets what nobody asked for, or put, since this was called last.
    pub(crate) fn forget_unasked(&mut self) {
        self.judged.retain(|_, kept| kept.round == self.round);
        self.round += 1;
    }
}

impl JudgeCache for MemoryCache {
    fn get(&mut self, key: &ContentKey, rules: &str) -> Option<Arc<JudgedSkill>> {
        let kept = if self.rules == rules { self.judged.get_mut(key)? } else { return None };
        kept.round = self.round;
        Some(Arc::clone(&kept.judged))
    }

    fn put(&mut self, key: &ContentKey, rules: &str, judged: &Arc<JudgedSkill>) {
        if self.rules != rules {
            rules.clone_into(&mut self.rules);
            self.judged.clear();
        }
        self.judged.insert(*key, Kept { judged: Arc::clone(judged), round: self.round });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SkillId;

    fn candidate(source: &str, tree: &str) -> Candidate {
        let tree = git2::Oid::from_str(tree).unwrap().into();
        Candidate { id: SkillId::new(source), kind: Kind::Folder(tree), source: source.into(), asked: false }
    }

    #[test]
    fn a_key_changes_with_the_path_and_with_the_content() {
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let key = ContentKey::of(&candidate("a", &one));
        assert_eq!(key, ContentKey::of(&candidate("a", &one)));
        assert_ne!(key, ContentKey::of(&candidate("b", &one)));
        assert_ne!(key, ContentKey::of(&candidate("a", &two)));
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn other_rules_forget_what_was_judged() {
        let key = ContentKey::of(&candidate("a", &"1".repeat(40)));
        let mut cache = MemoryCache::default();
        cache.put(&key, "one", &Arc::default());
        assert!(cache.get(&key, "one").is_some() && cache.get(&key, "two").is_none());
        cache.put(&key, "two", &Arc::default());
        assert!(cache.get(&key, "one").is_none());
    }

    #[test]
    fn what_nobody_asked_for_is_forgotten() {
        let [one, two] = ["1", "2"].map(|id| ContentKey::of(&candidate("a", &id.repeat(40))));
        let mut cache = MemoryCache::default();
        [one, two].iter().for_each(|key| cache.put(key, "rules", &Arc::default()));
        cache.forget_unasked();
        assert!(cache.get(&one, "rules").is_some());
        cache.forget_unasked();
        assert!(cache.get(&one, "rules").is_some() && cache.get(&two, "rules").is_none());
    }

    #[test]
    fn a_judged_skill_reads_back_what_it_prints() {
        let judged = JudgedSkill { fronted: true, name: Some("a".into()), ..JudgedSkill::default() };
        let text = serde_json::to_string(&judged).unwrap();
        assert_eq!(serde_json::from_str::<JudgedSkill>(&text).unwrap(), judged);
    }
}
