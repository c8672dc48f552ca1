//! Compiled bytecode.

use crate::scan::rule::{Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "bytecode-inside",
    title: "Compiled bytecode",
    says: "holds compiled code",
    looks_for: "Compiled Python, Java classes, Android bytecode, WebAssembly.",
    why: "Bytecode can differ from the source beside it, and Python prefers it.",
    help: "Remove it and ignore `__pycache__` in git.",
    references: &["MITRE ATT&CK T1059.006 Python"],
    hits: &[file("a.wasm", "\u{0}asm\u{1}\u{0}\u{0}\u{0}")],
    misses: &[file("a.py", "x = 1\n")],
    quotable: false,
    severity: crate::finding::Severity::Medium,
    detect: Detect::Engine,
    ..Rule::RISKY
};
