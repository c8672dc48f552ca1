//! GitLab: the secret token itself in `X-Gitlab-Token`, or, where the webhook has a signing token, the
//! signature of Standard Webhooks.
//!
//! <https://docs.gitlab.com/user/project/integrations/webhooks/>. The id is the same when a delivery is
//! sent again. The test is a push of the last commit.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::authenticity::Proof;
use super::delivery::{self, Delivery, Event, Malformed, NoProof, Push};

/// The ids that it may send, the steadiest first.
const IDS: [&str; 3] = ["webhook-id", "idempotency-key", "x-gitlab-event-uuid"];

/// A signature says more than a token: where there is one, it is what counts.
pub(super) fn proof(headers: &HeaderMap) -> Result<Proof, NoProof> {
    if let Some(signature) = headers.get("webhook-signature") {
        return standard(headers, signature.as_bytes()).ok_or_else(|| {
            "webhook-id, webhook-timestamp and webhook-signature are not those of a signed delivery"
                .to_owned()
        });
    }
    match headers.get("x-gitlab-token").map(|value| value.as_bytes()) {
        None | Some(b"") => {
            Err("the X-Gitlab-Token header is missing or empty; give the webhook its secret token".to_owned())
        }
        Some(token) => Ok(Proof::Token(token.to_vec())),
    }
}

fn standard(headers: &HeaderMap, signature: &[u8]) -> Option<Proof> {
    let id = delivery::header(headers, "webhook-id").ok()??;
    let at = delivery::header(headers, "webhook-timestamp").ok()??;
    let signatures = std::str::from_utf8(signature).ok()?.split(' ').filter_map(|one| {
        let bytes = STANDARD.decode(one.strip_prefix("v1,")?).ok()?;
        <[u8; 32]>::try_from(bytes).ok()
    });
    let signatures: Vec<_> = signatures.take(8).collect();
    (!signatures.is_empty())
        .then(|| Proof::Standard { before: format!("{id}.{at}.").into_bytes(), signatures })
}

pub(super) fn delivery(headers: &HeaderMap, payload: &[u8]) -> Result<Delivery, Malformed> {
    let event = delivery::wanted(headers, &["x-gitlab-event"])?;
    let id = delivery::first_of(headers, &IDS)?;
    // A system hook has one name for everything; what it is stands in the payload.
    let pushed = match event.as_str() {
        "Push Hook" | "Tag Push Hook" => true,
        "System Hook" => delivery::of_push::<Named>(payload)?.is_push(),
        _ => false,
    };
    if !pushed {
        return delivery::other(id, event, payload);
    }
    let pushed: Pushed = delivery::of_push(payload)?;
    Ok(Delivery { id, event: Event::Push(pushed.into()) })
}

#[derive(Deserialize)]
struct Named {
    event_name: Option<String>,
}

impl Named {
    fn is_push(&self) -> bool {
        matches!(self.event_name.as_deref(), Some("push" | "tag_push"))
    }
}

#[derive(Deserialize)]
struct Pushed {
    #[serde(rename = "ref")]
    reference: String,
    project: Project,
}

#[derive(Deserialize)]
struct Project {
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
    web_url: Option<String>,
    default_branch: Option<String>,
}

impl From<Pushed> for Push {
    fn from(pushed: Pushed) -> Self {
        let of = pushed.project;
        Self {
            addresses: [of.git_http_url, of.git_ssh_url, of.web_url].into_iter().flatten().collect(),
            references: vec![pushed.reference],
            default_branch: of.default_branch,
        }
    }
}
