//! Which files the skill tells the agent to run, whatever their names say.

use std::collections::HashSet;

use super::document::{Document, Language};

/// Words that stand before the name of a file that is run.
const RUNNERS: &[&str] = &[
    "bash",
    "sh",
    "zsh",
    "source",
    ".",
    "python",
    "python3",
    "node",
    "ruby",
    "perl",
    "run",
    "execute",
    "chmod",
    "eval",
    "pwsh",
    "powershell",
];

/// The paths of the documents that some text of the skill names behind a runner's word.
pub(super) fn run_by_name<'a>(documents: &[Document<'a>]) -> HashSet<&'a str> {
    let texts: Vec<String> = documents
        .iter()
        .filter(|document| document.bytes.len() < 1024 * 1024)
        .map(|document| String::from_utf8_lossy(&document.bytes).into_owned())
        .collect();
    documents
        .iter()
        .filter(|document| matches!(document.language, Language::Markdown | Language::Text | Language::Html))
        .map(|document| document.path)
        .filter(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            texts.iter().any(|text| is_run(text, name))
        })
        .collect()
}

fn is_run(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = &text[..at];
        let line = before.rsplit('\n').next().unwrap_or(before);
        let mut words = line.split_whitespace().rev();
        // The name may stand behind its directory: `bash ./notes/` and then the name.
        let first = words.next().unwrap_or("");
        let attached = first.ends_with('/') || first.ends_with('`');
        let runner = if attached { words.next().unwrap_or(first) } else { first };
        let runner = runner.trim_matches(|c: char| !c.is_alphanumeric() && c != '.').to_ascii_lowercase();
        first.ends_with("./") && first.len() <= 3 || RUNNERS.contains(&runner.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_behind_a_runner_is_run_and_a_link_is_not() {
        assert!(is_run("First run `bash references/setup.txt`.", "setup.txt"));
        assert!(is_run("python3 notes.md", "notes.md"));
        assert!(!is_run("See [the notes](references/notes.md).", "notes.md"));
        assert!(!is_run("Read notes.md", "notes.md"));
    }
}
