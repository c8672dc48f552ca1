//! GitHub: `X-Hub-Signature-256` over the raw body, `X-GitHub-Event`, and an `X-GitHub-Delivery` that
//! stays the same when a delivery is sent again.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use axum::http::HeaderMap;
use serde::Deserialize;

use super::authenticity::{Proof, from_hex};
use super::delivery::{self, Delivery, Event, Malformed, NoProof, Push};

pub(super) fn proof(headers: &HeaderMap) -> Result<Proof, NoProof> {
    match headers.get("x-hub-signature-256") {
        None => Err("the X-Hub-Signature-256 header is missing; give the forge the secret".to_owned()),
        Some(value) => signature(value.as_bytes())
            .ok_or_else(|| "X-Hub-Signature-256 is not `sha256=` and 64 hexadecimal digits".to_owned()),
    }
}

/// `sha256=` and the digits.
pub(super) fn signature(header: &[u8]) -> Option<Proof> {
    from_hex(header.strip_prefix(b"sha256=")?).map(Proof::Signature)
}

pub(super) fn delivery(headers: &HeaderMap, payload: &[u8]) -> Result<Delivery, Malformed> {
    let event = delivery::wanted(headers, &["x-github-event"])?;
    let id = delivery::header(headers, "x-github-delivery")?;
    told(id, event, payload)
}

/// What an event says in GitHub's form, which Gitea and Forgejo share.
pub(super) fn told(id: Option<String>, event: String, payload: &[u8]) -> Result<Delivery, Malformed> {
    if event != "push" {
        return delivery::other(id, event, payload);
    }
    let pushed: Pushed = delivery::of_push(payload)?;
    Ok(Delivery { id, event: Event::Push(pushed.into()) })
}

#[derive(Deserialize)]
struct Pushed {
    #[serde(rename = "ref")]
    reference: String,
    repository: Repository,
}

#[derive(Deserialize)]
struct Repository {
    clone_url: Option<String>,
    ssh_url: Option<String>,
    html_url: Option<String>,
    default_branch: Option<String>,
}

impl From<Pushed> for Push {
    fn from(pushed: Pushed) -> Self {
        let of = pushed.repository;
        Self {
            addresses: [of.clone_url, of.ssh_url, of.html_url].into_iter().flatten().collect(),
            references: vec![pushed.reference],
            default_branch: of.default_branch,
        }
    }
}
