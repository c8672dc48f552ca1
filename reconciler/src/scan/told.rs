//! Which files the skill tells the agent to run, whatever their names say.

use super::document::Document;

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

/// Texts longer than this are data, in bytes: they tell the agent nothing.
const LONGEST: usize = 1024 * 1024;

/// Whether some text of the skill names a document behind a runner's word.
pub(super) fn is_run_by_name(documents: &[Document<'_>], path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let texts = documents.iter().filter(|document| document.bytes.len() < LONGEST);
    texts.into_iter().any(|document| is_run(&String::from_utf8_lossy(&document.bytes), name))
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
