//! The product, as the process that people run: scrubbed environment, real binary, alone or traced.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// The binary: the one that was built with this test, or the one that `SKILL_SYNC_TEST_BINARY` names, such
/// as the release build that is shipped.
fn binary() -> OsString {
    let named = std::env::var_os("SKILL_SYNC_TEST_BINARY");
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_skill-sync").into())
}

/// The binary and its settings.
pub(crate) struct Product {
    origin: PathBuf,
    target: PathBuf,
}

/// How a run ended.
pub(crate) struct Ended {
    /// The exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Self { code: output.status.code(), stdout, stderr }
    }

    /// What it printed, as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_default()
    }

    /// Panics where it ended otherwise.
    #[track_caller]
    pub(crate) fn expect_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
    }
}

impl Product {
    /// Follows a repository into a target.
    pub(crate) fn new(origin: &Path, target: &Path) -> Self {
        Self { origin: origin.to_owned(), target: target.to_owned() }
    }

    /// One pass.
    pub(crate) fn once(&self) -> Ended {
        self.run(&["once", "-o", "json"])
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.in_environment(Command::new(binary()).args(arguments)).output();
        Ended::of(&output.expect("the binary starts"))
    }

    /// One pass that is killed after a time, unless it was faster.
    pub(crate) fn once_killed_after(&self, time: Duration) {
        let mut command = Command::new(binary());
        let quiet = self.in_environment(command.arg("once")).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().expect("the binary starts");
        std::thread::sleep(time);
        // One that has ended cannot be killed.
        let _ = child.kill();
        child.wait().expect("its end");
    }

    /// One pass under strace, with these options of strace's.
    pub(crate) fn traced_once(&self, options: &[&OsStr]) -> Ended {
        let mut strace = Command::new("strace");
        let strace = strace.args(options).arg(binary()).args(["once", "-o", "json"]);
        Ended::of(&self.in_environment(strace).output().expect("strace starts"))
    }

    /// One fetch under strace, as the child that a pass starts for it: alone, so that what is counted
    /// is counted in it.
    pub(crate) fn traced_fetch(&self, mirror: &Path, options: &[&OsStr]) -> Ended {
        let mut strace = Command::new("strace");
        let strace = strace.args(options).arg(binary()).arg("fetch-child").env_clear();
        let strace = strace.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = strace.spawn().expect("strace starts");
        let request = json!({
            "parent": child.id(),
            "mirror": {"Unix": mirror.as_os_str().as_bytes()},
            "url": self.url(),
            "reference": "HEAD",
            "authorization": null,
            "timeout_ms": 60_000,
            "max_repo_bytes": 1_u64 << 30,
            "max_object_bytes": 1_u64 << 25,
            "max_memory": 2_u64 << 30,
        });
        let mut stdin = child.stdin.take().expect("its input");
        // One that is killed early does not read it.
        let _ = stdin.write_all(request.to_string().as_bytes());
        drop(stdin);
        Ended::of(&child.wait_with_output().expect("its end"))
    }

    fn url(&self) -> String {
        format!("file://{}", self.origin.display())
    }

    fn in_environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let home = self.target.with_file_name("home");
        let settings = [
            ("HOME", home.as_os_str()),
            ("SKILLS_REPO", OsStr::new(&self.url())),
            ("SKILLS_DIR", self.target.as_os_str()),
            ("ENVIRONMENT_NAME", OsStr::new("faults")),
            ("LOG_LEVEL", OsStr::new("warn")),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        command.env_clear().envs(settings).stdin(Stdio::null())
    }
}
