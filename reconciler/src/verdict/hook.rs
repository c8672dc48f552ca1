//! The operator's own judge: a program that is shown a skill and may add a finding, for attacks in prose
//! that no pattern sees.
//!
//! It can take no finding away, so that whoever talks it round gains nothing. It gets none of our
//! environment but what it was given by name, and ends with its deadline.

use std::ffi::OsString;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use super::rules::{judge_failed, judge_hold, judge_unsure};
use super::subject::Subject;
use crate::desired::ContentError;
use crate::finding::Finding;
use crate::ids::Digest;

/// How many bytes of a skill's files are shown (1 MiB); what is beyond is named as left out.
const SHOWN: usize = 1 << 20;

/// How many bytes of an answer are read (64 KiB).
const ANSWER: u64 = 64 << 10;

/// How much of a reason is taken into a finding, in characters.
const REASON: usize = 500;

/// The largest file of the command that is part of its digest (16 MiB).
const PROGRAM: u64 = 16 << 20;

/// After so many failures in a row a pass asks no more: a judge that is away must not cost it a deadline
/// for each skill.
const FAILURES: u32 = 3;

/// The operator's program, and how it is run.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    /// The program and its arguments; no shell sees them.
    pub command: Vec<OsString>,
    /// All variables that it gets.
    pub environment: Vec<(OsString, OsString)>,
    /// How long it may take for one skill.
    pub timeout: Duration,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its variables hold keys, and its arguments may.
        f.debug_struct("Hook").field("program", &self.command.first()).finish_non_exhaustive()
    }
}

/// The judge of a law, and how it did in this pass.
pub(super) struct Bench {
    hook: Hook,
    failures: AtomicU32,
}

/// What the program is shown, on stdin.
#[derive(Serialize)]
struct Question<'a> {
    /// The form of this object.
    version: u32,
    skill: &'a str,
    entry: String,
    files: Vec<ShownFile>,
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct ShownFile {
    path: String,
    size: u64,
    executable: bool,
    /// None where it is no text, or where there was no more room.
    text: Option<String>,
}

/// What it answers, on stdout.
#[derive(Deserialize)]
struct Answer {
    verdict: Word,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Accept,
    Hold,
    Unsure,
}

impl Hook {
    /// What its answers depend on besides the skill: the command, and the files that it names.
    pub(super) fn digest(&self) -> Digest {
        let mut all = Vec::new();
        for word in &self.command {
            all.extend_from_slice(word.as_encoded_bytes());
            all.push(0);
            let file = std::fs::metadata(word).ok().filter(|meta| meta.is_file() && meta.len() <= PROGRAM);
            if let Some(bytes) = file.and_then(|_| std::fs::read(word).ok()) {
                all.extend_from_slice(Digest::of(&bytes).as_bytes());
            }
        }
        Digest::of(&all)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let (program, arguments) =
            self.command.split_first().ok_or_else(|| std::io::Error::other("SCAN_JUDGE is empty"))?;
        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // All that it starts ends with it.
            .process_group(0)
            .spawn()
    }

    /// Shows a question and waits for the answer, no longer than the deadline.
    fn ask(&self, question: Vec<u8>) -> Result<Answer, String> {
        let mut child = self.spawn().map_err(|error| format!("it cannot be started: {error}"))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let answer = self.converse(&mut child, question);
        // It has answered or forfeited: what is left of it goes.
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait();
        let text = answer?;
        serde_json::from_slice(&text).map_err(|error| format!("its answer cannot be read: {error}"))
    }

    fn converse(&self, child: &mut Child, question: Vec<u8>) -> Result<Vec<u8>, String> {
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("it has no pipes".to_owned());
        };
        // One that does not read blocks its own thread only, until it is killed.
        std::thread::spawn(move || stdin.write_all(&question));
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let read = stdout.take(ANSWER).read_to_end(&mut text);
            let _ = sender.send(read.map(|_| text));
        });
        let deadline = Instant::now() + self.timeout;
        let late = || format!("it did not answer within {} s", self.timeout.as_secs());
        let text = answers.recv_timeout(self.timeout).map_err(|_| late())?;
        let text = text.map_err(|error| format!("its answer cannot be read: {error}"))?;
        loop {
            match child.try_wait().map_err(|error| format!("it cannot be waited for: {error}"))? {
                Some(status) if status.success() => return Ok(text),
                Some(status) => return Err(format!("it ended with {status}")),
                None if Instant::now() >= deadline => return Err(late()),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

impl Bench {
    pub(super) fn new(hook: Hook) -> Self {
        Self { hook, failures: AtomicU32::new(0) }
    }

    pub(super) fn hook(&self) -> &Hook {
        &self.hook
    }

    /// A new pass asks again.
    pub(super) fn rest(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// What the program adds to the findings of a skill.
    pub(super) fn judge(
        &self,
        subject: &Subject<'_>,
        findings: &[Finding],
    ) -> Result<Option<Finding>, ContentError> {
        let path = subject.candidate.entry();
        if self.failures.load(Ordering::Relaxed) >= FAILURES {
            let why = format!("it was not asked, for it failed {FAILURES} times in this pass");
            return Ok(Some(judge_failed::at(path, &why)));
        }
        let question = question(subject, findings)?;
        let answer = match question {
            Ok(question) => self.hook.ask(question),
            Err(error) => Err(format!("the skill cannot be shown to it: {error}")),
        };
        let Ok(answer) = answer.as_ref() else {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(judge_failed::at(path, &answer.err().unwrap_or_default())));
        };
        self.rest();
        let reason: String = crate::scan::mask(&answer.reason).chars().take(REASON).collect();
        Ok(match answer.verdict {
            Word::Accept => None,
            Word::Hold => Some(judge_hold::at(path, &reason)),
            Word::Unsure => Some(judge_unsure::at(path, &reason)),
        })
    }
}

type Shown = Result<Vec<u8>, serde_json::Error>;

fn question(subject: &Subject<'_>, findings: &[Finding]) -> Result<Shown, ContentError> {
    let mut room = SHOWN;
    let mut files = Vec::new();
    for (path, file) in &subject.files {
        let fits = usize::try_from(file.size).is_ok_and(|size| size <= room);
        let bytes = if fits { Some(subject.read(file)?) } else { None };
        let text = bytes.and_then(|bytes| std::str::from_utf8(&bytes).ok().map(str::to_owned));
        room -= text.as_ref().map_or(0, String::len);
        let executable = file.mode == crate::tree::FileMode::Executable;
        files.push(ShownFile { path: path.to_string(), size: file.size, executable, text });
    }
    let (skill, entry) = (subject.candidate.id.as_str(), subject.candidate.entry());
    Ok(serde_json::to_vec(&Question { version: 1, skill, entry, files, findings }))
}

#[cfg(test)]
mod tests;
