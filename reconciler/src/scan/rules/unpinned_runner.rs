//! A package run without being installed.

use crate::scan::document::Hit;
use crate::scan::rule::{Applies, Detect, Rule, skill};

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
        /\b(npx|bunx)[ \t]+(-y|--yes)[ \t]+[a-z@][^\n \t@]{1,60}/
        /\b(uvx|pipx run)[ \t]+[a-z][^\n \t=@]{1,60}/
"#,
        applies: Applies::Code,
        keep: is_unpinned,
    },
    ..Rule::CAPABILITY
};

/// Whether the name ends without a version behind it.
fn is_unpinned(hit: &Hit<'_>) -> bool {
    hit.document.bytes.get(hit.span.end).is_none_or(u8::is_ascii_whitespace)
}
