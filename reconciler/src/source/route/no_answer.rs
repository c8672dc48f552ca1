//! Why a request over HTTP got no answer, whoever asked whom.

use std::io;

use crate::report::Remedy;

/// The longest text of somebody else's that is repeated, in characters.
const MAX_FOREIGN: usize = 100;

/// Why there was no answer. Of addresses it names the proxy's alone, without its password: the one that was
/// asked for may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The proxy is away, or refuses.
    #[error(
        "the proxy {proxy} does not let us through: {detail}; correct HTTPS_PROXY (HTTP_PROXY for http://), or name \
         the host in NO_PROXY"
    )]
    Proxy {
        /// Its host and port.
        proxy: String,
        /// What happened.
        detail: String,
        /// Whether it answers, and says no.
        refused: bool,
    },
    /// The time was over.
    #[error("no answer in time")]
    Timeout,
    /// The host's name has no address.
    #[error("the host's name has no address: {0}")]
    Dns(String),
    /// No connection, or one that broke.
    #[error("no connection: {0}")]
    Connection(String),
    /// The other side is not who it must be.
    #[error("its certificate is not trusted: {0}; if it should be, name its authority by CA_FILE")]
    Certificate(String),
    /// What came is not HTTP.
    #[error("what was answered is broken: {0}")]
    Broken(String),
}

impl NoAnswer {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Proxy { refused: true, .. } | Self::Certificate(_) => Remedy::Person,
            _ => Remedy::Retry(None),
        }
    }

    /// Reads an error of a request that went by `proxy`, where there was one.
    pub(super) fn of(error: &ureq::Error, proxy: Option<&str>) -> Self {
        if let Some(failure) = proxy.and_then(|proxy| by_proxy(error, proxy)) {
            return failure;
        }
        match error {
            ureq::Error::Timeout(_) => Self::Timeout,
            ureq::Error::HostNotFound => Self::Dns("it has no address".to_owned()),
            ureq::Error::Io(error) => of_io(error),
            error => of_text(&error.to_string()),
        }
    }
}

/// What a proxy did: it is the one that is connected to, and that looks for the host.
fn by_proxy(error: &ureq::Error, proxy: &str) -> Option<NoAnswer> {
    let failed = |detail, refused| Some(NoAnswer::Proxy { proxy: proxy.to_owned(), detail, refused });
    match error {
        ureq::Error::ConnectProxyFailed(detail) => {
            let refused = ["401", "403", "407"].iter().any(|status| detail.contains(status));
            failed(foreign(detail), refused)
        }
        ureq::Error::HostNotFound => failed("it has no address".to_owned(), false),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            failed(error.to_string(), false)
        }
        _ => None,
    }
}

fn of_io(error: &io::Error) -> NoAnswer {
    let detail = error.to_string();
    // The standard library gives resolver failures no kind of their own.
    if detail.starts_with("failed to lookup address") {
        return NoAnswer::Dns(detail);
    }
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::Other => of_text(&detail),
        _ => NoAnswer::Connection(detail),
    }
}

fn of_text(detail: &str) -> NoAnswer {
    if detail.contains("certificate") {
        NoAnswer::Certificate(foreign(detail))
    } else {
        NoAnswer::Broken(foreign(detail))
    }
}

fn foreign(text: &str) -> String {
    text.chars().take(MAX_FOREIGN).collect()
}
