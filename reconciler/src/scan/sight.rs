//! What a rule saw, before it is a finding: combinations look at these.

use super::context;
use super::document::{Document, Hit, Origin};
use super::engine::{Engine, Source};
use super::mask;
use super::rule::{Applies, Detect, Rule, RuleMeta};
use super::rules::RULES;
use crate::finding::{Class, Finding, Place, Severity};

/// Characters of the source that a message quotes.
const QUOTED: usize = 100;
/// The index of a sight's rule where it is one of the operator's: this much above its own.
const OPERATORS: usize = 1_000_000;

/// One thing that a rule saw at one place.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    /// The rule, by its index in the table, or the operator's, above [`OPERATORS`].
    pub(super) rule: usize,
    pub(super) path: String,
    pub(super) place: Place,
    /// What was there, masked.
    pub(super) seen: String,
    /// Told of, not done.
    pub(super) quoted: bool,
    /// How it was hidden.
    pub(super) hidden: Option<String>,
}

impl Sight {
    /// The id of its rule, where that is one of ours.
    pub(super) fn rule_id(&self) -> Option<&'static str> {
        RULES.get(self.rule).map(|rule| rule.id)
    }

    /// A sight of a rule that needs no place in a text.
    pub(super) fn raised(rule: &str, path: &str, seen: String) -> Option<Self> {
        let rule = RULES.iter().position(|known| known.id == rule)?;
        Some(Self { rule, path: path.to_owned(), place: Place::START, seen, quoted: false, hidden: None })
    }

    /// The finding that people get; none where the rule only counts in combinations.
    pub(super) fn finding(&self, engine: &Engine) -> Option<Finding> {
        let (id, severity, class, says, help) = match RULES.get(self.rule) {
            Some(rule) if rule.reported => (rule.id, rule.severity, rule.class, rule.says, rule.help),
            Some(_) => return None,
            None => {
                let meta: &RuleMeta = engine.operators.get(self.rule - OPERATORS)?;
                (meta.id.as_str(), meta.severity, meta.class, meta.title.as_str(), meta.help.as_str())
            }
        };
        let (severity, class) = if self.quoted { lowered(severity, class) } else { (severity, class) };
        Some(Finding {
            rule: id.to_owned(),
            severity,
            class,
            path: self.path.clone(),
            line: Some(self.place.line),
            column: Some(self.place.column),
            message: self.message(says),
            help: help.to_owned(),
        })
    }

    fn message(&self, says: &str) -> String {
        let mut message = says.to_owned();
        if !self.seen.is_empty() {
            message.push_str(": `");
            message.push_str(&self.seen.replace('`', "'"));
            message.push('`');
        }
        if let Some(hidden) = &self.hidden {
            message.push_str(" (");
            message.push_str(hidden);
            message.push(')');
        }
        if self.quoted {
            message.push_str("; the text around it warns of it, so it counts one class less");
        }
        message
    }
}

/// One class and one step down.
fn lowered(severity: Severity, class: Class) -> (Severity, Class) {
    let class = if class == Class::Malicious { Class::Risky } else { class };
    let severity = match severity {
        Severity::Critical => Severity::High,
        Severity::High => Severity::Medium,
        Severity::Medium | Severity::Low => Severity::Low,
    };
    (severity, class)
}

/// What a match is worth: none where the rule is not meant for its place or a second look says no.
///
/// `told` says whether the skill tells the agent to run this file.
pub(super) fn sight(
    document: &Document<'_>,
    source: Source,
    span: std::ops::Range<usize>,
    told: &dyn Fn() -> bool,
) -> Option<Sight> {
    let index = match source {
        Source::Ours(index) => index,
        Source::Operators(index) => return Some(seen(document, OPERATORS + index, &span, None, false)),
    };
    let rule = RULES.get(index)?;
    let Detect::Patterns { applies, keep, .. } = rule.detect else { return None };
    let hit = Hit { document, span: span.clone() };
    if !is_meant(document, applies, span.start) || !keep(&hit) {
        return None;
    }
    let index = refined(rule, &hit).unwrap_or(index);
    Some(judged(document, index, span, None, told))
}

/// What a predicate's spot is worth.
pub(super) fn spotted(
    document: &Document<'_>,
    rule: usize,
    spot: super::predicate::Spot,
    told: &dyn Fn() -> bool,
) -> Sight {
    judged(document, rule, spot.span, spot.seen, told)
}

fn judged(
    document: &Document<'_>,
    index: usize,
    span: std::ops::Range<usize>,
    text: Option<String>,
    told: &dyn Fn() -> bool,
) -> Sight {
    let quotable = RULES.get(index).is_some_and(|rule| rule.quotable);
    let quoted = quotable && context::is_quoted(document, &span) && !told();
    seen(document, index, &span, text, quoted)
}

/// The first rule of the table that makes more of this match than its own.
fn refined(rule: &Rule, hit: &Hit<'_>) -> Option<usize> {
    RULES.iter().position(|other| match other.detect {
        Detect::Refines { rule: base, keep } => base == rule.id && keep(hit),
        _ => false,
    })
}

fn is_meant(document: &Document<'_>, applies: Applies, offset: usize) -> bool {
    let decoded = matches!(document.origin, Origin::Decoded { .. });
    match applies {
        Applies::Anywhere => true,
        Applies::Code => document.is_code(offset),
        Applies::Prose => decoded || document.is_prose(offset),
        Applies::Decoded => decoded,
    }
}

fn seen(
    document: &Document<'_>,
    rule: usize,
    span: &std::ops::Range<usize>,
    text: Option<String>,
    quoted: bool,
) -> Sight {
    let secret = RULES.get(rule).is_some_and(|rule| rule.secret);
    let seen = text.unwrap_or_else(|| {
        let text = document.text(span.clone(), 1024);
        if secret { mask::secret(&text) } else { mask::excerpt(&text, QUOTED) }
    });
    let hidden = match (&document.origin, &document.inner) {
        (Origin::Decoded { how, .. }, _) => Some(format!("decoded from {how}")),
        (Origin::Folded, _) => Some("after invisible and look-alike characters are resolved".to_owned()),
        (_, Some(inner)) => Some(format!("in the archive's `{}`", mask::excerpt(inner, QUOTED))),
        (Origin::Written | Origin::Packed, None) => None,
    };
    Sight { rule, path: document.path.to_owned(), place: document.place_of(span.start), seen, quoted, hidden }
}
