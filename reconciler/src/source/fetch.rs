//! The parent's side of a fetch: a child process with a deadline, whose every line is checked.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::authorization::Authorization;
use super::child::{Line, Request};
use super::credentials::TOKEN_USER;
use super::error::{FetchError, SourceError};
use super::{Credentials, Mirror, Source, Ssh, ssh};
use crate::cancel::Cancel;
use crate::ids::CommitId;

/// The longest line of the child's, in bytes: room for a reference of 64 KiB, escaped.
const MAX_LINE: u64 = 1 << 20;
/// How long a child may live after it closed its output.
const END_WAIT: Duration = Duration::from_secs(1);
/// How often a request to stop is looked for.
const CANCEL_EVERY: Duration = Duration::from_millis(25);

/// What came from the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// The commit: it is in the mirror, with its tree.
    pub commit: CommitId,
    /// The full name of the reference that it was found by; the commit itself where that was asked for.
    pub reference: String,
    /// The id of the annotated tag that the reference names; it is in the mirror too.
    pub tag: Option<String>,
    /// Where the server's redirects led, on the same scheme, host and port: the URL to set instead.
    pub redirected_to: Option<String>,
}

/// How far a fetch is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Objects that came.
    pub received_objects: u64,
    /// Objects that will come.
    pub total_objects: u64,
    /// Objects that are checked and indexed.
    pub indexed_objects: u64,
    /// Bytes that came.
    pub received_bytes: u64,
}

impl From<&git2::Progress<'_>> for Progress {
    fn from(progress: &git2::Progress<'_>) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Self {
            received_objects: count(progress.received_objects()),
            total_objects: count(progress.total_objects()),
            indexed_objects: count(progress.indexed_objects()),
            received_bytes: count(progress.received_bytes()),
        }
    }
}

