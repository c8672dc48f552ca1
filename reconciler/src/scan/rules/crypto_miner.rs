//! A miner.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "crypto-miner",
    title: "A miner",
    says: "mines for somebody else",
    looks_for: "Pool addresses, the names and options of known miners.",
    why: "It spends the user's machine for a stranger.",
    help: "Remove it.",
    references: &["MITRE ATT&CK T1496 Resource Hijacking"],
    hits: &[file("a.sh", "./opt --pool stratum+tcp://pool.invalid:3333\n")],
    misses: &[skill("This skill explains mining of data.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /stratum\+(tcp|ssl|tls):\/\/[^ \t\n"']{3,80}/ nocase
        /\b(xmrig|minerd|cpuminer|nbminer|t-rex|phoenixminer|ethminer|lolminer)\b[^\n]{0,80}(-o|--url|--pool|-a|--algo|https?:)/ nocase
        /(coinhive|cryptonight|coin-hive)[^\n]{0,60}(\.start|new |\.min\.js|-a)/ nocase
        /\b(randomx|moneroocean|supportxmr|nanopool|2miners)\.[a-z]{2,6}(:[0-9]{2,5})/ nocase
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::MALICIOUS
};
