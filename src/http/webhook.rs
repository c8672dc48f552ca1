//! `POST /webhook/github`: a push wakes us up. It carries no content, and is trusted for none.
//!
//! Limit → HMAC → event. What costs little is checked first, and nobody's body is read who did not
//! at least try to sign it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reconciler::source::{Reference, RepoUrl};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use super::Service;
use super::auth::Peer;
use super::error::Problem;
use super::limits::BodyError;
use crate::metrics::WebhookResult;

/// The longest delivery id that is taken, in bytes: GitHub's and Gitea's are UUIDs.
const DELIVERY_ID: usize = 128;

/// Which pushes are ours.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    /// The repository.
    pub url: RepoUrl,
    /// What of it.
    pub reference: Reference,
}

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

/// Answers a delivery.
pub(super) async fn deliver(State(service): State<Arc<Service>>, request: Request) -> Response {
    let answer = answer(&service, request).await.unwrap_or_else(|refused| refused);
    service.metrics.webhook(answer.result());
    answer.into_response()
}

async fn answer(service: &Service, request: Request) -> Result<Answer, Answer> {
    let (head, body) = request.into_parts();
    let peer = head.extensions.get::<Peer>().copied();
    let signature = check_head(service, peer, &head.headers)?;
    let form = is_form(&head.headers)?;
    check_announced(service, &body, &head.headers)?;
    let secrets = read_secrets(service).await?;
    let body = read_body(service, peer, body).await?;
    let Some(payload) = verified(&secrets, &signature, &body.bytes, form) else {
        return Err(unsigned(service, peer, "the signature is not the one of this body"));
    };
    let delivery = Delivery::read(&head.headers, payload.as_deref())?;
    // The room is for bodies that await their HMAC: what was signed holds none of it any longer.
    drop(body);
    decide(service, delivery).await
}

/// 503 without a secret, 401 (or 429) without a signature of the right form; nothing was read yet.
fn check_head(service: &Service, peer: Option<Peer>, headers: &HeaderMap) -> Result<[u8; 32], Answer> {
    if service.webhook_secrets.is_none() {
        let problem =
            Problem::unavailable("no GITHUB_WEBHOOK_SECRET is configured; set it here and at the forge");
        return Err(Answer::Refused(WebhookResult::Unavailable, problem));
    }
    match headers.get("x-hub-signature-256").map(|value| value.as_bytes()) {
        None => Err(unsigned(
            service,
            peer,
            "the X-Hub-Signature-256 header is missing; give the forge the secret",
        )),
        Some(value) => parse_signature(value).ok_or_else(|| {
            unsigned(service, peer, "X-Hub-Signature-256 is not `sha256=` and 64 hexadecimal digits")
        }),
    }
}

fn unsigned(service: &Service, peer: Option<Peer>, detail: &str) -> Answer {
    if service.strikes.strike(peer.and_then(Peer::ip)) {
        let problem =
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many calls that were not signed").after(60);
        return Answer::Refused(WebhookResult::Limited, problem);
    }
    Answer::Refused(WebhookResult::Unsigned, Problem::new(StatusCode::UNAUTHORIZED, detail))
}

fn parse_signature(header: &[u8]) -> Option<[u8; 32]> {
    let hex = std::str::from_utf8(header.strip_prefix(b"sha256=")?).ok()?;
    hex.parse::<reconciler::ids::Digest>().ok().map(|digest| *digest.as_bytes())
}

/// Whether the payload is in a form field; 415 where it is neither that nor JSON.
fn is_form(headers: &HeaderMap) -> Result<bool, Answer> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(false),
        "application/x-www-form-urlencoded" => Ok(true),
        _ => Err(Answer::Refused(
            WebhookResult::Refused,
            Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send application/json or application/x-www-form-urlencoded",
            ),
        )),
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
    let detail = format!("the body is over {megabytes} MB, which is the most that GitHub sends");
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
    signature: &[u8; 32],
    body: &'a [u8],
    form: bool,
) -> Option<Option<Cow<'a, [u8]>>> {
    let raw = is_signed(secrets, signature, body);
    if !form {
        return raw.then_some(Some(Cow::Borrowed(body)));
    }
    let payload = form_urlencoded::parse(body)
        .find(|(name, _)| name == "payload")
        .map(|(_, payload)| Cow::Owned(payload.into_owned().into_bytes()));
    let signed = raw || payload.as_ref().is_some_and(|payload| is_signed(secrets, signature, payload));
    signed.then_some(payload)
}

