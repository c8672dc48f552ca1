//! An exception of the policy that has ended, or soon will.

use super::{Check, Rule};
use crate::finding::Finding;

/// `policy-exception`.
pub(crate) static RULE: Rule = Rule {
    help: "Mend the skill and take the exception out of the policy, or set a later day with a reason.",
    why: "From the day after its last an exception counts no more, and what it let through is held.",
    ..Rule::warning("policy-exception", "an exception of the policy ends", Check::Across)
};

/// The exception on that line of the policy.
pub(crate) fn at(path: &str, line: u32, rule: &str, skill: &str, day: &str, over: bool) -> Finding {
    let ends = if over { "ended with" } else { "ends with" };
    let message = format!("the exception of `{rule}` for `{skill}` {ends} {day}");
    Finding { line: Some(line), ..RULE.across(path.to_owned(), message) }
}
