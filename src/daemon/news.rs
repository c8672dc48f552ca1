//! Who is told what happens: a line for each change of state, in the log or for a person.

use reconciler::report::{Outcome, PassReport};
use tracing::{debug, info, warn};

use crate::render::service::{Greeting, News};
use crate::render::{self, Style, Text};

/// How the service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// By lines of the log.
    Log,
    /// To a person who looks at a terminal.
    Terminal(Style),
}

impl Voice {
    /// Says where the service works, as it begins.
    pub(crate) fn greet(self, greeting: &Greeting<'_>) {
        let Self::Log = self else { return self.say(greeting) };
        let Greeting { repository, reference, target, address, .. } = *greeting;
        info!(repository, reference, "following");
        info!(directory = %target.display(), "the skills are in");
        info!(%address, "listening; try `skill-sync status`, or edit a skill there and watch it come back");
        if !greeting.webhooks {
            info!("webhooks are off until GITHUB_WEBHOOK_SECRET is set; the poll finds each push");
        }
    }

    /// Says what a pass brought; one that finds nothing new is for `debug`.
    pub(super) fn tell(self, news: &News<'_>) {
        match self {
            _ if !is_news(news.before, news.report) => log_nothing(news.report),
            Self::Log => log(news.report),
            Self::Terminal(_) => self.say(news),
        }
    }

    fn say<T>(self, what: &T)
    where
        for<'a> Text<'a, T>: std::fmt::Display,
    {
        let Self::Terminal(style) = self else { return };
        render::print_note(Text(what, style));
    }
}

fn is_news(before: Option<&PassReport>, report: &PassReport) -> bool {
    // What was applied is in sync from then on.
    let state = |report: &PassReport| match report.outcome {
        Outcome::Applied => Outcome::InSync,
        other => other,
    };
    !report.changes.is_empty()
        || before.is_none_or(|before| {
            state(before) != state(report)
                || before.revision != report.revision
                || before.error != report.error
                || before.note != report.note
        })
}

fn log_nothing(report: &PassReport) {
    let (pass, trigger, outcome, took_ms) =
        (report.pass.0, report.trigger, report.outcome, report.duration_ms);
    let (revision, held) = (short(report), report.held.len());
    debug!(pass, %trigger, %outcome, revision, held, took_ms, "nothing changed");
}

fn log(report: &PassReport) {
    let (pass, trigger, outcome, took_ms) =
        (report.pass.0, report.trigger, report.outcome, report.duration_ms);
    let (revision, changes, held) = (short(report), report.changes.len(), report.held.len());
    match &report.error {
        Some(error) => {
            let error = error.escape_debug().to_string();
            warn!(pass, %trigger, %outcome, revision, held, took_ms, error, "pass");
        }
        None => {
            let note = report.note.as_ref().map(|note| note.escape_debug().to_string());
            info!(pass, %trigger, %outcome, revision, changes, held, took_ms, note, "pass");
        }
    }
}

fn short(report: &PassReport) -> String {
    report.revision.map(|id| id.short()).unwrap_or_default()
}
