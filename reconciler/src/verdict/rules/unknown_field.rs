//! Fields that nobody is known to read.

use super::{Check, Hit, Rule, quoted};
use crate::desired::ContentError;
use crate::skill::Field;
use crate::verdict::subject::Subject;

/// The fields of the Agent Skills specification.
const SPECIFIED: [&str; 6] = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];

/// What Claude Code reads besides.
const CLAUDE_CODE: [&str; 14] = [
    "when_to_use",
    "argument-hint",
    "arguments",
    "disable-model-invocation",
    "user-invocable",
    "disallowed-tools",
    "model",
    "effort",
    "context",
    "agent",
    "background",
    "hooks",
    "paths",
    "shell",
];

/// What OpenClaw reads besides.
const OPENCLAW: [&str; 4] = ["homepage", "command-dispatch", "command-tool", "command-arg-mode"];

/// `unknown-field`.
pub(crate) static RULE: Rule = Rule {
    help: "Correct the spelling, or move it below `metadata`.",
    why: "A misspelt field is ignored in silence by every consumer. The reference rules take the six fields of the Agent Skills specification only.",
    ..Rule::reference("unknown-field", "a field is not known", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let Some(front) = subject.front() else { return Ok(Vec::new()) };
    let is_known = |key: &str| {
        let of_consumers = CLAUDE_CODE.contains(&key) || OPENCLAW.contains(&key);
        SPECIFIED.contains(&key) || (!subject.strict && of_consumers)
    };
    let unknown = front.fields.iter().filter(|field| !is_known(&field.key));
    let message = |field: &Field| format!("the field {} is not known", quoted(&field.key));
    Ok(unknown.map(|field| Hit::entry(subject, field.place, message(field))).collect())
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn a_misspelt_field_warns_at_its_line() {
        let text = b"---\nname: a\ndescription: b\nlicence: MIT\n---\n";
        let found = hits("unknown-field", &[("a.md", text)]);
        assert_eq!((found.len(), found[0].line), (1, Some(4)));
        assert!(found[0].message.contains("`licence`"), "{}", found[0].message);
    }

    #[test]
    fn fields_of_consumers_do_not_but_where_strict() {
        let text = b"---\nname: a\ndescription: b\nmodel: opus\nhomepage: x\n---\n";
        assert_eq!(hits("unknown-field", &[("a.md", text)]), []);
        assert_eq!(strict_hits("unknown-field", &[("a.md", text)]).len(), 2);
    }
}
