//! git's smart HTTP protocol as a libgit2 transport over [`ureq`]: the requests, limits, redirects and
//! status codes are ours, what is in them is libgit2's.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use ureq::Body;
use ureq::http::{HeaderMap, Response};
use url::Url;

use super::authorization::Authorization;
use super::error::FetchError;
use super::redirect::{self, below};
use super::route::{CaError, NoAnswer, Route, Way};
use super::{libgit2, retry_after};
use crate::ids::Timestamp;

/// The most that a list of references may take: 64 MiB is half a million of them.
const MAX_LIST: u64 = 64 << 20;
/// How often the first request may be redirected.
const MAX_REDIRECTS: usize = 5;
/// The longest wait for a connection, within the deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest text of a server that an error repeats, in characters.
const MAX_FOREIGN: usize = 100;

/// What a server's answers may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The whole fetch.
    pub(super) timeout: Duration,
    /// All that the server may send, in bytes.
    pub(super) max_bytes: u64,
}

/// One fetch over HTTP: everything that its requests share.
///
/// libgit2 carries no error of ours through its C code, so the first failure is kept here and is the
/// one that is told.
pub(super) struct Session {
    way: Way,
    /// As it was set: for errors.
    shown: String,
    /// Where the repository is; a redirect moves it.
    base: Mutex<Url>,
    authorization: Option<Authorization>,
    bounds: Bounds,
    started: Instant,
    failure: Mutex<Option<FetchError>>,
}

impl Session {
    /// Begins a fetch; the deadline runs from here.
    pub(super) fn new(
        url: &Url,
        route: &Route,
        authorization: Option<Authorization>,
        bounds: Bounds,
    ) -> Result<Arc<Self>, FetchError> {
        let shown = url.to_string();
        let way = route.to(url).map_err(|CaError { path, detail }| {
            let url = shown.clone();
            FetchError::CaFile { url, path, detail }
        })?;
        Ok(Arc::new(Self {
            way,
            shown,
            base: Mutex::new(url.clone()),
            authorization,
            bounds,
            started: Instant::now(),
            failure: Mutex::new(None),
        }))
    }

    /// Makes libgit2 use this session for every HTTP URL of the process.
    pub(super) fn register(self: &Arc<Self>) -> Result<(), git2::Error> {
        let session = Arc::clone(self);
        libgit2::register(&["http", "https"], move |remote| {
            Transport::smart(remote, true, Subtransport(Arc::clone(&session)))
        })
    }

    /// The first failure since the last call.
    pub(super) fn take_failure(&self) -> Option<FetchError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Where redirects led, if anywhere else.
    pub(super) fn redirected_to(&self) -> Option<String> {
        let base = self.base().to_string();
        (base != self.shown).then_some(base)
    }

    fn base(&self) -> Url {
        self.base.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps a failure for the one who asks, and gives libgit2 a text without NUL or secret.
    fn fail(&self, failure: FetchError) -> io::Error {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        io::Error::other("the HTTP transport failed")
    }

    fn list(&self) -> Result<Response<Body>, FetchError> {
        for _ in 0..=MAX_REDIRECTS {
            let base = self.base();
            let mut url = below(&base, redirect::LIST);
            url.set_query(Some(redirect::LIST_QUERY));
            let mut request = self.way.agent.get(url.as_str());
            if let Some(authorization) = &self.authorization {
                request = request.header("Authorization", authorization.expose());
            }
            let timed =
                request.config().timeout_global(Some(self.left()?)).timeout_connect(Some(CONNECT_TIMEOUT));
            let answer = timed.build().call().map_err(|error| self.network(&error))?;
            if !answer.status().is_redirection() {
                return self.accept(answer, "advertisement");
            }
            let location = header(answer.headers(), "location");
            let moved = redirect::follow(&base, location.as_deref().unwrap_or_default())?;
            *self.base.lock().unwrap_or_else(PoisonError::into_inner) = moved;
        }
        Err(FetchError::RedirectLoop { url: self.shown.clone() })
    }

    /// Asks one question of protocol v2, which needs no list first (gitprotocol-v2, HTTP transport).
    pub(super) fn ask_v2(&self, question: &[u8]) -> Result<Vec<u8>, FetchError> {
        let answer = self.ask(question, Some("version=2"))?;
        let mut body = answer.into_body().into_reader().take(self.bounds.max_bytes + 1);
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(|error| self.network(&error.into()))?;
        match u64::try_from(bytes.len()) {
            Ok(length) if length <= self.bounds.max_bytes => Ok(bytes),
            _ => Err(FetchError::EndlessList { url: self.shown.clone(), limit: self.bounds.max_bytes }),
        }
    }

    fn ask(&self, body: &[u8], protocol: Option<&str>) -> Result<Response<Body>, FetchError> {
        let mut request = self
            .way
            .agent
            .post(below(&self.base(), "/git-upload-pack").as_str())
            .header("Content-Type", "application/x-git-upload-pack-request")
            .header("Accept", "application/x-git-upload-pack-result");
        if let Some(protocol) = protocol {
            request = request.header("Git-Protocol", protocol);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization.expose());
        }
        let timed =
            request.config().timeout_global(Some(self.left()?)).timeout_connect(Some(CONNECT_TIMEOUT));
        let answer = timed.build().send(body).map_err(|error| self.network(&error))?;
        self.accept(answer, "result")
    }

