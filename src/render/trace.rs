//! What the audit says of a path, and the end of the chain, for people.

use std::fmt;

use reconciler::plan::SkillAction;
use reconciler::record::{Anchor, Person, Placed, Trace};

use super::Text;
use super::escape::Terminal;
use super::style::Tone;

/// One line that `verify --anchor` reads back.
impl fmt::Display for Text<'_, Anchor> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Anchor { chain, seq, hash, at } = self.0;
        writeln!(f, "{} {seq} {hash} {at}", Terminal(chain))
    }
}

impl fmt::Display for Text<'_, Trace> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(trace, style) = *self;
        let (tone, word) = match trace.put.action {
            SkillAction::Remove => (Tone::Notice, "is not served any more"),
            _ => (Tone::Good, "is served"),
        };
        writeln!(f, "{} {}", Terminal(&trace.path), style.paint(tone, word))?;
        for (name, value) in facts(trace) {
            writeln!(f, "  {} {}", style.paint(Tone::Dim, format_args!("{name:9}")), Terminal(value))?;
        }
        Ok(())
    }
}

fn facts(trace: &Trace) -> Vec<(&'static str, String)> {
    let put = &trace.put;
    let file = put.file.as_ref();
    let person = |Person { name, email }: &Person| format!("{name} <{email}>");
    let by = |pass: &Placed| pass.pass.map(|pass| pass.to_string()).unwrap_or_default();
    let why = trace.trigger.map(|trigger| format!(" ({trigger})")).unwrap_or_default();
    let known = [
        ("skill", Some(format!("{}: {}", put.skill, put.why))),
        ("commit", put.revision.map(|commit| commit.to_string())),
        ("pass", Some(format!("{}{why} at {}", by(put), put.at))),
        ("actor", Some(put.actor.clone())),
        ("committer", trace.commit.as_ref().map(|commit| person(&commit.committer))),
        ("author", trace.commit.as_ref().map(|commit| person(&commit.author))),
        ("signer", trace.commit.as_ref().and_then(|commit| commit.signer.clone())),
        ("pusher", trace.pushed.as_ref().map(claim)),
        (
            "order",
            trace.order.as_ref().map(|order| format!("{} by {} at {}", order.kind, order.actor, order.at)),
        ),
        ("sha256", file.and_then(|file| file.to).map(|digest| digest.to_string())),
        ("version", put.version.map(|digest| digest.to_string())),
        (
            "restored",
            trace.restored.as_ref().map(|one| format!("by pass {} at {}: {}", by(one), one.at, one.why)),
        ),
        ("record", Some(put.seq.to_string())),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn claim(claim: &reconciler::record::Claim) -> String {
    let named = [&claim.name, &claim.login].into_iter().flatten().map(String::as_str);
    format!("{}, as the forge said", named.collect::<Vec<_>>().join(", "))
}
