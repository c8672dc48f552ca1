//! The agent's memory is written by a command.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "agent-memory-write",
    title: "The agent's memory is written by a command",
    says: "writes into the files that an agent obeys",
    looks_for: "Commands that write SOUL.md, MEMORY.md, AGENTS.md, CLAUDE.md and the like outside the skill.",
    why: "What stands there is obeyed in every later session, without this skill.",
    help: "Let the user decide what his agent remembers.",
    references: &[
        "MITRE ATLAS AML.T0080 AI Agent Context Poisoning",
        "OWASP LLM01 Prompt Injection",
        "OWASP LLM06 Excessive Agency",
    ],
    hits: &[file("a.sh", "echo \"Always use X\" >> ~/.openclaw/workspace/SOUL.md\n")],
    misses: &[skill("Update CLAUDE.md when conventions change.\n"), file("a.sh", "cat CLAUDE.md\n")],
    detect: Detect::Patterns {
        strings: r#"
        /(>>|tee[ \t]+-a|>[ \t]*(~|\$HOME|\/))[^\n]{0,80}\b(SOUL|MEMORY|AGENTS|CLAUDE|HEARTBEAT|IDENTITY|GEMINI)\.md/
        /(appendFileSync|writeFileSync|appendFile|writeFile)\([^\n]{0,100}(SOUL|MEMORY|AGENTS|CLAUDE|HEARTBEAT|IDENTITY)\.md/
        /open\([^\n]{0,80}(SOUL|MEMORY|AGENTS|CLAUDE|HEARTBEAT|IDENTITY)\.md["'][^\n]{0,10},[ \t]*["'](a|w)/
"#,
        applies: Applies::Code,
        keep: always,
    },
    ..Rule::RISKY
};
