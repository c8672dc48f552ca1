//! The conditions that a pass leaves, each with the moment since which it is so.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::error::Fault;
use super::{End, column, drifting, ended_at, orders};
use crate::ids::Timestamp;
use crate::orders::Orders;
use crate::plan::Why;
use crate::report::{Outcome, PassReport};
use crate::status::{Condition, ConditionStatus, ConditionType};

/// The stored conditions.
pub(super) fn load(db: &Connection) -> Result<BTreeMap<ConditionType, Condition>, Fault> {
    let mut query = db.prepare_cached("SELECT type, status, reason, message, since FROM conditions")?;
    let mut rows = query.query([])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let kind: ConditionType = column::word(row, 0)?;
        let condition = Condition {
            kind,
            status: column::word(row, 1)?,
            reason: row.get(2)?,
            message: row.get(3)?,
            since: column::time(row, 4)?,
        };
        all.insert(kind, condition);
    }
    Ok(all)
}

/// Stores what a pass says of itself. A condition keeps its `since` while its status and reason stay,
/// and is not written where nothing of it changed.
pub(super) fn write(db: &Connection, end: &End<'_>) -> Result<(), Fault> {
    drifting::remember(db, end)?;
    let since = ended_at(end.report);
    let repeated = drifting::repeated(db, since)?;
    let ordered = ordered(&orders::load(db)?, Some(end.report), since);
    store(db, after(end, &repeated).into_iter().chain(ordered))
}

/// Stores what the standing orders say, with what a pass that heeded them says of itself.
pub(super) fn write_orders(
    db: &Connection,
    orders: &Orders,
    report: Option<&PassReport>,
    at: Timestamp,
) -> Result<(), Fault> {
    store(db, ordered(orders, report, at))
}

fn store(db: &Connection, conditions: impl IntoIterator<Item = Condition>) -> Result<(), Fault> {
    let before = load(db)?;
    for new in conditions {
        let old = before.get(&new.kind);
        let same = old.filter(|old| old.status == new.status && old.reason == new.reason);
        let new = Condition { since: same.map_or(new.since, |old| old.since), ..new };
        if old != Some(&new) {
            put(db, &new)?;
        }
    }
    Ok(())
}

fn ordered(orders: &Orders, report: Option<&PassReport>, now: Timestamp) -> [Condition; 2] {
    let looked = report.filter(|report| report.outcome == Outcome::Suspended);
    let waits = looked.and_then(|report| report.error.clone());
    let suspended = match orders.suspension(now) {
        Some(order) => Some((order.at, "Suspended", waits.unwrap_or_else(|| order.to_string()))),
        // Nobody suspended it: its sync window is closed.
        None => waits.map(|waits| (now, "SyncWindow", waits)),
    };
    let note = report.and_then(|report| report.note.clone());
    let pinned =
        orders.pinned.as_ref().map(|pin| (pin.at, "Pinned", note.unwrap_or_else(|| pin.to_string())));
    [standing(ConditionType::Suspended, suspended, now), standing(ConditionType::Pinned, pinned, now)]
}

/// A condition that is so since a moment and for a reason, or is not so from now on.
fn standing(
    kind: ConditionType,
    order: Option<(Timestamp, &'static str, String)>,
    now: Timestamp,
) -> Condition {
    let status = if order.is_some() { ConditionStatus::True } else { ConditionStatus::False };
    let (since, reason, message) = order.unwrap_or((now, kind.absence(), String::new()));
    Condition { kind, status, reason: reason.to_owned(), message, since }
}

fn put(db: &Connection, condition: &Condition) -> Result<(), Fault> {
    let mut row = db.prepare_cached(
        "INSERT OR REPLACE INTO conditions (type, status, reason, message, since) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    row.execute(params![
        condition.kind.to_string(),
        condition.status.to_string(),
        condition.reason,
        condition.message,
        condition.since.millis().cast_signed(),
    ])?;
    Ok(())
}

