//! An address is hidden in an encoded text.

use crate::scan::document::Hit;
use crate::scan::rule::{Applies, Detect, Rule, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "encoded-address",
    title: "An address is hidden in an encoded text",
    says: "hides an address in an encoded text",
    looks_for: "A URL that decodes out of base64 or hexadecimal.",
    why: "An address is encoded so that nobody looks at it.",
    help: "Write the address in plain text.",
    references: &["MITRE ATT&CK T1027 Obfuscated Files or Information"],
    hits: &[file(
        "a.py",
        "endpoint = base64.b64decode(\"aHR0cHM6Ly9jb2xsZWN0LmludmFsaWQvYS9iL2M=\").decode()\n",
    )],
    misses: &[skill("Example: aGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXh0IHRoYXQgaXMgbG9uZw==\n")],
    detect: Detect::Patterns {
        strings: r#"
        /https?:\/\/[a-z0-9.-]{4,80}/ nocase
        /stratum\+tcp:\/\//
"#,
        applies: Applies::Decoded,
        keep: is_address,
    },
    ..Rule::RISKY
};

/// Whether the decoded text is the address, rather than a text with a link in it.
fn is_address(hit: &Hit<'_>) -> bool {
    hit.span.start == 0 || hit.text().starts_with("stratum")
}
