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
use super::delivery::{self, Delivery, Event, Malformed, NoProof, Push, Pusher};
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
    actor: Option<CloudActor>,
}

#[derive(Default, Deserialize)]
struct CloudActor {
    display_name: Option<String>,
    nickname: Option<String>,
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
    target: Option<CloudTarget>,
}

#[derive(Deserialize)]
struct CloudTarget {
    hash: Option<String>,
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
        let changes = pushed.push.changes;
        let now = |change: &CloudChange| change.new.as_ref()?.target.as_ref()?.hash.clone();
        let named = changes.iter().filter_map(|change| {
            let tip = change.new.as_ref().or(change.old.as_ref())?;
            Some((tip.reference(), now(change)))
        });
        let (references, tips) = named.unzip();
        let CloudActor { display_name, nickname } = pushed.actor.unwrap_or_default();
        Self {
            addresses: vec![pushed.repository.links.html.href],
            references,
            tips,
            default_branch: None,
            pusher: Pusher::new(display_name, nickname),
        }
    }
}

#[derive(Deserialize)]
struct ServerPush {
    changes: Vec<ServerChange>,
    repository: ServerRepository,
    actor: Option<ServerActor>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerActor {
    display_name: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct ServerChange {
    #[serde(rename = "ref")]
    reference: ServerReference,
    #[serde(rename = "toHash")]
    to: Option<String>,
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
        let (references, tips) =
            pushed.changes.into_iter().map(|change| (change.reference.id, change.to)).unzip();
        let ServerActor { display_name, name } = pushed.actor.unwrap_or_default();
        Self {
            addresses: pushed.repository.links.clone.into_iter().map(|link| link.href).collect(),
            references,
            tips,
            default_branch: None,
            pusher: Pusher::new(display_name, name),
        }
    }
}
