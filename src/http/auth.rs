//! Who may ask for what.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, FORWARDED, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reconciler::orders::Actor;
use sha2::Sha256;

use super::error::Problem;

/// Reads a secret where it is now, at each use; the error says why it cannot be read.
#[derive(Clone)]
pub(crate) struct SecretSource<T>(Arc<dyn Fn() -> Result<T, String> + Send + Sync>);

impl<T: Send + 'static> SecretSource<T> {
    /// A secret that `read` reads.
    pub(crate) fn new(read: impl Fn() -> Result<T, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Reads it off the async threads: the file may be on a file system that hangs.
    pub(super) async fn read(&self) -> Result<T, String> {
        let read = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || read()).await {
            Ok(secret) => secret,
            Err(_) => Err("reading the secret was given up".to_owned()),
        }
    }
}

impl<T> fmt::Debug for SecretSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretSource(hidden)")
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Somebody on the network.
    Network(SocketAddr),
    /// Our own user, or root, on the control socket: by its id.
    Operator(u32),
}

impl Peer {
    /// The address; none on the control socket.
    pub(crate) fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Network(address) => Some(address.ip().to_canonical()),
            Self::Operator(_) => None,
        }
    }

    /// Who that is in the audit.
    pub(crate) fn actor(self) -> Actor {
        match self {
            Self::Network(_) => Actor::api(),
            Self::Operator(uid) => Actor::cli(uid),
        }
    }

    fn is_loopback(self) -> bool {
        self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It looks.
    Read,
    /// It changes something, or costs a pass.
    Change,
}

/// Lets a request through, or says why not.
///
/// On the control socket everything is allowed. Otherwise the token is what counts; where none is
/// configured, a caller on this machine may look, but nobody may change anything.
///
/// # Errors
/// 401 without a token, 403 with a wrong one or where none is configured, 503 where the configured
/// one cannot be read.
pub(crate) async fn check(
    token: Option<&SecretSource<String>>,
    access: Access,
    request: &Parts,
) -> Result<(), Problem> {
    let peer = request.extensions.get::<Peer>().copied();
    match (peer, token) {
        (Some(Peer::Operator(_)), _) => Ok(()),
        (_, Some(token)) => check_token(token, &request.headers).await,
        (Some(peer), None) if access == Access::Read => check_local(peer, request),
        _ => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "no API_TOKEN is configured, so this is for the control socket only; set API_TOKEN to allow it over HTTP",
        )),
    }
}

async fn check_token(token: &SecretSource<String>, headers: &HeaderMap) -> Result<(), Problem> {
    let given = bearer(headers)
        .ok_or_else(|| Problem::unauthorized("send the token of API_TOKEN as `Authorization: Bearer …`"))?;
    // Why it cannot be read is for the log: it names a path of ours.
    let wanted = token.read().await.map_err(|why| {
        tracing::error!(%why, "API_TOKEN cannot be read; the API is closed");
        Problem::unavailable("API_TOKEN cannot be read; the log says why")
    })?;
    if same(wanted.as_bytes(), given) {
        Ok(())
    } else {
        Err(Problem::new(StatusCode::FORBIDDEN, "the token is not the one of API_TOKEN"))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

/// Compares in a time that tells nothing of either, their lengths included: by their HMACs.
pub(super) fn same(wanted: &[u8], given: &[u8]) -> bool {
    match (keyed(wanted), keyed(given)) {
        (Some(wanted), Some(given)) => wanted.verify(&given.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}

fn keyed(bytes: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"skill-sync bearer token").ok()?;
    mac.update(bytes);
    Some(mac)
}

/// Whether the caller is on this machine, and not a proxy or a browser that speaks for another.
fn check_local(peer: Peer, request: &Parts) -> Result<(), Problem> {
    let refuse = |why: &str| {
        let help = "set API_TOKEN and send it, or ask from this machine";
        Err(Problem::new(StatusCode::FORBIDDEN, format!("{why}, and no API_TOKEN is configured; {help}")))
    };
    if !peer.is_loopback() {
        return refuse("the caller is not on this machine");
    }
    if is_forwarded(&request.headers) {
        return refuse("a proxy speaks for somebody else");
    }
    // A page of another site that resolved its own name to 127.0.0.1 (DNS rebinding) sends that name.
    if !names_loopback(&request.uri, &request.headers) {
        return refuse("the Host header does not name this machine");
    }
    Ok(())
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED)
        || ["x-forwarded-for", "x-forwarded-host", "x-real-ip"].iter().any(|name| headers.contains_key(*name))
}

fn names_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let hosts: Vec<_> = headers.get_all(HOST).iter().collect();
    let [host] = hosts[..] else { return false };
    let host = host.to_str().is_ok_and(is_loopback_name);
    host && uri.authority().is_none_or(|authority| is_loopback_name(authority.as_str()))
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}
