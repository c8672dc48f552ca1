//! HTTP: the webhook, the API, health and metrics; the same routes on the network and on the control
//! socket, which differ in who the caller is.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use reconciler::report::error_text;

use crate::daemon::Handle;
use crate::forge::Forge;
use crate::metrics::Metrics;

pub(crate) mod api;
pub(crate) mod auth;
pub(crate) mod error;
pub(crate) mod ledger;
pub(crate) mod limits;
mod orders;
pub(crate) mod server;
pub(crate) mod webhook;

#[cfg(test)]
pub(crate) mod tests;

use auth::SecretSource;
use error::Problem;
use ledger::{Ledger, NoRecord};
use limits::{BodyRoom, Limits, Strikes};
use webhook::Followed;

/// What the HTTP side is told.
pub(crate) struct Options {
    /// Which pushes are ours.
    pub followed: Followed,
    /// The live webhook secrets; none where none is configured.
    pub webhook_secrets: Option<SecretSource<Vec<String>>>,
    /// The bearer token; none where none is configured.
    pub api_token: Option<SecretSource<String>>,
    /// A pass that runs longer fails `/livez` (`PASS_TIMEOUT`).
    pub pass_timeout: Duration,
    /// What callers may take.
    pub limits: Limits,
}

/// Everything that a handler needs.
pub(crate) struct Service {
    daemon: Handle,
    ledger: Ledger,
    metrics: Metrics,
    followed: Followed,
    webhook_secrets: Option<SecretSource<Vec<String>>>,
    api_token: Option<SecretSource<String>>,
    pass_timeout: Duration,
    limits: Limits,
    bodies: BodyRoom,
    strikes: Strikes,
}

impl Service {
    /// The handlers' state.
    pub(crate) fn new(daemon: Handle, ledger: Ledger, metrics: Metrics, options: Options) -> Arc<Self> {
        let Options { followed, webhook_secrets, api_token, pass_timeout, limits } = options;
        Arc::new(Self {
            daemon,
            ledger,
            metrics,
            followed,
            webhook_secrets,
            api_token,
            pass_timeout,
            limits,
            bodies: BodyRoom::new(limits.awaiting_hmac),
            strikes: Strikes::new(limits.strikes),
        })
    }

    /// What callers may take.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Reads the record off the async threads; why it cannot be read is for the log.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Ledger) -> Result<T, NoRecord> + Send + 'static,
    ) -> Result<T, Problem> {
        let ledger = self.ledger.clone();
        let read = tokio::task::spawn_blocking(move || read(&ledger)).await;
        match read {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => tracing::error!(error = error_text(&error), "the record cannot be read"),
            Err(error) => tracing::error!(%error, "reading the record was given up"),
        }
        Err(Problem::unavailable("the record cannot be read; the log says why"))
    }

    /// A delivery that cannot be looked up is taken for a new one: at worst it brings a pass too many.
    async fn was_delivered(&self, id: String) -> bool {
        self.read(move |ledger| ledger.was_delivered(&id)).await.unwrap_or(false)
    }
}

/// The routes of CONTRACT.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let webhooks = Forge::ALL.into_iter().fold(Router::new(), |router, forge| {
        let deliver =
            move |state: State<Arc<Service>>, request: Request| webhook::deliver(forge, state, request);
        router.route(&forge.hook_path(), post(deliver))
    });
    webhooks
        .route("/reconcile", post(api::reconcile))
        .route("/confirm", post(orders::confirm))
        .route("/suspend", post(orders::suspend))
        .route("/resume", post(orders::resume))
        .route("/rollback", post(orders::rollback))
        .route("/audit/project", post(orders::reproject))
        .route("/status", get(api::status))
        .route("/diff", get(api::diff))
        .route("/skills", get(api::skills))
        .route("/skills/{*id}", get(api::skill))
        .route("/passes", get(api::passes))
        .route("/passes/{id}", get(api::pass))
        .route("/audit", get(api::audit))
        .route("/livez", get(api::livez))
        .route("/readyz", get(api::readyz))
        .route("/metrics", get(api::metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(service)
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing here")
}

async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not for this path; Allow says which are")
}
