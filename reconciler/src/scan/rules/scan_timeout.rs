//! The scan ran out of time.

use crate::scan::rule::{Detect, Rule};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "scan-timeout",
    title: "The scan ran out of time",
    says: "is not scanned to its end, the time is over",
    looks_for: "A skill whose scan takes longer than its budget of time. The result is not kept: the next pass scans again.",
    why: "What is not looked at cannot be let through.",
    help: "Make the skill smaller; if the machine was busy the next pass heals it.",
    references: &[],
    hits: &[],
    misses: &[],
    detect: Detect::Engine,
    ..Rule::STRUCTURE
};
