//! What a pass has come to know, and how it ends: with a record and a report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::memo::Ruling;
use super::{Engine, PassError, held};
use crate::finding::Held;
use crate::ids::{CommitId, PassId, SkillId, Timestamp};
use crate::observed::{Observed, StatCache, Unowned};
use crate::orders::{Orders, Seen};
use crate::plan::{Plan, SkillChange};
use crate::record::{AppliedSource, CommitFacts, End, Person};
use crate::report::{
    Condemned, Diff, Outcome, Overwritten, PassReport, Quarantined, Remedy, StagesMs, error_text,
};
use crate::source::{Progress, Signer};
use crate::tree::Skills;
use crate::trigger::Trigger;
use crate::verdict::Judged;

/// What a running pass has come to, for who watches it.
#[derive(Debug, Clone, Copy)]
pub enum Reached {
    /// So much of its fetch.
    Bytes(Progress),
    /// The commit that it looks at: that is judged and applied from here on.
    Commit(CommitId),
}

/// A running pass, and what it has come to know.
pub(super) struct Pass {
    pub(super) id: PassId,
    pub(super) trigger: Trigger,
    pub(super) started_at: Timestamp,
    pub(super) stages: StagesMs,
    pub(super) revision: Option<CommitId>,
    /// The annotated tag that named it.
    pub(super) tag: Option<String>,
    /// Who signed it, where somebody must have.
    pub(super) signer: Option<Signer>,
    pub(super) ruling: Option<Arc<Ruling>>,
    pub(super) step: Option<Step>,
    /// What stands as it begins.
    pub(super) orders: Orders,
    /// What is followed, where something else is pinned.
    pub(super) seen: Option<Seen>,
    pub(super) note: Option<String>,
    /// How long the server asked to be left alone, where that did not end the pass.
    pub(super) pause: Option<Duration>,
    /// What was taken off the volume before anything else was looked at.
    pub(super) unpublished: Vec<SkillChange>,
    /// What is planted on the volume; none where nobody looked.
    pub(super) planted: Option<Vec<Unowned>>,
    pub(super) quarantined: Vec<Quarantined>,
    /// What was written to while it was replaced.
    pub(super) overwritten: Vec<Overwritten>,
    /// Whether the sentinel on the volume names it.
    pub(super) signed: bool,
    /// Whether nobody had to look: all is as the last pass found it.
    pub(super) is_quiet: bool,
    clock: Instant,
}

/// The step that a pass takes: from what was observed, by a plan, to a commit.
pub(super) struct Step {
    pub(super) source: AppliedSource,
    /// The applied commit that this one does not contain.
    pub(super) left: Option<CommitId>,
    pub(super) observed: Observed,
    pub(super) plan: Plan,
    /// Whether the plan was carried out to its end.
    pub(super) done: bool,
}

impl Pass {
    pub(super) fn new(id: PassId, trigger: Trigger) -> Self {
        Self {
            id,
            trigger,
            started_at: Timestamp::now(),
            stages: StagesMs::default(),
            revision: None,
            tag: None,
            signer: None,
            ruling: None,
            step: None,
            orders: Orders::default(),
            seen: None,
            note: None,
            pause: None,
            unpublished: Vec::new(),
            planted: None,
            quarantined: Vec::new(),
            overwritten: Vec::new(),
            signed: false,
            is_quiet: false,
            clock: Instant::now(),
        }
    }

    /// What judging came to; none where this pass did not come so far.
    pub(super) fn judged(&self) -> Option<&Judged> {
        self.ruling.as_ref().map(|ruling| &ruling.judged)
    }

    /// The skills that are not served as git has them.
    pub(super) fn held_skills(&self) -> impl Iterator<Item = &SkillId> {
        let conflicts = self.step.iter().flat_map(|step| &step.plan.conflicts);
        let judged = self.judged().into_iter().flat_map(|judged| &judged.held);
        judged.map(|held| &held.skill).chain(conflicts.map(|conflict| &conflict.skill))
    }

    /// How long it has run, in milliseconds.
    pub(super) fn millis(&self) -> u64 {
        millis_since(self.clock)
    }

    /// What was changed.
    fn changes(&self) -> Vec<SkillChange> {
        let done = self.step.iter().filter(|step| step.done).flat_map(|step| &step.plan.changes);
        self.unpublished.iter().chain(done).cloned().collect()
    }

    fn outcome(&self, result: &Result<(), PassError>) -> Outcome {
        match result {
            Err(error) => error.remedy().outcome(),
            Ok(()) if self.held_skills().next().is_some() => Outcome::Degraded,
            Ok(())
                if self.unpublished.is_empty()
                    && self.step.as_ref().is_none_or(|step| step.plan.is_empty()) =>
            {
                Outcome::InSync
            }
            Ok(()) => Outcome::Applied,
        }
    }
}

/// Runs a stage and adds its time, in milliseconds.
pub(super) fn timed<T>(total_ms: &mut u64, stage: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = stage();
    *total_ms += millis_since(begun);
    result
}