/// What a pass says; what it cannot know it does not mention, and that stays as it was.
fn after(end: &End<'_>, repeated: &[String]) -> Vec<Condition> {
    let report = end.report;
    let since = ended_at(report);
    let condition = |kind, is: bool, reason: &str, message: String| {
        let status = if is { ConditionStatus::True } else { ConditionStatus::False };
        Condition { kind, status, reason: reason.to_owned(), message, since }
    };
    let error = || report.error.clone().unwrap_or_default();
    let suspended = report.outcome == Outcome::Suspended;
    let (stalled, stalled_reason) = match report.outcome {
        Outcome::Stalled => (true, "Stalled"),
        Outcome::Guarded => (true, "Guarded"),
        _ => (false, "NotStalled"),
    };
    let mut all = vec![condition(
        ConditionType::Stalled,
        stalled,
        stalled_reason,
        if stalled { error() } else { String::new() },
    )];
    // A suspended pass changes nothing: what is served is as ready as it was.
    if !suspended {
        let (reason, message) = readiness(report);
        all.push(condition(ConditionType::Ready, reason == "Converged", reason, message));
    }
    if report.outcome.is_converged() {
        let (reason, message) = match &report.overwritten[..] {
            [] => drift(drifted(end), repeated),
            overwritten => ("WrittenWhileReplaced", names(overwritten.iter().map(ToString::to_string), "; ")),
        };
        all.push(condition(ConditionType::Drifting, !message.is_empty(), reason, message));
    }
    // Only a pass that judged knows.
    if end.findings.is_some() {
        let named = names(report.condemned.iter().map(|one| one.skill.as_str()), ", ");
        let message = format!("today's rules would hold what is served of {named}");
        all.push(found(ConditionType::Condemned, &report.condemned, message, since));
    }
    if let Some(planted) = &report.planted {
        let named = names(planted.iter().map(|one| one.path.as_str()), ", ");
        let message = format!("not put there by skill-sync, and an agent would load it: {named}");
        all.push(found(ConditionType::Planted, planted, message, since));
    }
    all
}

/// A condition that is so where something was found.
fn found<T>(kind: ConditionType, what: &[T], message: String, since: Timestamp) -> Condition {
    let is = !what.is_empty();
    let status = if is { ConditionStatus::True } else { ConditionStatus::False };
    let reason = if is { kind.to_string() } else { kind.absence().to_owned() };
    let message = if is { message } else { String::new() };
    Condition { kind, status, reason, message, since }
}

/// The first of a list.
fn names(all: impl Iterator<Item = impl Into<String>>, between: &str) -> String {
    let mut all = all.fuse();
    let first: Vec<String> = all.by_ref().take(NAMED).map(Into::into).collect();
    format!("{}{}", first.join(between), if all.next().is_some() { ", …" } else { "" })
}

fn drift(drifted: usize, repeated: &[String]) -> (&'static str, String) {
    let skills = if drifted == 1 { "1 skill" } else { &format!("{drifted} skills") };
    match (repeated, drifted) {
        ([], 0) => ("NotDrifting", String::new()),
        ([], _) => ("DriftCorrected", format!("{skills} had been changed on the volume and put right")),
        (paths, _) => {
            let (minutes, times) = (drifting::WINDOW_MS / 60_000, drifting::TIMES);
            let more = if paths.len() > NAMED { ", …" } else { "" };
            let named = paths.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let message = format!(
                "{named}{more}: changed on the volume {times} times or more in {minutes} minutes and put right \
                 each time; another writer fights for it: stop that one, or leave the skill out by SKILLS_EXCLUDE"
            );
            ("DriftRepeats", message)
        }
    }
}

fn readiness(report: &PassReport) -> (&'static str, String) {
    let revision =
        report.applied_revision.map_or_else(|| "no revision".to_owned(), |commit| commit.to_string());
    let error = || report.error.clone().unwrap_or_default();
    match report.outcome {
        Outcome::InSync | Outcome::Applied | Outcome::Suspended => {
            ("Converged", format!("{revision} is served"))
        }
        Outcome::Degraded => {
            let held: Vec<_> = report.held.iter().take(NAMED).map(|held| held.skill.as_str()).collect();
            let more = if report.held.len() > NAMED { ", …" } else { "" };
            let (count, held) = (report.held.len(), held.join(", "));
            let skills = if count == 1 { "skill" } else { "skills" };
            ("Degraded", format!("{revision} is served but for {count} held {skills}: {held}{more}"))
        }
        Outcome::Guarded => ("Guarded", error()),
        Outcome::Failed => ("Failed", error()),
        Outcome::Stalled => ("Stalled", error()),
    }
}

/// How many held skills a message names.
const NAMED: usize = 5;

/// How many skills the pass put right.
fn drifted(end: &End<'_>) -> usize {
    let is_drift = |why: Why| matches!(why, Why::Drifted | Why::GitChangedAndDrifted);
    end.report.changes.iter().filter(|change| end.changed() && is_drift(change.why)).count()
}
