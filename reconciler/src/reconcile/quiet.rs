//! A pass for which nobody has to look: the remote names the commit that the last pass served, and the
//! one who watches the target saw nothing happen there since that pass looked.

use super::Engine;
use super::pass::Pass;
use crate::ids::CommitId;
use crate::observed::Vigil;
use crate::orders::Orders;
use crate::report::{Outcome, PassReport};
use crate::trigger::Trigger;

/// A pass that looked at everything and found it as it should be.
pub(super) struct Looked {
    commit: CommitId,
    rules: String,
    report: PassReport,
}

impl Engine {
    /// Heeds a watch on the target: where it vouches that nothing happened, a poll looks at nothing.
    pub fn heed(&mut self, vigil: Vigil) {
        self.vigil = vigil;
    }

    /// Whether this pass would find what the last one found. Orders, a policy and a judge of the
    /// operator's make it look in any case, and so does a directory that is not ours: what is in it is
    /// seen by looks alone.
    pub(super) fn is_quiet(&self, pass: &Pass, commit: CommitId) -> bool {
        let Some(last) = &self.looked else { return false };
        matches!(pass.trigger, Trigger::Poll | Trigger::Webhook)
            && last.commit == commit
            && last.rules == self.law.fingerprint()
            && pass.orders == Orders::default()
            && self.options.policy.is_none()
            && self.options.judge.is_none()
            && pass.unpublished.is_empty()
            && self.vigil.is_still(&self.inventory.skills)
    }

    /// Remembers what a pass found that looked at everything.
    pub(super) fn remember_look(&mut self, report: &PassReport) {
        let settled =
            matches!(report.outcome, Outcome::InSync | Outcome::Degraded) && report.changes.is_empty();
        let closed = report.unowned.iter().all(|one| !one.directory) && report.quarantined.is_empty();
        self.looked = report.revision.filter(|_| settled && closed).map(|commit| {
            let rules = self.law.fingerprint().to_owned();
            Looked { commit, rules, report: report.clone() }
        });
    }

    /// The report of a pass that found what the last one found.
    pub(super) fn quiet_report(&self, pass: &Pass) -> Option<PassReport> {
        let last = self.looked.as_ref().filter(|_| pass.is_quiet)?;
        Some(PassReport {
            pass: pass.id,
            trigger: pass.trigger,
            started_at: pass.started_at,
            duration_ms: pass.millis(),
            stages_ms: pass.stages,
            ..last.report.clone()
        })
    }
}
