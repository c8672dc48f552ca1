//! What a pass has come to know, and how it ends: with a record and a report.

use std::time::Instant;

use super::{Engine, PassError, held};
use crate::apply::Kept;
use crate::ids::{CommitId, PassId, SkillId, Timestamp};
use crate::observed::{Observed, Trust};
use crate::plan::Plan;
use crate::record::{AppliedSource, End, Inventory};
use crate::report::{Diff, Outcome, PassReport, Remedy, StagesMs, error_text};
use crate::trigger::Trigger;
use crate::verdict::Judged;

/// A running pass.
pub(super) struct Pass {
    pub(super) id: PassId,
    pub(super) trigger: Trigger,
    pub(super) trust: Trust,
    pub(super) stages: StagesMs,
    pub(super) revision: Option<CommitId>,
    pub(super) source: Option<AppliedSource>,
    pub(super) judged: Judged,
    pub(super) observed: Observed,
    pub(super) plan: Option<Plan>,
    pub(super) kept: Vec<Kept>,
    started_at: Timestamp,
    clock: Instant,
}

impl Pass {
    pub(super) fn begin(id: PassId, trigger: Trigger) -> Self {
        Self {
            id,
            trigger,
            trust: if trigger == Trigger::Recheck { Trust::Nothing } else { Trust::Cache },
            stages: StagesMs::default(),
            revision: None,
            source: None,
            judged: Judged::default(),
            observed: Observed::default(),
            plan: None,
            kept: Vec::new(),
            started_at: Timestamp::now(),
            clock: Instant::now(),
        }
    }

    /// The skills that are not served as git has them.
    pub(super) fn held_skills(&self) -> impl Iterator<Item = &SkillId> {
        let conflicts = self.plan.iter().flat_map(|plan| &plan.conflicts).map(|conflict| &conflict.skill);
        self.judged.held.iter().map(|held| &held.skill).chain(conflicts)
    }

    fn outcome(&self, result: &Result<(), PassError>) -> Outcome {
        match result {
            Err(error) => error.remedy().outcome(),
            Ok(()) if self.held_skills().next().is_some() => Outcome::Degraded,
            Ok(()) if self.plan.as_ref().is_none_or(Plan::is_empty) => Outcome::InSync,
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
    pub(super) fn finish(&mut self, mut pass: Pass, result: Result<(), PassError>) -> PassReport {
        let begun = Instant::now();
        let mut report = self.report(&pass, &result);
        let retry_after = match result.as_ref().map_err(PassError::remedy) {
            Err(Remedy::Retry(pause)) => pause,
            _ => None,
        };
        let end = End {
            report: &report,
            plan: pass.plan.as_ref().filter(|_| result.is_ok()),
            known: &pass.observed.known,
            inventory: &self.inventory,
            judged: &pass.judged,
            source: pass.source.as_ref().filter(|_| result.is_ok()),
            kept: &pass.kept,
        };
        if let Err(error) = self.record.finish(&end) {
            report.outcome = error.remedy().outcome();
            report.error = Some(error_text(&error));
        } else if let Some(plan) = pass.plan.take().filter(|_| result.is_ok()) {
            self.inventory = Inventory { skills: plan.next, known: std::mem::take(&mut pass.observed.known) };
        }
        report.retry_after = retry_after;
        report.stages_ms.record = millis_since(begun);
        report.duration_ms = millis_since(pass.clock);
        report
    }

    fn report(&self, pass: &Pass, result: &Result<(), PassError>) -> PassReport {
        let outcome = pass.outcome(result);
        let applied_revision = match (&pass.source, outcome.is_converged()) {
            (Some(source), true) => Some(source.commit),
            _ => self.record.last_applied().ok().flatten().map(|source| source.commit),
        };
        let plan = pass.plan.as_ref().filter(|_| result.is_ok());
        PassReport {
            pass: pass.id,
            trigger: pass.trigger,
            outcome,
            revision: pass.revision,
            applied_revision,
            started_at: pass.started_at,
            duration_ms: millis_since(pass.clock),
            stages_ms: pass.stages,
            changes: plan.map(|plan| plan.changes.clone()).unwrap_or_default(),
            held: self.held(pass),
            warnings: pass.judged.strays.clone(),
            unowned: plan.map(|plan| plan.unowned.clone()).unwrap_or_default(),
            error: result.as_ref().err().map(error_text),
            retry_after: None,
        }
    }

    pub(super) fn report_diff(&self, pass: Pass) -> Diff {
        let held = self.held(&pass);
        let plan = pass.plan.unwrap_or_default();
        Diff { revision: pass.revision, changes: plan.changes, held, warnings: pass.judged.strays, unowned: plan.unowned }
    }

    fn held(&self, pass: &Pass) -> Vec<crate::finding::Held> {
        // A record that cannot be read fails the pass elsewhere; here it only costs the dates.
        let before = self.record.held().unwrap_or_default();
        let conflicts = pass.plan.iter().flat_map(|plan| &plan.conflicts);
        held::list(&pass.judged.held, conflicts, &self.inventory.skills, &before, pass.started_at)
    }
}
