//! More power than declared.

use crate::scan::document::{Document, Language};
use crate::scan::markdown::RegionKind;
use crate::scan::predicate::Spot;
use crate::scan::rule::{Detect, Rule, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "undeclared-shell",
    title: "More power than declared",
    says: "holds scripts although its allowed tools name no shell",
    looks_for: "A front matter whose allowed-tools names neither a shell nor code execution, in a skill with shell commands in code blocks.",
    why: "The declaration tells the user what to expect.",
    help: "Declare the tools that the instructions need.",
    references: &["OWASP LLM06 Excessive Agency"],
    hits: &[skill("---\nname: a\nallowed-tools: [Read, Grep]\n---\n```bash\nmake all\n```\n")],
    misses: &[
        skill("---\nname: a\nallowed-tools: [Read, Bash]\n---\n```bash\nmake all\n```\n"),
        skill("---\nname: a\nallowed-tools: [Read]\n---\nText.\n"),
    ],
    detect: Detect::Predicate(undeclared),
    ..Rule::CAPABILITY
};

/// Tools that run commands or code.
const POWERFUL: &[&str] =
    &["bash", "shell", "exec", "python", "terminal", "run", "execute", "*", "code", "powershell"];

fn undeclared(document: &Document<'_>) -> Vec<Spot> {
    if document.language != Language::Markdown || !document.bytes.starts_with(b"---") {
        return Vec::new();
    }
    let head = document.text(0..document.bytes.len(), 4096).to_lowercase();
    let Some(at) = head.find("\nallowed-tools:").map(|at| at + 1) else { return Vec::new() };
    let declared = declaration(&head[at..]);
    let shell =
        document.lines().iter().find(|start| document.region(**start) == RegionKind::Fence(Language::Shell));
    if shell.is_none() || POWERFUL.iter().any(|tool| declared.contains(tool)) {
        return Vec::new();
    }
    let seen =
        format!("{}, and shell commands below", declared.split_whitespace().collect::<Vec<_>>().join(" "));
    vec![Spot { span: at..at + "allowed-tools".len(), seen: Some(crate::scan::mask::excerpt(&seen, 120)) }]
}

/// The value of the key that a text begins with: the line, and the list items below it.
fn declaration(text: &str) -> &str {
    let mut end = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if number > 0 && !line.starts_with([' ', '-', '\t']) || line.trim_end() == "---" {
            break;
        }
        end += line.len();
    }
    &text[..end]
}
