//! How HTTP leaves this machine: by which proxy, and whose certificates are believed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use url::Url;

mod no_answer;

pub use no_answer::NoAnswer;

/// Forges look for `git/` in it.
const USER_AGENT: &str = concat!("git/skill-sync-", env!("CARGO_PKG_VERSION"));

/// How HTTP leaves this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The certificate authorities that are believed instead of the built-in list (PEM), read at each use.
    pub ca_file: Option<PathBuf>,
    /// By which proxy, if any.
    pub proxies: Proxies,
}

/// Proxies by the scheme that they are for, as the standard variables name them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxies {
    https: Option<String>,
    http: Option<String>,
    direct: Vec<String>,
}

/// Says why a text names no proxy. The text may hold a password and is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a proxy such as http://proxy:3128 or http://user:password@proxy:3128")]
pub struct ProxyError;

/// Says why the operator's certificate authorities cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificate authorities in {}, which CA_FILE names, cannot be used: {detail}", path.display())]
pub struct CaError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub detail: String,
}

/// The way to one server.
#[derive(Debug, Clone)]
pub struct Way {
    /// What sends: it follows no redirect, and no status is an error.
    pub agent: Agent,
    /// By which proxy it goes, as it may be shown.
    proxy: Option<String>,
}

impl Way {
    /// Why a request on this way got no answer.
    pub fn failed(&self, error: &ureq::Error) -> NoAnswer {
        NoAnswer::of(error, self.proxy.as_deref())
    }
}

impl Proxies {
    /// Checks that a text names a proxy that we can use.
    ///
    /// # Errors
    /// What is no `http://` or `https://` URL with a host.
    pub fn check(text: &str) -> Result<String, ProxyError> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let is_http = with_scheme.starts_with("http://") || with_scheme.starts_with("https://");
        match ureq::Proxy::new(&with_scheme) {
            Ok(proxy) if is_http && !proxy.host().is_empty() => Ok(with_scheme),
            _ => Err(ProxyError),
        }
    }

    /// The proxies for `https://` and `http://`, each as [`check`](Self::check) gave it, and the hosts that
    /// are reached without one: names, with all below them, addresses, or `*`, separated by commas.
    pub fn new(https: Option<String>, http: Option<String>, direct: &str) -> Self {
        let hosts = direct.split(',').map(|host| host.trim().to_ascii_lowercase());
        Self { https, http, direct: hosts.filter(|host| !host.is_empty()).collect() }
    }

    /// The proxy for a URL.
    fn of(&self, url: &Url) -> Option<&str> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        proxy.as_deref().filter(|_| !self.is_direct(url))
    }

    /// As curl does: a name means itself and all below it, with a leading dot or without.
    fn is_direct(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let port = url.port_or_known_default().map(|port| port.to_string()).unwrap_or_default();
        self.direct.iter().any(|entry| {
            let whole = entry.trim_matches(['[', ']']) == host;
            let (name, of_port) = match entry.rsplit_once(':') {
                Some((name, digits)) if !name.contains(':') => (name, digits == port),
                _ => (entry.as_str(), true),
            };
            let name = name.trim_start_matches('*').trim_start_matches('.');
            entry == "*" || whole || of_port && (name == host || host.ends_with(&format!(".{name}")))
        })
    }
}

impl Route {
    /// The way to a URL.
    ///
    /// # Errors
    /// Where `CA_FILE` cannot be read, or holds no certificate.
    pub fn to(&self, url: &Url) -> Result<Way, CaError> {
        let proxy = self.proxies.of(url).and_then(|proxy| ureq::Proxy::new(proxy).ok());
        let shown = proxy.as_ref().map(|proxy| format!("{}:{}", proxy.host(), proxy.port()));
        let roots = match &self.ca_file {
            Some(path) => RootCerts::Specific(Arc::new(authorities(path)?)),
            None => RootCerts::WebPki,
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .proxy(proxy)
            .build()
            .into();
        Ok(Way { agent, proxy: shown })
    }
}

fn authorities(path: &Path) -> Result<Vec<Certificate<'static>>, CaError> {
    let failed = |detail: String| CaError { path: path.to_owned(), detail };
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let mut authorities = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(authority) = item.map_err(|error| failed(error.to_string()))? {
            authorities.push(authority);
        }
    }
    if authorities.is_empty() {
        return Err(failed("there is no certificate in PEM form in it".to_owned()));
    }
    Ok(authorities)
}

impl fmt::Debug for Proxies {
    /// A proxy's URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").field("direct", &self.direct).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(direct: &str, url: &str) -> Option<String> {
        let proxies = Proxies::new(Some("http://one:1".into()), Some("http://two:2".into()), direct);
        proxies.of(&Url::parse(url).unwrap()).map(str::to_owned)
    }

    #[test]
    fn each_scheme_has_its_proxy_and_some_hosts_have_none() {
        assert_eq!(proxy("", "https://h.example/r").as_deref(), Some("http://one:1"));
        assert_eq!(proxy("", "http://h.example/r").as_deref(), Some("http://two:2"));
        for direct in ["*", "h.example", "example", ".example", "*.example", "x, H.Example", "h.example:443"]
        {
            assert_eq!(proxy(direct, "https://h.example/r"), None, "{direct}");
        }
        for through in ["h.example:80", "g.example", "ample", "other.h.example"] {
            assert!(proxy(through, "https://h.example/r").is_some(), "{through}");
        }
        assert_eq!(proxy("127.0.0.1,::1", "http://[::1]:3000/r"), None);
        assert_eq!(proxy("127.0.0.1,::1", "http://127.0.0.1:3000/r"), None);
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_no_password_is_shown() {
        for wrong in ["socks5://h:1", "http://", "ftp://h", "", "a b"] {
            assert_eq!(Proxies::check(wrong), Err(ProxyError), "{wrong}");
        }
        assert_eq!(Proxies::check("proxy:3128").as_deref(), Ok("http://proxy:3128"));
        let proxies = Proxies::new(Some("http://u:s3cret@h:1".into()), None, "x");
        assert!(!format!("{proxies:?}").contains("s3cret"));
    }
}
