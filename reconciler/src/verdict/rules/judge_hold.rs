//! The operator's judge: the operator's judge holds it.

use super::{Check, Rule};
use crate::finding::{Class, Finding};

/// `judge-hold`.
pub(crate) static RULE: Rule = Rule {
    class: Class::Malicious,
    help: "Read the reason beside the skill; an operator may except the rule in POLICY_FILE.",
    why: "A program of the operator reads what no pattern can, such as orders hidden in plain prose.",
    ..Rule::error("judge-hold", "the operator's judge holds it", Check::Across)
};

/// What it says of a skill.
pub(crate) fn at(path: String, reason: &str) -> Finding {
    let reason = if reason.trim().is_empty() { "it gives no reason" } else { reason.trim() };
    RULE.across(path, format!("the operator's judge holds this skill: {reason}"))
}
