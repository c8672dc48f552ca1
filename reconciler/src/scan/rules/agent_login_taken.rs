//! The agent's own login is taken.

use crate::scan::document::Hit;
use crate::scan::rule::{Applies, Detect, Rule, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "agent-login-taken",
    title: "The agent's own login is taken",
    says: "takes the login of an agent or another program out of its own store",
    looks_for: "Programs, and orders to the agent, that read the stored tokens of Claude Code, Codex, OpenClaw, Gemini and the like.",
    why: "The token was given to one program. A skill that takes it acts as that program, with the rights of the whole account.",
    help: "Ask the user for a key of the skill's own.",
    references: &[
        "MITRE ATT&CK T1528 Steal Application Access Token",
        "MITRE ATT&CK T1552.001 Credentials In Files",
        "OWASP LLM02 Sensitive Information Disclosure",
    ],
    hits: &[
        file(
            "a.py",
            "path = \"/root/.openclaw/agents/main/agent/auth-profiles.json\"\nwith open(path) as f:\n    token = json.load(f)\n",
        ),
        file("a.js", "const auth = JSON.parse(fs.readFileSync(os.homedir() + '/.codex/auth.json'))\n"),
    ],
    misses: &[
        skill("Log in again if `~/.codex/auth.json` is missing.\n"),
        file("a.sh", "chmod 600 ~/.claude/.credentials.json\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /(auth-profiles\.json|\.claude\/\.credentials(\.json)?|\.codex\/auth\.json|\.gemini\/oauth_creds\.json|\.config\/github-copilot\/(hosts|apps)\.json|\.openclaw\/credentials\/)/
"#,
        applies: Applies::Code,
        keep: is_read,
    },
    ..Rule::MALICIOUS
};

/// Words of reading, near the path in a program.
const READS: &[&str] = &[
    "open(",
    "read_text",
    "readFile",
    "json.load",
    "JSON.parse",
    "cat ",
    "jq ",
    "File.read",
    "read_to_string",
    "os.ReadFile",
    "Get-Content",
];

fn is_read(hit: &Hit<'_>) -> bool {
    let region = hit.document.region(hit.span.start);
    let program = hit.document.language.is_program()
        || matches!(region, crate::scan::markdown::RegionKind::Fence(language) if language.is_program());
    program && READS.iter().any(|word| hit.document.around(hit.span.start, 1, 6).contains(word))
}
