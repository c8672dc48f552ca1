//! Characters and tags that hide what front matter says.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::skill::Fault;
use crate::verdict::subject::Subject;

/// `frontmatter-character`.
pub(crate) static RULE: Rule = Rule {
    help: "Remove the character or the tag; plain text and emoji are all that front matter needs.",
    why: "Control and format characters are not seen by who reviews a skill and are read by the agent; a tag asks the parser to build something else than what is written.",
    ..Rule::error(
        "frontmatter-character",
        "the front matter holds hidden characters or YAML tags",
        Check::Skill(check),
    )
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let front = subject.document().map(|document| &document.front);
    Ok(match front {
        Some(Err(Fault::Character { place, what })) => {
            vec![Hit::entry(subject, *place, format!("the front matter holds {what}"))]
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn a_change_of_text_direction_is_found() {
        let text = "---\nname: a\ndescription: b\u{202e}c\n---\n".as_bytes();
        let found = hits("frontmatter-character", &[("a.md", text)]);
        assert_eq!((found[0].line, found[0].column), (Some(3), Some(15)));
        assert!(found[0].message.contains("U+202E"), "{}", found[0].message);
    }

    #[test]
    fn a_tag_is_found_and_named() {
        let found = hits("frontmatter-character", &[("a.md", b"---\nname: !!binary YQ==\n---\n")]);
        assert!(found[0].message.contains("YAML tag"), "{}", found[0].message);
    }

    #[test]
    fn emoji_with_joiners_are_not() {
        let text = "---\nname: a\ndescription: \u{1f469}\u{200d}\u{1f4bb}\n---\n".as_bytes();
        assert_eq!(hits("frontmatter-character", &[("a.md", text)]), []);
    }
}
