//! Habits of watching, found in the source of who reads the skills: a look at texts, no parser. What it
//! says names the file, so that a person can see for themselves.

use std::path::{Path, PathBuf};

/// How many files are looked at.
const MOST_FILES: usize = 5000;

/// The largest file that is looked at, in bytes (1 MiB).
const LARGEST: u64 = 1 << 20;

/// How many directories deep.
const DEEPEST: usize = 10;

/// How much of a call's arguments is looked at, in bytes.
const CALL: usize = 400;

/// Directories that hold what others wrote, or nothing that runs.
const SKIPPED: [&str; 6] = ["node_modules", ".git", ".venv", "venv", "__pycache__", "coverage"];

/// The files that have each habit, relative to the directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Habits {
    /// `watch` of a glob.
    pub globs: Vec<String>,
    /// `fs.watch` with `recursive`.
    pub recursive: Vec<String>,
    /// `change` without `add` and `unlink`.
    pub only_changes: Vec<String>,
    /// Dot files ignored by the whole path.
    pub dot_filter: Vec<String>,
    /// Python: `on_modified` alone.
    pub only_modified: Vec<String>,
    /// Python: watchdog, however it is used.
    pub watchdog: Vec<String>,
}

impl Habits {
    /// Looks at the sources below a directory.
    pub(super) fn of(directory: &Path) -> Self {
        let mut habits = Self::default();
        for path in sources(directory) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let shown = path.strip_prefix(directory).unwrap_or(&path).to_string_lossy().into_owned();
            habits.add(&shown, &without_comments(&text, path.extension().is_some_and(|kind| kind == "py")));
        }
        habits
    }

    fn add(&mut self, file: &str, text: &str) {
        let mut note = |list: fn(&mut Self) -> &mut Vec<String>, has: bool| {
            if has {
                list(self).push(file.to_owned());
            }
        };
        if file.ends_with(".py") {
            let others = ["on_any_event", "on_created", "on_moved"];
            let only = text.contains("watchdog") && text.contains("on_modified");
            note(|habits| &mut habits.watchdog, text.contains("watchdog.observers"));
            return note(
                |habits| &mut habits.only_modified,
                only && !others.iter().any(|name| text.contains(name)),
            );
        }
        let chokidar = text.contains("chokidar");
        note(|habits| &mut habits.globs, chokidar && calls(text, "watch(").any(has_glob));
        note(|habits| &mut habits.recursive, calls(text, "watch(").any(is_recursive));
        let hears = |event: &str| {
            ["'", "\"", "`"].iter().any(|quote| text.contains(&format!(".on({quote}{event}{quote}")))
        };
        let only = hears("change") && !["add", "unlink", "all"].iter().any(|event| hears(event));
        note(|habits| &mut habits.only_changes, chokidar && only);
        note(|habits| &mut habits.dot_filter, chokidar && text.contains(r"(^|[/\\])\."));
        note(|habits| &mut habits.dot_filter, chokidar && text.contains(r"(^|[\/\\])\."));
    }
}

/// The files that may hold code that watches.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![(directory.to_owned(), 0)]);
    while let Some((directory, depth)) = open.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEEPEST && !SKIPPED.contains(&name.as_str()) {
                open.push((path, depth + 1));
            } else if kind.is_file()
                && is_source(&name)
                && entry.metadata().is_ok_and(|found| found.len() <= LARGEST)
            {
                found.push(path);
            }
        }
        if found.len() >= MOST_FILES {
            break;
        }
    }
    found.truncate(MOST_FILES);
    found.sort();
    found
}

fn is_source(name: &str) -> bool {
    let kinds = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".py"];
    kinds.iter().any(|kind| name.ends_with(kind)) && !name.ends_with(".d.ts") && !name.ends_with(".min.js")
}

/// The text without lines that are comments: they often say what must not be done.
fn without_comments(text: &str, python: bool) -> String {
    let is_comment = |line: &&str| {
        let line = line.trim_start();
        if python {
            line.starts_with('#')
        } else {
            line.starts_with("//") || line.starts_with('*') || line.starts_with("/*")
        }
    };
    text.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n")
}

/// The arguments of each call of that name, up to the end of its statement.
fn calls<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(name).map(move |(at, _)| {
        let rest = &text[at + name.len()..];
        let end = rest.find(");").or_else(|| rest.find("\n\n")).unwrap_or(rest.len()).min(CALL);
        let end = (0..=end).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        &rest[..end]
    })
}

/// Whether the first argument has a star in a string.
fn has_glob(arguments: &str) -> bool {
    let first = arguments.split_once(", {").map_or(arguments, |(first, _)| first);
    let first = first.split_once(").").map_or(first, |(first, _)| first);
    ['\'', '"', '`'].iter().any(|quote| first.split(*quote).skip(1).step_by(2).any(|text| text.contains('*')))
}

fn is_recursive(arguments: &str) -> bool {
    let text: String = arguments.chars().filter(|c| !c.is_whitespace()).collect();
    text.contains("recursive:true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn habits(file: &str, text: &str) -> Habits {
        let mut habits = Habits::default();
        habits.add(file, &without_comments(text, file.ends_with(".py")));
        habits
    }

    #[test]
    fn a_glob_is_seen_however_it_is_written() {
        for call in [
            "chokidar.watch('/data/skills/**/*.md')",
            "chokidar.watch(`${dir}/**/*.md`, { ignoreInitial: true });",
            "chokidar.watch([path.join(dir, \"*.md\")], options);",
        ] {
            assert_eq!(
                habits("a.js", &format!("import chokidar from 'chokidar'\n{call}")).globs,
                ["a.js"],
                "{call}"
            );
        }
    }

    #[test]
    fn a_directory_with_all_three_events_is_no_fault() {
        let right = "import chokidar from 'chokidar';\n// chokidar.watch('/data/skills/**/*.md') sees nothing\n\
                     chokidar.watch(dir).on('add', load).on('change', load).on('unlink', forget);";
        assert_eq!(habits("a.js", right), Habits::default());
        let all = "const chokidar = require('chokidar'); chokidar.watch(dir).on('all', load)";
        assert_eq!(habits("a.js", all), Habits::default());
    }

    #[test]
    fn the_other_habits_are_seen() {
        let text = "import fs from 'node:fs';\nfs.watch(dir, {\n  recursive: true,\n}, load);";
        assert_eq!(habits("a.js", text).recursive, ["a.js"]);
        let text = "import chokidar from 'chokidar';\nchokidar.watch(dir).on(\"change\", load);";
        assert_eq!(habits("a.js", text).only_changes, ["a.js"]);
        let text = "import chokidar from 'chokidar';\nchokidar.watch(dir, { ignored: /(^|[\\/\\\\])\\../ }).on('all', f);";
        assert_eq!(habits("a.js", text).dot_filter, ["a.js"]);
        let text = "from watchdog.events import FileSystemEventHandler\nclass H:\n    def on_modified(self, event): ...";
        assert_eq!(habits("a.py", text).only_modified, ["a.py"]);
        let text = format!("{text}\n    def on_created(self, event): ...");
        assert_eq!(habits("a.py", &text), Habits::default());
    }
}
