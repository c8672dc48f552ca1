//! Data is sent to a host.

use crate::scan::document::Hit;
use crate::scan::hosts::{Standing, standing};
use crate::scan::rule::{Applies, Detect, Rule, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "posts-data",
    title: "Data is sent to a host",
    says: "sends data to a host",
    looks_for: "HTTP requests with a body, to another machine: curl with data, requests.post, fetch with a method, Invoke-RestMethod.",
    why: "Alone it is what most integrations do; beside secrets, captured input or a standing order it is exfiltration.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1567 Exfiltration Over Web Service"],
    hits: &[
        skill("```bash\ncurl -X POST https://api.example.com/x -d '{\"a\": 1}'\n```\n"),
        file("a.py", "requests.post(\"https://h.invalid/x\", json=data)\n"),
    ],
    misses: &[
        skill("```bash\ncurl https://h.invalid/x\n```\n"),
        skill("```bash\ncurl -X POST http://localhost:8080/x -d a=1\n```\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /curl[ \t][^\n]{0,300}(-X[ \t]*(POST|PUT)|--request[ \t]+(POST|PUT)|--data|-d[ \t@'"]|-F[ \t'"]|--form|-T[ \t]|--upload-file)[^\n]{0,300}/
        /wget[ \t][^\n]{0,200}--post-(data|file)[^\n]{0,200}/
        /\b(requests|httpx|session|client|axios|self\._?session)\.(post|put|patch)[ \t]*\([^\n]{0,200}/
        /\burl(open|lib\.request\.Request)\([^\n]{0,120}data[ \t]*=[^\n]{0,80}/
        /\b(fetch|ky|got)\([^\n]{1,200}(\n[^\n]{0,120}){0,3}method["']?[ \t]*:[ \t]*["'](POST|PUT)/
        /(Invoke-RestMethod|Invoke-WebRequest|irm|iwr)[^\n]{0,200}-Method[ \t]+["']?(POST|PUT)[^\n]{0,120}/ nocase
        /Net::HTTP\.(post|post_form)[^\n]{0,120}/
        /\|[ \t]*(nc|ncat|netcat)[ \t]+(-[a-z0-9]+[ \t]+)*[a-z0-9.$-]{3,60}[ \t]+[0-9]{2,5}/
"#,
        applies: Applies::Anywhere,
        keep: leaves_the_machine,
    },
    ..Rule::SIGNAL
};

fn leaves_the_machine(hit: &Hit<'_>) -> bool {
    standing(&hit.text()) != Standing::Local
}
