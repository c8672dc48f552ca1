//! Requests without end.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "request-flood",
    title: "Requests without end",
    says: "sends requests in a loop that never ends or waits",
    looks_for: "Endless loops around curl or a request, without a pause.",
    why: "It is an attack on whoever is at the other end, from the user's address.",
    help: "End the loop, or wait in it.",
    references: &["MITRE ATT&CK T1499 Endpoint Denial of Service"],
    hits: &[file("a.sh", "while true; do\n    curl -s https://h.invalid/x > /dev/null\ndone\n")],
    misses: &[file("a.sh", "while true; do\n    curl -s https://h.invalid/x && break\n    sleep 5\ndone\n")],
    detect: Detect::Patterns {
        strings: r#"
        /while[ \t]+(true|:|\[[ \t]*1[ \t]*\]|\[\[[ \t]*1[ \t]*\]\]|1)[ \t]*;?[ \t\n]*do[ \t\n]+([^\n]{0,120}\n){0,4}[^\n]{0,60}\b(curl|wget|ab|hping3)[ \t][^\n]{3,300}(\n[^\n]{0,200}){0,6}\n?[ \t]*done/
        /while[ \t]+(True|1)[ \t]*:[ \t]*\n([^\n]{0,120}\n){0,3}[ \t]+(requests|httpx)\.(get|post)\([^\n]{3,200}\n/
        /for[ \t]*\(;;\)[^\n]{0,80}(fetch|axios)\([^\n]{3,200}/
"#,
        applies: Applies::Code,
        keep: never_waits,
    },
    ..Rule::MALICIOUS
};

fn never_waits(hit: &Hit<'_>) -> bool {
    let around = hit.document.around(hit.span.start, 0, 10);
    !["sleep", "break", "wait", "exit", "return", "timeout"].iter().any(|word| around.contains(word))
}
