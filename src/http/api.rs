//! The API's handlers: what is asked for, from the daemon's view and from the record.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use reconciler::ids::SkillId;
use reconciler::orders::{Actor, Command, Word};
use reconciler::record::{AuditRecord, PassRow};
use reconciler::status::Status;
use reconciler::tree::SkillVersion;
use reconciler::trigger::Trigger;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Service;
use super::auth::{self, Access, Peer};
use super::error::Problem;

/// How many rows a page of the history holds where nobody says.
const PAGE: usize = 50;

/// How many rows it holds at most.
const LARGEST_PAGE: usize = 1_000;

/// Proof that the caller may look.
pub(super) struct MayRead;

/// Proof that the caller may change things.
pub(super) struct MayChange;

impl FromRequestParts<Arc<Service>> for MayRead {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        auth::check(service.api_token.as_ref(), Access::Read, parts).await.map(|()| Self)
    }
}

impl FromRequestParts<Arc<Service>> for MayChange {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        auth::check(service.api_token.as_ref(), Access::Change, parts).await.map(|()| Self)
    }
}

/// The rest of a path, as text.
pub(super) struct Named(String);

impl FromRequestParts<Arc<Service>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let named = Path::from_request_parts(parts, service).await;
        named.map(|Path(name)| Self(name)).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the path is not understood: {}", error.body_text()),
            )
        })
    }
}

/// A query that is read into a value; what does not fit is a 400 that says so.
pub(super) struct Asked<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned> FromRequestParts<Arc<Service>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(query)| Self(query)).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the query is not understood: {}", error.body_text()),
            )
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    pub(super) wait: bool,
    /// The pass goes through a closed sync window.
    #[serde(default)]
    pub(super) force: bool,
}

/// What is said with a request for a pass, in its query: a trigger has no body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    wait: bool,
    #[serde(default)]
    force: bool,
    reason: Option<String>,
}

/// Who calls, as the audit has it.
pub(super) struct Caller(pub(super) Actor);

impl Caller {
    pub(super) fn of(parts: &Parts) -> Self {
        Self(parts.extensions.get::<Peer>().copied().map_or_else(Actor::api, Peer::actor))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// `POST /reconcile`: brings a pass; with `?wait=true` the answer is the report of one whose fetch
/// began after the request, and with `?force=true` it goes through a closed sync window.
pub(super) async fn reconcile(
    _: MayChange,
    Caller(actor): Caller,
    Asked(asked): Asked<Wanted>,
    State(service): State<Arc<Service>>,
) -> Result<Response, Problem> {
    if asked.force {
        let word = Word { actor, reason: asked.reason, force: true };
        let taken = service.daemon.command(Command::Reconcile, word).await?;
        return super::orders::answer(taken, asked.wait, None).await;
    }
    if asked.wait {
        let report = service.daemon.pass(Trigger::Manual).await?;
        return Ok(Json(&*report).into_response());
    }
    service.daemon.trigger(Trigger::Manual).await?;
    // Its number is given when it begins: one that waits for the running pass has none yet.
    Ok((StatusCode::ACCEPTED, Json(json!({ "pass": null }))).into_response())
}

/// `GET /status`: what the record says, and what only the running service knows.
pub(super) async fn status(_: MayRead, State(service): State<Arc<Service>>) -> Result<Json<Status>, Problem> {
    let view = service.daemon.view();
    service.read(move |ledger| Ok(ledger.status(&view))).await.map(Json)
}

/// `GET /diff`: what a pass would do now, after a fetch.
pub(super) async fn diff(_: MayRead, State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    Ok(Json(&*service.daemon.diff().await?).into_response())
}

/// `GET /skills`: what is served, and what is held.
pub(super) async fn skills(_: MayRead, State(service): State<Arc<Service>>) -> Json<Value> {
    let view = service.daemon.view();
    let serving: Vec<_> = view.served.skills.iter().map(|(id, version)| summary(id, version)).collect();
    Json(json!({ "serving": serving, "held": view.served.held }))
}

/// `GET /skills/{id}`: one of them, with its files.
pub(super) async fn skill(
    _: MayRead,
    Named(id): Named,
    State(service): State<Arc<Service>>,
) -> Result<Json<Value>, Problem> {
    let view = service.daemon.view();
    let id = SkillId::new(id);
    let held = view.served.held.iter().find(|held| held.skill == id);
    let mut found = match (view.served.skills.get(&id), held) {
        (Some(version), _) => detail(&id, version),
        (None, Some(_)) => json!({ "skill": id, "serving": null, "files": [] }),
        (None, None) => {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "no such skill is served or held; /skills lists them",
            ));
        }
    };
    found["held"] = json!(held);
    Ok(Json(found))
}

fn summary(id: &SkillId, version: &SkillVersion) -> Value {
    json!({
        "skill": id,
        "name": version.name,
        "serving": version.revision,
        "path": version.entry,
        "files": version.files.len(),
    })
}

fn detail(id: &SkillId, version: &SkillVersion) -> Value {
    let mut skill = summary(id, version);
    let file = |(path, file): (&reconciler::path::TreePath, &reconciler::tree::FileVersion)| json!({ "path": path, "sha256": file.digest, "size": file.size, "mode": file.mode });
    skill["files"] = version.files.iter().map(file).collect();
    skill
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<usize>,
    before: Option<u64>,
}

impl Page {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE).min(LARGEST_PAGE)
    }
}

/// `GET /passes`: the history, the newest first; `?before=` pages on.
pub(super) async fn passes(
    _: MayRead,
    Asked(page): Asked<Page>,
    State(service): State<Arc<Service>>,
) -> Result<Json<Vec<PassRow>>, Problem> {
    service.read(move |ledger| ledger.passes(page.limit(), page.before)).await.map(Json)
}

/// `GET /passes/{id}`: one report.
pub(super) async fn pass(
    _: MayRead,
    Named(id): Named,
    State(service): State<Arc<Service>>,
) -> Result<Response, Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, "no such pass; /passes lists them");
    let number = id.parse().map_err(|_| none())?;
    let report = service.read(move |ledger| ledger.pass(number)).await?.ok_or_else(none)?;
    Ok(Json(report).into_response())
}

/// `GET /audit`: the record, the newest first; `?before=` pages on.
pub(super) async fn audit(
    _: MayRead,
    Asked(page): Asked<Page>,
    State(service): State<Arc<Service>>,
) -> Result<Json<Vec<AuditRecord>>, Problem> {
    service.read(move |ledger| ledger.audit(page.limit(), page.before)).await.map(Json)
}

/// `GET /livez`: 503 once a pass has run for too long.
pub(super) async fn livez(State(service): State<Arc<Service>>) -> Result<&'static str, Problem> {
    let since = service.daemon.view().running.map(|running| running.since);
    match since.map(|since| tokio::time::Instant::now().into_std().saturating_duration_since(since)) {
        Some(age) if age > service.pass_timeout => Err(Problem::unavailable(format!(
            "a pass runs for {} s, and PASS_TIMEOUT is {} s",
            age.as_secs(),
            service.pass_timeout.as_secs()
        ))),
        _ => Ok("ok\n"),
    }
}

/// `GET /readyz`: 503 until a revision is served.
pub(super) async fn readyz(State(service): State<Arc<Service>>) -> Result<&'static str, Problem> {
    match service.daemon.view().served.revision {
        Some(_) => Ok("ok\n"),
        None => Err(Problem::unavailable("no revision is served yet")),
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, crate::metrics::CONTENT_TYPE)], service.metrics.render())
}
