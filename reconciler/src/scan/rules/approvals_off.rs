//! An agent without its safeguards.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "approvals-off",
    title: "An agent without its safeguards",
    says: "starts an agent with its approvals or sandbox off",
    looks_for: "Command-line flags and settings that make an agent act without asking, or outside its sandbox.",
    why: "Whatever reaches that agent, acts.",
    help: "Start it with the narrowest set of allowed tools.",
    references: &["OWASP LLM06 Excessive Agency"],
    hits: &[skill("```bash\ncodex --yolo \"do it\"\n```\n")],
    misses: &[skill("```bash\nclaude --allowedTools Read \"do it\"\n```\n")],
    detect: Detect::Patterns {
        strings: r#"
        /--dangerously-(skip-permissions|bypass-approvals-and-sandbox)/
        /\bcodex[^\n]{0,80}--yolo\b/
        /--(yolo|trust-all-tools|allow-all-tools)\b/
        /--permission-mode[ =]bypassPermissions/
        /"defaultMode"[ \t]*:[ \t]*"bypassPermissions"/
        /(approval_policy|ask-for-approval)["' \t=:]{1,4}["']?never/
        /danger-full-access/
"#,
        applies: Applies::Code,
        keep: always,
    },
    ..Rule::RISKY
};
