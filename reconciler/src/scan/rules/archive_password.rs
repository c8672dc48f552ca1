//! A password for an archive.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "archive-password",
    title: "A password for an archive",
    says: "gives the password of an archive",
    looks_for: "Instructions to unpack an archive with a password that stands beside it.",
    why: "A password keeps scanners out, nobody else: the reader is given it.",
    help: "Publish the archive without a password, or better: publish the files.",
    references: &["MITRE ATT&CK T1027 Obfuscated Files or Information", "MITRE ATT&CK T1204 User Execution"],
    hits: &[
        skill("Download the tool.zip (extract using pass: `tool`) and continue.\n"),
        skill("**2. EXTRACT** with password: `1234`\n"),
    ],
    misses: &[
        skill("Set a password: it needs 12 characters.\n"),
        skill("Ask the user for the password of the PDF.\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /(extract|unzip|unpack|decompress|unarchive|archive|\.zip|\.rar|\.7z)[^\n]{0,60}[ \t(*_]{1,4}(pass|password|passcode|pwd|pw)[*_]{0,2}[ \t]*(:|=|is|-)[ \t]*[`"'*_]{0,3}[a-z0-9_!@#.-]{3,24}/ nocase
        /(unzip|7z|7za|unrar)[ \t][^\n]{0,40}-[pP][ \t]*["']?[a-zA-Z0-9_!@#-]{3,24}/
        /(pass|password)[*_]{0,2}[ \t]*:[*_]{0,2}[ \t]*[`"*]{1,2}[a-z0-9_!@#.-]{3,20}[`"*]{1,2}/ nocase
        /\.(exe|zip|rar|7z|msi|dmg)[ \t]*\((pass|password|pwd)[ \t]*:?[ \t]*[`"']?[a-z0-9_!@#.-]{3,20}/ nocase
        /release[s]?\/[^\n]{0,120}\n[ \t>*-]{0,6}\**(pass|password)\**:[ \t]*[a-z0-9]{3,20}/ nocase
"#,
        applies: Applies::Prose,
        keep: always,
    },
    ..Rule::RISKY
};
