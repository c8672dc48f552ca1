//! Front matter that is YAML and has no fields.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::skill::Fault;
use crate::verdict::subject::Subject;

/// `frontmatter-not-mapping`.
pub(crate) static RULE: Rule = Rule {
    help: "Write fields, one a line: `name: …` and `description: …`.",
    why: "A list or a text has no name and no description; no consumer loads it.",
    ..Rule::error("frontmatter-not-mapping", "the front matter is not a mapping", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let front = subject.document().map(|document| &document.front);
    Ok(match front {
        Some(Err(Fault::NotMapping { place, what })) => {
            vec![Hit::entry(subject, *place, format!("the front matter is {what}, not fields with values"))]
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn a_list_is_found() {
        let found = hits("frontmatter-not-mapping", &[("a.md", b"---\n- name\n- b\n---\n")]);
        assert!(found[0].message.contains("is a list"), "{}", found[0].message);
    }

    #[test]
    fn fields_are_not() {
        assert_eq!(hits("frontmatter-not-mapping", &[("a.md", skill("a").as_bytes())]), []);
    }
}
