//! Two skills of one name.

use super::{Check, Rule, quoted};
use crate::finding::Finding;

/// `name-twins`.
pub(crate) static RULE: Rule = Rule {
    help: "Give one of the two another `name`; the one that is served stays until then.",
    why: "Agents know a skill by its name: of two with one name they load one, and which is not said.",
    ..Rule::error("name-twins", "two skills have one name", Check::Across)
};

/// A newcomer whose name another skill has, or claims too.
pub(crate) fn at(path: String, name: &str, other: &str) -> Finding {
    RULE.across(path, format!("the name {} is also that of {}", quoted(name), quoted(other)))
}

/// A newcomer in a chain of skills that take each other's names and places.
pub(crate) fn chain(path: String) -> Finding {
    let message =
        "too many skills take each other's names and places at once; change them in several commits";
    RULE.across(path, message.to_owned())
}
