//! `ON_APPLIED`: a command of the operator's that runs after a pass that changed something, with the pass's
//! report on stdin.
//!
//! It never holds up a pass: one runs at a time, and of the passes that end meanwhile the newest that
//! changed something is told when it is done. All that it starts ends with it, or at its deadline.

use std::ffi::OsString;
use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use reconciler::record::HookFailure;
use reconciler::report::{PassReport, error_text};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::Told;
use crate::daemon::{Handle, View};
use crate::metrics::Metrics;
use crate::render::escape::terminal;

/// How much of what a command that failed wrote to stderr is shown, in bytes.
const WORDS: usize = 500;

/// The operator's command.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OnApplied {
    /// The program and its arguments; no shell sees them.
    pub command: Vec<OsString>,
    /// All variables that it gets.
    pub environment: Vec<(OsString, OsString)>,
    /// How long it may take.
    pub timeout: Duration,
}

impl fmt::Debug for OnApplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its variables hold keys, and its arguments may.
        f.debug_struct("OnApplied").field("program", &self.command.first()).finish_non_exhaustive()
    }
}

/// Says how a command failed.
#[derive(Debug, thiserror::Error)]
enum HookError {
    #[error("ON_APPLIED cannot be started: check that its first word is a program that may be run")]
    Start(#[source] std::io::Error),
    #[error("ON_APPLIED did not end within {} s (ON_APPLIED_TIMEOUT) and was ended", .0.as_secs())]
    Late(Duration),
    #[error("ON_APPLIED ended with {status}: {words}")]
    Ended { status: std::process::ExitStatus, words: String },
    #[error("ON_APPLIED cannot be waited for")]
    Wait(#[source] std::io::Error),
}

impl HookError {
    /// What goes on record. What the program wrote does not: it may hold anything.
    fn for_the_record(&self) -> String {
        match self {
            Self::Ended { status, .. } => format!("ON_APPLIED ended with {status}"),
            error => error_text(error),
        }
    }
}

/// Follows the passes until the service ends.
pub(super) async fn follow(daemon: Handle, hook: OnApplied, metrics: Metrics) {
    let mut views: watch::Receiver<View> = daemon.watch();
    let mut told = None;
    loop {
        let changed = views.borrow_and_update().changed.clone();
        if let Some(report) = changed.filter(|report| Some(report.pass) != told) {
            told = Some(report.pass);
            if let Err(error) = run(&hook, &report, &metrics).await {
                let failure = HookFailure { pass: report.pass, error: error.for_the_record() };
                // Where the service ends, the log has it.
                let _ = daemon.note(failure).await;
            }
        }
        if views.changed().await.is_err() {
            return;
        }
    }
}

async fn run(hook: &OnApplied, report: &PassReport, metrics: &Metrics) -> Result<(), HookError> {
    let (pass, told) = (report.pass.0, hook.tell(report).await);
    metrics.told(Told::Applied, told.is_ok());
    match &told {
        Ok(()) => tracing::info!(pass, "ON_APPLIED was told"),
        Err(error) => {
            let error = terminal(&error_text(error));
            tracing::error!(pass, error, "ON_APPLIED failed; what was applied stays");
        }
    }
    told
}

impl OnApplied {
    async fn tell(&self, report: &PassReport) -> Result<(), HookError> {
        let mut child = self.spawn().map_err(HookError::Start)?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let said = tokio::spawn(first_words(child.stderr.take()));
        let text = serde_json::to_vec(report).unwrap_or_default();
        let ended = tokio::time::timeout(self.timeout, converse(&mut child, &text)).await;
        // It has ended or its time has: what is left of it goes.
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let status = match ended {
            Ok(status) => status.map_err(HookError::Wait)?,
            Err(_) => {
                let _ = child.wait().await;
                return Err(HookError::Late(self.timeout));
            }
        };
        if status.success() {
            return Ok(());
        }
        let words = said.await.unwrap_or_default();
        Err(HookError::Ended { status, words })
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let (program, arguments) =
            self.command.split_first().ok_or_else(|| std::io::Error::other("ON_APPLIED is empty"))?;
        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

async fn converse(child: &mut Child, text: &[u8]) -> std::io::Result<std::process::ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read has not asked for it.
        drop(stdin.write_all(text).await);
    }
    child.wait().await
}

/// Reads all, so that nobody blocks, and keeps the beginning.
async fn first_words(stderr: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read.min(WORDS - kept.len())]);
    }
    match String::from_utf8_lossy(kept.trim_ascii()).into_owned() {
        said if said.is_empty() => "it wrote nothing to stderr".to_owned(),
        said => said,
    }
}

#[cfg(test)]
mod tests {
    use reconciler::report::Outcome;

    use super::*;
    use crate::tell::notices::tests::report;

    fn hook(script: &str, timeout: Duration) -> OnApplied {
        let command = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
        let environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
        OnApplied { command, environment, timeout }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn it_reads_the_report_and_sees_no_variable_but_its_own() {
        let place = tempfile::tempdir().expect("a directory");
        let (report_file, env_file) = (place.path().join("report"), place.path().join("env"));
        let script = format!("cat > {}; env > {}", report_file.display(), env_file.display());
        hook(&script, LONG).tell(&report(Outcome::Applied)).await.expect("told");
        let told: PassReport =
            serde_json::from_slice(&std::fs::read(report_file).expect("written")).expect("a report");
        assert_eq!(told.outcome, Outcome::Applied);
        let env = std::fs::read_to_string(env_file).expect("written");
        let ours =
            |line: &&str| !line.starts_with("PATH=") && !line.starts_with("PWD=") && !line.starts_with("_=");
        assert_eq!(env.lines().filter(ours).filter(|line| !line.starts_with("SHLVL=")).count(), 0, "{env}");
    }

    #[tokio::test]
    async fn each_way_to_fail_says_what_it_is() {
        let fails = async |hook: OnApplied| {
            let error = hook.tell(&report(Outcome::Applied)).await.expect_err("it fails");
            assert!(!error.for_the_record().contains("no such host"), "{error}");
            error_text(&error)
        };
        let text = fails(hook("echo no such host >&2; exit 3", LONG)).await;
        assert_eq!(text, "ON_APPLIED ended with exit status: 3: no such host");
        let text = fails(hook("exit 1", LONG)).await;
        assert!(text.contains("wrote nothing to stderr"), "{text}");
        let missing = OnApplied { command: vec!["/nowhere/tell".into()], ..hook("", LONG) };
        let text = fails(missing).await;
        assert!(text.contains("cannot be started") && text.contains("No such file"), "{text}");
        let text = fails(hook("sleep 1000 & sleep 1000", Duration::from_millis(100))).await;
        assert!(text.contains("did not end within") && text.contains("ON_APPLIED_TIMEOUT"), "{text}");
    }

    #[tokio::test]
    async fn one_that_reads_nothing_and_one_that_never_stops_writing_are_no_trouble() {
        hook("exit 0", LONG).tell(&report(Outcome::Applied)).await.expect("told");
        let mut large = report(Outcome::Applied);
        large.error = Some("x".repeat(1 << 20));
        hook("exec <&-; head -c 1000000 /dev/zero >&2", LONG).tell(&large).await.expect("told");
    }
}
