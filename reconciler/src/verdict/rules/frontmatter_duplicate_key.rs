//! A field that stands twice.

use super::{Check, Hit, Rule, quoted};
use crate::desired::ContentError;
use crate::skill::Fault;
use crate::verdict::subject::Subject;

/// `frontmatter-duplicate-key`.
pub(crate) static RULE: Rule = Rule {
    help: "Remove one of the two.",
    why: "YAML forbids it and parsers differ on which one counts: what a reviewer reads may not be what the agent gets.",
    ..Rule::error("frontmatter-duplicate-key", "a key stands twice in the front matter", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let front = subject.document().map(|document| &document.front);
    let Some(Err(Fault::DuplicateKey { place, key })) = front else { return Ok(Vec::new()) };
    let key = key.as_ref().map_or_else(|| "a key".to_owned(), |key| format!("the key {}", quoted(key)));
    Ok(vec![Hit::entry(subject, *place, format!("{key} stands twice in one mapping"))])
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn the_second_one_is_found() {
        let twice = b"---\nname: a\ndescription: b\nname: c\n---\n";
        let found = hits("frontmatter-duplicate-key", &[("a.md", twice)]);
        assert_eq!(found[0].line, Some(4));
        assert!(found[0].message.contains("`name`"), "{}", found[0].message);
    }

    #[test]
    fn the_same_key_in_two_mappings_is_not() {
        let nested = b"---\nname: a\ndescription: b\nmetadata:\n  name: c\n---\n";
        assert_eq!(hits("frontmatter-duplicate-key", &[("a.md", nested)]), []);
    }
}
