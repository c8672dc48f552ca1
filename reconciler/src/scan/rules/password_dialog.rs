//! A forged password dialog.

use crate::scan::rule::{Applies, Detect, Rule, always, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "password-dialog",
    title: "A forged password dialog",
    says: "asks for the system's password by a dialog of its own",
    looks_for: "Dialogs of osascript with a hidden answer, checks of a password against the directory service, passwords piped into sudo.",
    why: "Programs that need rights ask through the system; a dialog of one's own keeps the password.",
    help: "Remove it.",
    references: &["MITRE ATT&CK T1056.002 GUI Input Capture"],
    hits: &[file(
        "a.sh",
        "osascript -e 'display dialog \"Enter your password\" default answer \"\" with hidden answer'\n",
    )],
    misses: &[file("a.sh", "osascript -e 'display dialog \"Done\"'\n")],
    detect: Detect::Patterns {
        strings: r#"
        /display dialog[^\n]{0,200}(password|passphrase|keychain)[^\n]{0,200}hidden answer/ nocase
        /display dialog[^\n]{0,200}hidden answer[^\n]{0,200}(password|passphrase)/ nocase
        /dscl[ \t]+[^\n]{0,20}-?authonly[ \t]/
        /Get-Credential[^\n]{0,80}GetNetworkCredential\(\)\.Password/ nocase
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::MALICIOUS
};
