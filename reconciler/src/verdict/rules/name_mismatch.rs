//! A name that is not its directory's.

use super::{Check, Hit, Rule, quoted};
use crate::desired::ContentError;
use crate::skill::Value;
use crate::verdict::subject::Subject;

/// `name-mismatch`.
pub(crate) static RULE: Rule = Rule {
    help: "Rename the directory (of a flat skill the file), or the `name`, so that they are equal.",
    why: "The Agent Skills specification: some consumers know a skill by the one, some by the other.",
    ..Rule::reference("name-mismatch", "the name differs from the directory", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let field = subject.front().and_then(|front| front.field("name"));
    let (Some(field), Some(stem)) = (field, subject.candidate.stem()) else { return Ok(Vec::new()) };
    match &field.value {
        Value::Text(name) if name != stem => {
            let message =
                format!("the name {} differs from {}, where the skill lies", quoted(name), quoted(stem));
            Ok(vec![Hit::entry(subject, field.place, message)])
        }
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn another_name_than_the_directory_or_the_file_warns() {
        for path in ["team/b/SKILL.md", "b.md"] {
            let found = hits("name-mismatch", &[(path, skill("a").as_bytes())]);
            assert!(found[0].message.contains("`a` differs from `b`"), "{}", found[0].message);
        }
    }

    #[test]
    fn the_same_name_does_not() {
        assert_eq!(hits("name-mismatch", &[("team/a/SKILL.md", skill("a").as_bytes())]), []);
        assert_eq!(hits("name-mismatch", &[("a.md", skill("a").as_bytes())]), []);
    }
}
