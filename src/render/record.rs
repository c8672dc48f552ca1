//! The history and the audit for people.

use std::fmt;

use reconciler::apply::KeptKind;
use reconciler::ids::CommitId;
use reconciler::rebuild::Done;
use reconciler::record::{AuditRecord, Drifted, INTERRUPTED, PassRow, PreviousChain, Verified};
use reconciler::report::Outcome;

use super::Text;
use super::escape::Terminal;
use super::style::Tone;
use super::table::{Cell, Table};

impl fmt::Display for Text<'_, [PassRow]> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["PASS", "STARTED", "TRIGGER", "OUTCOME", "REVISION", "CHANGED", "HELD", "MS", "ERROR"];
        let mut table = Table::new(&head, self.1);
        for row in self.0 {
            table.row([
                Cell::new(numbers(row)),
                Cell::new(row.started_at),
                Cell::new(row.trigger),
                outcome(row.outcome),
                Cell::new(row.revision.map_or_else(|| "-".to_owned(), CommitId::short)),
                Cell::new(row.changes),
                Cell::new(row.held),
                Cell::new(row.duration_ms),
                Cell::new(row.error.as_deref().unwrap_or_default()),
            ]);
        }
        table.fmt(f)
    }
}

/// Passes that changed nothing, one after the other, share a row.
fn numbers(row: &PassRow) -> String {
    if row.first == row.last { row.first.to_string() } else { format!("{}-{}", row.first, row.last) }
}

fn outcome(outcome: Option<Outcome>) -> Cell {
    match outcome {
        Some(outcome) => Cell::new(outcome).tone(super::pass::tone(outcome)),
        None => Cell::new(INTERRUPTED).tone(Tone::Notice),
    }
}

impl fmt::Display for Text<'_, [AuditRecord]> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["SEQ", "AT", "PASS", "KIND", "ACTOR", "HASH", "WHAT"], self.1);
        for record in self.0 {
            table.row([
                Cell::new(record.seq),
                Cell::new(record.at),
                Cell::new(record.pass.map_or_else(|| "-".to_owned(), |pass| pass.to_string())),
                Cell::new(&record.kind),
                Cell::new(&record.actor),
                Cell::new(shortened(&record.hash.to_string(), HASH)),
                Cell::new(shortened(&record.body, BODY)),
            ]);
        }
        table.fmt(f)
    }
}

impl fmt::Display for Text<'_, [Drifted]> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["ID", "AT", "PASS", "BYTES", "SKILL", "PATH", "WAS"], self.1);
        for kept in self.0 {
            table.row([
                Cell::new(&kept.id),
                Cell::new(kept.at),
                Cell::new(kept.pass),
                Cell::new(kept.size),
                Cell::new(kept.skill.as_ref().map_or("-", |skill| skill.as_str())),
                Cell::new(&kept.path),
                Cell::new(match kept.kind {
                    KeptKind::Blob(_) => "a file",
                    KeptKind::Link(_) => "a link",
                    KeptKind::Aside(_) => "moved aside",
                    KeptKind::Nothing => "without bytes",
                }),
            ]);
        }
        table.fmt(f)
    }
}

impl fmt::Display for Text<'_, Done> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(done, style) = *self;
        if done.database.is_none() && done.mirror.is_none() {
            let whole = style.paint(Tone::Good, "whole");
            return writeln!(f, "{whole}: database and mirror can be used; nothing was changed");
        }
        let skills = if done.skills == 1 { "1 skill is" } else { &format!("{} skills are", done.skills) };
        writeln!(
            f,
            "{}: {skills} owned; nothing on the target was changed",
            style.paint(Tone::Good, "rebuilt")
        )?;
        for (what, aside) in [("database", &done.database), ("mirror", &done.mirror)] {
            if let Some(aside) = aside {
                writeln!(f, "  {what:8} set aside as {}", Terminal(aside.display()))?;
            }
        }
        match &done.previous {
            Some(PreviousChain { records, head }) => {
                writeln!(f, "  audit    begins anew and names the {records} records before it, head {head}")
            }
            None if done.database.is_some() => {
                writeln!(f, "  audit    begins anew; the old one cannot be read")
            }
            None => Ok(()),
        }
    }
}

