//! A downloaded file is run.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "download-and-run",
    title: "A downloaded file is run",
    says: "downloads a file and runs it",
    looks_for: "curl or wget to a file, and within the next commands that very file made executable, sourced, or given to an interpreter.",
    why: "It is a pipe into a shell in two steps.",
    help: "Ship the file in the skill, or pin its version and compare its checksum before it runs.",
    references: &[
        "MITRE ATT&CK T1105 Ingress Tool Transfer",
        "MITRE ATT&CK T1059 Command and Scripting Interpreter",
        "OWASP LLM03 Supply Chain",
    ],
    hits: &[
        file("g.sh", "curl -sLO https://get.docker.com/install-docker.sh\nbash install-docker.sh\n"),
        skill("```\nwget https://get.helm.sh/helm -O /tmp/helm && chmod +x /tmp/helm && /tmp/helm\n```\n"),
    ],
    misses: &[file("g.sh", "curl -sLO https://h.example.com/data.csv\npython3 analyse.py\n")],
    detect: Detect::Patterns {
        strings: r#"
        /(curl|wget)[ \t][^\n]{3,300}(&&|;|\n)([^\n]{0,120}(&&|;|\n)){0,2}[ \t>]*(sudo[ \t]+)?((ba|z|da)?sh|chmod|source|python[0-9.]{0,4}|node|perl|ruby)[ \t]+[^\n;&|]{1,120}/ nocase
        /(curl|wget)[ \t][^\n]{3,300}(&&|;|\n)([^\n]{0,120}(&&|;|\n)){0,2}[ \t>]*(sudo[ \t]+)?\.?\/[^\n;&|]{1,120}/ nocase
        /(invoke-webrequest|iwr|downloadfile|start-bitstransfer)[^\n]{3,300}(;|\n)([^\n]{0,120}(;|\n)){0,2}[ \t]*(start-process|&|\.\\|invoke-item)[^\n]{1,120}/ nocase
        /(requests\.get|urlretrieve|urlopen)\([^\n]{3,200}\n([^\n]{0,160}\n){0,8}[^\n]{0,40}(subprocess\.[a-z_]{2,12}|os\.system|os\.execv?|os\.startfile|runpy\.run_path)\([^\n]{1,120}/
"#,
        applies: Applies::Anywhere,
        keep: runs_what_it_fetched,
    },
    ..Rule::RISKY
};

/// Whether a name of the first command's file is named again by a later one.
fn runs_what_it_fetched(hit: &Hit<'_>) -> bool {
    let text = hit.text();
    let cut = text.find(['\n', ';']).or_else(|| text.find("&&")).unwrap_or(text.len());
    let (fetch, rest) = text.split_at(cut);
    let is_program =
        hit.document.language.is_program() && !fetch.contains("curl ") && !fetch.contains("wget ");
    is_program && rest.contains("subprocess") && names(fetch).any(|name| rest.contains(name))
        || names(fetch)
            .any(|name| rest.lines().flat_map(|line| line.split(['&', ';'])).any(|step| is_run(step, name)))
}

fn names(fetch: &str) -> impl Iterator<Item = &str> {
    let words =
        fetch.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | ')' | '>' | ','));
    let last = words.map(|word| word.trim_end_matches('/').rsplit('/').next().unwrap_or(word));
    last.filter(|name| name.len() >= 3 && !name.starts_with('-') && !name.contains(['?', '=', ':', '$']))
}

fn is_run(step: &str, name: &str) -> bool {
    const RUNNERS: &[&str] = &[
        "sh", "bash", "zsh", "dash", "chmod", "source", "python", "python3", "node", "perl", "ruby", "sudo",
    ];
    let mut words = step.split_whitespace();
    let first = words.next().unwrap_or("").trim_matches(['`', '"', '\'']);
    let runner = first.rsplit('/').next().unwrap_or(first);
    let direct = (first.starts_with("./") || first.starts_with('/') || first.starts_with(".\\"))
        && first.ends_with(name);
    direct
        || step.to_ascii_lowercase().contains("start-process") && step.contains(name)
        || RUNNERS.contains(&runner) && words.any(|word| word.trim_matches(['`', '"', '\'']).ends_with(name))
}
