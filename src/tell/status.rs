//! The commit status: what a pass came to, beside the commit at the forge.

use reconciler::finding::Held;
use reconciler::plan::{SkillAction, SkillChange};
use reconciler::report::{Outcome, PassReport, error_text};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Told, pause};
use crate::daemon::View;
use crate::forge::call::{CommitStatus, State};
use crate::forge::{Api, ApiError};
use crate::metrics::Metrics;
use crate::render::escape::terminal;

/// Follows the passes until the service ends. Only the newest status is ever sent.
pub(super) async fn follow(mut views: watch::Receiver<View>, api: Api, context: String, metrics: Metrics) {
    let mut shown: Option<CommitStatus> = None;
    let mut failures = 0;
    let mut not_before = Instant::now();
    loop {
        let wanted = wanted(&views.borrow_and_update(), &context);
        let wanted = wanted.filter(|wanted| is_news(shown.as_ref(), wanted));
        if let Some(status) = wanted.as_ref().filter(|_| Instant::now() >= not_before) {
            match send(&api, status).await {
                Ok(()) => {
                    metrics.told(Told::Status, true);
                    (shown, failures) = (wanted, 0);
                    continue;
                }
                Err(error) => {
                    metrics.told(Told::Status, false);
                    failures += 1;
                    not_before = Instant::now() + pause::after(failures, error.pause());
                    log(&error, failures);
                }
            }
        }
        let waits = wanted.is_some();
        tokio::select! {
            changed = views.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(not_before), if waits => {}
        }
    }
}

async fn send(api: &Api, status: &CommitStatus) -> Result<(), ApiError> {
    let (api, status) = (api.clone(), status.clone());
    match tokio::task::spawn_blocking(move || api.set_status(&status)).await {
        Ok(sent) => sent,
        // Only a panic or the end of the service breaks it off; the next one is another try.
        Err(_) => Ok(()),
    }
}

/// The first failure is told, and then only those that somebody must mend.
fn log(error: &ApiError, failures: u32) {
    let text = terminal(&error_text(error));
    if failures == 1 || !error.is_passing() {
        tracing::warn!(error = text, "the commit status could not be set; passes go on");
    } else {
        tracing::debug!(error = text, failures, "the commit status could not be set");
    }
}

/// A pass that finds what the last one left says nothing new of a commit that is served, and one that looks
/// again at a commit of which something is shown says nothing before it ends.
fn is_news(shown: Option<&CommitStatus>, wanted: &CommitStatus) -> bool {
    let Some(shown) = shown.filter(|shown| shown.revision == wanted.revision) else { return true };
    match wanted.state {
        State::Working => false,
        State::Success => shown.state != wanted.state,
        State::Pending | State::Failure => {
            shown.state != wanted.state || shown.description != wanted.description
        }
    }
}

/// The status of the commit that the running pass is at, else of the one that the last pass looked at; none
/// where it did not get that far.
fn wanted(view: &View, context: &str) -> Option<CommitStatus> {
    let at = view.running.and_then(|running| running.commit);
    let (revision, (state, description)) = match (at, view.report.as_deref()) {
        (Some(commit), _) => (commit, (State::Working, "is judged and applied".to_owned())),
        (None, Some(report)) => (report.revision?, said(report, view.served.skills.len())),
        (None, None) => return None,
    };
    let (revision, description) = (revision.to_string(), terminal(&description));
    Some(CommitStatus { revision, state, description, context: context.to_owned() })
}

fn said(report: &PassReport, serving: usize) -> (State, String) {
    let error = || report.error.clone().unwrap_or_default();
    let skills = format!("{serving} skill{}", if serving == 1 { "" } else { "s" });
    match report.outcome {
        Outcome::InSync | Outcome::Applied => {
            (State::Success, format!("{skills}{}", changed(&report.changes)))
        }
        Outcome::Degraded => (State::Failure, format!("{} held: {}", report.held.len(), held(&report.held))),
        Outcome::Stalled if !report.held.is_empty() => {
            (State::Failure, format!("held, and nothing is applied: {}", held(&report.held)))
        }
        Outcome::Stalled => (State::Failure, error()),
        Outcome::Guarded => (State::Pending, format!("waits for a confirmation: {}", error())),
        Outcome::Suspended => (State::Pending, format!("suspended: {}", error())),
        Outcome::Failed => (State::Pending, format!("will be tried again: {}", error())),
    }
}

