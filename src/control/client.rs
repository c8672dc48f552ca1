//! Asks a running service: over the control socket, or over the network for a health check.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::{open_directory, short_path, socket_path};

/// The largest answer that is taken, in bytes: the history of a large target is far below it.
const LARGEST_ANSWER: usize = 64 << 20;

/// Says why a running service gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nobody listens.
    #[error(
        "no service runs for this target: nobody listens on `{at}`; start it with `skill-sync run`, or run one pass with `skill-sync once`"
    )]
    NotRunning {
        /// Where it would.
        at: String,
    },
    /// Somebody listens and did not answer in time.
    #[error("the service at `{at}` did not answer in {} s; look at its log", waited.as_secs())]
    TooSlow {
        /// Where it listens.
        at: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The connection cannot be used.
    #[error("cannot reach the service at `{at}`; check that it runs as the same user")]
    Unreachable {
        /// Where it listens.
        at: String,
        /// Why.
        source: io::Error,
    },
    /// The answer is no answer of ours.
    #[error("the answer of the service at `{at}` is not understood; is it of another version?")]
    NotUnderstood {
        /// Where it listens.
        at: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What the service answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The JSON of the body; null where it is none.
    pub body: Value,
}

/// Asks over the control socket of a state directory.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    state: PathBuf,
}

impl Client {
    /// A client of the service that keeps its state there.
    pub(crate) fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// Asks, and waits at most `patience` for the whole answer.
    ///
    /// # Errors
    /// [`AskError`] says whether a service runs at all.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        patience: Duration,
    ) -> Result<Answer, AskError> {
        self.send(method, path, None, patience).await
    }

    /// The same with a body.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> Result<Answer, AskError> {
        let at = socket_path(&self.state).display().to_string();
        let asked = async {
            let stream = self.connect().await.map_err(|error| unreachable(&at, error))?;
            exchange(stream, &at, method, path, body).await
        };
        within(patience, &at, asked).await
    }

    async fn connect(&self) -> io::Result<UnixStream> {
        let state = open_directory(&self.state)?;
        UnixStream::connect(short_path(&state)).await
    }
}

/// Asks over the network, and waits at most `patience` for the whole answer.
///
/// # Errors
/// As [`Client::ask`].
pub(crate) async fn ask_network(
    address: SocketAddr,
    path: &str,
    patience: Duration,
) -> Result<Answer, AskError> {
    let at = address.to_string();
    let asked = async {
        let stream = TcpStream::connect(address).await.map_err(|error| unreachable(&at, error))?;
        exchange(stream, &at, Method::GET, path, None).await
    };
    within(patience, &at, asked).await
}

async fn within(
    patience: Duration,
    at: &str,
    asked: impl Future<Output = Result<Answer, AskError>>,
) -> Result<Answer, AskError> {
    let too_slow = |_| AskError::TooSlow { at: at.to_owned(), waited: patience };
    tokio::time::timeout(patience, asked).await.map_err(too_slow)?
}

fn unreachable(at: &str, source: io::Error) -> AskError {
    let at = at.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning { at },
        _ => AskError::Unreachable { at, source },
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    at: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Answer, AskError> {
    let not_understood = |source: Box<dyn std::error::Error + Send + Sync>| AskError::NotUnderstood {
        at: at.to_owned(),
        source,
    };
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let request = match body {
        Some(_) => request.header("content-type", "application/json"),
        None => request,
    };
    let body = Full::new(body.map(Value::to_string).unwrap_or_default().into());
    let request = request.body::<Full<Bytes>>(body).map_err(|e| not_understood(e.into()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| not_understood(e.into()))?;
    let driven = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|e| not_understood(e.into()))?;
    let status = response.status();
    let body = http_body_util::Limited::new(response.into_body(), LARGEST_ANSWER);
    let bytes = body.collect().await.map_err(not_understood)?.to_bytes();
    driven.abort();
    Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
}
