//! Secrets beside a collector.

use crate::scan::rule::{Detect, Rule, Within, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "sink-with-secrets",
    title: "Secrets beside a collector",
    says: "reads credentials and names a collector of requests",
    looks_for: "Files of credentials or the whole environment read, anywhere in a skill that sends to a request collector, chat webhook or tunnel.",
    why: "The collector has no other use there.",
    help: "Remove it.",
    references: &[
        "MITRE ATT&CK T1567 Exfiltration Over Web Service",
        "MITRE ATT&CK T1552 Unsecured Credentials",
        "OWASP LLM02 Sensitive Information Disclosure",
    ],
    hits: &[file(
        "a.py",
        "data = open(os.path.expanduser(\"~/.openclaw/.env\")).read()\nkeys = open(os.path.expanduser(\"~/.ssh/id_rsa\")).read()\nURL = \"https://webhook.site/0000-1111\"\n",
    )],
    misses: &[file("a.py", "URL = \"https://webhook.site/0000-1111\"\n")],
    detect: Detect::Together {
        parts: &[&["data-sink"], &["credential-files", "environment-read", "secret-encoded"]],
        within: Within::Skill,
    },
    ..Rule::MALICIOUS
};
