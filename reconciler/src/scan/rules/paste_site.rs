//! A paste site or shortener.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "paste-site",
    title: "A paste site or shortener",
    says: "points at a paste site or a link shortener",
    looks_for: "Links to sites where anybody stores a text unnamed, and to services that hide an address.",
    why: "Alone it says little; as the source of something to run it says all.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1105 Ingress Tool Transfer"],
    hits: &[skill("See https://rentry.co/abcd for it.\n")],
    misses: &[skill("See https://example.com/abcd for it.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /https?:\/\/([a-z0-9-]{1,40}\.)?(pastebin\.com|glot\.io|rentry\.(co|org)|hastebin\.com|ghostbin\.com|paste\.ee|dpaste\.(com|org)|termbin\.com|ix\.io|0x0\.st|transfer\.sh|controlc\.com|justpaste\.it|privatebin\.net|paste\.rs|sprunge\.us|telegra\.ph|file\.io|gofile\.io|anonfiles\.com|catbox\.moe|mediafire\.com|gist\.githubusercontent\.com)\/[^ \t\n)"']{2,80}/ nocase
        /https?:\/\/(bit\.ly|tinyurl\.com|t\.co|is\.gd|v\.gd|cutt\.ly|rb\.gy|shorturl\.at|ow\.ly|rebrand\.ly|t\.ly|tiny\.cc|goo\.su|clck\.ru|s\.id)\/[^ \t\n)"']{2,80}/ nocase
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::SIGNAL
};
