//! One pass, on one screen: why now → a commit → what git says → may it enter → what to change → do
//! it → what happened.

mod error;
mod held;
mod pass;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::apply;
use crate::cancel::Cancel;
use crate::desired;
use crate::ids::CommitId;
use crate::observed::{self, Expected, Observed, Trust};
use crate::options::{Hold, Options};
use crate::path::TreePath;
use crate::plan::{self, Plan, PlanOptions, PruneLimit};
use crate::record::{AppliedSource, Inventory, Record};
use crate::report::{Diff, PassReport};
use crate::source::{self, Mirror, Progress};
use crate::target::{Locked, Target};
use crate::tree::{AcceptedTree, Skills};
use crate::trigger::Trigger;
use crate::verdict;

pub use error::{OpenError, PassError};
use pass::{Pass, timed};

/// The name of the mirror in the state directory.
pub const MIRROR: &str = "repo.git";

/// The name of the database in the state directory.
pub const DATABASE: &str = "state.db";

/// Keeps one target equal to one source. It holds the locks of both directories as long as it lives.
pub struct Engine {
    options: Options,
    target: Arc<Target>,
    mirror: Mirror,
    record: Record,
    inventory: Inventory,
    memory: desired::Memory,
}

impl Engine {
    /// Takes the locks, waiting at most `wait` for another holder, and opens mirror and database.
    ///
    /// # Errors
    /// [`OpenError`] names what cannot be used, why, and what to do.
    pub fn open(options: Options, wait: Duration, cancel: &Cancel) -> Result<Self, OpenError> {
        let target = Target::open(&options.target, &options.state, options.require_mount, wait, cancel)?;
        let mirror = Mirror::open(&options.state.join(MIRROR))?;
        let record = Record::open(&options.state.join(DATABASE), &options.environment)?;
        let inventory = record.inventory()?;
        let memory = desired::Memory::default();
        Ok(Self { options, target: Arc::new(target), mirror, record, inventory, memory })
    }

    /// What this engine keeps equal to what.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What is served, and what is known of its files.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The record, for what belongs to no pass.
    pub fn record(&mut self) -> &mut Record {
        &mut self.record
    }

