//! A skill without front matter.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::finding::Place;
use crate::skill::Fault;
use crate::verdict::subject::Subject;

/// `frontmatter-missing`.
pub(crate) static RULE: Rule = Rule {
    help: "Begin the file with a line `---`, then `name:` and `description:`, then another line `---`.",
    why: "The name and the description in the front matter are all that an agent sees before it loads a skill; without them no consumer loads it.",
    ..Rule::error("frontmatter-missing", "the file has no front matter", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let front = subject.document().map(|document| &document.front);
    Ok(match front {
        Some(Err(Fault::Missing)) => vec![Hit::entry(
            subject,
            Place::START,
            "the file does not begin with front matter: its first line is not `---`",
        )],
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn a_file_that_begins_with_text_is_found() {
        let found = hits("frontmatter-missing", &[("a/SKILL.md", b"# Title\n---\nname: a\n---\n")]);
        assert_eq!((found[0].line, found[0].column), (Some(1), Some(1)));
    }

    #[test]
    fn a_flat_file_with_front_matter_is_not() {
        assert_eq!(hits("frontmatter-missing", &[("a.md", skill("a").as_bytes())]), []);
    }
}
