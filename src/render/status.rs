//! The status for people: one line, the facts, and a table of conditions.

use std::fmt;

use super::Text;
use super::escape::Terminal;
use super::style::{Style, Tone};
use super::table::{Cell, Table};
use crate::status::{Condition, ConditionKind, Status, Sync, Truth};

impl fmt::Display for Text<'_, Status> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status, style) = *self;
        let (tone, word) = match status.sync {
            Sync::Synced => (Tone::Good, "Synced"),
            Sync::OutOfSync => (Tone::Notice, "OutOfSync"),
            Sync::Unknown => (Tone::Notice, "Unknown"),
        };
        let skills = status.skills;
        writeln!(f, "{}: {} served, {} held", style.paint(tone, word), skills.serving, skills.held)?;
        for (name, value) in facts(status) {
            writeln!(f, "  {} {}", style.paint(Tone::Dim, format_args!("{name:11}")), Terminal(value))?;
        }
        writeln!(f)?;
        conditions(&status.conditions, style).fmt(f)
    }
}

fn facts(status: &Status) -> Vec<(&'static str, String)> {
    let short = |revision: Option<reconciler::ids::CommitId>| revision.map(|revision| revision.short());
    let reference = status.reference.as_ref().map_or_else(String::new, |name| format!(" at {name}"));
    let audit = match status.audit.head {
        Some(head) => format!("{} records, the last is {head}", status.audit.records),
        None => format!("{} records", status.audit.records),
    };
    let known = [
        ("environment", Some(status.environment.clone())),
        ("repository", status.repo.as_ref().map(|repo| format!("{repo}{reference}"))),
        ("attempted", short(status.last_attempted_revision)),
        ("applied", short(status.last_applied_revision)),
        ("last pass", status.last_pass.map(|pass| pass.to_string())),
        ("next pass", status.next_pass_at.map(|at| at.to_string())),
        ("audit", Some(audit)),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn conditions(conditions: &[Condition], style: Style) -> Table {
    let mut table = Table::new(&["CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"], style);
    for condition in conditions {
        let wanted = match condition.kind {
            ConditionKind::Ready => Truth::True,
            ConditionKind::Reconciling => condition.status,
            ConditionKind::Stalled => Truth::False,
        };
        let tone = if condition.status == wanted { Tone::Good } else { Tone::Bad };
        table.row([
            Cell::new(format_args!("{:?}", condition.kind)),
            Cell::new(format_args!("{:?}", condition.status)).tone(tone),
            Cell::new(&condition.reason),
            Cell::new(condition.since.map_or_else(|| "-".to_owned(), |since| since.to_string())),
            Cell::new(&condition.message),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use reconciler::report::Outcome;

    use super::*;
    use crate::status::tests::{facts, report};

    #[test]
    fn the_status_names_what_is_served_and_who_must_act() {
        let report = report(Outcome::Stalled, Some("`main` is gone\x1b[1m; set SKILLS_REF"));
        let status = Status::of(&facts(Some(&report)));
        snapbox::assert_data_eq!(
            Text(&status, Style::Plain).to_string(),
            snapbox::str![[r#"
OutOfSync: 9 served, 0 held
  environment prod
  repository  https://git.example/skills
  attempted   3f2a3f2a3f2a
  applied     3f2a3f2a3f2a
  last pass   12
  audit       3 records

CONDITION    STATUS  REASON   SINCE                     MESSAGE
Ready        False   Stalled  2023-11-14T22:13:20.000Z  `main` is gone/u{1b}[1m; set SKILLS_REF
Reconciling  False   Idle     2023-11-14T22:13:20.000Z  no pass runs
Stalled      True    Stalled  2023-11-14T22:13:20.000Z  `main` is gone/u{1b}[1m; set SKILLS_REF

"#]].raw()
        );
    }
}
