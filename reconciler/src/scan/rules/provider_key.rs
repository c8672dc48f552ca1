//! A key of a service.

use crate::scan::document::Hit;
use crate::scan::entropy;
use crate::scan::rule::{Applies, Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "provider-key",
    title: "A key of a service",
    says: "holds a key of a service",
    looks_for: "Keys in the formats of AWS, GitHub, GitLab, Slack, Stripe, OpenAI, Anthropic, Google, npm, PyPI, SendGrid, Hugging Face and Telegram; with their checksum where the format has one, and not the ones of documentation.",
    why: "Whoever reads the skill can use it.",
    help: "Take it back at its service, remove it from the history of the repository, and read it from the environment.",
    references: &[
        "MITRE ATT&CK T1552 Unsecured Credentials",
        "OWASP LLM02 Sensitive Information Disclosure",
        "CWE-798 Hard-coded Credentials",
    ],
    hits: &[
        file("a.py", "KEY = \"AKIAQ7R2T5W3Y6Z4X6C2\"\n"),
        file("a.py", "KEY = \"sk_live_4eC39HqLyjWDarjtT1zdp7dc\"\n"),
    ],
    misses: &[
        file("a.py", "KEY = \"AKIAIOSFODNN7EXAMPLE\"\n"),
        file("a.py", "KEY = \"sk_live_XXXXXXXXXXXXXXXXXXXXXXXX\"\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /\b(AKIA|ASIA)[A-Z2-7]{16}\b/
        /\bgh[pousr]_[A-Za-z0-9]{36}\b/
        /\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b/
        /\bglpat-[A-Za-z0-9_-]{20}\b/
        /\bxox[baprs]-[0-9]{8,14}-[A-Za-z0-9-]{16,80}\b/
        /\b(sk|rk)_live_[A-Za-z0-9]{24,99}\b/
        /\bsk-ant-[a-z0-9]{3,8}-[A-Za-z0-9_-]{80,120}/
        /\bsk-(proj-|svcacct-)?[A-Za-z0-9_-]{20,80}T3BlbkFJ[A-Za-z0-9_-]{20,80}/
        /\bAIza[A-Za-z0-9_-]{35}\b/
        /\bnpm_[A-Za-z0-9]{36}\b/
        /\bpypi-AgEI[A-Za-z0-9_-]{50,200}/
        /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b/
        /\bhf_[A-Za-z0-9]{34}\b/
        /\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b/
"#,
        applies: Applies::Anywhere,
        keep: is_real,
    },
    ..Rule::EXPOSURE
};

fn is_real(hit: &Hit<'_>) -> bool {
    let text = hit.text();
    let lower = text.to_ascii_lowercase();
    let sample = ["example", "xxxx", "your", "1234567", "abcdef", "placeholder", "test_key"];
    let body = text.rsplit(['_', '-']).next().unwrap_or(&text);
    !sample.iter().any(|word| lower.contains(word))
        && entropy::bits(body) > 2.8
        && entropy::checksum_holds(&text)
}
