//! A notice in the form that its reader takes. Whatever came from a repository is escaped for it.

use std::fmt::Write as _;

use reconciler::ids::Timestamp;
use reconciler::report::{Outcome, PassReport};
use serde::Serialize;
use serde_json::{Value, json};

use super::matter::{Kind, Matter};
use super::{About, Form};
use crate::render::escape::{shortened, terminal};

/// How many matters a text names; the rest is counted.
const NAMED: usize = 20;

/// How many matters the object for programs holds.
const LISTED: usize = 200;

/// The longest text of one matter, in characters.
const MATTER: usize = 300;

/// The longest text that Discord takes is 2,000 characters.
const DISCORD: usize = 1_900;

/// What is told at once.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Message {
    environment: String,
    repo: String,
    #[serde(rename = "ref")]
    reference: String,
    pass: u64,
    outcome: Outcome,
    revision: Option<String>,
    at: Timestamp,
    notices: Vec<Matter>,
}

impl Message {
    /// What a pass gives to tell.
    pub(super) fn new(about: &About, report: &PassReport, notices: Vec<Matter>, at: Timestamp) -> Self {
        let About { environment, repo, reference } = about.clone();
        let revision = report.revision.map(|revision| revision.to_string());
        Self {
            environment,
            repo,
            reference,
            pass: report.pass.0,
            outcome: report.outcome,
            revision,
            at,
            notices,
        }
    }

    /// The JSON that is posted.
    pub(super) fn body(&self, form: Form) -> Value {
        match form {
            Form::Json => {
                let listed = self.notices.iter().take(LISTED).cloned().collect();
                let mut value =
                    serde_json::to_value(Self { notices: listed, ..self.clone() }).unwrap_or_default();
                value["text"] = json!(self.text(&terminal));
                value
            }
            Form::Slack => json!({ "text": self.text(&slack) }),
            Form::Discord => {
                let content = shortened(&self.text(&discord), DISCORD);
                json!({ "content": content, "allowed_mentions": { "parse": [] } })
            }
        }
    }

    /// A line for each matter.
    fn text(&self, escape: &dyn Fn(&str) -> String) -> String {
        let mut text = format!("skill-sync {}:", escape(&self.environment));
        for matter in self.notices.iter().take(NAMED) {
            // Writing to a string does not fail.
            let _ = write!(text, "\n{}", escape(&shortened(&line(matter), MATTER)));
        }
        if let Some(more) = self.notices.len().checked_sub(NAMED).filter(|more| *more > 0) {
            let _ = write!(text, "\nand {more} more");
        }
        text
    }
}

fn line(matter: &Matter) -> String {
    let Matter { kind, skill, rule, place, text, .. } = matter;
    let of = |word: &str| match skill {
        Some(skill) => format!("{word}: {skill}"),
        None => word.to_owned(),
    };
    let (rule, place) = (rule.as_deref().unwrap_or_default(), place.as_deref().unwrap_or_default());
    match kind {
        Kind::Mended => format!("{} {text}", of("mended")),
        Kind::Held => format!("{} by {rule} at {place}: {text}", of("held")),
        Kind::Condemned => format!("{} by {rule} at {place}: {text}", of("condemned")),
        Kind::Guarded => format!("{}, waits for `skill-sync confirm`: {text}", of("guarded")),
        Kind::Stalled => format!("{}, somebody must act: {text}", of("stalled")),
        Kind::Failing => format!("{} for an hour: {text}", of("failing")),
    }
}

/// What Slack would take for markup: `&`, `<` and `>` begin links and mentions of everybody.
/// <https://docs.slack.dev/messaging/formatting-message-text/>
fn slack(text: &str) -> String {
    let safe = terminal(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // Emphasis that somebody else began would run on over the rest.
    safe.replace(['*', '_', '~', '`'], "\u{2019}")
}

/// What Discord would take for markup.
fn discord(text: &str) -> String {
    terminal(text).chars().fold(String::new(), |mut out, c| {
        if c.is_ascii_punctuation() && !".,:;'\"/-()!?%+=".contains(c) {
            out.push('\\');
        }
        out.push(c);
        out
    })
}
