//! The history: one row a pass, and one row for all consecutive passes that changed nothing and came
//! to the same.

use rusqlite::{Connection, Row, params};
use serde::{Serialize, Serializer};

use super::audit::{Appender, Kind};
use super::error::Fault;
use super::intent::Begun;
use super::{CommitFacts, End, column, ended_at, held};
use crate::ids::{CommitId, Digest, PassId, Timestamp};
use crate::plan::SkillAction;
use crate::policy::Excepted;
use crate::report::{Condemned, Outcome, Overwritten, PassReport};
use crate::source::Signer;
use crate::trigger::Trigger;

/// How many rows of the history are kept; what older passes changed is in the audit.
const ROWS: i64 = 10_000;

/// One row of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassRow {
    /// The first pass of the row.
    pub first: PassId,
    /// The last; the same as the first in a row of one.
    pub last: PassId,
    /// How many passes share it.
    pub count: u64,
    /// Why the last of them ran.
    pub trigger: Trigger,
    /// What they came to; none for a pass that was interrupted.
    #[serde(serialize_with = "or_interrupted")]
    pub outcome: Option<Outcome>,
    /// The commit that the last looked at.
    pub revision: Option<CommitId>,
    /// When the first began.
    pub started_at: Timestamp,
    /// When the last ended.
    pub last_at: Timestamp,
    /// How long the last took.
    pub duration_ms: u64,
    /// How many skills it changed.
    pub changes: u64,
    /// How many skills were held after it.
    pub held: u64,
    /// What went wrong.
    pub error: Option<String>,
}

/// What the history says of a pass that never finished.
pub const INTERRUPTED: &str = "interrupted";

fn or_interrupted<S: Serializer>(outcome: &Option<Outcome>, to: S) -> Result<S::Ok, S::Error> {
    match outcome {
        Some(outcome) => outcome.serialize(to),
        None => INTERRUPTED.serialize(to),
    }
}

/// The greatest number that a pass of the history has, and when it ended.
pub(super) fn newest(db: &Connection) -> Result<Option<(PassId, Timestamp)>, Fault> {
    let mut query = db.prepare_cached("SELECT last, last_at FROM passes ORDER BY id DESC LIMIT 1")?;
    let mut rows = query.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((column::pass(row, 0)?, column::time(row, 1)?)))
}

/// The commit that was looked at last, and whether the volume was then as it says.
pub(super) fn last_attempt(db: &Connection) -> Result<Option<(CommitId, Outcome)>, Fault> {
    let mut query = db.prepare_cached(
        "SELECT revision, outcome FROM passes WHERE revision IS NOT NULL AND outcome IS NOT NULL
         ORDER BY id DESC LIMIT 1",
    )?;
    let mut rows = query.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(column::commit(row, 0)?.zip(Some(column::word(row, 1)?)))
}

/// What a pass came to without what differs from pass to pass: the audit has it when it changes.
fn state(report: &PassReport) -> String {
    match report.outcome {
        Outcome::InSync | Outcome::Applied => format!("converged{}", excepted(report)),
        Outcome::Degraded => {
            let held =
                report.held.iter().map(|h| format!("\n{} {}", h.skill, held::hold_key(&h.rule, &h.path)));
            format!("degraded{}{}", held.collect::<String>(), excepted(report))
        }
        other => format!("{other} {:?} {:?}", report.revision, report.error),
    }
}

/// What the policy took away and what is condemned: the audit has it when that changes.
fn excepted(report: &PassReport) -> String {
    let excepted = report.exceptions.iter().map(|one| ("excepted", &one.skill, &one.rule, &one.path));
    let condemned = report.condemned.iter().map(|one| ("condemned", &one.skill, &one.rule, &one.path));
    let line = |(word, skill, rule, path): (_, _, &String, &String)| {
        format!("\n{word} {skill} {}", held::hold_key(rule, path))
    };
    excepted.chain(condemned).map(line).collect()
}

