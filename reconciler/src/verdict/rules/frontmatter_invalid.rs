//! Front matter that is no YAML.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::skill::Fault;
use crate::verdict::subject::Subject;

/// `frontmatter-invalid`.
pub(crate) static RULE: Rule = Rule {
    help: "Correct the YAML at this place; a text with `: `, ` #` or a leading special character belongs in quotes.",
    why: "Consumers skip a skill whose front matter does not parse. Anchors, aliases and deep or huge structures are refused because parsers differ on them and attacks are made of them.",
    ..Rule::error("frontmatter-invalid", "the front matter is not valid YAML", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let front = subject.document().map(|document| &document.front);
    Ok(match front {
        Some(Err(Fault::Invalid { place, why })) => {
            vec![Hit::entry(subject, *place, format!("the front matter is not valid YAML: {why}"))]
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn broken_yaml_is_found_at_its_line() {
        let found = hits("frontmatter-invalid", &[("a.md", b"---\nname: [a\ndescription: b\n---\n")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].line >= Some(2), "{:?}", found[0]);
    }

    #[test]
    fn an_anchor_is_found_and_named() {
        let found = hits("frontmatter-invalid", &[("a.md", b"---\nname: &x a\ndescription: b\n---\n")]);
        assert!(found[0].message.contains("anchor"), "{}", found[0].message);
    }

    #[test]
    fn sound_yaml_is_not() {
        assert_eq!(hits("frontmatter-invalid", &[("a.md", skill("a").as_bytes())]), []);
    }
}
