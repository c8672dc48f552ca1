//! A description of another length than specified.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::skill::{Field, Value};
use crate::verdict::subject::Subject;

/// The most characters that the specification takes.
const MAX: usize = 1_024;

/// `description-long`.
pub(crate) static RULE: Rule = Rule {
    help: "Shorten it to at most 1,024 characters.",
    why: "The Agent Skills specification; agents cut longer ones, or pay for them in every prompt.",
    ..Rule::reference("description-long", "the description is too long", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let field = subject.front().and_then(|front| front.field("description"));
    let Some(Field { value: Value::Text(text), place, .. }) = field else { return Ok(Vec::new()) };
    let message = match text.chars().count() {
        n if n > MAX => format!("the `description` has {n} characters; {MAX} is the most"),
        _ => return Ok(Vec::new()),
    };
    Ok(vec![Hit::entry(subject, *place, message)])
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    fn of_length(n: usize) -> Vec<crate::finding::Finding> {
        let text = format!("---\nname: a\ndescription: {}\n---\n", "\u{e9}".repeat(n));
        hits("description-long", &[("a.md", text.as_bytes())])
    }

    #[test]
    fn one_character_too_many_warns() {
        assert!(of_length(1_025)[0].message.contains("has 1025 characters; 1024 is the most"));
    }

    #[test]
    fn the_limit_in_characters_does_not() {
        assert_eq!(of_length(1_024), []);
    }
}
