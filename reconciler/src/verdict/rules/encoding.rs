//! A skill's file that is no text.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::finding::Place;
use crate::verdict::subject::{SkillText, Subject};

/// `encoding`.
pub(crate) static RULE: Rule = Rule {
    help: "Save the file as UTF-8 without NUL bytes.",
    why: "Consumers read the file as UTF-8; other bytes become replacement characters, or the skill is not loaded.",
    ..Rule::error("encoding", "the skill's file is not UTF-8 text", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    Ok(match &subject.text {
        SkillText::NotText(why, line) => {
            let place = Place { line: *line, column: 1 };
            vec![Hit::entry(subject, place, format!("the file cannot be read as text: {why}"))]
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn latin_1_and_nul_are_found_with_their_line() {
        let skill = [&b"---\nname: a\ndescription: caf"[..], b"\xe9", b"\n---\n"].concat();
        let found = hits("encoding", &[("a/SKILL.md", &skill)]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].path.as_str()), (Some(3), "a/SKILL.md"));
        assert!(found[0].message.contains("not UTF-8"), "{}", found[0].message);
        let found = hits("encoding", &[("a/SKILL.md", b"---\nname: a\n---\n\0")]);
        assert_eq!(found[0].line, Some(4));
        assert!(found[0].message.contains("NUL"), "{}", found[0].message);
    }

    #[test]
    fn utf_8_and_other_binary_files_of_the_skill_are_not() {
        let skill = "---\nname: a\ndescription: caf\u{e9} \u{1f600}\n---\n".as_bytes();
        assert_eq!(hits("encoding", &[("a/SKILL.md", skill), ("a/x.png", b"\0\xff")]), []);
    }
}
