//! The operator's judge: the operator's judge failed.

use super::{Check, Rule};
use crate::finding::{Class, Finding};

/// `judge-failed`.
pub(crate) static RULE: Rule = Rule {
    class: Class::Risky,
    help: "Mend the program of SCAN_JUDGE; it is asked again at the next pass.",
    why: "A judge that fails has judged nothing: it counts as unsure.",
    ..Rule::warning("judge-failed", "the operator's judge failed", Check::Across)
};

/// What it says of a skill.
pub(crate) fn at(path: String, reason: &str) -> Finding {
    let reason = if reason.trim().is_empty() { "it gives no reason" } else { reason.trim() };
    RULE.across(path, format!("the operator's judge failed: {reason}"))
}
