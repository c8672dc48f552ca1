//! The record: what we own, what was done and why, and what is held, in one SQLite database.
//!
//! ```text
//! begin ─▶ intend ─▶ (the volume changes) ─▶ finish
//!          durable: what will be              durable: what was, and no intent any more
//! ```
//!
//! A pass that dies before `intend` changed nothing and leaves nothing. One that dies after it is
//! found by [`Record::interrupted`]; the next pass finishes what it intended and calls
//! [`Record::settled`]. A pass that changed nothing costs one durable commit.
//!
//! One process writes (the lock of the target sees to that); others read beside it.

mod audit;
mod checkpoint;
mod column;
mod conditions;
mod deliveries;
mod drift;
mod drifting;
mod error;
mod held;
mod hook;
mod intent;
mod inventory;
mod open;
mod orders;
mod passes;
mod reading;
mod rebuild;
mod schema;
mod trace;
mod verdicts;
mod verify;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::{Deserialize, Serialize};

pub use self::audit::{AuditRecord, CONTROLLER, Kind, ON_APPLIED, VOLUME, WEBHOOK};
pub use self::checkpoint::{Anchor, Checkpoint};
pub use self::drift::Drifted;
pub use self::error::RecordError;
pub use self::held::{Findings, hold_key};
pub use self::hook::HookFailure;
pub use self::intent::Intent;
pub use self::inventory::Inventory;
pub use self::orders::{APPLIED_KEPT, Evidence};
pub use self::passes::{INTERRUPTED, PassRow};
pub use self::rebuild::{PreviousChain, Rebuilt, broken_name, set_aside};
pub use self::trace::{Claim, FilePlaced, Given, Placed, Trace};
pub(crate) use self::verdicts::Reading;
pub use self::verify::{Break, Verified};

use self::audit::Appender;
use self::error::Fault;
use self::open::{Identity, Opened};
use crate::apply::{Kept, Late};
use crate::ids::{CommitId, Digest, PassId, Timestamp};
use crate::observed::StatCache;
use crate::options::Layout;
use crate::path::TreePath;
use crate::plan::{Plan, SkillChange};
use crate::report::{PassReport, Quarantined};
use crate::tree::Skills;
use crate::trigger::Trigger;

/// What was applied: a change of repository or path is guarded by comparing with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedSource {
    /// The repository, as it is shown: without credentials.
    pub repo: String,
    /// The directory of it that holds the skills; none for its root.
    pub path: Option<TreePath>,
    /// The full name of the ref, or the commit itself.
    pub reference: String,
    /// The commit.
    pub commit: CommitId,
    /// How the skills were laid out; none where that is not known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
}

/// Who made a commit, as the commit itself says: anybody can write any name into one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitFacts {
    /// Who wrote the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
}

/// A name and an address out of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// How a pass ended.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Its report.
    pub report: &'a PassReport,
    /// The plan that was carried out, whole; none where none was, or not to its end.
    pub plan: Option<&'a Plan>,
    /// What was owned before it.
    pub inventory: &'a Skills,
    /// The stamps that became known or changed.
    pub known: &'a StatCache,
    /// What the rules say of each skill; none where nothing was judged: then what is known stays, the
    /// held skills included.
    pub findings: Option<&'a Findings>,
    /// What was applied, where the pass converged.
    pub applied: Option<&'a AppliedSource>,
    /// The commit that was applied before and that this one does not contain.
    pub left: Option<CommitId>,
    /// Who made the commit that was looked at.
    pub commit: Option<&'a CommitFacts>,
}

impl End<'_> {
    /// Whether the pass changed something, be it only whose a file is.
    fn changed(&self) -> bool {
        self.plan.is_some_and(|plan| !plan.is_empty()) || !self.report.changes.is_empty()
    }
}

/// How an interrupted pass was finished.
#[derive(Debug, Clone, Copy)]
pub struct Settled<'a> {
    /// The pass that finished it.
    pub pass: PassId,
    /// When.
    pub at: Timestamp,
    /// What was intended.
    pub intent: &'a Intent,
    /// The plan that was carried out for it, made from the intent's `next`.
    pub plan: &'a Plan,
    /// What was owned before it.
    pub inventory: &'a Skills,
    /// The stamps that became known or changed.
    pub known: &'a StatCache,
}

