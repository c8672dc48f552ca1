//! Tracks are covered.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "covers-tracks",
    title: "Tracks are covered",
    says: "removes the record of what was done",
    looks_for: "The history of a shell, the system's logs or the agent's own session records cleared, deleted or switched off, by command or by order.",
    why: "Honest work may be looked at afterwards.",
    help: "Remove it.",
    references: &[
        "MITRE ATT&CK T1070.003 Clear Command History",
        "MITRE ATT&CK T1070.002 Clear Linux or Mac System Logs",
    ],
    hits: &[
        skill("- **Footprint**: automatic cleanup of shell history and temp artifacts.\n"),
        file("a.sh", "rm -f ~/.bash_history\n"),
        file("a.sh", "wevtutil cl Security\n"),
    ],
    misses: &[
        skill("Search the shell history for the command.\n"),
        skill("Clear the terminal.\n"),
        file("a.sh", "export HISTSIZE=10000\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /\b(clean(s|ing)?|clean[ -]?up|clear(s|ing)?|wip(e|es|ing)|delet(e|es|ing)|eras(e|es|ing)|remov(e|es|ing)|scrub(s|bing)?|purg(e|es|ing))[ \t]+(up[ \t]+|of[ \t]+)?(the[ \t]+|your[ \t]+|its[ \t]+|all[ \t]+)?(shell|bash|command|terminal|zsh)[ \t]+histor(y|ies)\b/ nocase
        /\b(rm|shred|truncate|unlink)[ \t][^\n;&|]{0,60}\.(bash|zsh|python|node_repl|fish)_history\b/
        /(\bln[ \t]+-sf?[ \t]+\/dev\/null|>|cp[ \t]+\/dev\/null)[ \t]*(~|\$HOME)\/\.(bash|zsh)_history\b/
        /\bhistory[ \t]+-c\b[ \t]*(&&|;)[ \t]*(history[ \t]+-w|rm|unset|exit)/
        /\bunset[ \t]+HISTFILE\b/
        /\bexport[ \t]+HIST(FILE=\/dev\/null|FILESIZE=0)/
        /\bwevtutil(\.exe)?[ \t]+(cl|clear-log)[ \t]/ nocase
        /\bClear-(EventLog|History)\b[^\n]{0,40}/
        /\b(journalctl[ \t]+--vacuum-time=1s|shred[ \t][^\n;&|]{0,40}\/var\/log\/|truncate[ \t]+-s[ \t]*0[ \t]+\/var\/log\/)/
        /\brm[ \t][^\n;&|]{0,40}(\.claude\/projects|\.openclaw\/agents\/[^\n;&| ]{0,40}\/sessions|\.codex\/sessions)/
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::MALICIOUS
};
