//! What is remembered of judging: by content, so that what did not change is not judged again.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::path::TreePath;
use crate::tree::FileVersion;

/// Names what was judged by its content: `tree:<40 hex>` or `blob:<40 hex>:regular`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentKey(pub String);

impl fmt::Display for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What judging one skill's content came to, whatever else is in its commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedSkill {
    /// The `name` in its front matter.
    pub name: Option<String>,
    /// Its files, by their path below the skill.
    pub files: BTreeMap<TreePath, FileVersion>,
    /// What the rules say of it.
    pub findings: Vec<Finding>,
}

/// Remembers verdicts by content key and rule set.
pub trait JudgeCache {
    /// What was remembered.
    fn get(&mut self, key: &ContentKey, rules: &str) -> Option<JudgedSkill>;

    /// Remembers.
    fn put(&mut self, key: &ContentKey, rules: &str, judged: &JudgedSkill);
}
