//! The report of a pass, and the difference that a pass would make.

use std::fmt;

use reconciler::finding::{Finding, Held};
use reconciler::observed::Unowned;
use reconciler::orders::Suspension;
use reconciler::path::TreePath;
use reconciler::plan::{FileAction, SkillAction, SkillChange};
use reconciler::report::{Diff, Outcome, PassReport};

use super::Text;
use super::escape::Terminal;
use super::style::{Style, Tone};

impl fmt::Display for Text<'_, PassReport> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report, style) = *self;
        let outcome = style.paint(tone(report.outcome), word(report.outcome));
        write!(f, "{outcome}")?;
        if let Some(revision) = report.revision {
            write!(f, " {}", revision.short())?;
        }
        writeln!(f, " in {} ms{}", report.duration_ms, counts(&report.changes, &report.held))?;
        list(f, style, &report.changes, &report.held)?;
        security(f, style, report)?;
        besides(f, style, &report.warnings, &report.unowned)?;
        if let Some(signer) = &report.signer {
            writeln!(f, "  {:7} by {}", style.paint(Tone::Strong, "signed"), Terminal(signer))?;
        }
        if let Some(note) = &report.note {
            writeln!(f, "  {:7} {}", style.paint(Tone::Notice, "note"), Terminal(note))?;
        }
        match &report.error {
            Some(error) => writeln!(f, "  {}: {}", style.paint(Tone::Bad, "error"), Terminal(error)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Text<'_, Diff> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(diff, style) = *self;
        let (changes, held) = (&diff.changes, &diff.held);
        let word = match (changes.is_empty(), diff.guard.is_some()) {
            (true, _) => "nothing would change",
            (false, false) => "would apply",
            (false, true) => "would apply once confirmed",
        };
        write!(f, "{}", style.paint(Tone::Strong, word))?;
        if let Some(revision) = diff.revision {
            write!(f, "{} {}", if changes.is_empty() { " at" } else { "" }, revision.short())?;
        }
        writeln!(f, "{}", counts(changes, held))?;
        changes.iter().try_for_each(|change| write_change(f, style, change, &diff.kept))?;
        write_kept(f, style, diff)?;
        // Since when is told by a pass: one that was not made holds nothing yet.
        held.iter().try_for_each(|held| write_held(f, style, held, ""))?;
        besides(f, style, &diff.warnings, &diff.unowned)
    }
}

impl fmt::Display for Text<'_, Suspension> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; passes look and change nothing", Terminal(self.0))
    }
}

pub(super) fn word(outcome: Outcome) -> String {
    outcome.to_string().replace('_', " ")
}

/// How an outcome is to be taken.
pub(super) fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::InSync | Outcome::Applied => Tone::Good,
        Outcome::Degraded | Outcome::Guarded | Outcome::Suspended => Tone::Notice,
        Outcome::Failed | Outcome::Stalled => Tone::Bad,
    }
}

/// Each action with the words for one skill and for how many it happened to.
const ACTIONS: [(SkillAction, &str, &str); 5] = [
    (SkillAction::Add, "add", "added"),
    (SkillAction::Update, "update", "updated"),
    (SkillAction::Remove, "remove", "removed"),
    (SkillAction::Restore, "restore", "restored"),
    (SkillAction::Adopt, "adopt", "adopted"),
];

pub(super) fn counts(changes: &[SkillChange], held: &[Held]) -> String {
    let of = |action| changes.iter().filter(|change| change.action == action).count();
    let actions = ACTIONS.iter().map(|(action, _, done)| (of(*action), *done));
    let parts: Vec<String> = actions
        .chain([(held.len(), "held")])
        .filter(|(count, _)| *count > 0)
        .map(|(count, done)| format!("{count} {done}"))
        .collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

/// The word for what happened to a skill.
pub(super) fn done(action: SkillAction) -> &'static str {
    ACTIONS.iter().find(|(known, ..)| *known == action).map_or("", |(_, _, done)| done)
}

fn list(f: &mut fmt::Formatter<'_>, style: Style, changes: &[SkillChange], held: &[Held]) -> fmt::Result {
    changes.iter().try_for_each(|change| write_change(f, style, change, &[]))?;
    held.iter().try_for_each(|held| write_held(f, style, held, &format!(", held since {}", held.since)))
}

