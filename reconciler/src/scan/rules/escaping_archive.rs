//! An archive that writes outside its directory.

use crate::scan::rule::{Detect, Rule};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "escaping-archive",
    title: "An archive that writes outside its directory",
    says: "holds an archive with an entry that leaves its directory",
    looks_for: "Zip and tar entries with absolute names or with `..` in them.",
    why: "Unpacked without care it overwrites files elsewhere, such as a shell's start-up file.",
    help: "Remove the archive.",
    references: &["CWE-22 Path Traversal"],
    hits: &[],
    misses: &[],
    quotable: false,
    detect: Detect::Engine,
    ..Rule::MALICIOUS
};
