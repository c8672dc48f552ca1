//! A download piped into an interpreter.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "pipe-to-shell",
    title: "A download piped into an interpreter",
    says: "pipes a download into an interpreter",
    looks_for: "curl, wget, Invoke-WebRequest and the like whose output a shell, Python, Node, Perl, Ruby or PowerShell runs at once.",
    why: "Nobody sees what runs, and the server may send each caller another script.",
    help: "Install from a package manager, or download a pinned version, compare its checksum, and then run it.",
    references: &[
        "MITRE ATT&CK T1059 Command and Scripting Interpreter",
        "MITRE ATT&CK T1105 Ingress Tool Transfer",
        "OWASP LLM03 Supply Chain",
    ],
    hits: &[
        skill("Install:\n\n```bash\ncurl -LsSf https://astral.sh/uv/install.sh | sh\n```\n"),
        file("i.sh", "bash <(curl -s https://get.docker.com)\n"),
        file("i.ps1", "irm https://bun.sh/install.ps1 | iex\n"),
    ],
    misses: &[
        skill("```bash\ncurl -s https://api.example.com/users | jq .name | sort\n```\n"),
        file("a.sh", "curl -s https://h.example.com/a.json | python3 -m json.tool\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /(curl|wget)[ \t][^\n|]{3,400}\|[ \t\\\n]{0,8}([^\n|]{1,60}\|[ \t]{0,4}){0,2}(sudo[ \t]+(-[a-z]+[ \t]+)*)?(env[ \t]+)?([a-z\/]{1,20}\/)?(ba|z|da|k|a)?sh\b/ nocase
        /(curl|wget)[ \t][^\n|]{3,400}\|[ \t]{0,4}(sudo[ \t]+)?(python[0-9.]{0,4}|node|perl|ruby|php|bun|deno)[ \t]*(-[ \t]*)?[\n"'`;)&]/ nocase
        /\b(ba|z|da)?sh[ \t]+(-[a-z]+[ \t]+){0,3}["']?(<\(|\$\(|`)[ \t]*(curl|wget)[ \t][^\n]{3,300}/ nocase
        /(source|eval|\.)[ \t]+["']?(<\(|\$\(|`)[ \t]*(curl|wget)[ \t][^\n]{3,300}/ nocase
        /(iex|invoke-expression)[ \t("'&{]{1,6}[^\n]{0,60}(irm|iwr|invoke-webrequest|invoke-restmethod|downloadstring)[^\n]{3,200}/ nocase
        /(irm|iwr|invoke-webrequest|invoke-restmethod|downloadstring)[ \t("'][^\n|]{3,300}\|[ \t]{0,4}(iex|invoke-expression)/ nocase
        /python[0-9.]{0,4}[ \t]+-c[ \t]+["']?\$\([ \t]*(curl|wget)[ \t][^\n]{3,300}/ nocase
        /mshta(\.exe)?[ \t]+["']?https?:[^\n]{3,200}/ nocase
        /(certutil|bitsadmin)(\.exe)?[ \t][^\n]{0,80}(urlcache|transfer)[^\n]{3,200}/ nocase
        /regsvr32(\.exe)?[ \t][^\n]{0,40}\/i:https?:[^\n]{3,200}/ nocase
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::RISKY
};
