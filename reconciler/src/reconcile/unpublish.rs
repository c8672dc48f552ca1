//! Taking off the volume what the operator's policy denies: before anything else is looked at, so that
//! it needs no network and heeds no suspension, no pin and no guard.

use std::sync::Arc;

use super::pass::Pass;
use super::publish::Change;
use super::{Engine, PassError, trust};
use crate::cancel::Cancel;
use crate::ids::{CommitId, Timestamp};
use crate::observed::Observed;
use crate::plan::{self, Plan, PlanOptions, SkillChange, Why};
use crate::record::{Inventory, Unpublished};
use crate::target::Locked;
use crate::tree::{AcceptedTree, Skills};

impl Engine {
    /// Takes off each served skill that is denied, and touches no other. It is on record before the pass
    /// goes on; the prune limit has no say, since an operator named it.
    pub(super) fn unpublish(
        &mut self,
        target: &Locked<'_>,
        pass: &mut Pass,
        cancel: &Cancel,
    ) -> Result<(), PassError> {
        let Some((revision, observed, plan)) = self.denied(pass)? else { return Ok(()) };
        let Some(source) = self.record.last_applied()? else { return Ok(()) };
        let change = Change { pass: pass.id, source: &source, plan: &plan, observed: &observed };
        self.publish(target, &change, &mut pass.overwritten, cancel)?;
        self.pin(revision, &plan.next)?;
        let (at, inventory) = (Timestamp::now(), &self.inventory.skills);
        self.record.unpublished(&Unpublished { pass: pass.id, at, revision, plan: &plan, inventory })?;
        pass.unpublished.clone_from(&plan.changes);
        self.keep_only(plan.next);
        Ok(())
    }

    /// What taking off what is denied would change, and the inventory as it would be then: for a look
    /// that changes nothing.
    pub(super) fn without_denied(&mut self, pass: &Pass) -> Result<(Vec<SkillChange>, Inventory), PassError> {
        let whole = self.inventory.clone();
        let Some((_, _, plan)) = self.denied(pass)? else { return Ok((Vec::new(), whole)) };
        self.keep_only(plan.next);
        Ok((plan.changes, whole))
    }

    fn keep_only(&mut self, skills: Arc<Skills>) {
        let ours = |path: &_| skills.values().any(|version| version.files.contains_key(path));
        Arc::make_mut(&mut self.inventory.known).retain(|path, _| ours(path));
        self.inventory.skills = skills;
    }

    /// The plan that removes what is denied, where something is; it plans nothing for the other skills.
    fn denied(&mut self, pass: &Pass) -> Result<Option<(CommitId, Observed, Plan)>, PassError> {
        let policy = self.law.policy();
        if !policy.denies_any() {
            return Ok(None);
        }
        let (mut denied, mut rest) = (Skills::new(), Skills::new());
        for (id, version) in &*self.inventory.skills {
            let side = if policy.denies_served(id, version).is_some() { &mut denied } else { &mut rest };
            side.insert(id.clone(), Arc::clone(version));
        }
        if denied.is_empty() {
            return Ok(None);
        }
        let Some(source) = self.record.last_applied()? else { return Ok(None) };
        let denied = Arc::new(denied);
        let observed = self.observe(&denied, trust(pass.trigger))?;
        let options = PlanOptions { adopt: false, prune_limit: None };
        let removal = plan::plan(source.commit, &AcceptedTree::default(), &denied, &observed, options);
        let mut plan = removal.map_err(crate::guard::Guard::from)?;
        plan.say_why(Why::Denied, |_| true);
        Ok(Some((source.commit, observed, Plan { next: Arc::new(rest), unowned: Vec::new(), ..plan })))
    }
}
