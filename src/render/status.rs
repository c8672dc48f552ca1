//! The status for people: one line, the facts, and a table of conditions.

use std::fmt;

use reconciler::ids::CommitId;
use reconciler::status::{Condition, ConditionStatus, ConditionType, ProjectionState, Status, SyncState};

use super::Text;
use super::escape::Terminal;
use super::style::{Style, Tone};
use super::table::{Cell, Table};

impl fmt::Display for Text<'_, Status> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status, style) = *self;
        let (tone, word) = match status.sync {
            SyncState::Synced => (Tone::Good, "Synced"),
            SyncState::OutOfSync => (Tone::Notice, "OutOfSync"),
            SyncState::Unknown => (Tone::Notice, "Unknown"),
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
    let short = |revision: Option<CommitId>| revision.map(CommitId::short);
    let audit = match status.audit.head {
        Some(head) => format!("{} records, the last is {head}", status.audit.records),
        None => format!("{} records", status.audit.records),
    };
    let known = [
        ("environment", Some(status.environment.clone())),
        ("repository", Some(format!("{} at {}", status.repo, status.reference))),
        ("attempted", short(status.last_attempted_revision)),
        ("applied", short(status.last_applied_revision)),
        ("last pass", status.last_pass.map(|pass| pass.to_string())),
        ("next pass", status.next_pass_at.map(|at| at.to_string())),
        ("audit", Some(audit)),
        ("neo4j", projection(status)),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// How the projection is, where there is one.
fn projection(status: &Status) -> Option<String> {
    let neo4j = &status.audit.neo4j;
    let since = neo4j.since.map(|since| format!(" since {since}")).unwrap_or_default();
    let error = neo4j.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    match neo4j.state {
        ProjectionState::Off => None,
        ProjectionState::Ok => Some(format!("ok{since}")),
        ProjectionState::Behind => Some(format!("{} records behind{since}{error}", neo4j.behind)),
    }
}

fn conditions(conditions: &[Condition], style: Style) -> Table {
    let mut table = Table::new(&["CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"], style);
    for condition in conditions {
        table.row([
            Cell::new(condition.kind),
            Cell::new(condition.status).tone(tone(condition)),
            Cell::new(&condition.reason),
            Cell::new(condition.since),
            Cell::new(&condition.message),
        ]);
    }
    table
}

/// Whether a condition is as one would have it.
fn tone(condition: &Condition) -> Tone {
    use ConditionStatus::{False, True, Unknown};
    match (condition.kind, condition.status) {
        (_, Unknown) => Tone::Dim,
        (ConditionType::Ready, False) | (ConditionType::Stalled | ConditionType::AuditForked, True) => {
            Tone::Bad
        }
        (ConditionType::Ready | ConditionType::Reconciling, True) | (_, False) => Tone::Good,
        (_, True) => Tone::Notice,
    }
}

#[cfg(test)]
mod tests {
    use reconciler::ids::Timestamp;
    use reconciler::status::{AuditStatus, Projection, SkillCounts};

    use super::*;

    fn condition(kind: ConditionType, status: ConditionStatus, message: &str) -> Condition {
        let since = Timestamp::from_millis(1_700_000_000_000);
        Condition { kind, status, reason: "Guarded".to_owned(), message: message.to_owned(), since }
    }

    #[test]
    fn the_status_names_what_is_served_and_who_must_act() {
        let revision: Option<CommitId> = "3f2a".repeat(10).parse().ok();
        let status = Status {
            conditions: vec![
                condition(ConditionType::Ready, ConditionStatus::False, "`main`\x1b[1m moved; confirm it"),
                condition(ConditionType::Stalled, ConditionStatus::True, ""),
            ],
            sync: SyncState::OutOfSync,
            environment: "prod".to_owned(),
            repo: "https://git.example/skills".to_owned(),
            reference: "refs/heads/main".to_owned(),
            last_attempted_revision: revision,
            last_applied_revision: None,
            last_pass: None,
            next_pass_at: None,
            skills: SkillCounts { serving: 9, held: 1 },
            audit: AuditStatus { records: 3, head: None, neo4j: Projection::OFF },
        };
        crate::render::assert_shown(
            Text(&status, Style::Plain).to_string(),
            snapbox::str![[r#"
OutOfSync: 9 served, 1 held
  environment prod
  repository  https://git.example/skills at refs/heads/main
  attempted   3f2a3f2a3f2a
  audit       3 records

CONDITION  STATUS  REASON   SINCE                     MESSAGE
Ready      False   Guarded  2023-11-14T22:13:20.000Z  `main`\u{1b}[1m moved; confirm it
Stalled    True    Guarded  2023-11-14T22:13:20.000Z

"#]],
        );
    }
}