/// Fetches what the source follows into the mirror, and syncs the mirror.
///
/// What a killed fetch left is swept first: call it under the lock of the state directory. The thread
/// that calls must live as long as the fetch (the child dies with it). A failed fetch changes nothing
/// that is served.
///
/// # Errors
/// Each with its [`SourceError::remedy`].
pub fn fetch(
    source: &Source,
    mirror: &Mirror,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Fetched, SourceError> {
    let limits = source.limits;
    let timeout = if mirror.has_history() { limits.fetch_timeout } else { limits.clone_timeout };
    let request = request(source, Some(mirror.path()), timeout)?;
    cancel.check()?;
    mirror.sweep()?;
    let fetched = Running::start(source, &request)?.wait(&request, cancel, progress);
    if let Err(SourceError::Fetch(FetchError::Credentials { .. })) = &fetched {
        source.credentials.forget();
    }
    let fetched = fetched?;
    mirror.check_commit(fetched.commit)?;
    mirror.sync()?;
    Ok(fetched)
}

/// Lists what the source has and finds in it what is followed, and takes nothing: nothing is written
/// anywhere. Of a commit that the server does not list it is not known whether it can be had.
///
/// # Errors
/// As those of [`fetch`].
pub fn look(source: &Source, cancel: &Cancel) -> Result<Fetched, SourceError> {
    let request = request(source, None, source.limits.fetch_timeout)?;
    Running::start(source, &request)?.wait(&request, cancel, &mut |_| {})
}

/// What the child is asked for; without a mirror it only looks.
fn request(source: &Source, mirror: Option<&Path>, timeout: Duration) -> Result<Request, SourceError> {
    let url = source.url.to_string();
    let authorization = authorization(source)?;
    let ssh = source.url.ssh_place().map(|_| given(source)).transpose()?;
    let limits = source.limits;
    Ok(Request {
        parent: std::process::id(),
        mirror: mirror.map(|path| path.as_os_str().to_owned()),
        url,
        reference: source.reference.to_string(),
        authorization,
        route: source.route.clone(),
        ssh,
        helper: source.child.get(1..).unwrap_or_default().to_vec(),
        timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        max_repo_bytes: limits.max_repo_bytes,
        max_object_bytes: limits.max_object_bytes,
        max_memory: limits.max_memory,
    })
}

/// The credentials for the repository's URL. A path of this machine, and ssh, need none and get none.
pub(super) fn authorization(source: &Source) -> Result<Option<Authorization>, SourceError> {
    let url = || source.url.to_string();
    if source.url.http().is_none() || source.credentials == Credentials::None {
        return Ok(None);
    }
    if source.url.is_readable_on_the_way() && !source.insecure_http {
        return Err(SourceError::Insecure { url: url() });
    }
    if let Credentials::App(app) = &source.credentials {
        let token = app.token(&source.route).map_err(|source| SourceError::App { url: url(), source })?;
        return Ok(Some(Authorization::basic(TOKEN_USER, &token)));
    }
    let read = source.credentials.read().map_err(|source| SourceError::Secret { url: url(), source })?;
    Ok(read.map(|(name, secret)| Authorization::basic(&name, secret.expose())))
}

/// What ssh is given. Its files are looked at first: ssh takes a missing one for an empty one.
fn given(source: &Source) -> Result<ssh::Given, SourceError> {
    let url = || source.url.to_string();
    let Ssh { key, passphrase, known_hosts, agent } = source.ssh.clone();
    for (setting, path) in [("SSH_KEY", &key), ("SSH_KNOWN_HOSTS", &known_hosts)] {
        if let Some((path, Err(source))) = path.as_ref().map(|path| (path, std::fs::File::open(path))) {
            return Err(SourceError::SshFile { url: url(), setting, path: path.clone(), source });
        }
    }
    let passphrase = passphrase.map(|secret| secret.read()).transpose();
    let passphrase = passphrase.map_err(|error| SourceError::Secret { url: url(), source: error })?;
    let passphrase = passphrase.map(|secret| secret.expose().to_owned());
    Ok(ssh::Given { key, known_hosts, agent, passphrase })
}

/// A child at work. It is killed and waited for where this is dropped.
struct Running {
    child: Child,
    url: String,
    max_memory: u64,
    deadline: Option<Instant>,
}

impl Running {
    fn start(source: &Source, request: &Request) -> Result<Self, SourceError> {
        let (program, arguments) = match source.child.split_first() {
            Some((program, arguments)) => (program.as_os_str(), arguments),
            None => (OsStr::new(""), &[][..]),
        };
        let failed = |error| SourceError::Spawn {
            program: program.to_string_lossy().into_owned(),
            url: request.url.clone(),
            source: error,
        };
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let deadline = Instant::now().checked_add(Duration::from_millis(request.timeout_ms));
        let mut running = Self { child, url: request.url.clone(), max_memory: request.max_memory, deadline };
        running.ask(request).map_err(failed)?;
        Ok(running)
    }

    /// Writes the request, which a pipe's buffer holds whole. A child that has ended already is told
    /// by its end.
    fn ask(&mut self, request: &Request) -> std::io::Result<()> {
        let bytes = serde_json::to_vec(request)?;
        match self.child.stdin.take().map(|mut stdin| stdin.write_all(&bytes)) {
            Some(Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    fn wait(
        mut self,
        request: &Request,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, SourceError> {
        let Some(stdout) = self.child.stdout.take() else { return Err(self.nonsense("it has no output")) };
        let (lines, heard) = sync_channel(16);
        // It ends with the child's output, at the latest when the child is killed.
        std::thread::Builder::new()
            .name("fetch-lines".to_owned())
            .spawn(move || read_lines(stdout, &lines))
            .map_err(|error| self.nonsense(&format!("no thread to read it: {error}")))?;
        loop {
            match self.next(&heard, request, cancel)? {
                Some(Line::Progress(now)) => progress(now),
                Some(Line::Fetched(fetched)) => return Ok(fetched),
                Some(Line::Failed(failure)) => return Err(failure.into()),
                None => return Err(self.ended()),
            }
        }
    }

    /// The next line, or the end of them.
    fn next(
        &self,
        heard: &Receiver<Result<Line, String>>,
        request: &Request,
        cancel: &Cancel,
    ) -> Result<Option<Line>, SourceError> {
        loop {
            cancel.check()?;
            let left = self.deadline.map_or(CANCEL_EVERY, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                let seconds = Duration::from_millis(request.timeout_ms).as_secs();
                return Err(FetchError::Timeout { url: self.url.clone(), seconds }.into());
            }
            match heard.recv_timeout(left.min(CANCEL_EVERY)) {
                Ok(Ok(line)) => return Ok(Some(line)),
                Ok(Err(detail)) => return Err(self.nonsense(&detail)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn nonsense(&self, detail: &str) -> SourceError {
        SourceError::Nonsense { url: self.url.clone(), detail: detail.to_owned() }
    }

    /// The child closed its output without an answer: its status says why. One that lives on is not
    /// waited for.
    fn ended(&mut self) -> SourceError {
        let until = Instant::now() + END_WAIT;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return self.ended_with(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                Ok(None) => return self.nonsense("it closed its output"),
                Err(error) => return self.nonsense(&error.to_string()),
            }
        }
    }

    fn ended_with(&self, status: ExitStatus) -> SourceError {
        match status.signal() {
            Some(signal) => {
                SourceError::Signalled { url: self.url.clone(), signal, max_memory: self.max_memory }
            }
            None => self.nonsense(&format!("it ended with {status} and said nothing")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a child that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(stdout: ChildStdout, lines: &SyncSender<Result<Line, String>>) {
    let mut stdout = BufReader::new(stdout);
    while let Some(line) = read_line(&mut stdout) {
        let last = line.is_err();
        if lines.send(line).is_err() || last {
            return;
        }
    }
}

fn read_line(stdout: &mut BufReader<ChildStdout>) -> Option<Result<Line, String>> {
    let mut text = Vec::new();
    match stdout.by_ref().take(MAX_LINE).read_until(b'\n', &mut text) {
        Ok(0) => None,
        Ok(_) if text.last() != Some(&b'\n') => Some(Err("a line without end".to_owned())),
        Ok(_) => {
            Some(serde_json::from_slice(&text).map_err(|error| format!("a line that is no message: {error}")))
        }
        Err(error) => Some(Err(error.to_string())),
    }
}
