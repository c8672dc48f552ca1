//! Bitbucket: `X-Hub-Signature` over the raw body and `X-Event-Key`; one delivery for all references of a
//! push.
//!
//! Bitbucket Cloud sends `repo:push` and knows the repository by its page
//! (<https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/>). Data Center sends
//! `repo:refs_changed` with full references and clone addresses, and tests with `diagnostics:ping`.
//! Neither says which branch is the default one.

use axum::http::HeaderMap;
use serde::Deserialize;

use super::authenticity::Proof;
use super::delivery::{self, Delivery, Event, Malformed, NoProof, Push};
use super::github;

/// Cloud's id and Data Center's.
const IDS: [&str; 2] = ["x-request-uuid", "x-request-id"];

pub(super) fn proof(headers: &HeaderMap) -> Result<Proof, NoProof> {
    match headers.get("x-hub-signature") {
        None => Err("the X-Hub-Signature header is missing; give the webhook its secret".to_owned()),
        Some(value) => github::signature(value.as_bytes())
            .ok_or_else(|| "X-Hub-Signature is not `sha256=` and 64 hexadecimal digits".to_owned()),
    }
}

pub(super) fn delivery(headers: &HeaderMap, payload: &[u8]) -> Result<Delivery, Malformed> {
    let event = delivery::wanted(headers, &["x-event-key"])?;
    let id = delivery::first_of(headers, &IDS)?;
    let push = match event.as_str() {
        "repo:push" => delivery::of_push::<CloudPush>(payload)?.into(),
        "repo:refs_changed" => delivery::of_push::<ServerPush>(payload)?.into(),
        _ => return delivery::other(id, event, payload),
    };
    Ok(Delivery { id, event: Event::Push(push) })
}

#[derive(Deserialize)]
struct CloudPush {
    push: CloudChanges,
    repository: CloudRepository,
}

#[derive(Deserialize)]
struct CloudChanges {
    changes: Vec<CloudChange>,
}

/// What was, and what is now: a new branch has no old state, a deleted one no new state.
#[derive(Deserialize)]
struct CloudChange {
    old: Option<CloudTip>,
    new: Option<CloudTip>,
}

#[derive(Deserialize)]
struct CloudTip {
    #[serde(rename = "type")]
    kind: String,
    name: String,
}

#[derive(Deserialize)]
struct CloudRepository {
    links: CloudLinks,
}

#[derive(Deserialize)]
struct CloudLinks {
    html: Link,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

impl CloudTip {
    fn reference(&self) -> String {
        let below = if self.kind == "tag" { "tags" } else { "heads" };
        format!("refs/{below}/{}", self.name)
    }
}

impl From<CloudPush> for Push {
    fn from(pushed: CloudPush) -> Self {
        let tips =
            pushed.push.changes.iter().filter_map(|change| change.new.as_ref().or(change.old.as_ref()));
        Self {
            addresses: vec![pushed.repository.links.html.href],
            references: tips.map(CloudTip::reference).collect(),
            default_branch: None,
        }
    }
}

#[derive(Deserialize)]
struct ServerPush {
    changes: Vec<ServerChange>,
    repository: ServerRepository,
}

#[derive(Deserialize)]
struct ServerChange {
    #[serde(rename = "ref")]
    reference: ServerReference,
}

#[derive(Deserialize)]
struct ServerReference {
    id: String,
}

#[derive(Deserialize)]
struct ServerRepository {
    links: ServerLinks,
}

#[derive(Deserialize)]
struct ServerLinks {
    clone: Vec<Link>,
}

impl From<ServerPush> for Push {
    fn from(pushed: ServerPush) -> Self {
        Self {
            addresses: pushed.repository.links.clone.into_iter().map(|link| link.href).collect(),
            references: pushed.changes.into_iter().map(|change| change.reference.id).collect(),
            default_branch: None,
        }
    }
}
