//! A submodule beside skills.

use super::{Check, Rule};
use crate::finding::Finding;

/// `stray-submodule`.
pub(crate) static RULE: Rule = Rule {
    help: "Copy its skills into this repository, or follow that repository on its own.",
    why: "A submodule is a pointer to a commit of another repository: what is in it is not in this one.",
    ..Rule::warning("stray-submodule", "a submodule was left out", Check::Across)
};

/// A submodule outside of skills.
pub(crate) fn at(path: &str) -> Finding {
    RULE.across(path.to_owned(), "a submodule is not fetched and is left out".to_owned())
}