/// Whether one of the secrets made this signature; the time tells neither which nor how nearly.
fn is_signed(secrets: &[String], signature: &[u8; 32], bytes: &[u8]) -> bool {
    secrets.iter().fold(false, |signed, secret| {
        let verified = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).is_ok_and(|mut mac| {
            mac.update(bytes);
            mac.verify_slice(signature).is_ok()
        });
        signed | verified
    })
}

/// A delivery that was signed.
enum Delivery {
    Push { id: Option<String>, push: Push },
    Other { event: String },
}

/// What of a push is read: the rest of it is not trusted, and not needed.
#[derive(Debug, Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    repository: Repository,
}

#[derive(Debug, Deserialize)]
struct Repository {
    clone_url: Option<String>,
    ssh_url: Option<String>,
    html_url: Option<String>,
    default_branch: Option<String>,
}

impl Delivery {
    fn read(headers: &HeaderMap, payload: Option<&[u8]>) -> Result<Self, Answer> {
        let event = header(headers, "x-github-event")?
            .ok_or_else(|| Answer::malformed("the X-GitHub-Event header is missing"))?;
        let id = header(headers, "x-github-delivery")?;
        let payload = payload.ok_or_else(|| Answer::malformed("the form has no `payload` field"))?;
        if event != "push" {
            // It must be JSON all the same.
            return match serde_json::from_slice::<serde::de::IgnoredAny>(payload) {
                Ok(_) => Ok(Self::Other { event }),
                Err(error) => Err(Answer::malformed(format!("the payload is not JSON: {error}"))),
            };
        }
        match serde_json::from_slice(payload) {
            Ok(push) => Ok(Self::Push { id, push }),
            Err(error) => Err(Answer::malformed(format!("the payload is not that of a push: {error}"))),
        }
    }
}

/// A header of printable ASCII and of a sane length; none where it is not there.
fn header(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Answer> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if !text.is_empty() && text.len() <= DELIVERY_ID => Ok(Some(text.to_owned())),
        _ => Err(Answer::malformed(format!("the {name} header is empty, too long or not text"))),
    }
}

async fn decide(service: &Service, delivery: Delivery) -> Result<Answer, Answer> {
    let (id, push) = match delivery {
        Delivery::Push { id, push } => (id, push),
        Delivery::Other { event } => return Ok(Answer::ignored(format!("the event `{event}` is no push"))),
    };
    let resolved = service.daemon.view().served.reference.clone();
    if let Some(why) = service.followed.ignores(&push, resolved.as_deref()) {
        return Ok(Answer::ignored(why));
    }
    if let Some(id) = &id
        && service.was_delivered(id.clone()).await
    {
        return Ok(Answer::ignored("this delivery was fetched before"));
    }
    match service.daemon.deliver(id).await {
        Ok(()) => Ok(Answer::Accepted { reference: push.reference }),
        Err(stopped) => Err(Answer::Refused(WebhookResult::Unavailable, stopped.into())),
    }
}

impl Followed {
    /// Why a push is not for us; none where it is.
    fn ignores(&self, push: &Push, resolved: Option<&str>) -> Option<String> {
        let of = &push.repository;
        let named = [&of.clone_url, &of.ssh_url, &of.html_url];
        if !named.into_iter().flatten().any(|url| self.url.matches(url)) {
            return Some("another repository".to_owned());
        }
        let pushed = push.reference.as_str();
        let ours = match &self.reference {
            Reference::Head => resolved == Some(pushed) || is_branch(pushed, of.default_branch.as_deref()),
            Reference::Name(name) => {
                is_branch(pushed, Some(name)) || pushed.strip_prefix("refs/tags/") == Some(name)
            }
            Reference::Full(full) => pushed == full,
            // Which of them is in the range is the fetch's to find.
            Reference::Semver(_) => pushed.starts_with("refs/tags/"),
            Reference::Commit(_) => return Some("a commit is followed, which no push changes".to_owned()),
        };
        (!ours).then(|| format!("another ref: `{pushed}`"))
    }
}

fn is_branch(pushed: &str, name: Option<&str>) -> bool {
    name.is_some() && pushed.strip_prefix("refs/heads/") == name
}
