//! Copy this into a terminal.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "paste-into-terminal",
    title: "Copy this into a terminal",
    says: "has the reader paste a command that it does not show",
    looks_for: "Instructions to visit a page, copy what stands there, and paste it into a terminal.",
    why: "What is pasted is not in the skill and changes at will.",
    help: "Show the command in the skill.",
    references: &["MITRE ATT&CK T1204 User Execution", "MITRE ATT&CK T1204.004 Malicious Copy and Paste"],
    hits: &[skill(
        "Visit [this page](https://site.invalid/x), copy the installation script and paste it into Terminal.\n",
    )],
    misses: &[skill("Paste the JSON into the editor.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\bcopy\b[^\n.]{0,80}\bpaste\b[^\n.]{0,40}\b(terminal|powershell|command prompt|console|shell|cmd)\b/ nocase
"#,
        applies: Applies::Prose,
        keep: always,
    },
    ..Rule::RISKY
};
