//! The order on disk: what the power could take, read off the calls of one pass.
//!
//! A file that was written is at risk until it is synced, a name until its directory is. At three
//! moments nothing may be at risk: before anything shows, when the pass calls itself done, and at its end.

use std::collections::BTreeSet;
use std::fs;

use crate::scene::Scene;
use crate::trace;

/// One call: its kind, and the paths that it names below the data.
#[derive(Debug, Clone)]
struct Event {
    kind: String,
    paths: Vec<String>,
    text: String,
}

/// What the power could take at a moment.
#[derive(Debug, Default)]
struct AtRisk {
    /// Files whose bytes are not synced.
    bytes: BTreeSet<String>,
    /// Names that are not synced, or whose end is not.
    names: BTreeSet<String>,
}

/// Checks every call of one pass on a scene.
pub(crate) fn check(scene: &Scene) {
    let problems = problems(&record(scene));
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Checks the check: a pass that left any one kind of sync out would be found.
pub(crate) fn check_itself(scene: &Scene) {
    let events = record(scene);
    for path in ["/.skill-sync/staging", "/.skill-sync/repo.git", "/.skill-sync/state.db-wal", "/skills"] {
        let is_other = |event: &&Event| {
            !["fsync", "fdatasync", "syncfs"].contains(&event.kind.as_str())
                || !event.paths[0].starts_with(path)
        };
        let without: Vec<Event> = events.iter().filter(is_other).cloned().collect();
        assert!(!problems(&without).is_empty(), "{path} may stay unsynced");
    }
}

fn record(scene: &Scene) -> Vec<Event> {
    let place = scene.copy();
    let log = place.beside("trace");
    let ended = trace::follow(&place, &log);
    ended.expect_code(0);
    let data = place.data().to_str().expect("a path that is text").to_owned();
    let events: Vec<Event> =
        fs::read_to_string(&log).expect("a trace").lines().filter_map(|line| event(line, &data)).collect();
    place.remove();
    events
}

fn problems(events: &[Event]) -> Vec<String> {
    let last_shown = events.iter().rposition(shows).expect("a change in the target");
    let is_record = |event: &Event| event.kind == "pwrite64" && event.paths == ["/.skill-sync/state.db-wal"];
    let intents = events.iter().take_while(|event| !shows(event)).filter(|event| is_record(event)).count();
    assert!(intents > 0, "nothing was recorded before the first change in the target");
    let done = last_shown + events[last_shown..].iter().position(is_record).expect("the record of the end");
    let (mut at_risk, mut problems) = (AtRisk::default(), Vec::new());
    let mut spare = |at_risk: &AtRisk, paths: &[&str], event: &Event| {
        problems.extend(
            paths.iter().flat_map(|path| at_risk.at(path)).map(|at| format!("{at} before {}", event.text)),
        );
    };
    for (index, event) in events.iter().enumerate() {
        if shows(event) {
            spare(&at_risk, &["/.skill-sync/repo.git", "/.skill-sync/state.db-wal"], event);
            spare(&at_risk, event.staged().as_slice(), event);
        }
        if index == done {
            spare(&at_risk, &["/skills", "/.skill-sync/repo.git", "/.skill-sync/displaced"], event);
        }
        at_risk.follow(event);
    }
    let end = events.last().expect("a call");
    spare(&at_risk, &["/skills", "/.skill-sync/repo.git", "/.skill-sync/state.db"], end);
    problems
}

impl Event {
    /// What a rename takes out of the staging directory.
    fn staged(&self) -> Option<&str> {
        self.paths.first().map(String::as_str).filter(|from| from.starts_with("/.skill-sync/staging/"))
    }
}

/// Whether a call changes what is in the target.
fn shows(event: &Event) -> bool {
    let changes = ["rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat"];
    let is_inside = |path: &String| path.starts_with("/skills/");
    changes.contains(&event.kind.as_str()) && event.paths.iter().any(is_inside)
}

impl AtRisk {
    /// What is at risk at a path or below it.
    fn at(&self, path: &str) -> Vec<&String> {
        let below = format!("{path}/");
        // The index of the log is made anew after a crash.
        let is_file = |at: &&String| (*at == path || at.starts_with(&below)) && !at.ends_with("-shm");
        let names = self.names.iter().filter(|at| at.starts_with(&below));
        self.bytes.iter().filter(is_file).chain(names).collect()
    }

    fn follow(&mut self, event: &Event) {
        let Event { kind, paths, .. } = event;
        match (kind.as_str(), paths.as_slice()) {
            ("write" | "pwrite64" | "ftruncate" | "fchmod", [path]) => {
                self.bytes.insert(path.clone());
            }
            ("open" | "openat" | "mkdir" | "mkdirat" | "symlink", [path, ..]) => {
                self.names.insert(path.clone());
            }
            ("fsync" | "fdatasync", [path]) => self.synced(path),
            ("syncfs", _) => *self = Self::default(),
            ("unlink" | "unlinkat" | "rmdir", [path]) => self.gone(path),
            ("link" | "linkat", [from, to]) => {
                if self.bytes.contains(from) {
                    self.bytes.insert(to.clone());
                }
                self.names.insert(to.clone());
            }
            ("rename" | "renameat" | "renameat2", [from, to]) => self.moved(from, to),
            _ => {}
        }
    }

    fn synced(&mut self, path: &str) {
        self.bytes.remove(path);
        self.names.retain(|name| parent(name) != path);
    }

    fn gone(&mut self, path: &str) {
        self.bytes.remove(path);
        match path.starts_with("/skills/") {
            true => drop(self.names.insert(path.to_owned())),
            // A lock or a temporary file: whether its end is durable makes no difference.
            false => drop(self.names.remove(path)),
        }
        // What was in a directory that is gone is gone with it.
        let below = format!("{path}/");
        self.names.retain(|name| !name.starts_with(&below));
    }

    fn moved(&mut self, from: &str, to: &str) {
        let below = format!("{from}/");
        let there = |path: &String| match path.strip_prefix(from) {
            Some(rest) if path == from || path.starts_with(&below) => format!("{to}{rest}"),
            _ => path.clone(),
        };
        self.bytes = self.bytes.iter().map(there).collect();
        self.names.remove(from);
        self.names = self.names.iter().map(there).collect();
        self.names.insert(to.to_owned());
        if from.starts_with("/skills/") {
            self.names.insert(from.to_owned());
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Reads one line of strace: `PID kind(3</dir>, "name", …) = 0`; none for what failed, and for what is
/// not below the data.
fn event(line: &str, data: &str) -> Option<Event> {
    let text = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let (kind, rest) = text.split_once('(')?;
    let arguments = rest.rsplit_once(" = ").map_or(rest, |(arguments, _)| arguments);
    let failed = rest.rsplit_once(" = ").is_some_and(|(_, result)| result.starts_with('-'));
    let opens = kind.starts_with("open");
    if failed
        || (opens && !arguments.contains("O_CREAT"))
        || !kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        return None;
    }
    let paths: Vec<String> =
        paths(arguments).iter().filter_map(|path| Some(path.strip_prefix(data)?.to_owned())).collect();
    (!paths.is_empty()).then(|| Event { kind: kind.to_owned(), paths, text: text.replace(data, "") })
}

/// The paths of a call: those of descriptors, and names joined to the directory before them.
fn paths(arguments: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut directory: Option<String> = None;
    for argument in arguments.split(", ") {
        let quoted = argument.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(name, _)| name);
        match (quoted, argument.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'))) {
            (Some(""), _) => {}
            (Some(name), _) if name.starts_with('/') => {
                directory = None;
                paths.push(name.to_owned());
            }
            (Some(name), _) => paths.extend(directory.take().map(|directory| format!("{directory}/{name}"))),
            (None, Some((path, _))) => paths.extend(directory.replace(path.to_owned())),
            (None, None) => {}
        }
    }
    paths.extend(directory);
    paths
}
