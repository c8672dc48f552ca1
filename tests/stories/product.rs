//! The product, as the process that people run: scrubbed environment, real binary.

use std::path::Path;
use std::process::{Command, Output};

use serde::Deserialize;

/// What the report of a pass says, as far as stories compare it.
#[derive(Deserialize)]
pub(crate) struct Report {
    pub(crate) outcome: String,
    pub(crate) changes: Vec<serde_json::Value>,
    pub(crate) held: Vec<Held>,
    pub(crate) error: Option<String>,
}

/// A held skill in a report.
#[derive(Deserialize)]
pub(crate) struct Held {
    pub(crate) skill: String,
    pub(crate) rule: String,
    pub(crate) path: String,
    pub(crate) line: Option<u32>,
    pub(crate) message: String,
    pub(crate) serving: Option<String>,
    pub(crate) since: String,
}

/// The binary and its settings.
pub(crate) struct Product {
    settings: Vec<(String, String)>,
}

impl Product {
    /// Follows the repository `origin.git` of a scratch directory into its `data/skills`.
    pub(crate) fn new(scratch: &Path) -> Self {
        let path = |below: &str| scratch.join(below).to_str().expect("a path that is text").to_owned();
        let settings = vec![
            ("HOME".to_owned(), path("home")),
            ("SKILLS_REPO".to_owned(), format!("file://{}", path("origin.git"))),
            ("SKILLS_DIR".to_owned(), path("data/skills")),
            ("ENVIRONMENT_NAME".to_owned(), "story".to_owned()),
        ];
        Self { settings }
    }

    /// Adds the `NAME=value` lines of a file; a later one of the same name wins.
    pub(crate) fn set(&mut self, file: &Path) {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let pairs = text.lines().map(|line| line.split_once('=').expect("a line NAME=value"));
        self.settings.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    /// Runs one pass; gives its report and its exit code.
    pub(crate) fn once(&self) -> (Report, i32) {
        let output = self.run(&["once", "-o", "json"]);
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("`once` gave no report: {error}\n{}", words(&output)));
        (report, code(&output))
    }

    /// Prints the plan of the next pass; gives the text and the exit code. What is guarded is an error and a
    /// plan.
    pub(crate) fn diff(&self) -> (String, i32) {
        let output = self.run(&["diff"]);
        let text = String::from_utf8(output.stdout.clone()).expect("a plan that is text");
        let is_error = code(&output) == 2;
        assert!(is_error || !text.is_empty(), "neither plan nor error\n{}", words(&output));
        assert_eq!(output.stderr.is_empty(), !is_error, "an error, or none\n{}", words(&output));
        (text, code(&output))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_skill-sync"))
            .args(arguments)
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(std::process::Stdio::null())
            .output()
            .expect("the binary to start")
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal\n{}", words(output)))
}

fn words(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\nstdout: {}\nstderr: {}", output.status, text(&output.stdout), text(&output.stderr))
}
