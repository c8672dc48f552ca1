//! A skill's file that is larger than consumers read.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::verdict::MAX_ENTRY_BYTES;
use crate::verdict::subject::{SkillText, Subject};

/// `entry-too-large`.
pub(crate) static RULE: Rule = Rule {
    help: "Move detail into files of its own that the skill's file names (references/), and keep this one short.",
    why: "OpenClaw skips a SKILL.md over 256,000 bytes; every agent pays for its length in context.",
    ..Rule::error("entry-too-large", "the skill's file is over 256,000 bytes", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    Ok(match subject.text {
        SkillText::TooLarge(size) => {
            let message = format!("the file has {size} bytes; {MAX_ENTRY_BYTES} is the most");
            vec![Hit::member(subject, subject.entry_name(), message)]
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    fn of_size(size: usize) -> Vec<u8> {
        let mut text = skill("a").into_bytes();
        text.resize(size, b'x');
        text
    }

    #[test]
    fn one_byte_more_than_the_limit_is_found() {
        let found = hits("entry-too-large", &[("a/SKILL.md", &of_size(256_001))]);
        assert!(found[0].message.contains("256001 bytes; 256000 is the most"), "{}", found[0].message);
    }

    #[test]
    fn the_limit_itself_is_not() {
        assert_eq!(hits("entry-too-large", &[("a/SKILL.md", &of_size(256_000))]), []);
    }
}
