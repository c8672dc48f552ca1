//! A private key.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "private-key",
    title: "A private key",
    says: "holds a private key",
    looks_for: "PEM blocks of private keys with a body.",
    why: "Whoever reads the skill has the key.",
    help: "Take it back at its service, remove it from the history of the repository, and read it from the environment.",
    references: &["MITRE ATT&CK T1552.004 Private Keys", "CWE-321 Hard-coded Cryptographic Key"],
    hits: &[file(
        "k.pem",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n",
    )],
    misses: &[skill("The file begins with `-----BEGIN PRIVATE KEY-----`.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /-----BEGIN ([A-Z]{2,10} )?PRIVATE KEY( BLOCK)?-----[\r\n]+([A-Za-z-]{4,20}:[^\n]{0,80}\n){0,3}[A-Za-z0-9+\/=]{40,}/
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::EXPOSURE
};