/// What must be the same for two passes to share a row; none for one that changed something. A row
/// of passes that found nothing to do is one whatever the commits were.
fn sameness(end: &End<'_>) -> Option<String> {
    let report = end.report;
    match report.outcome {
        _ if end.changed() => None,
        Outcome::InSync => Some("in_sync".to_owned()),
        outcome => {
            let all = format!("{outcome} {:?} {}", report.revision, state(report));
            Some(Digest::of(all.as_bytes()).to_string())
        }
    }
}

/// Writes the row of a finished pass, in place of the one that it has since it settled another.
pub(super) fn write(db: &Connection, end: &End<'_>) -> Result<(), Fault> {
    let mut row = db.prepare_cached("DELETE FROM passes WHERE first = ?1 AND outcome IS NULL")?;
    row.execute([end.report.pass.0.cast_signed()])?;
    let report = serde_json::to_string(end.report)?;
    let sameness = sameness(end);
    if !share_row(db, end, sameness.as_deref(), &report)? {
        add_row(db, end, sameness.as_deref(), &report)?;
    }
    Ok(())
}

/// Counts the pass in the newest row, where that one is of its kind.
fn share_row(db: &Connection, end: &End<'_>, sameness: Option<&str>, json: &str) -> Result<bool, Fault> {
    let report = end.report;
    let mut row = db.prepare_cached(
        "UPDATE passes SET last = ?1, count = count + 1, last_at = ?2, duration_ms = ?3, trigger = ?4,
             revision = ?5, held = ?6, report = ?7
         WHERE id = (SELECT max(id) FROM passes) AND sameness = ?8",
    )?;
    let rows = row.execute(params![
        report.pass.0.cast_signed(),
        ended_at(report).millis().cast_signed(),
        report.duration_ms.cast_signed(),
        report.trigger.to_string(),
        report.revision.map(|revision| revision.to_string()),
        count(report.held.len()),
        json,
        sameness,
    ])?;
    Ok(rows > 0)
}

fn add_row(db: &Connection, end: &End<'_>, sameness: Option<&str>, json: &str) -> Result<(), Fault> {
    let report = end.report;
    let mut row = db.prepare_cached(
        "INSERT INTO passes (first, last, count, started_at, last_at, duration_ms, trigger, outcome,
             revision, changes, held, error, sameness, report)
         VALUES (?1, ?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    row.execute(params![
        report.pass.0.cast_signed(),
        report.started_at.millis().cast_signed(),
        ended_at(report).millis().cast_signed(),
        report.duration_ms.cast_signed(),
        report.trigger.to_string(),
        report.outcome.to_string(),
        report.revision.map(|revision| revision.to_string()),
        count(if end.changed() { report.changes.len() } else { 0 }),
        count(report.held.len()),
        report.error,
        sameness,
        json,
    ])?;
    forget_oldest(db)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn forget_oldest(db: &Connection) -> Result<(), Fault> {
    let mut oldest = db.prepare_cached("DELETE FROM passes WHERE id <= (SELECT max(id) FROM passes) - ?1")?;
    oldest.execute([ROWS])?;
    Ok(())
}

/// Writes the row of a pass that never finished.
pub(super) fn write_interrupted(db: &Connection, begun: &Begun) -> Result<(), Fault> {
    let started_at = begun.started_at.millis().cast_signed();
    db.execute(
        "INSERT INTO passes (first, last, count, started_at, last_at, duration_ms, trigger, revision,
             changes, held)
         VALUES (?1, ?1, 1, ?2, ?2, 0, ?3, ?4, 0, 0)",
        params![
            begun.pass.0.cast_signed(),
            started_at,
            begun.trigger.to_string(),
            begun.revision.to_string()
        ],
    )?;
    forget_oldest(db)
}

#[derive(Serialize)]
struct PassBody<'a> {
    outcome: Outcome,
    revision: Option<CommitId>,
    trigger: Trigger,
    counts: Counts,
    error: Option<&'a str>,
    /// Who signed the revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<&'a Signer>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    exceptions: &'a [Excepted],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    condemned: &'a [Condemned],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    overwritten: &'a [Overwritten],
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a CommitFacts>,
}

/// How many skills each thing happened to.
#[derive(Default, Serialize)]
struct Counts {
    added: u64,
    updated: u64,
    removed: u64,
    restored: u64,
    adopted: u64,
    held: u64,
}

