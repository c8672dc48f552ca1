//! The child's side of a fetch: one request on stdin, lines of JSON on stdout.
//!
//! Secrets come on stdin only: no argument and no variable holds one.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::authorization::Authorization;
use super::error::FetchError;
use super::fetch::{Fetched, Progress};
use super::route::Route;
use super::{download, process, ssh};

pub use super::ssh::{ASKPASS, askpass};

/// The longest request, in bytes: paths, a URL and a secret.
const MAX_REQUEST: u64 = 1 << 20;
/// Progress is told no more often than this.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What the parent asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Request {
    /// The parent's process id.
    pub(super) parent: u32,
    /// The mirror: a bare repository that exists. None to list what the source has, and to take nothing.
    pub(super) mirror: Option<OsString>,
    /// The repository's URL.
    pub(super) url: String,
    /// What is followed.
    pub(super) reference: String,
    /// The credentials for that URL.
    pub(super) authorization: Option<Authorization>,
    /// How HTTP leaves this machine.
    #[serde(default)]
    pub(super) route: Route,
    /// What ssh is given.
    #[serde(default)]
    pub(super) ssh: Option<ssh::Given>,
    /// The arguments with which this program calls [`serve`].
    #[serde(default)]
    pub(super) helper: Vec<OsString>,
    /// The deadline, from now, in milliseconds.
    pub(super) timeout_ms: u64,
    /// How large the mirror may get, in bytes.
    pub(super) max_repo_bytes: u64,
    /// How large an object may be that is opened, in bytes.
    pub(super) max_object_bytes: u64,
    /// How much memory the child may take, in bytes.
    pub(super) max_memory: u64,
}

/// One line of the child's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// It goes on.
    Progress(Progress),
    /// It is done.
    Fetched(Fetched),
    /// It failed.
    Failed(FetchError),
}

/// Runs one fetch for the parent that wrote the request: what the hidden verb of the binary calls,
/// before anything else, with the arguments that follow it. A process can run it once.
///
/// A fetch over SSH calls the same verb again, with arguments, to become ssh; and ssh starts the binary
/// with the variable [`ASKPASS`], which must then do [`askpass`] and nothing else.
pub fn serve(arguments: &[OsString], input: impl Read, mut output: impl Write) -> ExitCode {
    if let Some((_, command)) = arguments.split_first().filter(|(first, _)| *first == ssh::BIND) {
        return ssh::become_ssh(command);
    }
    let line = match answer(input, &mut output) {
        Ok(fetched) => Line::Fetched(fetched),
        Err(failure) => Line::Failed(failure),
    };
    match say(&mut output, &line) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody listens any more.
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer(input: impl Read, output: &mut impl Write) -> Result<Fetched, FetchError> {
    let request: Request = serde_json::from_reader(input.take(MAX_REQUEST)).map_err(|error| {
        // The text of a JSON error holds no value of the input, but the place alone is enough.
        let detail = format!("the request is broken at line {}, column {}", error.line(), error.column());
        FetchError::Child { url: String::new(), detail }
    })?;
    process::bind_to(request.parent)
        .and_then(|()| process::confine(request.max_memory))
        .map_err(|detail| FetchError::Child { url: request.url.clone(), detail })?;
    let mut told: Option<Instant> = None;
    download::run(&request, &mut |progress| {
        if told.is_none_or(|told| told.elapsed() >= PROGRESS_EVERY) {
            told = Some(Instant::now());
            // A parent that has gone takes this process with it.
            let _ = say(output, &Line::Progress(progress));
        }
    })
}

fn say(output: &mut impl Write, line: &Line) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    output.write_all(&text)?;
    output.flush()
}
