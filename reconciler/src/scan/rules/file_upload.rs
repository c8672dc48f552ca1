//! Code uploads a file.

use crate::scan::rule::{Applies, Detect, Rule, always, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "file-upload",
    title: "Code uploads a file",
    says: "uploads a file",
    looks_for: "Requests with a file as form data or as the body.",
    why: "Alone it is what integrations do; to a throwaway host it is exfiltration.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1567 Exfiltration Over Web Service"],
    hits: &[file("a.py", "requests.post(url, files={\"file\": f})\n")],
    misses: &[file("a.py", "requests.post(url, json=x)\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\b(requests|httpx|session|client)\.(post|put)[ \t]*\([^\n]{0,80}(files[ \t]*=|data[ \t]*=[ \t]*(f|fh|open\())/
        /\b(FormData\(\)|createReadStream\()[^\n]{0,80}(\n[^\n]{0,160}){0,6}(fetch|axios|http)/
"#,
        applies: Applies::Code,
        keep: always,
    },
    ..Rule::SIGNAL
};
