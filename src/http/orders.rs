//! The operator's orders over HTTP: each is on record before it is answered, and a pass that heeds it
//! follows.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use reconciler::ids::CommitId;
use reconciler::orders::{Command, Word};
use reconciler::record::Evidence;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Service;
use super::api::{Asked, Caller, MayChange, Wait};
use super::error::Problem;
use super::limits::BodyError;

/// The largest body of an order, in bytes.
const BODY: usize = 16 << 10;

/// An order: who gives it, whether the pass after it is waited for, and what is said.
pub(super) struct Given<T> {
    word: Word,
    wait: bool,
    said: T,
}

impl<T: DeserializeOwned + Reasoned> FromRequest<Arc<Service>> for Given<T> {
    type Rejection = Problem;

    /// Nobody's body is read before it is known that they may change something.
    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Problem> {
        let (mut head, body) = request.into_parts();
        MayChange::from_request_parts(&mut head, service).await?;
        let Asked(Wait { wait, force }) = Asked::from_request_parts(&mut head, service).await?;
        let Caller(actor) = Caller::of(&head);
        let read = service.bodies.read(body, BODY, service.limits.patience, false).await;
        let bytes = read.map_err(not_read)?.bytes;
        // An order that says nothing more needs no body.
        let text = if bytes.is_empty() { b"{}".as_slice() } else { &bytes };
        let mut said: T = serde_json::from_slice(text).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the body is not the JSON that was expected: {error}"),
            )
        })?;
        let word = Word { actor, reason: said.reason(), force };
        Ok(Self { word, wait, said })
    }
}

fn not_read(error: BodyError) -> Problem {
    match error {
        BodyError::TooLarge => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over {BODY} bytes"))
        }
        BodyError::TooSlow => Problem::too_slow(),
        BodyError::NoRoom => Problem::unavailable("too many requests at once; send it again").after(10),
        BodyError::Broken => Problem::new(StatusCode::BAD_REQUEST, "the body broke off"),
    }
}

/// What may say why.
pub(super) trait Reasoned {
    /// Why, taken out of it.
    fn reason(&mut self) -> Option<String>;
}

/// A revision, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revision {
    revision: String,
    reason: Option<String>,
}

/// How long, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pause {
    #[serde(rename = "for")]
    lasting: Option<String>,
    reason: Option<String>,
}

/// Why, and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {
    reason: Option<String>,
}

impl Reasoned for Revision {
    fn reason(&mut self) -> Option<String> {
        self.reason.take()
    }
}

impl Reasoned for Pause {
    fn reason(&mut self) -> Option<String> {
        self.reason.take()
    }
}

impl Reasoned for Nothing {
    fn reason(&mut self) -> Option<String> {
        self.reason.take()
    }
}

impl Reasoned for Evidence {
    fn reason(&mut self) -> Option<String> {
        None
    }
}

/// `POST /confirm {"revision"}`: the commit that waits may be applied.
pub(super) async fn confirm(
    State(service): State<Arc<Service>>,
    given: Given<Revision>,
) -> Result<Response, Problem> {
    let Given { word, wait, said: Revision { revision, .. } } = given;
    let taken = service.daemon.command(Command::Confirm { revision }, word).await?;
    let commit = taken.orders.confirmed.as_ref().map(|confirmed| confirmed.commit);
    answer(taken, wait, commit).await
}

/// `POST /rollback {"revision"}`: a revision is served again, and stays.
pub(super) async fn rollback(
    State(service): State<Arc<Service>>,
    given: Given<Revision>,
) -> Result<Response, Problem> {
    let Given { word, wait, said: Revision { revision, .. } } = given;
    let taken = service.daemon.command(Command::Rollback { revision }, word).await?;
    let commit = taken.orders.pinned.as_ref().map(|pin| pin.commit);
    answer(taken, wait, commit).await
}

/// `POST /resume`: suspension and pin are over.
pub(super) async fn resume(
    State(service): State<Arc<Service>>,
    given: Given<Nothing>,
) -> Result<Response, Problem> {
    let taken = service.daemon.command(Command::Resume, given.word).await?;
    answer(taken, given.wait, None).await
}

/// `POST /suspend {"for", "reason"}`: answered with what stands then.
pub(super) async fn suspend(
    State(service): State<Arc<Service>>,
    given: Given<Pause>,
) -> Result<Response, Problem> {
    let lasting = given.said.lasting.as_deref().map(duration).transpose()?;
    let taken = service.daemon.command(Command::Suspend { lasting }, given.word).await?;
    Ok(Json(json!({ "suspended": taken.orders.suspended })).into_response())
}

/// `POST /audit/project {"seq", "hash"}`: the projection of the audit is made again over what disagrees
/// there, and over nothing else.
pub(super) async fn reproject(
    State(service): State<Arc<Service>>,
    given: Given<Evidence>,
) -> Result<Response, Problem> {
    let taken = service.daemon.command(Command::Reproject { evidence: given.said }, given.word).await?;
    answer(taken, given.wait, None).await
}

fn duration(text: &str) -> Result<Duration, Problem> {
    let parsed = humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero());
    parsed.ok_or_else(|| {
        let detail = "`for` is not a duration such as `90s`, `5m` or `1h30m`";
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
}

/// With `?wait=true` the report of the pass that heeds the order; else that it is on record, and for
/// which commit.
pub(super) async fn answer(
    taken: crate::daemon::Taken,
    wait: bool,
    revision: Option<CommitId>,
) -> Result<Response, Problem> {
    if wait {
        let report = taken.report().await?;
        return Ok(Json(&*report).into_response());
    }
    let mut body = json!({ "pass": null });
    if let Some(revision) = revision {
        body["revision"] = json!(revision);
    }
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}
