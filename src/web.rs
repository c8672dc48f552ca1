//! What we send to others: one request and its answer, with limits, and never on to somewhere else.

use std::fmt;
use std::time::Duration;

use reconciler::ids::Timestamp;
use reconciler::report::Remedy;
use reconciler::source::{CaError, NoAnswer, Route, Way, is_readable_on_the_way, retry_after};
use serde_json::Value;
use ureq::http::{self, HeaderMap, Response};
use ureq::{AsSendBody, Body};
use url::Url;

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
        let is_web = matches!(url.scheme(), "http" | "https");
        if !is_web || !url.username().is_empty() || url.password().is_some() {
            return Err(expected.to_owned());
        }
        if is_readable_on_the_way(&url) && !insecure {
            return Err("encrypted; use https://, or allow this with INSECURE_HTTP=true".to_owned());
        }
        Ok(Self(url))
    }

    /// Its host.
    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The address itself, likewise.
    pub(crate) fn url(&self) -> &Url {
        &self.0
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

/// Says why there is no answer. It does not name the address: that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebError {
    /// The operator's authorities cannot be used.
    #[error(transparent)]
    Authorities(#[from] CaError),
    /// It took too long.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    /// Whatever else came between.
    #[error(transparent)]
    NoAnswer(NoAnswer),
    /// An answer without an end.
    #[error("the answer is over {} MiB", MAX_ANSWER >> 20)]
    TooLarge,
    /// A request that cannot be sent.
    #[error("what was to be sent is not HTTP")]
    Malformed,
}

impl WebError {
    /// Whether it may work later without anybody doing something.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Authorities(_) | Self::Malformed => false,
            Self::Timeout | Self::TooLarge => true,
            Self::NoAnswer(why) => why.remedy() != Remedy::Person,
        }
    }
}

/// Sends requests, by the way that leads out of here. It follows no redirect and keeps no cookie.
#[derive(Debug, Clone)]
pub(crate) struct Web(Route);

impl Web {
    /// One that has sent nothing yet.
    pub(crate) fn new(route: Route) -> Self {
        Self(route)
    }

    /// Sends one and waits for the answer.
    ///
    /// # Errors
    /// Where there is none that can be read.
    pub(crate) fn send(&self, request: &Request) -> Result<Answer, WebError> {
        let way = self.0.to(&Url::parse(&request.url).map_err(|_| WebError::Malformed)?)?;
        let told = |error: ureq::Error| match error {
            ureq::Error::BodyExceedsLimit(_) => WebError::TooLarge,
            ureq::Error::Http(_) | ureq::Error::BadUri(_) => WebError::Malformed,
            error => match way.failed(&error) {
                NoAnswer::Timeout => WebError::Timeout,
                why => WebError::NoAnswer(why),
            },
        };
        let answer = exchange(&way, request).map_err(told)?;
        let (status, retry_after) = (answer.status().as_u16(), pause(answer.headers()));
        let body = answer.into_body().into_with_config().limit(MAX_ANSWER).read_to_vec().map_err(told)?;
        Ok(Answer { status, body, retry_after })
    }
}

fn exchange(way: &Way, request: &Request) -> Result<Response<Body>, ureq::Error> {
    let begun = http::Request::builder().method(request.method).uri(&request.url);
    let headed = request.headers.iter().fold(begun, |begun, (name, value)| begun.header(*name, value));
    let headed = headed.header("user-agent", USER_AGENT);
    match &request.body {
        None => run(way, headed.body(())?),
        Some(body) => run(way, headed.header("content-type", "application/json").body(body.to_string())?),
    }
}

fn run(way: &Way, request: http::Request<impl AsSendBody>) -> Result<Response<Body>, ureq::Error> {
    let timed = way.agent.configure_request(request).timeout_global(Some(TIMEOUT)).build();
    way.agent.run(timed)
}

fn pause(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers.get("retry-after")?.to_str().ok()?, Timestamp::now())
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
        let error = Web::new(Route::default()).send(&request).expect_err("nobody listens").to_string();
        assert!(
            error.starts_with("no connection: Connection refused") && !error.contains("s3cret"),
            "{error}"
        );
    }
}
