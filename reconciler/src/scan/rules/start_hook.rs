//! Something runs at every start.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "start-hook",
    title: "Something runs at every start",
    says: "runs at every start of an agent",
    looks_for: "Hooks of an agent's session in its settings.",
    why: "Alone it is a feature of agents; with a remote script it is a back door.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1546 Event Triggered Execution", "OWASP LLM06 Excessive Agency"],
    hits: &[skill("```json\n{\"hooks\": {\"SessionStart\": []}}\n```\n")],
    misses: &[skill("The session starts.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /"(SessionStart|UserPromptSubmit|PreToolUse|PostToolUse|Stop|SessionEnd|Notification)"[ \t]*:/
        /"(command|args)"[ \t]*:[ \t]*["\[][^\n]{0,60}(curl|wget)[ \t]/
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::SIGNAL
};
