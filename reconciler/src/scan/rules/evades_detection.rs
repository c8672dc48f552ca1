//! Detection is evaded.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "evades-detection",
    title: "Detection is evaded",
    says: "is made to go undetected",
    looks_for: "Features that are sold as anti-detection, evasion or stealth: headings and promises, not the words alone.",
    why: "Who hides from a service's or a machine's protection has a reason.",
    help: "Say what is hidden from whom, or remove it.",
    references: &["MITRE ATT&CK T1027 Obfuscated Files or Information", "MITRE ATT&CK T1564 Hide Artifacts"],
    hits: &[skill("### 7. Anti-Detection Features\n"), skill("With account rotation and anti-detection.\n")],
    misses: &[skill("### Detection\n\nThe test detects undetected errors.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /#[ \t][^\n]{0,40}\b(anti-?detection|evasion techniques|detection avoidance|avoid(ing)? detection)\b/ nocase
        /\b(with|and|has|offers|built-in)[ \t]+(anti-?detection|account rotation)\b/ nocase
"#,
        applies: Applies::Prose,
        keep: always,
    },
    ..Rule::RISKY
};
