//! The skill exceeds what is scanned.

use crate::scan::rule::{Detect, Rule};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "scan-incomplete",
    title: "The skill exceeds what is scanned",
    says: "is not scanned to its end",
    looks_for: "Files, bytes, matches, archive entries, depth or encodings beyond the budget of a skill (docs/scan.md).",
    why: "What is not looked at cannot be let through: padding must not buy a pass.",
    help: "Make the skill smaller: large data and archives do not belong into it.",
    references: &["MITRE ATT&CK T1027.001 Binary Padding"],
    hits: &[],
    misses: &[],
    detect: Detect::Engine,
    ..Rule::STRUCTURE
};
