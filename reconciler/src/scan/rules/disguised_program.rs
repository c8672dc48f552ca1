//! A program under a harmless name.

use crate::scan::rule::{Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "disguised-program",
    title: "A program under a harmless name",
    says: "is a program under the name of something else",
    looks_for: "An ELF, PE or Mach-O file whose name says picture, text, data or script.",
    why: "A name that lies about a program is there to get it past somebody.",
    help: "Remove it.",
    references: &["MITRE ATT&CK T1036.008 Masquerade File Type"],
    hits: &[file("assets/logo.png", "\u{7F}ELF\u{2}\u{1}\u{1} program")],
    misses: &[file("assets/logo.png", "PNG text")],
    quotable: false,
    detect: Detect::Engine,
    ..Rule::MALICIOUS
};