/// What was taken off the volume before a pass looked at anything.
#[derive(Debug, Clone, Copy)]
pub struct Unpublished<'a> {
    /// The pass.
    pub pass: PassId,
    /// When.
    pub at: Timestamp,
    /// The commit that is applied.
    pub revision: CommitId,
    /// The plan that was carried out.
    pub plan: &'a Plan,
    /// What was owned before it.
    pub inventory: &'a Skills,
}

/// The database of one target.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    db: Connection,
    file: Identity,
    at_rest: bool,
    running: Option<Running>,
    fresh: verdicts::Fresh,
    findings: Option<u64>,
}

/// The pass that runs.
#[derive(Debug, Clone, Copy)]
struct Running {
    pass: PassId,
    trigger: Trigger,
    at: Timestamp,
}

#[derive(Serialize)]
struct ChangedBody<'a> {
    #[serde(flatten)]
    change: &'a SkillChange,
    revision: Option<CommitId>,
    /// The digest of the version that is served from here on.
    version: Option<Digest>,
    /// The digest of the one before.
    was: Option<Digest>,
}

/// What was served before and is served from here on.
type Turn<'a> = (&'a Skills, &'a Skills);

#[derive(Serialize)]
struct RewoundBody<'a> {
    from: CommitId,
    to: CommitId,
    reference: &'a str,
}

#[derive(Serialize)]
struct SettledBody {
    interrupted: PassId,
    revision: CommitId,
    changes: usize,
}

impl Record {
    /// Opens the record at an absolute path for writing: makes it where there is none, with its
    /// directory, and migrates an older one after a copy of it was made beside it. `environment` names
    /// the target in the first record of the audit.
    ///
    /// # Errors
    /// See [`RecordError`]; nothing that is there already is ever replaced.
    pub fn open(path: &Path, environment: &str) -> Result<Self, RecordError> {
        open::writer(path, environment, schema::STEPS).map(|opened| Self::new(path, opened))
    }