/// How many digits of a hash tell records apart for people.
const HASH: usize = 12;

/// How many characters of a record's body are shown; JSON has all of it.
const BODY: usize = 100;

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) if most == BODY => format!("{}…", &text[..at]),
        Some((at, _)) => text[..at].to_owned(),
        None => text.to_owned(),
    }
}

impl fmt::Display for Text<'_, Verified> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(verified, style) = *self;
        match verified {
            Verified::Whole { records, head, pruned } => {
                let whole = style.paint(Tone::Good, "whole");
                let since = pruned.map(|last| format!(" after record {last}, which a checkpoint signed off"));
                writeln!(f, "{whole}: {records} records{}, head {head}", since.unwrap_or_default())
            }
            Verified::Broken { seq, why } => {
                writeln!(f, "{}: record {seq}: {}", style.paint(Tone::Bad, "broken"), Terminal(why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reconciler::ids::{Digest, PassId, Timestamp};
    use reconciler::trigger::Trigger;

    use super::super::Style;
    use super::*;

    fn row(outcome: Option<Outcome>, first: u64, last: u64) -> PassRow {
        let at = Timestamp::from_millis(1_700_000_000_000);
        PassRow {
            first: PassId(first),
            last: PassId(last),
            count: last - first + 1,
            trigger: Trigger::Poll,
            outcome,
            revision: "3f2a".repeat(10).parse().ok(),
            started_at: at,
            last_at: at,
            duration_ms: 41,
            changes: 0,
            held: 0,
            error: None,
        }
    }

    #[test]
    fn passes_that_changed_nothing_share_a_row() {
        let failed = PassRow {
            revision: None,
            error: Some("no such ref `x\x1b[0m`".to_owned()),
            ..row(Some(Outcome::Stalled), 8, 8)
        };
        let rows = [row(None, 9, 9), failed, row(Some(Outcome::InSync), 2, 7)];
        crate::render::assert_shown(
            Text(rows.as_slice(), Style::Plain).to_string(),
            snapbox::str![[r#"
PASS  STARTED                   TRIGGER  OUTCOME      REVISION      CHANGED  HELD  MS  ERROR
9     2023-11-14T22:13:20.000Z  poll     interrupted  3f2a3f2a3f2a  0        0     41
8     2023-11-14T22:13:20.000Z  poll     stalled      -             0        0     41  no such ref `x\u{1b}[0m`
2-7   2023-11-14T22:13:20.000Z  poll     in_sync      3f2a3f2a3f2a  0        0     41

"#]],
        );
    }

    #[test]
    fn audit_records_are_shortened_for_people() {
        let record = AuditRecord {
            seq: 4,
            at: Timestamp::from_millis(1_700_000_000_000),
            pass: None,
            kind: "held".to_owned(),
            actor: "skill-sync".to_owned(),
            body: format!("{{\"message\":\"{}\"}}", "ü".repeat(200)),
            prev_hash: Digest::of(b"3"),
            hash: Digest::of(b"4"),
        };
        let text = Text([record].as_slice(), Style::Plain).to_string();
        let line = text.lines().nth(1).expect("a record");
        assert!(
            line.starts_with("4    2023-11-14T22:13:20.000Z  -     held  skill-sync  4b227777d4dd  {"),
            "{text}"
        );
        assert!(line.ends_with("ü…") && !line.contains(&"ü".repeat(101)), "{text}");
    }

    #[test]
    fn a_broken_chain_names_the_first_bad_record() {
        let why = reconciler::record::Break::Chain;
        let text = Text(&Verified::Broken { seq: 7, why }, Style::Plain).to_string();
        assert!(text.starts_with("broken: record 7: its prev_hash is not"), "{text}");
        let whole = Verified::Whole { records: 3, head: Digest::of(b"3"), pruned: None };
        assert!(Text(&whole, Style::Plain).to_string().starts_with("whole: 3 records, head 4e07"), "head");
    }
}