fn write_change(
    f: &mut fmt::Formatter<'_>,
    style: Style,
    change: &SkillChange,
    kept: &[TreePath],
) -> fmt::Result {
    let action = ACTIONS.iter().find(|(action, ..)| *action == change.action);
    let action = style.paint(Tone::Strong, action.map_or("", |(_, word, _)| word));
    writeln!(f, "  {action:7} {}: {}", Terminal(&change.skill), change.why)?;
    for file in &change.files {
        let sign = match file.action {
            FileAction::Add => style.paint(Tone::Good, '+'),
            FileAction::Update => style.paint(Tone::Notice, '~'),
            FileAction::Remove => style.paint(Tone::Bad, '-'),
        };
        let keeps = if kept.contains(&file.path) { ", what stands there is kept" } else { "" };
        writeln!(f, "          {sign} {}{keeps}", Terminal(&file.path))?;
    }
    let gains = &change.gains;
    let kinds = [
        ("tools", &gains.tools),
        ("domains", &gains.domains),
        ("executables", &gains.executables),
        ("variables", &gains.variables),
    ];
    for (kind, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
        let shown: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
        let more = if names.len() > NAMED { ", …" } else { "" };
        let word = style.paint(Tone::Notice, "gains");
        writeln!(f, "          {word} {kind}: {}{more}", Terminal(shown.join(", ")))?;
    }
    Ok(())
}

/// What is kept besides the files that change: a directory, or what stands where one is needed.
fn write_kept(f: &mut fmt::Formatter<'_>, style: Style, diff: &Diff) -> fmt::Result {
    let files = || diff.changes.iter().flat_map(|change| &change.files);
    let besides = diff.kept.iter().filter(|path| files().all(|file| file.path != **path));
    for path in besides {
        writeln!(
            f,
            "  {:7} {}: what stands there makes room",
            style.paint(Tone::Notice, "kept"),
            Terminal(path)
        )?;
    }
    Ok(())
}

fn write_held(f: &mut fmt::Formatter<'_>, style: Style, held: &Held, since: &str) -> fmt::Result {
    let skill = Terminal(&held.skill);
    let serving = match held.serving {
        Some(revision) => format!("its version of {} stays", revision.short()),
        None => "nothing of it is served".to_owned(),
    };
    writeln!(f, "  {:7} {skill}: {serving}{since}", style.paint(Tone::Notice, "held"))?;
    f.write_str("          ")?;
    write_place(f, held)
}

/// Where and why a skill is held.
pub(super) fn write_place(f: &mut fmt::Formatter<'_>, held: &Held) -> fmt::Result {
    write!(f, "{}", Terminal(&held.path))?;
    if let Some(line) = held.line {
        write!(f, ":{line}")?;
    }
    writeln!(f, ": {}: {}", Terminal(&held.rule), Terminal(&held.message))
}

/// What the gate has to say besides what it holds.
fn security(f: &mut fmt::Formatter<'_>, style: Style, report: &PassReport) -> fmt::Result {
    let (bad, dim) = (style.paint(Tone::Bad, "condemned"), style.paint(Tone::Dim, "excepted"));
    for one in &report.condemned {
        let (skill, path, rule) = (Terminal(&one.skill), Terminal(&one.path), Terminal(&one.rule));
        writeln!(f, "  {bad} {skill}: served, and {path} is what {rule} holds today")?;
    }
    for one in report.planted.iter().flatten() {
        let word = style.paint(Tone::Bad, "planted");
        writeln!(f, "  {word} {}: not ours, and an agent would load it", Terminal(&one.path))?;
    }
    for one in &report.quarantined {
        let word = style.paint(Tone::Notice, "quarantined");
        writeln!(f, "  {word} {}: now {} in the state directory", Terminal(&one.path), Terminal(&one.to))?;
    }
    for one in &report.overwritten {
        writeln!(f, "  {} {}", style.paint(Tone::Notice, "written"), Terminal(one))?;
    }
    for one in &report.exceptions {
        let (skill, rule, reason) = (Terminal(&one.skill), Terminal(&one.rule), Terminal(&one.reason));
        writeln!(f, "  {dim} {skill}: {rule} at {}: {reason}", Terminal(&one.path))?;
    }
    Ok(())
}

/// How many paths that are not ours are named; JSON has all of them.
const NAMED: usize = 5;

/// What is there besides: on the volume, and in the source.
fn besides(
    f: &mut fmt::Formatter<'_>,
    style: Style,
    warnings: &[Finding],
    unowned: &[Unowned],
) -> fmt::Result {
    let warning = style.paint(Tone::Notice, "warning");
    for finding in warnings {
        writeln!(f, "  {warning:7} {}: {}", Terminal(&finding.path), Terminal(&finding.message))?;
    }
    let note = style.paint(Tone::Dim, "unowned");
    for unowned in unowned.iter().take(NAMED) {
        let slash = if unowned.directory { "/" } else { "" };
        writeln!(f, "  {note} {}{slash}: not ours, and left as it is", Terminal(&unowned.path))?;
    }
    match unowned.len().checked_sub(NAMED) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(f, "  {note} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
