//! Passwords of accounts are taken.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "takes-passwords",
    title: "Passwords of accounts are taken",
    says: "has the user hand over passwords of accounts",
    looks_for: "Variables, options and settings that take the password, seed or private key of an account.",
    why: "Alone it is a poor habit; beside an installer of an unknown host it is a harvest.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1056 Input Capture", "OWASP LLM02 Sensitive Information Disclosure"],
    hits: &[skill("```bash\nhelper-env set BANK_PASSWORD \"your_password\"\n```\n")],
    misses: &[skill("Reset the password in the settings.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\b(set|export|setx|env|config|add|put|store)[ \t]+[A-Z0-9_]{0,40}(PASSWORD|PASSWD|MNEMONIC|SEED_PHRASE|PRIVATE_KEY|PIN_CODE)[ \t="':]{1,4}[^\n]{1,60}/
        /\b(enter|provide|paste|type|give)[^\n.]{0,30}\byour[ \t][^\n.]{0,30}(password|seed phrase|recovery phrase|private key|mnemonic)/ nocase
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::SIGNAL
};
