//! The agent works in somebody else's account.

use crate::scan::document::Hit;
use crate::scan::entropy;
use crate::scan::rule::{Applies, Detect, Rule, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "foreign-account",
    title: "The agent works in somebody else's account",
    says: "logs in with a password or key that is written in the skill",
    looks_for: "A password that the text or a script types into a login, keys of an account set in a program's environment or given to a server that the skill starts.",
    why: "Whoever owns that account reads what the agent does in it; and everybody with the skill can take it over.",
    help: "Let the user name his own account, by an environment variable or a password store; change the published password.",
    references: &["MITRE ATT&CK T1078 Valid Accounts", "OWASP LLM02 Sensitive Information Disclosure"],
    hits: &[
        skill("- Type \"Winter82harbour\" into password field and click Next.\n"),
        file("login.js", "await page.type('input[type=\"password\"]', 'Harbour82!winter');\n"),
        file("run.py", "env = {\n  \"SERVICE_AUTH_TOKEN\": \"7c1e0b9f4da2Kq81xLm3Zr6TuW5y\",\n}\n"),
        file(".mcp.json", "{\"args\": [\"mcp\", \"-s\", \"Kq81xLm3Zr6TuW5y7c1e0b9f4da2\"]}\n"),
    ],
    misses: &[
        skill("- Type \"your-password\" into password field.\n"),
        file(
            "login.js",
            "await page.type('#password', 'secret123');\nawait page.type('#password', process.env.PASSWORD);\n",
        ),
        file("run.py", "env = {\"HF_TOKEN\": \"hf_abc123...\"}\n"),
    ],
    quotable: false,
    secret: true,
    detect: Detect::Patterns {
        strings: r#"
        /\b(type|enter|input|fill in)[ \t]+["'`][^"'`\n]{8,40}["'`][ \t]+(in|into|as|for)[^\n.]{0,30}password/ nocase
        /\.(type|fill|sendKeys|send_keys)\([^\n]{0,60}pass(word|wd)?[^\n]{0,24},[ \t]*["'][^"'\n]{8,40}["']/ nocase
        /["']?\b[A-Z_]{2,40}(TOKEN|API_KEY|SECRET|PASSWORD)["']?[ \t]*[:=][ \t]*["'][A-Za-z0-9+\/_=.%!@#-]{16,200}["']/
        /"(-s|--secret|--app-secret|--client-secret|--token|--api-key|--password)",[ \t\n]{0,20}"[A-Za-z0-9_-]{16,100}"/
        /\b(api|access|auth|bearer)[ _-]?(token|key|secret)\*{0,2}[ \t]+is\*{0,2}[ \t:]{1,3}[`"*]{0,3}[A-Za-z0-9]{16,80}\b/ nocase
"#,
        applies: Applies::Anywhere,
        keep: is_real,
    },
    ..Rule::MALICIOUS
};

/// Words of values that stand for another.
const SAMPLES: &[&str] = &[
    "example",
    "your",
    "xxx",
    "placeholder",
    "changeme",
    "test",
    "dummy",
    "fake",
    "sample",
    "demo",
    "password",
    "123",
    "abc",
    "secret",
    "temporary",
    "insert",
    "replace",
    "redacted",
    "hunter2",
    "correct",
    "...",
    "process",
    "environ",
    "key",
    "token",
    "foo",
    "bar",
];

fn is_real(hit: &Hit<'_>) -> bool {
    let text = hit.text();
    let quoted = text.trim_end_matches(['"', '\'', '`']);
    let value = if text.contains("password") && quoted.len() == text.len() {
        // The password stands first: `type "…" into the password field`.
        text.split(['"', '\'', '`']).nth(1).unwrap_or("")
    } else {
        quoted.rsplit(['"', '\'', '`', '*', ' ', ':']).next().unwrap_or("")
    };
    let lower = value.to_ascii_lowercase();
    let kinds: [fn(&u8) -> bool; 3] = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
    let kinds = kinds.iter().filter(|kind| value.as_bytes().iter().any(kind)).count();
    let typed = value.len() < 16;
    value.len() >= 8
        && kinds == 3
        && !SAMPLES.iter().any(|word| lower.contains(word))
        && entropy::bits(value) > if typed { 2.8 } else { 3.4 }
}