    /// What is left of the deadline.
    fn left(&self) -> Result<Duration, FetchError> {
        let left = self.bounds.timeout.saturating_sub(self.started.elapsed());
        if left.is_zero() { Err(self.timed_out()) } else { Ok(left) }
    }

    fn timed_out(&self) -> FetchError {
        FetchError::Timeout { url: self.shown.clone(), seconds: self.bounds.timeout.as_secs() }
    }

    fn accept(&self, answer: Response<Body>, kind: &str) -> Result<Response<Body>, FetchError> {
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(self.refused(status, answer.headers()));
        }
        let content_type = header(answer.headers(), "content-type").unwrap_or_default();
        if content_type != format!("application/x-git-upload-pack-{kind}") {
            return Err(FetchError::NotGit { url: self.shown.clone(), content_type: foreign(&content_type) });
        }
        Ok(answer)
    }

    fn refused(&self, status: u16, headers: &HeaderMap) -> FetchError {
        let url = self.shown.clone();
        let given = self.authorization.is_some();
        let wait = header(headers, "retry-after")
            .and_then(|value| retry_after::parse(&value, Timestamp::now()))
            .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        match status {
            429 => FetchError::RateLimited { url, status, wait_ms: wait },
            // GitHub's secondary limits are a 403 that says when to come again.
            403 if wait.is_some() => FetchError::RateLimited { url, status, wait_ms: wait },
            401 | 403 => FetchError::Credentials { url, status, given },
            404 | 410 => FetchError::NoSuchRepository { url, given },
            500..=599 => FetchError::Server { url, status, wait_ms: wait },
            _ => FetchError::Status { url, status },
        }
    }

    fn network(&self, error: &ureq::Error) -> FetchError {
        use ureq::Timeout::{Connect, Resolve};
        let url = self.shown.clone();
        if matches!(error, ureq::Error::Timeout(Connect | Resolve)) && self.left().is_ok() {
            let detail = format!("no answer in {} s", CONNECT_TIMEOUT.as_secs());
            return FetchError::Unreachable { url, detail };
        }
        match self.way.failed(error) {
            NoAnswer::Proxy { proxy, detail, refused } => FetchError::Proxy { url, proxy, detail, refused },
            NoAnswer::Timeout => self.timed_out(),
            NoAnswer::Dns(detail) => FetchError::Dns { url, detail },
            NoAnswer::Connection(detail) => FetchError::Unreachable { url, detail },
            NoAnswer::Certificate(detail) => FetchError::Tls { url, detail },
            NoAnswer::Broken(detail) => FetchError::Broken { url, detail },
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn foreign(text: &str) -> String {
    text.chars().take(MAX_FOREIGN).collect()
}

struct Subtransport(Arc<Session>);

impl SmartSubtransport for Subtransport {
    fn action(&self, _url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let list = match action {
            Service::UploadPackLs => true,
            Service::UploadPack => false,
            _ => return Err(git2::Error::from_str("nothing is ever pushed")),
        };
        let left = if list { MAX_LIST } else { self.0.bounds.max_bytes };
        Ok(Box::new(Exchange { session: Arc::clone(&self.0), list, request: Vec::new(), answer: None, left }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// One request and its answer; libgit2 writes the first and reads the second, and begins again with
/// each round of a negotiation.
struct Exchange {
    session: Arc<Session>,
    /// The list of references, or a pack.
    list: bool,
    request: Vec<u8>,
    answer: Option<Box<dyn Read + Send>>,
    /// How many bytes of answers may still come.
    left: u64,
}

impl Exchange {
    fn begin(&mut self) -> Result<&mut Box<dyn Read + Send>, io::Error> {
        let session = &self.session;
        let answer = match self.answer.take() {
            Some(answer) => answer,
            None => {
                let sent = if self.list { session.list() } else { session.ask(&self.request, None) };
                self.request.clear();
                Box::new(sent.map_err(|failure| session.fail(failure))?.into_body().into_reader())
            }
        };
        Ok(self.answer.insert(answer))
    }

    fn beyond(&self) -> io::Error {
        let (url, limit) = (self.session.shown.clone(), self.session.bounds.max_bytes);
        self.session.fail(if self.list {
            FetchError::EndlessList { url, limit: MAX_LIST }
        } else {
            FetchError::TooLarge { url, limit }
        })
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.begin()?.read(buffer);
        let read = read.map_err(|error| self.session.fail(self.session.network(&error.into())))?;
        self.left = match self.left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)) {
            Some(left) => left,
            None => return Err(self.beyond()),
        };
        Ok(read)
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answer = None;
        self.request.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
