//! Notices: a team is told when something begins that somebody should know, and when it is over; once for
//! each change, over restarts too.
//!
//! What has been told is a file in the state directory. After each pass what is so is compared with it; the
//! difference is sent, and only then remembered. A notice may come twice where the service dies in between.

use std::collections::BTreeMap;
use std::path::PathBuf;

use reconciler::ids::Timestamp;
use reconciler::report::error_text;
use reconciler::source::Route;
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::{Told, pause};
use crate::config::Secret;
use crate::daemon::{StateDir, View};
use crate::metrics::Metrics;
use crate::render::escape::terminal;

mod matter;
mod memory;
mod message;
mod post;
#[cfg(test)]
pub(crate) mod tests;

use matter::{Matter, news, standing};
use memory::Memory;
use post::PostError;

/// Where notices go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notify {
    /// `NOTIFY_URL`; whoever has it can write there.
    pub url: Secret,
    /// `NOTIFY_FORMAT`; none to tell it by the host.
    pub form: Option<Form>,
    /// `INSECURE_HTTP`.
    pub insecure: bool,
    /// How the address is reached.
    pub route: Route,
}

/// The form of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// An object for programs.
    Json,
    /// What Slack takes, and what speaks its language.
    Slack,
    /// What Discord takes.
    Discord,
}

/// What the notices are about.
#[derive(Debug, Clone)]
pub(crate) struct About {
    /// `ENVIRONMENT_NAME`.
    pub environment: String,
    /// `SKILLS_REPO`.
    pub repo: String,
    /// `SKILLS_REF`.
    pub reference: String,
}

/// Where what was told is remembered.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The state directory, as far as it is known.
    pub state: watch::Receiver<StateDir>,
}

impl Place {
    /// The file; none for as long as the state directory is not ours.
    fn file(&self) -> Option<PathBuf> {
        match &*self.state.borrow() {
            StateDir::Open(state) => Some(state.join("notices.json")),
            StateDir::Unknown | StateDir::Tried(_) => None,
        }
    }
}

/// How often what only time changes is looked at.
const TICK: Duration = Duration::from_secs(60);

/// Follows the passes until the service ends.
pub(super) async fn follow(
    mut views: watch::Receiver<View>,
    notify: Notify,
    about: About,
    place: Place,
    metrics: Metrics,
) {
    let mut memory = Memory::default();
    let (mut failures, mut not_before) = (0, Instant::now());
    loop {
        memory.load(place.file());
        let report = views.borrow_and_update().report.clone();
        if let Some(report) = report.filter(|_| Instant::now() >= not_before) {
            let now = Timestamp::now();
            memory.failing(report.outcome, now);
            let after = standing(&report, memory.failing_since(), now, memory.told());
            let news = news(memory.told(), &after);
            let sent = match news.is_empty() {
                true => Ok(()),
                false => send(&notify, message::Message::new(&about, &report, news, now), &metrics).await,
            };
            match sent {
                Ok(()) => {
                    failures = 0;
                    memory.keep(after);
                }
                Err(error) => {
                    failures += 1;
                    not_before = Instant::now() + pause::after(failures, error.pause());
                    log(&error, failures);
                }
            }
        }
        let next = not_before.max(Instant::now() + if failures == 0 { TICK } else { Duration::ZERO });
        tokio::select! {
            changed = views.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

async fn send(notify: &Notify, message: message::Message, metrics: &Metrics) -> Result<(), PostError> {
    let notify = notify.clone();
    let sent = tokio::task::spawn_blocking(move || post::send(&notify, &message)).await;
    // Only a panic or the end of the service breaks it off.
    let sent = sent.unwrap_or(Err(PostError::GivenUp));
    metrics.told(Told::Notice, sent.is_ok());
    sent
}

/// The first failure is told, and then only those that somebody must mend.
fn log(error: &PostError, failures: u32) {
    let text = terminal(&error_text(error));
    if failures == 1 || !error.is_passing() {
        tracing::warn!(error = text, "a notice could not be sent; passes go on, and it is tried again");
    } else {
        tracing::debug!(error = text, failures, "a notice could not be sent");
    }
}

/// What has been told, by what it is about.
type Matters = BTreeMap<String, Matter>;
