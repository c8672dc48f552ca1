//! A SKILL.md above other skills.

use super::{Check, Rule, quoted};
use crate::finding::Finding;

/// `root-skill`.
pub(crate) static RULE: Rule = Rule {
    help: "Move it into a directory of its own, or point SKILLS_PATH at the skills.",
    why: "In SKILLS_PATH itself it would own every other skill. Alone there it is one skill, published under its name.",
    ..Rule::error("root-skill", "a SKILL.md stands beside other skills", Check::Across)
};

/// The root skill, beside others.
pub(crate) fn beside(path: String, other: &str) -> Finding {
    let other = quoted(other);
    RULE.across(path, format!("a SKILL.md in SKILLS_PATH itself stands beside {other} and would own it"))
}

/// The root skill, without a name that a directory can have.
pub(crate) fn nameless(path: String, why: &str) -> Finding {
    RULE.across(path, format!("a SKILL.md in SKILLS_PATH itself is published under its name, and {why}"))
}
