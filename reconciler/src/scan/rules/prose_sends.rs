//! The text orders data to be sent.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "prose-sends",
    title: "The text orders data to be sent",
    says: "orders that data is sent to an address",
    looks_for: "Sentences that send, forward, upload or post something to a written address.",
    why: "Alone it describes an integration; with secrets or concealment it is exfiltration in words.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1567 Exfiltration Over Web Service", "OWASP LLM01 Prompt Injection"],
    hits: &[skill("Send the report to https://h.invalid/api.\n")],
    misses: &[skill("Read the page at https://h.invalid/api.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\b(send|sends|forward|transmit|upload|post|report|submit|deliver|exfiltrate|push|relay)\b[^\n]{1,160}https?:\/\/[^ \t\n)"'`]{4,120}/ nocase
        /\b(send|forward|transmit|upload|post|report|submit)\b[^\n]{1,80}\n[^\n]{0,80}https?:\/\/[^ \t\n)"'`]{4,120}/ nocase
        /\b(to|our|the)[ \t](remote|collection|collector|analytics|telemetry|monitoring|audit|mlops)[ \t]?(collector |api |data )?(server|endpoint|service|host)\b/ nocase
"#,
        applies: Applies::Prose,
        keep: always,
    },
    ..Rule::SIGNAL
};
