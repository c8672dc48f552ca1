//! A description that had to be quoted to be read.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::finding::Place;
use crate::verdict::subject::Subject;

/// `frontmatter-recovered`.
pub(crate) static RULE: Rule = Rule {
    help: "Put the description in quotes, or write it as a block (`description: >-`).",
    why: "A plain YAML text must not hold `: ` or ` #`. OpenClaw quotes the line and loads the skill, other consumers skip it.",
    ..Rule::reference("frontmatter-recovered", "the description must be quoted", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let Some(line) = subject.front().and_then(|front| front.recovered) else { return Ok(Vec::new()) };
    let message =
        "the front matter is YAML only with its `description` in quotes; it is read as if it were quoted";
    Ok(vec![Hit::entry(subject, Place { line, column: 1 }, message)])
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn a_colon_in_a_plain_description_warns_at_its_line() {
        let text = b"---\nname: a\ndescription: Use for: PDF\n---\n";
        let found = hits("frontmatter-recovered", &[("a.md", text)]);
        assert_eq!((found[0].line, found[0].holds(None)), (Some(3), false));
        assert_eq!(hits("frontmatter-invalid", &[("a.md", text)]), []);
    }

    #[test]
    fn a_quoted_one_does_not() {
        let text = b"---\nname: a\ndescription: 'Use for: PDF'\n---\n";
        assert_eq!(hits("frontmatter-recovered", &[("a.md", text)]), []);
    }
}
