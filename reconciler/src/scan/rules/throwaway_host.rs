//! A throwaway host.

use crate::scan::document::Hit;
use crate::scan::hosts::{Standing, standing};
use crate::scan::rule::{Applies, Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "throwaway-host",
    title: "A throwaway host",
    says: "names a host that anybody gets unnamed",
    looks_for: "Addresses on free hosting and dynamic names.",
    why: "Alone it may be somebody's demonstration; as the place where files go it is a collector.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1567 Exfiltration Over Web Service"],
    hits: &[file("a.py", "URL = \"https://collect.onrender.com/upload\"\n")],
    misses: &[file("a.py", "URL = \"https://api.example.com/upload\"\n")],
    detect: Detect::Patterns {
        strings: r#"
        /https?:\/\/[a-z0-9.-]{2,60}\.(onrender\.com|herokuapp\.com|glitch\.me|repl\.co|replit\.app|workers\.dev|pages\.dev|web\.app|surge\.sh|netlify\.app|up\.railway\.app|deno\.dev|fly\.dev|duckdns\.org|no-ip\.org|ddns\.net|hopto\.org|zapto\.org|nip\.io|sslip\.io|000webhostapp\.com)\b[^ \t\n)"']{0,80}/ nocase
        /https?:\/\/[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[:\/][^ \t\n)"']{0,80}/
"#,
        applies: Applies::Anywhere,
        keep: is_public,
    },
    ..Rule::SIGNAL
};

fn is_public(hit: &Hit<'_>) -> bool {
    matches!(standing(&hit.text()), Standing::Address | Standing::Throwaway)
}
