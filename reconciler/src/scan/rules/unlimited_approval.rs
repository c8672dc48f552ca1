//! A wallet is opened without limit.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "unlimited-approval",
    title: "A wallet is opened without limit",
    says: "lets a contract spend all of a wallet",
    looks_for: "Approvals of the largest possible amount, in prose or in the call that makes them.",
    why: "One such approval empties the wallet at any later time, without another signature.",
    help: "Approve the amount of the one payment.",
    references: &["OWASP LLM06 Excessive Agency", "MITRE ATT&CK T1657 Financial Theft"],
    hits: &[
        skill("If the allowance is too low it performs an **infinite approval** (MAX_UINT256).\n"),
        file("pay.js", "await token.approve(spender, ethers.MaxUint256);\n"),
    ],
    misses: &[
        skill("Approve the exact amount, then pay.\n"),
        file("pay.js", "await token.approve(spender, price);\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /\b(perform|make|grant|set|broadcast|sign|request|send|give|use|do)[a-z]{0,3}\b[^\n.]{0,40}\b(infinite|unlimited)\**[ \t]+(token[ \t]+)?(approve|approval|allowance|spending)\b/ nocase
        /\.approve\([^\n)]{1,80}(MaxUint256|MAX_UINT256|constants\.MaxUint256|type\(uint256\)\.max|2[ \t]*\*\*[ \t]*256[ \t]*-[ \t]*1|0x[fF]{64})/
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::MALICIOUS
};