fn changed(changes: &[SkillChange]) -> String {
    let kinds = [
        (SkillAction::Add, "added"),
        (SkillAction::Update, "updated"),
        (SkillAction::Remove, "removed"),
        (SkillAction::Restore, "restored"),
        (SkillAction::Adopt, "adopted"),
    ];
    let counted = kinds
        .into_iter()
        .map(|(action, word)| (changes.iter().filter(|change| change.action == action).count(), word));
    counted.filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}")).collect()
}

fn held(held: &[Held]) -> String {
    let one = |held: &Held| {
        let line = held.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{} ({}, {}{line})", held.skill, held.rule, held.path)
    };
    held.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reconciler::source::Route;

    use super::*;
    use crate::config::Secret;
    use crate::forge::Forge;
    use crate::tell::notices::tests::{held as held_skill, report};
    use crate::web::testing::serve;
    use crate::web::{Address, Web};

    #[tokio::test(start_paused = true)]
    async fn a_forge_that_asks_us_to_wait_is_left_alone_for_as_long_as_it_says() {
        let (base, served) =
            serve(&[("429 Too Many", "retry-after: 3600\r\n", "{}"), ("201 Created", "", "{}")]);
        let api = Api {
            forge: Forge::Gitea,
            base: Address::parse(&base, false).expect("an address"),
            repository: "o/r".to_owned(),
            token: Secret::Value("t0ken".to_owned()),
            web: Web::new(Route::default()),
        };
        let (_newer, views) = watch::channel(View::after(report(Outcome::Applied)));
        let began = Instant::now();
        tokio::spawn(follow(views, api, "skill-sync/test".to_owned(), Metrics::new()));
        // The clock stands still while something is sent.
        while !served.is_finished() {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        assert!(began.elapsed() >= Duration::from_secs(3600), "{:?}", began.elapsed());
        let seen = served.join().expect("served");
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|seen| seen.body["state"] == "success"));
    }

    #[test]
    fn a_status_says_what_a_pass_came_to() {
        let mut applied = report(Outcome::Applied);
        assert_eq!(said(&applied, 9), (State::Success, "9 skills".to_owned()));
        applied.outcome = Outcome::InSync;
        assert_eq!(said(&applied, 1), (State::Success, "1 skill".to_owned()));
        let mut degraded = report(Outcome::Degraded);
        degraded.held = vec![held_skill("two-riders", "description-missing")];
        let text = "1 held: two-riders (description-missing, two-riders.md:1)";
        assert_eq!(said(&degraded, 9), (State::Failure, text.to_owned()));
        let mut guarded = report(Outcome::Guarded);
        guarded.error = Some("5 of 9 skills would go".to_owned());
        let text = "waits for a confirmation: 5 of 9 skills would go";
        assert_eq!(said(&guarded, 9), (State::Pending, text.to_owned()));
    }

    #[test]
    fn what_is_served_is_told_once_and_what_waits_as_often_as_it_changes() {
        let status = |state, description: &str| CommitStatus {
            revision: "1".repeat(40),
            state,
            description: description.to_owned(),
            context: "skill-sync/test".to_owned(),
        };
        let served = status(State::Success, "9 skills, 1 updated");
        assert!(is_news(None, &served));
        assert!(!is_news(Some(&served), &status(State::Success, "9 skills")));
        assert!(is_news(Some(&served), &status(State::Failure, "x")));
        assert!(is_news(Some(&status(State::Failure, "x")), &status(State::Failure, "y")));
        let other = CommitStatus { revision: "2".repeat(40), ..served.clone() };
        assert!(is_news(Some(&served), &other));
        let working = status(State::Working, "x");
        assert!(is_news(None, &working) && is_news(Some(&other), &working));
        assert!(!is_news(Some(&served), &working) && !is_news(Some(&status(State::Pending, "y")), &working));
        assert!(is_news(Some(&working), &served));
    }
}
