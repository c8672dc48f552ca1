//! A compiled program.

use crate::scan::rule::{Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "program-inside",
    title: "A compiled program",
    says: "holds a compiled program",
    looks_for: "ELF, PE and Mach-O files, in archives too.",
    why: "Nobody can review it, and an agent may run it.",
    help: "Ship source, or let the reader install the program from its maker.",
    references: &["MITRE ATT&CK T1204.002 Malicious File", "OWASP LLM03 Supply Chain"],
    hits: &[file("bin/tool", "\u{7F}ELF\u{2}\u{1}\u{1} program")],
    misses: &[file("bin/tool", "#!/bin/sh\necho hi\n")],
    quotable: false,
    detect: Detect::Engine,
    ..Rule::RISKY
};