    /// Opens the record for reading, beside a running service or without one. It makes no file.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn open_read_only(path: &Path) -> Result<Self, RecordError> {
        open::reader(path, schema::STEPS).map(|opened| Self::new(path, opened))
    }

    fn new(path: &Path, Opened { db, file, at_rest }: Opened) -> Self {
        let path = path.to_owned();
        Self { path, db, file, at_rest, running: None, fresh: HashMap::new(), findings: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its path still leads to the file that was opened.
    pub fn is_same_file(&self) -> bool {
        Identity::of(&self.path).is_ok_and(|now| now.is_same_file(&self.file))
    }

    /// Gives the next pass its number, greater than any before, and notes in the history a pass that
    /// died after its intent. It writes nothing else: a pass that dies before its intent leaves no
    /// trace, and its number is given again.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub fn begin(&mut self, trigger: Trigger, at: Timestamp) -> Result<PassId, RecordError> {
        self.begin_beyond(PassId(0), trigger, at)
    }

    /// The same with a number that is also greater than `floor`: what the volume knows of.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_beyond(
        &mut self,
        floor: PassId,
        trigger: Trigger,
        at: Timestamp,
    ) -> Result<PassId, RecordError> {
        let newest = self.read(passes::newest)?.map(|(pass, _)| pass);
        let begun = self.read(intent::begun)?.filter(|begun| newest.is_none_or(|last| begun.pass > last));
        if let Some(begun) = &begun {
            self.write(|tx| passes::write_interrupted(tx, begun))?;
        }
        let greatest = [newest, begun.map(|begun| begun.pass), self.running.map(|running| running.pass)];
        let pass = PassId(greatest.into_iter().flatten().fold(floor, Ord::max).0 + 1);
        self.running = Some(Running { pass, trigger, at });
        Ok(pass)
    }

    /// What a pass that never finished was about to do.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn interrupted(&self) -> Result<Option<Intent>, RecordError> {
        self.read(intent::load)
    }

    /// What we own, as it was published last. Reading it costs in proportion to the files: once, when
    /// the engine starts.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn inventory(&self) -> Result<Inventory, RecordError> {
        self.read(inventory::load)
    }

    /// Stores durably what the running pass is about to do, and what was kept for it: to be called
    /// when everything is staged and before the first rename.
    ///
    /// # Errors
    /// Where the database cannot be written: then nothing may be renamed.
    pub fn intend(
        &mut self,
        pass: PassId,
        applied: &AppliedSource,
        plan: &Plan,
        inventory: &Skills,
        kept: &[Kept],
    ) -> Result<(), RecordError> {
        let (trigger, at) = self.begun(pass);
        self.write(|tx| {
            let mut audit = Appender::new(tx, at, Some(pass))?;
            intent::write(tx, (pass, trigger, at), applied, plan, inventory)?;
            drift::write(tx, &mut audit, pass, plan, kept)
        })
    }

    /// Stores durably what was kept of files that were written to while they were replaced.
    ///
    /// # Errors
    /// Where the database cannot be written: the bytes are in the mirror then, and no list names them.
    pub fn keep_late(&mut self, pass: PassId, plan: &Plan, late: &[Late]) -> Result<(), RecordError> {
        let kept: Vec<Kept> = late.iter().filter_map(|late| late.kept.clone()).collect();
        if kept.is_empty() {
            return Ok(());
        }
        let (_, at) = self.begun(pass);
        self.write(|tx| drift::write(tx, &mut Appender::new(tx, at, Some(pass))?, pass, plan, &kept))
    }

    /// Stores durably that what an interrupted pass had begun is finished. The pass that finished it is
    /// in the history from here on, as interrupted until it ends: it changed the volume, and may die
    /// before it does anything else.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn settled(&mut self, settled: &Settled<'_>) -> Result<(), RecordError> {
        let Settled { pass, at, intent, plan, inventory, known } = *settled;
        let changes = intent::changes(inventory, plan);
        let revision = intent.applied.commit;
        let body = SettledBody { interrupted: intent.pass, revision, changes: changes.len() };
        let (trigger, started_at) = self.begun(pass);
        let begun = intent::Begun { pass, trigger, started_at, revision };
        self.write(|tx| {
            let mut audit = Appender::new(tx, at, Some(pass))?;
            inventory::write(tx, inventory, &plan.next)?;
            inventory::write_stamps(tx, known)?;
            write_applied(tx, &intent.applied, intent.pass, at)?;
            intent::clear(tx)?;
            passes::write_interrupted(tx, &begun)?;
            record_changes(&mut audit, &changes, Some(revision), (inventory, &plan.next))?;
            audit.append(Kind::Settled, &body)
        })
    }

    /// Stores durably what was taken off the volume; the pass goes on.
    ///
    /// # Errors
    /// Where the database cannot be written: then the next pass finishes it, by the intent.
    pub fn unpublished(&mut self, taken: &Unpublished<'_>) -> Result<(), RecordError> {
        let Unpublished { pass, at, revision, plan, inventory } = *taken;
        self.write(|tx| {
            inventory::write(tx, inventory, &plan.next)?;
            intent::clear(tx)?;
            let mut audit = Appender::new(tx, at, Some(pass))?;
            record_changes(&mut audit, &plan.changes, Some(revision), (inventory, &plan.next))
        })
    }

    /// Stores durably what was moved to the quarantine.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn quarantined(
        &mut self,
        pass: PassId,
        at: Timestamp,
        moved: &[Quarantined],
    ) -> Result<(), RecordError> {
        if moved.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            let mut audit = Appender::new(tx, at, Some(pass))?;
            moved.iter().try_for_each(|one| audit.append(Kind::Quarantined, one))
        })
    }

    /// Why a pass runs and since when.
    fn begun(&self, pass: PassId) -> (Trigger, Timestamp) {
        match self.running.filter(|running| running.pass == pass) {
            Some(running) => (running.trigger, running.at),
            None => (Trigger::Manual, Timestamp::now()),
        }
    }

    /// Stores durably how the pass ended, in one transaction: before it reports anything.
    ///
    /// # Errors
    /// Where the database cannot be written: then the pass did not succeed, and the next one finishes
    /// what it intended.
    pub fn finish(&mut self, end: &End<'_>) -> Result<(), RecordError> {
        let fresh = std::mem::take(&mut self.fresh);
        let fingerprint = end.findings.map(held::fingerprint);
        let findings = end.findings.filter(|_| fingerprint != self.findings);
        self.write(|tx| {
            write_end(tx, end)?;
            findings.map_or(Ok(()), |findings| held::write_findings(tx, findings))?;
            verdicts::write(tx, &fresh, end.inventory.len())
        })?;
        self.findings = fingerprint.or(self.findings);
        Ok(())
    }

    /// Remembers deliveries whose fetch succeeded: the newest 10,000, for 30 days.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn remember_deliveries(&mut self, ids: &[String], at: Timestamp) -> Result<(), RecordError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write(|tx| deliveries::write(tx, ids, at))
    }

    /// Forgets kept bytes, on record: to be called before they are let go of.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn forget_kept(&mut self, gone: &[Drifted], pass: PassId, at: Timestamp) -> Result<(), RecordError> {
        self.write(|tx| drift::forget(tx, &mut Appender::new(tx, at, Some(pass))?, gone))
    }

    fn read<'a, T>(
        &'a self,
        query: impl FnOnce(&'a Connection) -> Result<T, Fault>,
    ) -> Result<T, RecordError> {
        query(&self.db).map_err(|fault| RecordError::at(&self.path, fault))
    }

    /// One durable transaction.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, RecordError> {
        let done = in_transaction(&mut self.db, work);
        done.map_err(|fault| RecordError::at(&self.path, fault))
    }
}