fn millis_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Engine {
    /// Records what a pass came to. Where even that fails, the report says so, and the next pass
    /// finds what this one intended.
    pub(super) fn finish(&mut self, mut pass: Pass, result: &Result<(), PassError>) -> PassReport {
        let begun = Instant::now();
        let mut report = self.quiet_report(&pass).unwrap_or_else(|| self.report(&pass, result));
        report.retry_after = match result.as_ref().map_err(PassError::remedy) {
            Err(Remedy::Retry(pause)) => pause,
            _ => pass.pause,
        };
        let done = pass.step.take().filter(|step| step.done);
        let changed =
            done.is_some() && report.applied_revision != self.applied() || !report.changes.is_empty();
        let written = self.write_end(&pass, &report, done.as_ref(), result.is_ok());
        if !pass.is_quiet {
            self.remember_look(&report);
        }
        match written {
            Err(error) => {
                self.looked = None;
                report.outcome = error.remedy().outcome();
                report.error = Some(error_text(&error));
            }
            Ok(()) => {
                if let Some(Step { plan, observed, .. }) = done {
                    self.remember_ground(&report, plan.unowned.clone());
                    self.sign(&pass);
                    self.inventory = self.inventory.after(&plan, observed.known);
                    self.retain(&pass, changed);
                }
            }
        }
        report.stages_ms.record = millis_since(begun);
        report.duration_ms = millis_since(pass.clock);
        report
    }

    /// Remembers that the volume names this pass, by which a volume that is older than the record is told.
    fn sign(&mut self, pass: &Pass) {
        if pass.signed
            && let Err(error) = self.record.note_signed(pass.id)
        {
            tracing::warn!(error = error_text(&error), "an older volume would not be told from this one");
        }
    }

    fn write_end(
        &mut self,
        pass: &Pass,
        report: &PassReport,
        done: Option<&Step>,
        converged: bool,
    ) -> Result<(), crate::record::RecordError> {
        let nothing = StatCache::new();
        let commit = report.revision.and_then(|revision| self.commit_facts(revision));
        self.record.finish(&End {
            report,
            plan: done.map(|step| &step.plan),
            inventory: &self.inventory.skills,
            known: done.map_or(&nothing, |step| &step.observed.known),
            findings: pass.ruling.as_ref().map(|ruling| &ruling.findings),
            applied: done.filter(|_| converged).map(|step| &step.source),
            left: done.filter(|_| converged).and_then(|step| step.left),
            commit: commit.as_ref(),
        })
    }

    /// Who made a commit, as it says itself; none where it cannot be read.
    fn commit_facts(&self, revision: CommitId) -> Option<CommitFacts> {
        let commit = self.mirror.git().find_commit(revision.oid()).ok()?;
        let person = |signature: git2::Signature<'_>| Person {
            name: String::from_utf8_lossy(signature.name_bytes()).into_owned(),
            email: String::from_utf8_lossy(signature.email_bytes()).into_owned(),
        };
        let (author, committer) = (person(commit.author()), person(commit.committer()));
        Some(CommitFacts { author, committer })
    }

    fn applied(&self) -> Option<CommitId> {
        self.record.last_applied().ok().flatten().map(|source| source.commit)
    }

    fn report(&self, pass: &Pass, result: &Result<(), PassError>) -> PassReport {
        let done = pass.step.as_ref().filter(|step| step.done);
        PassReport {
            pass: pass.id,
            trigger: pass.trigger,
            outcome: pass.outcome(result),
            revision: pass.revision,
            applied_revision: done.map(|step| step.source.commit).or_else(|| self.applied()),
            started_at: pass.started_at,
            duration_ms: millis_since(pass.clock),
            stages_ms: pass.stages,
            changes: pass.changes(),
            held: self.held(pass),
            warnings: pass.judged().into_iter().flat_map(|judged| judged.strays.clone()).collect(),
            exceptions: pass.judged().into_iter().flat_map(|judged| judged.excepted.clone()).collect(),
            condemned: self.condemned(pass),
            planted: pass.planted.clone(),
            quarantined: pass.quarantined.clone(),
            overwritten: pass.overwritten.clone(),
            unowned: done.map(|step| step.plan.unowned.clone()).unwrap_or_default(),
            signer: pass.signer.clone(),
            note: pass.note.clone(),
            error: result.as_ref().err().map(|error| error_text(error)),
            retry_after: None,
            opens_at: match result {
                Err(PassError::WindowClosed(window)) => window.closed.until,
                _ => None,
            },
        }
    }

    pub(super) fn report_diff(&self, pass: Pass, guard: Option<String>) -> Diff {
        let held = self.held(&pass);
        let warnings = pass.judged().map(|judged| judged.strays.clone()).unwrap_or_default();
        let mut plan = pass.step.map(|step| step.plan).unwrap_or_default();
        plan.changes.splice(..0, pass.unpublished);
        let (revision, kept) = (pass.revision, plan.kept().cloned().collect());
        Diff { revision, guard, changes: plan.changes, held, kept, warnings, unowned: plan.unowned }
    }

    /// What is served after this pass.
    fn served<'a>(&'a self, pass: &'a Pass) -> &'a Skills {
        let done = pass.step.as_ref().filter(|step| step.done);
        done.map_or(&self.inventory.skills, |step| &step.plan.next)
    }

    /// What this pass condemned and did not take off.
    fn condemned(&self, pass: &Pass) -> Vec<Condemned> {
        let served = self.served(pass);
        let condemned = pass.judged().into_iter().flat_map(|judged| &judged.condemned);
        let stays = condemned.filter_map(|one| Some((one, served.get(&one.skill)?)));
        stays
            .map(|(one, version)| Condemned {
                skill: one.skill.clone(),
                rule: one.finding.rule.clone(),
                path: one.finding.path.clone(),
                line: one.finding.line,
                message: format!("{}. {}", one.finding.message, one.finding.help),
                serving: Some(version.revision),
            })
            .collect()
    }

    /// What is held: as this pass judged it, or as it was where this pass did not come so far.
    fn held(&self, pass: &Pass) -> Vec<Held> {
        // A record that cannot be read fails the pass elsewhere; here it only costs the dates.
        let before = self.record.held().unwrap_or_default();
        let Some(judged) = pass.judged() else { return before };
        let conflicts = pass.step.iter().flat_map(|step| &step.plan.conflicts);
        held::list(&judged.held, conflicts, self.served(pass), &before, pass.started_at)
    }
}
