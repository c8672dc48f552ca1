//! A companion of a known agent from a stranger.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "lookalike-tool",
    title: "A companion of a known agent from a stranger",
    says: "offers a companion of a known agent from a stranger's address",
    looks_for: "A download named after an agent and a helper word (agent, provider, driver, auth, core, …) that does not come from the agent's own organisation.",
    why: "Agents need no companion to run a skill; the name borrows trust.",
    help: "Remove it; install tools from their makers.",
    references: &[
        "MITRE ATT&CK T1204 User Execution",
        "MITRE ATT&CK T1036 Masquerading",
        "OWASP LLM03 Supply Chain",
    ],
    hits: &[skill(
        "Download [openclaw-agent](https://github.com/someone/openclaw-agent/releases/download/latest/openclaw-agent.zip).\n",
    )],
    misses: &[skill(
        "Install it: https://github.com/openclaw/openclaw/releases/download/v1/openclaw-cli.zip\n",
    )],
    detect: Detect::Patterns {
        strings: r#"
        /https?:\/\/[^ \t\n)"']{3,120}(openclaw|clawdbot|clawdhub|clawhub|clawd|moltbot|claude|codex|cursor|gemini|copilot)[-_]{0,1}(agent|core|provider|driver|win|windriver|auth|authtool|utility|tool|cli|helper|service|setup|loader|update|updater|installer)[^ \t\n)"']{0,80}\.(zip|exe|msi|dmg|pkg|rar|7z|sh|ps1)/ nocase
        /https?:\/\/github\.com\/[^ \t\n)"'\/]{1,40}\/[^ \t\n)"'\/]{0,20}(openclaw|clawdbot|clawdhub|clawhub|clawd|moltbot|claude|codex)[^ \t\n)"'\/]{0,30}\/releases\/(latest\/)?download\/[^ \t\n)"']{1,80}/ nocase
"#,
        applies: Applies::Anywhere,
        keep: is_foreign,
    },
    ..Rule::MALICIOUS
};

/// The organisations that publish the agents.
const MAKERS: &[&str] = &[
    "github.com/openclaw/",
    "github.com/clawdbot/",
    "github.com/moltbot/",
    "github.com/anthropics/",
    "github.com/openai/",
    "github.com/google-gemini/",
    "github.com/github/",
    "github.com/getcursor/",
    "openclaw.ai/",
    "claude.ai/",
    "anthropic.com/",
    "openai.com/",
    "cursor.com/",
    "googleapis.com/",
];

fn is_foreign(hit: &Hit<'_>) -> bool {
    let text = hit.text().to_ascii_lowercase();
    !MAKERS.iter().any(|maker| text.contains(maker))
}
