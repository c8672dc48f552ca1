//! What we send to others: one request and its answer, with limits, and never on to somewhere else.

use std::fmt;
use std::time::Duration;

use reconciler::ids::Timestamp;
use reconciler::source::retry_after;
use serde_json::Value;
use ureq::http::{self, HeaderMap, Response};
use ureq::{Agent, Body};
use url::{Host, Url};

#[cfg(test)]
pub(crate) mod testing;

/// How long a request and its answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The most of an answer that is read: a list of a hundred webhooks is a tenth of it.
const MAX_ANSWER: u64 = 2 << 20;

const USER_AGENT: &str = concat!("skill-sync/", env!("CARGO_PKG_VERSION"));

/// An address that we send to. Its text may be a credential: nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(Url);

impl Address {
    /// Takes `https://`, and `http://` where nobody can listen (this machine) or `insecure` allows it.
    ///
    /// # Errors
    /// What was expected instead, as the end of a sentence that begins with "is not".
    pub(crate) fn parse(text: &str, insecure: bool) -> Result<Self, String> {
        let expected = "an address such as `https://host/path`, without a user in it";
        let url = Url::parse(text.trim()).map_err(|_| expected.to_owned())?;
        let plain = url.scheme() == "http";
        if !(plain || url.scheme() == "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(expected.to_owned());
        }
        if plain && !insecure && !is_loopback(&url) {
            return Err("encrypted; use https://, or allow this with INSECURE_HTTP=true".to_owned());
        }
        Ok(Self(url))
    }

    /// Its host.
    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The text, for where it is no secret and for the request itself.
    pub(crate) fn expose(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(hidden)")
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    /// Such as `POST`.
    pub method: &'static str,
    /// Where to, whole.
    pub url: String,
    /// Headers besides those that every request has.
    pub headers: Vec<(&'static str, String)>,
    /// JSON to send.
    pub body: Option<Value>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// How long the server asks us to stay away.
    pub retry_after: Option<Duration>,
}

/// Says why there is no answer. It names no address: that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebError {
    /// It took too long.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    /// The host has no address.
    #[error("the host's name has no address")]
    Dns,
    /// No connection, or one that broke.
    #[error("no connection: {0}")]
    Connection(std::io::ErrorKind),
    /// The other side is not who it must be.
    #[error("the server's certificate cannot be trusted")]
    Certificate,
    /// An answer without an end.
    #[error("the answer is over {} MiB", MAX_ANSWER >> 20)]
    TooLarge,
    /// A request or an answer that is not HTTP.
    #[error("what was sent or answered is not HTTP")]
    Protocol,
}

/// Sends requests. It follows no redirect, knows no proxy, and keeps no cookie.
#[derive(Debug, Clone)]
pub(crate) struct Web(Agent);

impl Web {
    /// One that has sent nothing yet.
    pub(crate) fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(TIMEOUT))
            .user_agent(USER_AGENT)
            .proxy(None);
        Self(config.build().into())
    }

    /// Sends one and waits for the answer.
    ///
    /// # Errors
    /// Where there is none that can be read.
    pub(crate) fn send(&self, request: &Request) -> Result<Answer, WebError> {
        let answer = self.exchange(request)?;
        let (status, retry_after) = (answer.status().as_u16(), pause(answer.headers()));
        let body = answer.into_body().into_with_config().limit(MAX_ANSWER).read_to_vec().map_err(told)?;
        Ok(Answer { status, body, retry_after })
    }

    fn exchange(&self, request: &Request) -> Result<Response<Body>, WebError> {
        let begun = http::Request::builder().method(request.method).uri(&request.url);
        let headed = request.headers.iter().fold(begun, |begun, (name, value)| begun.header(*name, value));
        match &request.body {
            None => self.0.run(headed.body(()).map_err(|_| WebError::Protocol)?),
            Some(body) => {
                let headed = headed.header("content-type", "application/json");
                self.0.run(headed.body(body.to_string()).map_err(|_| WebError::Protocol)?)
            }
        }
        .map_err(told)
    }
}

fn pause(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers.get("retry-after")?.to_str().ok()?, Timestamp::now())
}

fn told(error: ureq::Error) -> WebError {
    let text = error.to_string();
    match error {
        ureq::Error::Timeout(_) => WebError::Timeout,
        ureq::Error::HostNotFound => WebError::Dns,
        ureq::Error::BodyExceedsLimit(_) => WebError::TooLarge,
        _ if text.contains("certificate") => WebError::Certificate,
        _ if text.contains("failed to lookup address") => WebError::Dns,
        ureq::Error::Io(error) => WebError::Connection(error.kind()),
        _ => WebError::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_can_read_on_the_way_is_an_address() {
        for good in ["https://h/x", "http://127.0.0.1:9/x", "http://[::1]/", "http://localhost/x"] {
            assert!(Address::parse(good, false).is_ok(), "{good}");
        }
        for bad in ["", "h/x", "ftp://h", "https://user:secret@h/x", "http://example.org/x"] {
            assert!(Address::parse(bad, false).is_err(), "{bad}");
        }
        assert!(Address::parse("http://example.org/x", true).is_ok());
        let error = Address::parse("http://example.org/x", false).expect_err("anyone could listen");
        assert!(error.contains("https://") && error.contains("INSECURE_HTTP"), "{error}");
    }

    #[test]
    fn an_address_is_never_printed() {
        let address = Address::parse("https://hooks.example/services/T0/B0/s3cret", false).expect("one");
        assert_eq!(format!("{address:?}"), "Address(hidden)");
    }

    #[test]
    fn who_does_not_answer_is_told_without_the_address() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = closed.local_addr().expect("its address").port();
        drop(closed);
        let url = format!("http://127.0.0.1:{port}/s3cret");
        let request = Request { method: "GET", url, headers: Vec::new(), body: None };
        let error = Web::new().send(&request).expect_err("nobody listens").to_string();
        assert_eq!(error, "no connection: connection refused");
    }
}
