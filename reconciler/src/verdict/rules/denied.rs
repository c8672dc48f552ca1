//! A skill that the operator's policy denies.

use super::{Check, Rule};
use crate::finding::Finding;

/// `denied`.
pub(crate) static RULE: Rule = Rule {
    help: "Ask the operator of this installation, whose POLICY_FILE denies it.",
    why: "The operator takes a skill off the volume, whatever the repository says, until the policy is changed.",
    ..Rule::error("denied", "the operator's policy denies it", Check::Across)
};

/// A candidate that is denied for a reason.
pub(crate) fn at(path: String, reason: &str) -> Finding {
    RULE.across(path, format!("the operator's policy denies this skill: {reason}"))
}
