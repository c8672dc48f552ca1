//! A delete without a guard.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "unguarded-delete",
    title: "A delete without a guard",
    says: "deletes without checking what",
    looks_for: "Recursive deletes of wildcards, of a variable that may be empty, of what a list says, of files found by name, of logs.",
    why: "In the wrong directory, or with an empty variable, it takes what the user has.",
    help: "Name the files; check that the variable is set (`${dir:?}`).",
    references: &["MITRE ATT&CK T1485 Data Destruction", "MITRE ATT&CK T1070 Indicator Removal"],
    hits: &[
        file("a.sh", "rm -rf \"$DIR\"/*\n"),
        file("a.sh", "find . -type f -name \"*.ics\" -delete\n"),
        skill("```bash\nrm -rf ./*.log ../*.tmp\n```\n"),
    ],
    misses: &[file("a.sh", "rm -rf \"${DIR:?}\"/*\n"), file("a.sh", "rm -f out.txt\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\brm[ \t]+(-[a-zA-Z]*[rR][a-zA-Z]*[ \t]+){1,3}["']?\$\{?[A-Za-z_0-9]{1,40}\}?["']?\/?\*/
        /\brm[ \t]+(-[a-zA-Z]+[ \t]+){0,3}[^\n;&|]{0,60}\.\.\/[^\n;&| ]{0,20}\*/
        /\brm[ \t]+(-[a-zA-Z]+[ \t]+){0,3}(\$\(|`)[ \t]*cat[ \t]/
        /\brm[ \t]+(-[a-zA-Z]+[ \t]+){1,3}[^\n;&|]{0,40}\/var\/log\//
        /\bfind[ \t]+(\.|\.\.|\.\/)[ \t][^\n]{0,160}(-delete|-exec[ \t]+rm)/
"#,
        applies: Applies::Code,
        keep: always,
    },
    ..Rule::RISKY
};
