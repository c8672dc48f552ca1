//! The agent's settings are changed.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "agent-settings-write",
    title: "The agent's settings are changed",
    says: "changes the settings of an agent",
    looks_for: "Commands and code that write hooks, permissions or servers into the settings of Claude Code, OpenClaw, Cursor, Codex or MCP clients.",
    why: "Hooks run on every event; servers and permissions outlive the skill.",
    help: "Show the user what to add, and let him add it.",
    references: &["OWASP LLM06 Excessive Agency", "MITRE ATLAS AML.T0081 Modify AI Agent Configuration"],
    hits: &[file("a.sh", "echo \"$HOOKS\" > ~/.claude/settings.json\n")],
    misses: &[skill("Settings are in `~/.claude/settings.json`.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /(>>?|tee|cp|mv|install|ln[ \t]+-s[f]?)[ \t][^\n]{0,80}(\.claude\/settings(\.local)?\.json|\.claude\.json|\.openclaw\/openclaw\.json|\.cursor\/mcp\.json|\.codex\/config\.toml|claude_desktop_config\.json)/
        /(writeFileSync|writeFile|write_text|json\.dump|open)\([^\n]{0,100}(\.claude\/settings|\.openclaw\/openclaw\.json|\.cursor\/mcp|\.codex\/config|claude_desktop_config)[^\n]{0,40}(["']w|["']a|,)/
        /\bopenclaw[ \t]+config[ \t]+set[ \t][^\n]{0,60}(exec|sandbox|approval|security)/
"#,
        applies: Applies::Code,
        keep: always,
    },
    ..Rule::RISKY
};
