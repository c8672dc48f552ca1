//! A skill that stopped being one.

use super::{Check, Rule, quoted};
use crate::finding::Finding;

/// `skill-lost`.
pub(crate) static RULE: Rule = Rule {
    help: "Put the SKILL.md back; to remove the skill, remove its directory from git or exclude it.",
    why: "A file that was deleted or renamed by mistake should not take a skill away from the agents: its last good version stays until git says clearly what is meant.",
    ..Rule::error("skill-lost", "a served skill has lost its SKILL.md", Check::Across)
};

/// A served skill of which git has files, and no file that makes it a skill.
pub(crate) fn at(id: &str) -> Finding {
    let message =
        format!("{} is still in git and is no skill any more: it has no regular SKILL.md", quoted(id));
    RULE.across(id.to_owned(), message)
}
