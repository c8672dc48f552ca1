//! Another agent is set to work with all its safeguards off.

use crate::scan::document::Hit;

use crate::scan::rule::{Detect, Rule, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "unattended-agent",
    title: "Another agent is set to work with all its safeguards off",
    says: "sets another agent to work without approvals and sandbox",
    looks_for: "The flags of agent command lines that say `dangerously` themselves, in a command or in the arguments of a program; an alias for a person's shell is not one.",
    why: "What this agent may not do, the other one does for it, on whatever text reaches it.",
    help: "Start it with the narrowest set of allowed tools, or let the operator except the skill.",
    references: &["OWASP LLM06 Excessive Agency", "MITRE ATLAS AML.T0053 AI Agent Tool Invocation"],
    hits: &[
        skill("```bash\nclaude --print --dangerously-skip-permissions \"$TASK\"\n```\n"),
        file("run.py", "cmd = [\n  \"claude\",\n  \"--dangerously-skip-permissions\",\n]\n"),
    ],
    misses: &[
        skill("```bash\nclaude --allowedTools Read \"do it\"\n```\n"),
        file(".zshrc", "alias claude-yolo='claude --dangerously-skip-permissions'\n"),
    ],
    detect: Detect::Refines { rule: "approvals-off", keep: is_set_to_work },
    ..Rule::MALICIOUS
};

fn is_set_to_work(hit: &Hit<'_>) -> bool {
    hit.text().starts_with("--dangerously-") && !hit.lines().trim_start().starts_with("alias ")
}