    /// Runs one pass and records it. However it ends, it ends with a report.
    pub fn pass(
        &mut self,
        trigger: Trigger,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> PassReport {
        let mut pass = Pass::begin(self.record.next_pass(), trigger);
        let result = self.converge(&mut pass, cancel, progress);
        self.finish(pass, result)
    }

    /// Looks at what a pass would do, after a fetch; the target and the record stay as they are.
    ///
    /// # Errors
    /// What would end a pass before its plan.
    pub fn diff(
        &mut self,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Diff, PassError> {
        let mut pass = Pass::begin(self.record.next_pass(), Trigger::Manual);
        self.target.locked()?;
        self.look(&mut pass, cancel, progress)?;
        Ok(self.report_diff(pass))
    }

    fn converge(
        &mut self,
        pass: &mut Pass,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), PassError> {
        let target = Arc::clone(&self.target);
        let target = target.locked()?;
        self.record.check_in_place()?;
        self.settle(&target, pass, cancel)?;
        self.look(pass, cancel, progress)?;
        self.hold_revision(pass)?;
        self.apply(&target, pass, cancel)
    }

    /// The reading half of a pass: everything up to the plan.
    fn look(
        &mut self,
        pass: &mut Pass,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), PassError> {
        let fetched = timed(&mut pass.stages.fetch, || {
            source::fetch(&self.options.source, &self.mirror, cancel, progress)
        })?;
        let commit = fetched.commit;
        pass.revision = Some(commit);
        pass.source = Some(AppliedSource::new(&self.options, &fetched));
        let desired = timed(&mut pass.stages.desired, || {
            desired::read(self.mirror.git(), commit, &self.options.selection, &mut self.memory)
        })?;
        pass.judged = timed(&mut pass.stages.judge, || {
            let served = &self.inventory.skills;
            verdict::judge(&desired, &self.mirror, served, &self.options.judging, &mut self.record)
        })?;
        cancel.check()?;
        let accepted = &pass.judged.accepted;
        pass.observed = timed(&mut pass.stages.observe, || self.observe(accepted.skills(), pass.trust))?;
        cancel.check()?;
        let limit = Some(self.options.prune_limit);
        let plan =
            timed(&mut pass.stages.plan, || self.plan(commit, accepted, &pass.observed, limit))?;
        pass.plan = Some(plan);
        Ok(())
    }

    /// With `HOLD=revision` a commit is served whole or not at all.
    fn hold_revision(&self, pass: &mut Pass) -> Result<(), PassError> {
        let held = pass.held_skills().count();
        if self.options.hold == Hold::Skill || held == 0 {
            return Ok(());
        }
        pass.plan = None;
        Err(PassError::RevisionHeld { held })
    }

    /// The writing half: nothing shows before everything that it takes is on disk and intended.
    fn apply(&mut self, target: &Locked<'_>, pass: &mut Pass, cancel: &Cancel) -> Result<(), PassError> {
        let (Some(plan), Some(source)) = (&pass.plan, &pass.source) else { return Ok(()) };
        if plan.is_empty() {
            return Ok(());
        }
        let applied = timed(&mut pass.stages.apply, || {
            self.mirror.sync()?;
            let staged = apply::stage(target, &self.mirror, plan, &pass.observed, pass.id, cancel)?;
            pass.kept = staged.kept().to_vec();
            self.record.intend(pass.id, source, plan, &self.inventory.skills, &pass.kept)?;
            let applied = staged.publish()?;
            self.mirror.pin_served(&plan.next)?;
            Ok::<_, PassError>(applied)
        })?;
        pass.observed.known.extend(applied.known);
        Ok(())
    }

    /// Finishes what an interrupted pass intended, from the mirror and without the network, before
    /// anything else is done: every file is then old or new.
    fn settle(&mut self, target: &Locked<'_>, pass: &Pass, cancel: &Cancel) -> Result<(), PassError> {
        let Some(intent) = self.record.interrupted()? else { return Ok(()) };
        let observed = self.observe(intent.next.skills(), Trust::Nothing)?;
        let plan = self.plan(intent.source.commit, &intent.next, &observed, None)?;
        let staged = apply::stage(target, &self.mirror, &plan, &observed, pass.id, cancel)?;
        let kept = staged.kept().to_vec();
        let applied = staged.publish()?;
        self.mirror.pin_served(&plan.next)?;
        let mut known = observed.known;
        known.extend(applied.known);
        self.record.settled(&intent, pass.id, &plan, &known, &kept)?;
        self.inventory = Inventory { skills: plan.next, known };
        Ok(())
    }

    fn observe(&self, accepted: &Skills, trust: Trust) -> Result<Observed, PassError> {
        let asked = expected(accepted, &self.inventory.skills);
        Ok(observed::look(&self.options.target, &asked, &self.inventory.known, trust)?)
    }

    fn plan(
        &self,
        commit: CommitId,
        accepted: &AcceptedTree,
        observed: &Observed,
        prune_limit: Option<PruneLimit>,
    ) -> Result<Plan, PassError> {
        let options = PlanOptions { adopt: self.options.adopt, prune_limit };
        Ok(plan::plan(commit, accepted, &self.inventory.skills, observed, options)?)
    }
}

/// Every path that is wanted or ours, with the sizes at which its bytes are worth reading.
fn expected(accepted: &Skills, inventory: &Skills) -> BTreeMap<TreePath, Expected> {
    let mut expected: BTreeMap<TreePath, Expected> = BTreeMap::new();
    for (path, file) in accepted.values().flat_map(|version| &version.files) {
        expected.entry(path.clone()).or_default().wanted = Some(file.size);
    }
    for (path, file) in inventory.values().flat_map(|version| &version.files) {
        expected.entry(path.clone()).or_default().owned = Some(file.size);
    }
    expected
}
