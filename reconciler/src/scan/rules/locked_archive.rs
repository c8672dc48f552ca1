//! An encrypted archive.

use crate::scan::rule::{Detect, Rule};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "locked-archive",
    title: "An encrypted archive",
    says: "holds an archive with encrypted entries",
    looks_for: "Zip archives whose entries need a password.",
    why: "No scanner sees what is inside, and a password in the text opens it.",
    help: "Put the files into the skill, unpacked.",
    references: &["MITRE ATT&CK T1027 Obfuscated Files or Information"],
    hits: &[],
    misses: &[],
    quotable: false,
    detect: Detect::Engine,
    ..Rule::RISKY
};
