//! Two skills that are one somewhere.

use super::{Check, Rule, quoted};
use crate::finding::Finding;

/// `skill-twins`.
pub(crate) static RULE: Rule = Rule {
    help: "Rename one of the two in git; the one that is served stays until then.",
    why: "One would overwrite the other on the volume, or on a file system that folds case.",
    ..Rule::error("skill-twins", "two skills have one id or one place", Check::Across)
};

/// A newcomer whose place another skill has, or claims too.
pub(crate) fn at(path: String, other: &str) -> Finding {
    let other = quoted(other);
    let message =
        format!("the skill has the same place as {other}, in whole or but for case or Unicode form");
    RULE.across(path, message)
}
