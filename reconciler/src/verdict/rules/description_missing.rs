//! A skill that does not say what it is for.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::finding::Place;
use crate::skill::{Field, Value};
use crate::verdict::subject::Subject;

/// `description-missing`.
pub(crate) static RULE: Rule = Rule {
    help: "Add `description:` with a sentence that says what the skill does and when to use it.",
    why: "Agents choose skills by their descriptions; OpenClaw skips a skill without one.",
    ..Rule::error("description-missing", "the description is missing", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let Some(front) = subject.front() else { return Ok(Vec::new()) };
    let (place, message) = match front.field("description") {
        None => (Place::START, "there is no `description`".to_owned()),
        Some(Field { value: Value::Text(text), .. }) if !text.trim().is_empty() => return Ok(Vec::new()),
        Some(Field { value: Value::Text(_) | Value::Null, place, .. }) => {
            (*place, "the `description` is empty".to_owned())
        }
        Some(Field { value, place, .. }) => {
            (*place, format!("the `description` is {}, not text", value.what()))
        }
    };
    Ok(vec![Hit::entry(subject, place, message)])
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    fn found(description: &str) -> String {
        let text = format!("---\nname: a\n{description}\n---\n");
        let found = hits("description-missing", &[("a.md", text.as_bytes())]);
        found.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn absent_empty_and_not_text_are_told_apart() {
        assert!(found("license: MIT").contains("there is no"));
        assert!(found("description:").contains("is empty"));
        assert!(found("description: '  '").contains("is empty"));
        assert!(found("description: [a]").contains("is a list, not text"));
        assert!(found("description: 42").contains("is a number, not text"));
    }

    #[test]
    fn text_in_any_form_is_not_found() {
        assert_eq!(found("description: a"), "");
        assert_eq!(found("description: >\n  folded"), "");
    }
}
