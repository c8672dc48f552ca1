//! What looks like a skill and is none.

use super::{Check, Rule};
use crate::finding::Finding;

/// `not-a-skill`.
pub(crate) static RULE: Rule = Rule {
    help: "Add front matter if it is meant as a skill; rename it to end in .md, or make it a regular file; else ignore this.",
    why: "A flat skill is a regular .md file with front matter. What was never one is left out, and named so that nobody waits for it.",
    ..Rule::warning("not-a-skill", "a file was left out", Check::Across)
};

/// A flat file without front matter, never served.
pub(crate) fn plain(name: String) -> Finding {
    RULE.across(name, "the file has no front matter and is left out".to_owned())
}

/// A flat file whose extension is not in lower case.
pub(crate) fn extension(name: &str) -> Finding {
    RULE.across(name.to_owned(), "the file does not end in `.md` in lower case and is left out".to_owned())
}

/// A link directly in `SKILLS_PATH`.
pub(crate) fn link(name: &str) -> Finding {
    RULE.across(name.to_owned(), "a symbolic link is not followed and is left out".to_owned())
}
