//! `POST /webhook/<forge>`: a push wakes us up. It carries no content, and is trusted for none.
//!
//! Limit → authenticity → event → ours? → trigger. What costs little is checked first, and nobody's body
//! is read who did not at least try to sign it. One file for each forge says how it signs and what it
//! sends; the rest is the same for all.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Service;
use super::auth::Peer;
use super::error::Problem;
use super::limits::BodyError;
use crate::daemon::Delivered;
use crate::forge::Forge;
use crate::metrics::WebhookResult;

mod authenticity;
mod bitbucket;
mod delivery;
mod followed;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gitea;
mod github;
mod gitlab;

use authenticity::Proof;
use delivery::{Delivery, Event};
pub(crate) use followed::Followed;

/// What became of a call.
enum Answer {
    Accepted { reference: String },
    Ignored { why: String },
    Refused(WebhookResult, Problem),
}

impl Answer {
    fn result(&self) -> WebhookResult {
        match self {
            Self::Accepted { .. } => WebhookResult::Accepted,
            Self::Ignored { .. } => WebhookResult::Ignored,
            Self::Refused(result, _) => *result,
        }
    }

    fn ignored(why: impl Into<String>) -> Self {
        Self::Ignored { why: why.into() }
    }

    fn malformed(detail: impl Into<String>) -> Self {
        Self::Refused(WebhookResult::Malformed, Problem::new(StatusCode::BAD_REQUEST, detail))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Accepted { reference } => {
                (StatusCode::ACCEPTED, Json(json!({ "accepted": reference }))).into_response()
            }
            Self::Ignored { why } => Json(json!({ "ignored": why })).into_response(),
            Self::Refused(_, problem) => problem.into_response(),
        }
    }
}

/// Answers a delivery of a forge.
pub(super) async fn deliver(forge: Forge, State(service): State<Arc<Service>>, request: Request) -> Response {
    let answer = answer(&service, forge, request).await.unwrap_or_else(|refused| refused);
    service.metrics.webhook(answer.result());
    answer.into_response()
}

async fn answer(service: &Service, forge: Forge, request: Request) -> Result<Answer, Answer> {
    let (head, body) = request.into_parts();
    let peer = head.extensions.get::<Peer>().copied();
    let proof = check_head(service, forge, peer, &head.headers)?;
    let form = is_form(forge, &head.headers)?;
    check_announced(service, &body, &head.headers)?;
    let secrets = read_secrets(service).await?;
    let body = read_body(service, peer, body).await?;
    let Some(payload) = verified(&secrets, &proof, &body.bytes, form) else {
        return Err(unsigned(
            service,
            peer,
            "the signature or token is not one of the secret here for this body",
        ));
    };
    let payload = payload.ok_or_else(|| Answer::malformed("the form has no `payload` field"))?;
    let delivery = delivery::read(forge, &head.headers, &payload).map_err(Answer::malformed)?;
    // The room is for bodies that await their HMAC: what was signed holds none of it any longer.
    drop(payload);
    drop(body);
    decide(service, delivery).await
}

/// 503 without a secret, 401 (or 429) without a proof of the right form; nothing was read yet.
fn check_head(
    service: &Service,
    forge: Forge,
    peer: Option<Peer>,
    headers: &HeaderMap,
) -> Result<Proof, Answer> {
    if service.webhook_secrets.is_none() {
        let problem =
            Problem::unavailable("no GITHUB_WEBHOOK_SECRET is configured; set it here and at the forge");
        return Err(Answer::Refused(WebhookResult::Unavailable, problem));
    }
    delivery::proof(forge, headers).map_err(|why| unsigned(service, peer, &why))
}

fn unsigned(service: &Service, peer: Option<Peer>, detail: &str) -> Answer {
    if service.strikes.strike(peer.and_then(Peer::ip)) {
        let problem =
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many calls that were not signed").after(60);
        return Answer::Refused(WebhookResult::Limited, problem);
    }
    Answer::Refused(WebhookResult::Unsigned, Problem::new(StatusCode::UNAUTHORIZED, detail))
}

