//! Who is told what a pass came to, besides the log: the forge, the team, and a command of the operator's.
//!
//! Each is a task of its own that follows the newest state and never holds up a pass. What changes while
//! somebody cannot be reached is told as it is when they can be.

use tokio::sync::watch;

use crate::config::Settings;
use crate::daemon::{Handle, StateDir};
use crate::forge::For;
use crate::metrics::Metrics;

pub(crate) mod applied;
pub(crate) mod notices;
mod pause;
mod status;

/// What is told to whom, in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// A commit status, to the forge.
    Status,
    /// A notice, to the team.
    Notice,
    /// A report, to the operator's command.
    Applied,
}

impl Told {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Status, Self::Notice, Self::Applied];

    /// Its label.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Status => "commit_status",
            Self::Notice => "notice",
            Self::Applied => "on_applied",
        }
    }
}

/// Starts whatever the settings ask for.
pub(crate) fn start(
    settings: &Settings,
    daemon: &Handle,
    state: &watch::Receiver<StateDir>,
    metrics: &Metrics,
) {
    let repository = settings.repository.as_ref();
    if settings.forge.commit_status
        && let Some(url) = repository
    {
        match settings.forge.api(url, settings.insecure_http, For::Status) {
            Ok(api) => {
                let context = format!("skill-sync/{}", settings.environment);
                tokio::spawn(status::follow(daemon.watch(), api, context, metrics.clone()));
            }
            // The settings were checked: it is never reached, and says so where it is.
            Err(error) => tracing::error!(%error, "no commit status is set"),
        }
    }
    if let Some(notify) = settings.notify.clone() {
        let about = notices::About {
            environment: settings.environment.clone(),
            repo: repository.map(ToString::to_string).unwrap_or_default(),
            reference: settings.reference.to_string(),
        };
        let place = notices::Place { state: state.clone() };
        tokio::spawn(notices::follow(daemon.watch(), notify, about, place, metrics.clone()));
    }
    if let Some(command) = settings.on_applied.clone() {
        tokio::spawn(applied::follow(daemon.clone(), command, metrics.clone()));
    }
}
