//! What is so, and what of it is news: values from values.

use std::time::Duration;

use reconciler::ids::Timestamp;
use reconciler::report::{Outcome, PassReport};
use serde::{Deserialize, Serialize};

use super::Matters;

/// After so long a time without a pass that succeeds, somebody is told.
pub(super) const FAILING: Duration = Duration::from_secs(3600);

/// What kind of thing is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A skill is not served as git has it.
    Held,
    /// A skill is served that today's rules would hold.
    Condemned,
    /// A commit waits for a confirmation.
    Guarded,
    /// A person or a commit must act first.
    Stalled,
    /// Passes have failed for an hour.
    Failing,
    /// Something of the above is over.
    Mended,
}

/// Something that is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matter {
    /// What kind of thing.
    pub kind: Kind,
    /// The skill that it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// The rule that found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where it is, with the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What it is, and what to do.
    pub text: String,
    /// What makes it another matter than before, besides what it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sameness: String,
}

impl Matter {
    fn key(&self) -> String {
        let kind = serde_json::to_value(self.kind).unwrap_or_default();
        format!("{}/{}", kind.as_str().unwrap_or_default(), self.skill.as_deref().unwrap_or_default())
    }

    fn of_pass(kind: Kind, report: &PassReport, sameness: String) -> Self {
        let text = report.error.clone().unwrap_or_default();
        Self { kind, skill: None, rule: None, place: None, text, sameness }
    }

    fn of_skill(
        kind: Kind,
        (skill, rule): (&str, &str),
        (path, line): (&str, Option<u32>),
        text: &str,
    ) -> Self {
        let place = line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
        Self {
            kind,
            skill: Some(skill.to_owned()),
            rule: Some(rule.to_owned()),
            place: Some(place),
            text: text.to_owned(),
            sameness: rule.to_owned(),
        }
    }
}

/// What is so after a pass. What the pass could not know stays as it was told `before`: one that did not
/// converge mends no skill, and a suspended one ends nothing.
pub(super) fn standing(
    report: &PassReport,
    failing_since: Option<Timestamp>,
    now: Timestamp,
    before: &Matters,
) -> Matters {
    let stays = |matter: &Matter| match matter.kind {
        Kind::Held | Kind::Condemned => !report.outcome.is_converged(),
        Kind::Guarded | Kind::Stalled | Kind::Failing => report.outcome == Outcome::Suspended,
        Kind::Mended => false,
    };
    let kept =
        before.iter().filter(|(_, matter)| stays(matter)).map(|(key, matter)| (key.clone(), matter.clone()));
    let found = found(report, failing_since, now).into_iter().map(|matter| (matter.key(), matter));
    kept.chain(found).collect()
}

fn found(report: &PassReport, failing_since: Option<Timestamp>, now: Timestamp) -> Vec<Matter> {
    let held = report.held.iter().map(|held| {
        let what = (held.skill.as_str(), held.rule.as_str());
        Matter::of_skill(Kind::Held, what, (&held.path, held.line), &held.message)
    });
    let condemned = report.condemned.iter().map(|one| {
        let what = (one.skill.as_str(), one.rule.as_str());
        Matter::of_skill(Kind::Condemned, what, (&one.path, one.line), &one.message)
    });
    let revision = || report.revision.map(|revision| revision.to_string()).unwrap_or_default();
    let pass = match report.outcome {
        Outcome::Guarded => Some(Matter::of_pass(Kind::Guarded, report, revision())),
        Outcome::Stalled => Some(Matter::of_pass(Kind::Stalled, report, String::new())),
        Outcome::Failed => failing_since
            .filter(|since| u128::from(now.millis_since(*since)) >= FAILING.as_millis())
            .map(|_| Matter::of_pass(Kind::Failing, report, String::new())),
        _ => None,
    };
    held.chain(condemned).chain(pass).collect()
}

/// What somebody must be told: what is so and was not told, and what was told and is over.
pub(super) fn news(before: &Matters, after: &Matters) -> Vec<Matter> {
    let is_new = |(key, matter): &(&String, &Matter)| {
        before.get(*key).is_none_or(|told| told.sameness != matter.sameness)
    };
    let begun = after.iter().filter(is_new).map(|(_, matter)| matter.clone());
    let over = before.iter().filter(|(key, _)| !after.contains_key(*key)).map(|(_, matter)| mended(matter));
    begun.chain(over).collect()
}

fn mended(matter: &Matter) -> Matter {
    let text = match matter.kind {
        Kind::Held => "is held no more",
        Kind::Condemned => "breaks no rule of today any more, or is not served any more",
        Kind::Guarded => "nothing waits for a confirmation any more",
        Kind::Stalled => "passes go on",
        Kind::Failing | Kind::Mended => "passes succeed again",
    };
    Matter { kind: Kind::Mended, text: text.to_owned(), sameness: String::new(), ..matter.clone() }
}
