//! A password in the text.

use crate::scan::document::Hit;
use crate::scan::entropy;
use crate::scan::rule::{Applies, Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "written-password",
    title: "A password in the text",
    says: "holds a password",
    looks_for: "Values that look random, assigned to what is named password, secret, token or key; passwords in addresses; passwords to be typed.",
    why: "Whoever reads the skill can use it.",
    help: "Take it back at its service, remove it from the history of the repository, and read it from the environment.",
    references: &["MITRE ATT&CK T1552 Unsecured Credentials", "CWE-798 Hard-coded Credentials"],
    hits: &[
        file("a.py", "API_KEY = \"q8Zt3LmV0pXw7RbN2cKd\"\n"),
        file("a.md", "Type \"Summer67890\" into the password field.\n"),
        file("a.py", "db = \"postgres://app:Zr81kq0xPw@db.invalid/x\"\n"),
    ],
    misses: &[
        file("a.py", "API_KEY = \"your-api-key-here-12345\"\n"),
        file("a.py", "password = os.environ[\"PASSWORD\"]\n"),
        file("a.py", "db = \"postgres://user:password@localhost/x\"\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /\b[a-z_]{0,30}(password|passwd|secret|token|api_?key|auth_?key|access_?key)[a-z_]{0,10}["']?[ \t]*(=|:|=>)[ \t]*["'][A-Za-z0-9+\/_=.!@#$%^&*-]{12,120}["']/ nocase
        /\*\*[A-Za-z0-9 ()-]{0,30}(key|token|secret|password)[A-Za-z0-9 ()-]{0,20}\*\*[ \t]*:[ \t]*`[A-Za-z0-9+\/_=.%-]{16,200}`/ nocase
        /\b(type|enter|use|input|fill)[ \t]+["'`][^"'`\n]{6,40}["'`][ \t]+(in|into|as|for)[^\n.]{0,20}password/ nocase
        /\b(app[ -]?)?password\**[ \t]*:[ \t]*[`"]?[a-z0-9!@#$%^&*]{12,24}[`" \n(]/ nocase
        /\b[a-z][a-z0-9+]{2,12}:\/\/[a-z0-9_.-]{1,40}:[A-Za-z0-9!#$%^&*_-]{8,60}@[a-z0-9.-]{4,80}/ nocase
"#,
        applies: Applies::Anywhere,
        keep: is_random,
    },
    ..Rule::EXPOSURE
};

fn is_random(hit: &Hit<'_>) -> bool {
    let text = hit.text();
    let value = text.split(['"', '\'', '`', '=', ' ', '@']).max_by_key(|part| score(part)).unwrap_or("");
    let value = value.rsplit_once(':').map_or(value, |(_, value)| value);
    let lower = text.to_ascii_lowercase();
    let sample = [
        "example",
        "your",
        "xxxx",
        "placeholder",
        "changeme",
        "test",
        "dummy",
        "fake",
        "secure_",
        "<",
        "${",
        "{{",
        "redacted",
        "process.env",
        "environ",
        "sample",
        "demo",
        "password123",
        "1234567890",
        "insert",
        "replace",
        "mysecret",
        "my-secret",
        "sk-...",
        "not-real",
        "foobar",
    ];
    !sample.iter().any(|word| lower.contains(word)) && score(value) >= 2 && entropy::bits(value) > 2.9
}

/// How many kinds of characters a value has, where it is long enough to be one.
fn score(value: &str) -> usize {
    let kinds: [fn(&u8) -> bool; 3] = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
    if value.len() < 8 { 0 } else { kinds.iter().filter(|kind| value.as_bytes().iter().any(kind)).count() }
}
