//! The repository: whether it is named, can be reached, and has what is followed.

use reconciler::cancel::Cancel;
use reconciler::report::error_text;
use reconciler::source::{self, Source};

use super::{Check, Subject};

pub(super) fn checks(subject: Subject<'_>) -> Vec<Check> {
    let Some(options) = subject.settings.options(subject.state.to_owned(), subject.fetcher.to_vec()) else {
        let missing =
            Check::problem("settings", "SKILLS_REPO: not set, and required", "set it, or give --repo URL");
        return vec![missing.settings()];
    };
    vec![reach(&options.source), policy(subject)]
}

/// Lists what the repository has, as a pass would, and takes nothing.
fn reach(source: &Source) -> Check {
    match source::look(source, &Cancel::new()) {
        Ok(seen) => Check::ok(
            "repository",
            format!("{} answers; {} is at {}", source.url, seen.reference, seen.commit.short()),
        ),
        Err(error) => Check::refused("repository", error_text(&error), error.remedy()),
    }
}

fn policy(subject: Subject<'_>) -> Check {
    let Some(path) = &subject.settings.rules.policy_file else {
        return Check::ok("policy", "no POLICY_FILE: the built-in rules hold as they are");
    };
    match subject.settings.law().renew(Some(path)) {
        Ok(()) => Check::ok("policy", format!("the policy in `{}` can be followed", path.display())),
        Err(error) => Check::refused("policy", error_text(&error), error.remedy()),
    }
}
