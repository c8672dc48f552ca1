//! A package run without being installed.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "unpinned-runner",
    title: "A package run without being installed",
    says: "runs a package of a registry that is not pinned",
    looks_for: "npx, uvx, bunx, pipx run and the like, with consent given in advance.",
    why: "Whoever holds the name today decides what runs.",
    help: "Pin a version.",
    references: &["OWASP LLM03 Supply Chain"],
    hits: &[skill("```bash\nnpx --yes some-tool\n```\n")],
    misses: &[skill("```bash\nnpx --yes some-tool@1.2.3\n```\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\b(npx|bunx)[ \t]+(-y|--yes)[ \t]+[a-z@][^\n \t@]{1,60}([ \t\n]|$)/
        /\b(uvx|pipx run)[ \t]+[a-z][^\n \t=@]{1,60}([ \t\n]|$)/
"#,
        applies: Applies::Code,
        keep: always,
    },
    ..Rule::CAPABILITY
};
