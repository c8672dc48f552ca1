//! The operator's judge: the operator's judge is unsure.

use super::{Check, Rule};
use crate::finding::{Class, Finding};

/// `judge-unsure`.
pub(crate) static RULE: Rule = Rule {
    class: Class::Risky,
    help: "Read the skill; SCAN_JUDGE_UNSURE says whether it waits for that.",
    why: "A judge that cannot tell says so, and whether the skill enters is the operator's choice.",
    ..Rule::warning("judge-unsure", "the operator's judge is unsure", Check::Across)
};

/// What it says of a skill.
pub(crate) fn at(path: String, reason: &str) -> Finding {
    let reason = if reason.trim().is_empty() { "it gives no reason" } else { reason.trim() };
    RULE.across(path, format!("the operator's judge is unsure about this skill: {reason}"))
}
