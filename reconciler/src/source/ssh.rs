//! git over SSH as a libgit2 transport: the system's `ssh` as a child, with nothing of the user's or
//! the machine's configuration, and git's protocol on its stdin and stdout.
//!
//! ssh dies with the process that fetches ([`bound`]). A passphrase goes to it by way of a socket that is
//! its stderr: the one descriptor that ssh hands down to the program that it asks ([`askpass`]).

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use serde::{Deserialize, Serialize};

use super::error::FetchError;
use super::libgit2;
use super::url::SshPlace;

mod arguments;
mod bound;
mod words;

pub use bound::{ASKPASS, askpass};
pub(super) use bound::{BIND, become_ssh};

/// The most that a list of references may take: 64 MiB is half a million of them.
const MAX_LIST: u64 = 64 << 20;
/// How much of what ssh says is kept, in bytes.
const MAX_SAID: usize = 32 << 10;
/// How long ssh may live after it closed its output.
const END_WAIT: Duration = Duration::from_secs(5);

/// What ssh is given, with the secret that was read for this fetch.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Given {
    pub(super) key: Option<PathBuf>,
    pub(super) known_hosts: Option<PathBuf>,
    /// The socket of an agent.
    pub(super) agent: Option<PathBuf>,
    pub(super) passphrase: Option<String>,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given")
    }
}

/// One fetch over SSH.
///
/// libgit2 carries no error of ours through its C code, so the first failure is kept here and is the
/// one that is told.
pub(super) struct Session {
    /// As it was set: for errors.
    shown: String,
    place: SshPlace,
    given: Given,
    /// The arguments with which this program runs [`become_ssh`].
    helper: Vec<OsString>,
    /// All that the server may send, in bytes.
    max_bytes: u64,
    running: Mutex<Option<Running>>,
    failure: Mutex<Option<FetchError>>,
}

/// ssh at work, and what it has said.
struct Running {
    child: Child,
    said: JoinHandle<Vec<u8>>,
}

impl Session {
    pub(super) fn new(
        shown: String,
        place: &SshPlace,
        given: Given,
        helper: Vec<OsString>,
        max_bytes: u64,
    ) -> Arc<Self> {
        let (running, failure) = (Mutex::new(None), Mutex::new(None));
        Arc::new(Self { shown, place: place.clone(), given, helper, max_bytes, running, failure })
    }

    /// Makes libgit2 use this session for every SSH URL of the process.
    pub(super) fn register(self: &Arc<Self>) -> Result<(), git2::Error> {
        let session = Arc::clone(self);
        libgit2::register(&["ssh"], move |remote| {
            Transport::smart(remote, false, Subtransport(Arc::clone(&session)))
        })
    }

    /// The first failure since the last call.
    pub(super) fn take_failure(&self) -> Option<FetchError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps a failure for the one who asks, and gives libgit2 a text without NUL or secret.
    fn fail(&self, failure: FetchError) -> io::Error {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        io::Error::other("the SSH transport failed")
    }

    fn start(self: &Arc<Self>) -> io::Result<Stream> {
        let (ours, theirs) = UnixStream::pair()?;
        let passphrase = self.given.passphrase.as_deref().unwrap_or_default();
        (&ours).write_all(format!("{passphrase}\n").as_bytes())?;
        let mut child = Command::new("/proc/self/exe")
            .args(&self.helper)
            .args([BIND, &std::process::id().to_string(), "ssh"])
            .args(arguments::of(&self.place, &self.given))
            .env_clear()
            .env("SSH_ASKPASS", our_program()?)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let said = std::thread::spawn(move || listen(ours));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { child, said });
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("ssh has no pipes"))?;
        Ok(Stream { session: Arc::clone(self), stdin, stdout, listed: false, left: MAX_LIST })
    }

    /// Waits for the end of ssh; the failure that it tells, if it is one.
    fn ended(&self) -> Option<FetchError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let status = running.end(END_WAIT).ok();
        let said = running.said.join().unwrap_or_default();
        match status {
            Some(status) if status.success() => None,
            status => Some(words::told(&self.shown, &self.given, status.and_then(|s| s.code()), &said)),
        }
    }
}

impl Running {
    fn end(&mut self, patience: Duration) -> io::Result<ExitStatus> {
        let until = Instant::now() + patience;
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(status),
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                None => {
                    self.child.kill()?;
                    return self.child.wait();
                }
            }
        }
    }
}

/// The path of this program, for ssh to start. A newer one may have taken its place meanwhile.
fn our_program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or(path.clone(), PathBuf::from))
}

/// Reads all that ssh says, so that it never waits for us, and keeps the beginning.
fn listen(mut from: UnixStream) -> Vec<u8> {
    let (mut said, mut block) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = from.read(&mut block) {
        let room = MAX_SAID.saturating_sub(said.len());
        said.extend_from_slice(&block[..read.min(room)]);
    }
    said
}

struct Subtransport(Arc<Session>);

impl SmartSubtransport for Subtransport {
    fn action(&self, _url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        if !matches!(action, Service::UploadPackLs | Service::UploadPack) {
            return Err(git2::Error::from_str("nothing is ever pushed"));
        }
        match self.0.start() {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => {
                let (url, detail) = (self.0.shown.clone(), error.to_string());
                self.0.fail(FetchError::NoSsh { url, detail });
                Err(git2::Error::from_str("ssh cannot be started"))
            }
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        // A fetch that has what it wants does not wait for the server's goodbye.
        let running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut running) = running {
            let _ = running.end(Duration::ZERO);
        }
        Ok(())
    }
}

/// The conversation: it is one, from the list to the end of the pack.
struct Stream {
    session: Arc<Session>,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// Whether the list has been read: we speak only after it.
    listed: bool,
    /// How many bytes may still come.
    left: u64,
}

impl Stream {
    fn beyond(&self) -> io::Error {
        let (url, limit) = (self.session.shown.clone(), self.session.max_bytes);
        self.session.fail(match self.listed {
            false => FetchError::EndlessList { url, limit: MAX_LIST },
            true => FetchError::TooLarge { url, limit },
        })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stdout.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            return match self.session.ended() {
                Some(failure) => Err(self.session.fail(failure)),
                None => Ok(0),
            };
        }
        self.left = match self.left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)) {
            Some(left) => left,
            None => return Err(self.beyond()),
        };
        Ok(read)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.listed {
            self.listed = true;
            self.left = self.session.max_bytes;
        }
        self.stdin.write(bytes).map_err(|error| match self.session.ended() {
            Some(failure) => self.session.fail(failure),
            None => error,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdin.flush()
    }
}
