//! Front matter without an end.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::finding::Place;
use crate::skill::Fault;
use crate::verdict::subject::Subject;

/// `frontmatter-unclosed`.
pub(crate) static RULE: Rule = Rule {
    help: "Put a line `---` after the last field.",
    why: "Without its end the whole file would be front matter, and the agent would get no instructions; no consumer loads it.",
    ..Rule::error("frontmatter-unclosed", "the front matter is not closed", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let front = subject.document().map(|document| &document.front);
    Ok(match front {
        Some(Err(Fault::Unclosed)) => vec![Hit::entry(
            subject,
            Place::START,
            "the front matter that begins here is not closed by a second line `---`",
        )],
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn a_missing_second_fence_is_found() {
        assert_eq!(hits("frontmatter-unclosed", &[("a.md", b"---\nname: a\ndescription: b\n")]).len(), 1);
    }

    #[test]
    fn a_closed_one_is_not() {
        assert_eq!(hits("frontmatter-unclosed", &[("a.md", skill("a").as_bytes())]), []);
    }
}
