//! A name that is not of the specified form.

use super::{Check, Hit, Rule, quoted};
use crate::desired::ContentError;
use crate::skill::{Field, Value};
use crate::verdict::subject::Subject;

/// `name-format`.
pub(crate) static RULE: Rule = Rule {
    help: "Use 1 to 64 lower-case letters, digits and single hyphens, such as `pdf-tools`.",
    why: "The Agent Skills specification: names are also directories, commands and keys.",
    ..Rule::reference("name-format", "the name is not of the specified form", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let field = subject.front().and_then(|front| front.field("name"));
    let Some(Field { value: Value::Text(name), place, .. }) = field else { return Ok(Vec::new()) };
    if is_name(name) {
        return Ok(Vec::new());
    }
    let message = format!("the name {} is not 1 to 64 of a-z, 0-9 and single hyphens", quoted(name));
    Ok(vec![Hit::entry(subject, *place, message)])
}

/// Whether a name is `^[a-z0-9]+(-[a-z0-9]+)*$` of 1 to 64 characters.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() <= 64 && name.split('-').all(is_part)
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    use super::is_name;

    #[test]
    fn the_form_is_that_of_the_specification() {
        for name in ["a", "pdf-tools", "a1-2b", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "a--b", "A", "a b", "a_b", "\u{e9}", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn another_form_warns_at_its_line() {
        let found = hits("name-format", &[("a.md", skill("PDF Tools").as_bytes())]);
        assert_eq!((found[0].line, found[0].holds(None)), (Some(2), false));
    }
}
