//! A compatibility of another length than specified.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::skill::{Field, Value};
use crate::verdict::subject::Subject;

/// The most characters that the specification takes.
const MAX: usize = 500;

/// `compatibility-long`.
pub(crate) static RULE: Rule = Rule {
    help: "Shorten it to at most 500 characters.",
    why: "The Agent Skills specification: 1 to 500 characters.",
    ..Rule::reference("compatibility-long", "the compatibility is too long", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let field = subject.front().and_then(|front| front.field("compatibility"));
    let Some(Field { value: Value::Text(text), place, .. }) = field else { return Ok(Vec::new()) };
    let message = match text.chars().count() {
        0 => "the `compatibility` is empty".to_owned(),
        n if n > MAX => format!("the `compatibility` has {n} characters; {MAX} is the most"),
        _ => return Ok(Vec::new()),
    };
    Ok(vec![Hit::entry(subject, *place, message)])
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    fn of_length(n: usize) -> Vec<crate::finding::Finding> {
        let text = format!("---\nname: a\ndescription: b\ncompatibility: {}\n---\n", "\u{e9}".repeat(n));
        hits("compatibility-long", &[("a.md", text.as_bytes())])
    }

    #[test]
    fn one_character_too_many_warns() {
        assert!(of_length(501)[0].message.contains("has 501 characters; 500 is the most"));
    }

    #[test]
    fn the_limit_in_characters_does_not() {
        assert_eq!(of_length(500), []);
    }
}