/// Whether the payload is in a form field; 415 where it is neither that nor JSON.
fn is_form(forge: Forge, headers: &HeaderMap) -> Result<bool, Answer> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(false),
        "application/x-www-form-urlencoded" if delivery::sends_forms(forge) => Ok(true),
        _ => {
            let also =
                if delivery::sends_forms(forge) { " or application/x-www-form-urlencoded" } else { "" };
            let problem =
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("send application/json{also}"));
            Err(Answer::Refused(WebhookResult::Refused, problem))
        }
    }
}

fn check_announced(service: &Service, body: &Body, headers: &HeaderMap) -> Result<(), Answer> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let bytes = announced.unwrap_or_else(|| body.size_hint().lower());
    let limit = u64::try_from(service.limits.webhook_body).unwrap_or(u64::MAX);
    if bytes > limit { Err(too_large(service)) } else { Ok(()) }
}

fn too_large(service: &Service) -> Answer {
    let megabytes = service.limits.webhook_body >> 20;
    let detail = format!("the body is over {megabytes} MB, which is the most that a forge sends");
    Answer::Refused(WebhookResult::Refused, Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
}

async fn read_secrets(service: &Service) -> Result<Vec<String>, Answer> {
    let unavailable = || {
        let problem = Problem::unavailable("GITHUB_WEBHOOK_SECRET cannot be read; the log says why");
        Answer::Refused(WebhookResult::Unavailable, problem)
    };
    let source = service.webhook_secrets.as_ref().ok_or_else(unavailable)?;
    match source.read().await {
        Ok(secrets) if !secrets.is_empty() => Ok(secrets),
        Ok(_) => Err(unavailable()),
        Err(why) => {
            tracing::error!(%why, "GITHUB_WEBHOOK_SECRET cannot be read; webhooks are refused");
            Err(unavailable())
        }
    }
}

async fn read_body(service: &Service, peer: Option<Peer>, body: Body) -> Result<super::limits::Held, Answer> {
    let suspect = service.strikes.is_suspect(peer.and_then(Peer::ip));
    let limits = &service.limits;
    let read = service.bodies.read(body, limits.webhook_body, limits.patience, suspect).await;
    read.map_err(|error| match error {
        BodyError::TooLarge => too_large(service),
        BodyError::TooSlow => Answer::Refused(WebhookResult::Refused, Problem::too_slow()),
        BodyError::NoRoom => Answer::Refused(
            WebhookResult::Unavailable,
            Problem::unavailable("too many deliveries at once; send it again").after(10),
        ),
        BodyError::Broken => Answer::malformed("the body broke off"),
    })
}

/// The JSON of a body that was signed with one of the secrets (the inner option: where the form has
/// a payload); none where it was not.
///
/// GitHub signs the raw body. Gitea signs, of a form, the payload that is in it.
fn verified<'a>(
    secrets: &[String],
    proof: &Proof,
    body: &'a [u8],
    form: bool,
) -> Option<Option<Cow<'a, [u8]>>> {
    let raw = proof.holds(secrets, body);
    if !form {
        return raw.then_some(Some(Cow::Borrowed(body)));
    }
    let payload = form_urlencoded::parse(body)
        .find(|(name, _)| name == "payload")
        .map(|(_, payload)| Cow::Owned(payload.into_owned().into_bytes()));
    let signed = raw || payload.as_ref().is_some_and(|payload| proof.holds(secrets, payload));
    signed.then_some(payload)
}

async fn decide(service: &Service, delivery: Delivery) -> Result<Answer, Answer> {
    let Delivery { id, event } = delivery;
    let push = match event {
        Event::Push(push) => push,
        Event::Other(event) => return Ok(Answer::ignored(format!("the event `{event}` is no push"))),
    };
    let resolved = service.daemon.view().served.reference.clone();
    let reference = match service.followed.ours(&push, resolved.as_deref()) {
        Ok(reference) => reference.to_owned(),
        Err(why) => return Ok(Answer::ignored(why)),
    };
    if let Some(id) = &id
        && service.was_delivered(id.clone()).await
    {
        return Ok(Answer::ignored("this delivery was fetched before"));
    }
    let claim = push.claim(&reference, id.as_deref());
    match service.daemon.deliver(Delivered { id, claim }).await {
        Ok(()) => Ok(Answer::Accepted { reference }),
        Err(stopped) => Err(Answer::Refused(WebhookResult::Unavailable, stopped.into())),
    }
}

#[cfg(test)]
mod tests;
