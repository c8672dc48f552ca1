//! A link to a program or archive.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "program-link",
    title: "A link to a program or archive",
    says: "links to a program or an archive",
    looks_for: "Links to archives, installers and programs, released files of repositories included.",
    why: "Alone it says nothing; with a password, or as a prerequisite, it is a dropper.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1204 User Execution"],
    hits: &[skill("Get [it](https://github.com/someone/tool/releases/download/v1/tool.zip).\n")],
    misses: &[skill("See https://example.com/page.html.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /https?:\/\/[^ \t\n)"'>`]{4,200}\.(zip|rar|7z|exe|msi|dmg|pkg|scr|bat|appimage|jar|iso|apk)\b/ nocase
        /github\.com\/[^ \t\n)\/]{1,60}\/[^ \t\n)\/]{1,60}\/releases\/(latest\/)?download\// nocase
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::SIGNAL
};
