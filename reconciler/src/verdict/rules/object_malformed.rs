//! Trees that are no trees.

use super::{Check, Rule};
use crate::finding::Finding;

/// `object-malformed`.
pub(crate) static RULE: Rule = Rule {
    help: "Commit the skill again with git itself; `git fsck` names the object.",
    why: "Git writes no such object: it was made by hand, and programs differ on what it says.",
    ..Rule::error("object-malformed", "an object of the skill breaks git's format", Check::Across)
};

/// A skill of which an object cannot be parsed.
pub(crate) fn at(path: String, why: &str) -> Finding {
    RULE.across(path, why.to_owned())
}
