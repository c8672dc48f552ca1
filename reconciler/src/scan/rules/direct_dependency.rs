//! A dependency past the registry.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "direct-dependency",
    title: "A dependency past the registry",
    says: "installs a package from an address instead of a registry",
    looks_for: "pip, npm, gem and cargo installs of http addresses, extra or other indexes, trusted hosts.",
    why: "The address may answer with anything; an extra index invites confusion of names.",
    help: "Install from the registry, with a version.",
    references: &["MITRE ATT&CK T1195.001 Compromise Software Dependencies", "OWASP LLM03 Supply Chain"],
    hits: &[skill("```bash\npip install --extra-index-url http://pkgs.invalid/simple helper\n```\n")],
    misses: &[skill("```bash\npip install requests==2.32.0\n```\n")],
    severity: crate::finding::Severity::Medium,
    detect: Detect::Patterns {
        strings: r#"
        /\b(pip|pip3|uv pip|pipx)[ \t]+install[^\n]{0,100}(--index-url|--extra-index-url|-i|--trusted-host|--find-links)[ =][^\n]{3,120}/
        /\b(pip|pip3|uv pip|pipx)[ \t]+install[^\n]{0,60}[ \t"'](http:\/\/|https:\/\/)[^\n]{3,160}/
        /\b(npm|pnpm|yarn|bun)[ \t]+(install|add|i)[^\n]{0,60}[ \t"']https?:\/\/[^\n]{3,160}/
        /\b(npm|pnpm)[ \t][^\n]{0,80}--registry[ =]https?:\/\/[^\n]{3,100}/
        /\bgem[ \t]+install[^\n]{0,60}--source[ =]http[^\n]{3,100}/
"#,
        applies: Applies::Code,
        keep: is_foreign,
    },
    ..Rule::RISKY
};

/// The indexes that everybody uses.
const KNOWN: &[&str] = &[
    "download.pytorch.org",
    "pypi.org",
    "registry.npmjs.org",
    "pypi.nvidia.com",
    "rubygems.org",
    "wheels.",
    "pkg.github.com",
    "npm.pkg.github.com",
    "localhost",
    "127.0.0.1",
    "test.pypi.org",
];

fn is_foreign(hit: &Hit<'_>) -> bool {
    let text = hit.text();
    !KNOWN.iter().any(|known| text.contains(known))
}
