//! strace: what it sees of a pass, and what it does to one.
//!
//! Its counts are kept for each kind of call and each thread. So one point is one kind and one number,
//! and a process is traced alone: the service's in one run, the child that fetches in another.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::product::Ended;
use crate::scene::{Place, Scene};

/// The calls that change files. `open` and `openat` only where they write, or create.
const KINDS: &[&str] = &[
    "open",
    "openat",
    "creat",
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "syncfs",
    "ftruncate",
    "truncate",
    "fallocate",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "fchownat",
    "utimensat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "mknodat",
    "copy_file_range",
    "sendfile",
    "msync",
];

/// Which process of a pass is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// The one that people start.
    Pass,
    /// The child that it fetches with.
    Fetch,
}

/// One call of a process: the `nth` of its kind.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) kind: String,
    pub(crate) nth: usize,
    /// The call as strace prints it, with the paths of its descriptors.
    pub(crate) text: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.nth, self.text)
    }
}

/// What is done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed before the call is made.
    Kill,
    /// The call fails so.
    Once(&'static str),
    /// The call and all of its kind after it fail so.
    FromThenOn(&'static str),
    /// The call is made some seconds later.
    Delayed,
}

/// How long a call is held up, in microseconds.
const DELAY: u32 = 3_000_000;

impl Fault {
    fn injection(self, call: &Call) -> String {
        let (kind, nth) = (&call.kind, call.nth);
        match self {
            Self::Kill => format!("inject={kind}:signal=KILL:when={nth}"),
            Self::Once(error) => format!("inject={kind}:error={error}:when={nth}"),
            Self::FromThenOn(error) => format!("inject={kind}:error={error}:when={nth}+"),
            Self::Delayed => format!("inject={kind}:delay_enter={DELAY}:when={nth}"),
        }
    }
}

/// Whether strace works here: it may be missing, or tracing forbidden.
pub(crate) fn works() -> bool {
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    traced.is_ok_and(|output| output.status.success())
}

/// The calls of one pass, or of one fetch, that change something below the data.
pub(crate) fn record(scene: &Scene, process: Process) -> Vec<Call> {
    let place = scene.copy();
    let log = place.beside("trace");
    let kinds = format!("trace={}", KINDS.join(","));
    run(&place, process, &log, &["-e", &kinds]).expect_code(0);
    let calls = parse(&fs::read_to_string(&log).expect("a trace"), &place.data());
    place.remove();
    calls
}

/// What a fault made of a pass, or of a fetch.
pub(crate) struct Injected {
    pub(crate) ended: Ended,
    /// Whether the fault came.
    pub(crate) came: bool,
    /// Whether it met what the process said, too: a call that fails from then on fails there as well.
    pub(crate) is_mute: bool,
}

/// Runs one pass, or one fetch, with a fault in it.
pub(crate) fn inject(place: &Place, process: Process, call: &Call, fault: Fault) -> Injected {
    let log = place.beside("trace");
    let kind = format!("trace={}", call.kind);
    let ended = run(place, process, &log, &["-e", &kind, "-e", &fault.injection(call)]);
    let trace = fs::read_to_string(&log).expect("a trace");
    let came = match fault {
        Fault::Kill => trace.contains("+++ killed by SIGKILL +++"),
        Fault::Delayed => trace.contains("(DELAYED)"),
        Fault::Once(_) | Fault::FromThenOn(_) => trace.contains("(INJECTED)"),
    };
    let to_people = |line: &str| line.starts_with("write(1<") || line.starts_with("write(2<");
    let is_mute = trace.lines().any(|line| to_people(line) && line.ends_with("(INJECTED)"));
    Injected { ended, came, is_mute }
}

/// Runs one pass and writes the calls of all its processes, in their order.
pub(crate) fn follow(place: &Place, log: &Path) -> Ended {
    let kinds = format!("trace={}", KINDS.join(","));
    run(place, Process::Pass, log, &["-f", "-e", &kinds])
}

fn run(place: &Place, process: Process, log: &Path, options: &[&str]) -> Ended {
    let mut all: Vec<OsString> = ["-y", "-s", "0", "-o"].map(OsString::from).to_vec();
    all.push(log.into());
    all.extend(options.iter().map(OsString::from));
    let all: Vec<&OsStr> = all.iter().map(OsString::as_os_str).collect();
    match process {
        Process::Pass => place.product.traced_once(&all),
        Process::Fetch => place.product.traced_fetch(&place.state().join("repo.git"), &all),
    }
}

/// The calls of a trace that change something below `data`, each with its number among all of its kind.
fn parse(trace: &str, data: &Path) -> Vec<Call> {
    let data = data.to_str().expect("a path that is text");
    let mut counts = std::collections::HashMap::<&str, usize>::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((kind, _)) = line.split_once('(').filter(|(kind, _)| KINDS.contains(kind)) else { continue };
        let count = counts.entry(kind).or_default();
        *count += 1;
        if line.contains(data) && changes(kind, line) {
            calls.push(Call { kind: kind.to_owned(), nth: *count, text: line.replace(data, "") });
        }
    }
    calls
}

fn changes(kind: &str, line: &str) -> bool {
    let flags = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"];
    !kind.starts_with("open") || flags.iter().any(|flag| line.contains(flag))
}