fn in_transaction<T>(
    db: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&tx)?;
    tx.commit()?;
    Ok(done)
}

fn write_end(tx: &Transaction<'_>, end: &End<'_>) -> Result<(), Fault> {
    let report = end.report;
    let mut audit = Appender::new(tx, ended_at(report), Some(report.pass))?;
    if let Some(plan) = end.plan {
        if end.changed() {
            inventory::write(tx, end.inventory, &plan.next)?;
            record_changes(&mut audit, &plan.changes, report.revision, (end.inventory, &plan.next))?;
        }
        intent::clear(tx)?;
    }
    inventory::write_stamps(tx, end.known)?;
    if end.findings.is_some() {
        held::write(tx, &mut audit, &report.held, report.revision)?;
    }
    if let Some(applied) = end.applied.filter(|_| report.outcome.is_converged()) {
        if let Some(from) = end.left {
            let body = RewoundBody { from, to: applied.commit, reference: &applied.reference };
            audit.append(Kind::Rewound, &body)?;
        }
        write_applied(tx, applied, report.pass, ended_at(report))?;
        orders::fulfil(tx)?;
    }
    passes::record(tx, &mut audit, end)?;
    passes::write(tx, end)?;
    conditions::write(tx, end)
}

fn record_changes(
    audit: &mut Appender<'_>,
    changes: &[SkillChange],
    revision: Option<CommitId>,
    (before, next): Turn<'_>,
) -> Result<(), Fault> {
    let digest = |skills: &Skills, skill| skills.get(skill).map(|version| version.digest());
    changes.iter().try_for_each(|change| {
        let (version, was) = (digest(next, &change.skill), digest(before, &change.skill));
        audit.append(Kind::Changed, &ChangedBody { change, revision, version, was })
    })
}

fn write_applied(tx: &Connection, applied: &AppliedSource, pass: PassId, at: Timestamp) -> Result<(), Fault> {
    if load_applied(tx)?.as_ref() != Some(applied) {
        orders::remember(tx, applied.commit, pass, at)?;
        tx.prepare_cached("UPDATE meta SET applied = ?1")?.execute([serde_json::to_string(applied)?])?;
    }
    Ok(())
}

fn load_applied(db: &Connection) -> Result<Option<AppliedSource>, Fault> {
    let applied: Option<String> =
        db.prepare_cached("SELECT applied FROM meta")?.query_row([], |row| row.get(0))?;
    Ok(applied.map(|applied| serde_json::from_str(&applied)).transpose()?)
}

fn ended_at(report: &PassReport) -> Timestamp {
    Timestamp::from_millis(report.started_at.millis().saturating_add(report.duration_ms))
}

#[cfg(test)]
pub(crate) mod tests;
