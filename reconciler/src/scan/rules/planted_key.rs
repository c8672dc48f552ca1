//! A key that lets somebody in.

use crate::scan::rule::{Applies, Detect, Rule, always, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "planted-key",
    title: "A key that lets somebody in",
    says: "adds a written key to those that may log in",
    looks_for: "A public key in the source that is appended to authorized_keys.",
    why: "Its owner can log in from now on.",
    help: "Remove it.",
    references: &["MITRE ATT&CK T1098.004 SSH Authorized Keys"],
    hits: &[file(
        "a.sh",
        "echo \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample x\" >> ~/.ssh/authorized_keys\n",
    )],
    misses: &[file("a.sh", "cat \"$PUBLIC_KEY_FILE\" >> ~/.ssh/authorized_keys\n")],
    detect: Detect::Patterns {
        strings: r#"
        /ssh-(rsa|ed25519|dss)[ \t]+AAAA[^\n]{10,800}authorized_keys/
        /authorized_keys[^\n]{0,120}ssh-(rsa|ed25519|dss)[ \t]+AAAA/
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::MALICIOUS
};
