//! Gitea and Forgejo: a bare hexadecimal HMAC over the raw body (of a form: over the payload in it), and
//! GitHub's payload.
//!
//! A delivery that is sent again has a new id. There is no ping: the test is a push, made up or of the
//! last commit, and brings a pass that finds nothing new. Forgejo sends Gitea's headers beside its own.

use axum::http::HeaderMap;

use super::authenticity::{Proof, from_hex};
use super::delivery::{self, Delivery, Malformed, NoProof};
use super::github;

/// The headers that a forge of this family may use, the ones that are its own first.
pub(super) struct Headers {
    signature: &'static [&'static str],
    event: &'static [&'static str],
    delivery: &'static [&'static str],
}

/// Gitea's.
pub(super) const GITEA: Headers =
    Headers { signature: &["x-gitea-signature"], event: &["x-gitea-event"], delivery: &["x-gitea-delivery"] };

/// Forgejo's.
pub(super) const FORGEJO: Headers = Headers {
    signature: &["x-forgejo-signature", "x-gitea-signature"],
    event: &["x-forgejo-event", "x-gitea-event"],
    delivery: &["x-forgejo-delivery", "x-gitea-delivery"],
};

pub(super) fn proof(headers: &HeaderMap, names: &Headers) -> Result<Proof, NoProof> {
    let own = names.signature.first().copied().unwrap_or_default();
    let found = names.signature.iter().find_map(|name| headers.get(*name));
    match found.map(|value| value.as_bytes()) {
        None | Some(b"") => Err(format!("the {own} header is missing or empty; give the webhook its secret")),
        Some(hex) => from_hex(hex)
            .map(Proof::Signature)
            .ok_or_else(|| format!("the {own} header is not 64 hexadecimal digits")),
    }
}

pub(super) fn delivery(headers: &HeaderMap, payload: &[u8], names: &Headers) -> Result<Delivery, Malformed> {
    let event = delivery::wanted(headers, names.event)?;
    let id = delivery::first_of(headers, names.delivery)?;
    github::told(id, event, payload)
}
