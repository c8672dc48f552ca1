//! A skill without a name.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::finding::Place;
use crate::skill::{Field, Value};
use crate::verdict::subject::Subject;

/// `name-missing`.
pub(crate) static RULE: Rule = Rule {
    help: "Add `name:` with the name of the skill's directory.",
    why: "The Agent Skills specification requires it. Consumers fall back on the directory's name, not all of them.",
    ..Rule::reference("name-missing", "the name is missing", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let Some(front) = subject.front() else { return Ok(Vec::new()) };
    let (place, message) = match front.field("name") {
        None => (Place::START, "there is no `name`".to_owned()),
        Some(Field { value: Value::Text(_), .. }) => return Ok(Vec::new()),
        Some(Field { value, place, .. }) => (*place, format!("the `name` is {}, not text", value.what())),
    };
    Ok(vec![Hit::entry(subject, place, message)])
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn its_absence_warns_and_is_an_error_where_strict() {
        let text = b"---\ndescription: b\n---\n";
        assert!(!hits("name-missing", &[("a.md", text)])[0].holds(None));
        assert!(strict_hits("name-missing", &[("a.md", text)])[0].holds(None));
    }

    #[test]
    fn a_name_is_not_found() {
        assert_eq!(hits("name-missing", &[("a.md", skill("a").as_bytes())]), []);
    }
}