impl Counts {
    fn of(end: &End<'_>) -> Self {
        let mut counts = Self { held: end.report.held.len() as u64, ..Self::default() };
        for change in end.report.changes.iter().filter(|_| end.changed()) {
            *match change.action {
                SkillAction::Add => &mut counts.added,
                SkillAction::Update => &mut counts.updated,
                SkillAction::Remove => &mut counts.removed,
                SkillAction::Restore => &mut counts.restored,
                SkillAction::Adopt => &mut counts.adopted,
            } += 1;
        }
        counts
    }
}

#[derive(Serialize)]
struct RefusedBody<'a> {
    revision: Option<CommitId>,
    why: Option<&'a str>,
}

/// Records the pass where it changed something or came to something else than the one before.
pub(super) fn record(db: &Connection, audit: &mut Appender<'_>, end: &End<'_>) -> Result<(), Fault> {
    let report = end.report;
    let state = state(report);
    let before: Option<String> =
        db.prepare_cached("SELECT state FROM meta")?.query_row([], |row| row.get(0))?;
    let is_new = before.as_ref() != Some(&state);
    if is_new {
        db.prepare_cached("UPDATE meta SET state = ?1")?.execute([state])?;
    }
    let (revision, error) = (report.revision, report.error.as_deref());
    if is_new && report.outcome == Outcome::Guarded {
        audit.append(Kind::Refused, &RefusedBody { revision, why: error })?;
    }
    if is_new || end.changed() {
        let (outcome, trigger, counts) = (report.outcome, report.trigger, Counts::of(end));
        let (exceptions, condemned, overwritten) =
            (&report.exceptions[..], &report.condemned[..], &report.overwritten[..]);
        let (signer, commit) = (report.signer.as_ref(), end.commit);
        audit.append(
            Kind::Pass,
            &PassBody {
                outcome,
                revision,
                trigger,
                counts,
                error,
                signer,
                exceptions,
                condemned,
                overwritten,
                commit,
            },
        )?;
    }
    Ok(())
}

/// The newest rows, newest first: those that began before a pass, where one is given.
pub(super) fn list(db: &Connection, limit: usize, before: Option<PassId>) -> Result<Vec<PassRow>, Fault> {
    let before = before.map_or(i64::MAX, |pass| pass.0.cast_signed());
    let mut query = db.prepare_cached(
        "SELECT first, last, count, trigger, outcome, revision, started_at, last_at, duration_ms, changes,
             held, error
         FROM passes WHERE first < ?1 ORDER BY first DESC LIMIT ?2",
    )?;
    let mut rows = query.query(params![before, count(limit)])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(pass_row(row)?);
    }
    Ok(all)
}

fn pass_row(row: &Row<'_>) -> Result<PassRow, Fault> {
    let interrupted = row.get_ref(4)? == rusqlite::types::ValueRef::Null;
    Ok(PassRow {
        first: column::pass(row, 0)?,
        last: column::pass(row, 1)?,
        count: column::unsigned(row, 2)?,
        trigger: column::word(row, 3)?,
        outcome: if interrupted { None } else { Some(column::word(row, 4)?) },
        revision: column::commit(row, 5)?,
        started_at: column::time(row, 6)?,
        last_at: column::time(row, 7)?,
        duration_ms: column::unsigned(row, 8)?,
        changes: column::unsigned(row, 9)?,
        held: column::unsigned(row, 10)?,
        error: row.get(11)?,
    })
}

/// The report of a pass; of the last in its row, where several share it.
pub(super) fn report(db: &Connection, pass: PassId) -> Result<Option<PassReport>, Fault> {
    let mut query =
        db.prepare_cached("SELECT last, report FROM passes WHERE first <= ?1 ORDER BY first DESC LIMIT 1")?;
    let mut rows = query.query([pass.0.cast_signed()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    match row.get_ref(1)?.as_str_or_null()? {
        Some(report) if column::pass(row, 0)? >= pass => Ok(Some(serde_json::from_str(report)?)),
        _ => Ok(None),
    }
}
