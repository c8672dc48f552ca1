//! What may keep skills from arriving: settings, repository, volume, and the habits of who reads them.
//!
//! Everything here only looks. A check gives findings as values; what they look like is the renderer's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use reconciler::report::Remedy;
use serde::Serialize;

mod command;
mod consumer;
mod directory;
mod openclaw;
mod repository;
mod service;
mod source_text;
mod version;
mod volume;

use consumer::Consumer;
use directory::Held;

use crate::config::{Ambient, Settings};

/// How a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// It is as it should be.
    Ok,
    /// It is no fault, and good to know.
    Note,
    /// It may become one.
    Warning,
    /// Skills do not arrive, or are not seen, until somebody acts or time passes.
    Problem,
}

/// Who mends a problem, which is what the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mender {
    /// Time.
    Time,
    /// A person or a commit.
    Person,
    /// Who gives the settings.
    Settings,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What was looked at: stable, in words joined by `-`.
    pub check: &'static str,
    /// How it counts.
    pub level: Level,
    /// What was found.
    pub message: String,
    /// What to do; none where nothing is.
    pub help: Option<String>,
    #[serde(skip)]
    mender: Mender,
}

impl Check {
    fn new(check: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self { check, level, message: message.into(), help: None, mender: Mender::Person }
    }

    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, message)
    }

    fn note(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Level::Note, message)
    }

    fn warning(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..Self::new(check, Level::Warning, message) }
    }

    fn problem(check: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..Self::new(check, Level::Problem, message) }
    }

    /// A problem whose message says what to do.
    fn refused(check: &'static str, message: impl Into<String>, remedy: Remedy) -> Self {
        let mender = if matches!(remedy, Remedy::Retry(_)) { Mender::Time } else { Mender::Person };
        Self { mender, ..Self::new(check, Level::Problem, message) }
    }

    /// The same where the settings are to blame.
    fn settings(self) -> Self {
        Self { mender: Mender::Settings, ..self }
    }
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnosis {
    /// In the order in which a pass would meet them.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// 0 where nothing is a problem; else as a pass would end: 2 for settings, 5 where a person must act,
    /// 1 where time may mend it.
    pub(crate) fn exit_code(&self) -> u8 {
        let problems = self.checks.iter().filter(|check| check.level == Level::Problem);
        match problems.map(|check| check.mender).max() {
            None => 0,
            Some(Mender::Time) => 1,
            Some(Mender::Settings) => 2,
            Some(Mender::Person) => 5,
        }
    }

    /// How many findings count so.
    pub(crate) fn count(&self, level: Level) -> usize {
        self.checks.iter().filter(|check| check.level == level).count()
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// The state directory.
    pub state: &'a Path,
    /// The environment that we were given.
    pub ambient: &'a Ambient,
    /// The directory of who reads the skills, where it was named.
    pub consumer: Option<&'a Path>,
    /// The command that would be supervised.
    pub command: &'a [OsString],
    /// Whether a service answers on the control socket.
    pub runs: bool,
    /// The program and its arguments that fetch.
    pub fetcher: &'a [OsString],
}

impl Subject<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        let value = self.ambient.variable(name)?.to_string_lossy().into_owned();
        Some(value).filter(|value| !value.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").map(PathBuf::from)
    }
}

/// Looks at everything.
pub(crate) fn examine(subject: Subject<'_>) -> Diagnosis {
    let mut checks = repository::checks(subject);
    checks.extend(volume::checks(subject));
    checks.extend(service::checks(subject));
    checks.extend(command::checks(subject));
    let held = Held::look(&subject.settings.target);
    let consumer = Consumer::find(subject);
    checks.extend(directory::checks(subject, &held));
    match &consumer {
        Some(consumer) => checks.extend(consumer.checks(subject, &held)),
        None => checks.push(Check::note(
            "consumer",
            "nobody who reads the skills was looked at; name their directory with --consumer DIR",
        )),
    }
    Diagnosis { checks }
}

/// So many of a thing: `1 file`, `2 files`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A few of many paths, for a message.
fn some(paths: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = paths.iter().take(SHOWN).map(|path| format!("`{path}`")).collect();
    let rest = paths.len().saturating_sub(SHOWN);
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(checks: Vec<Check>) -> Diagnosis {
        Diagnosis { checks }
    }

    #[test]
    fn the_exit_code_says_who_must_act() {
        let person = || Check::problem("volume", "m", "h");
        let time = || Check::refused("repository", "m", Remedy::Retry(None));
        let settings = || Check::problem("settings", "m", "h").settings();
        assert_eq!(diagnosis(vec![Check::ok("a", "m"), Check::warning("b", "m", "h")]).exit_code(), 0);
        assert_eq!(diagnosis(vec![time()]).exit_code(), 1);
        assert_eq!(diagnosis(vec![time(), person()]).exit_code(), 5);
        assert_eq!(diagnosis(vec![settings(), person(), time()]).exit_code(), 2);
    }

    #[test]
    fn of_many_paths_a_few_are_named() {
        let paths: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
        assert_eq!(some(&paths), "`a`, `b`, `c` and 1 more");
        assert_eq!(some(&paths[..1]), "`a`");
    }
}
