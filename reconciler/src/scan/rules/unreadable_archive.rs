//! An archive that is not looked into.

use crate::scan::rule::{Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "unreadable-archive",
    title: "An archive that is not looked into",
    says: "holds an archive that the scan cannot read",
    looks_for: "RAR, 7z, bzip2, xz and zstd files.",
    why: "What is inside is not scanned.",
    help: "Put the files into the skill, unpacked.",
    references: &["MITRE ATT&CK T1027 Obfuscated Files or Information"],
    hits: &[file("a.rar", "Rar!\u{1A}\u{7} packed")],
    misses: &[file("a.txt", "Rar is a format\n")],
    quotable: false,
    detect: Detect::Engine,
    ..Rule::RISKY
};
