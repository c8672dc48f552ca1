//! One pass, on one screen: why now → a commit → what git says → may it enter → what to change → do
//! it → what happened.

mod error;
mod ground;
mod held;
mod looker;
mod memo;
mod orders;
mod pass;
mod planted;
mod publish;
mod quiet;
mod retention;
mod unpublish;
mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use crate::apply;
use crate::cancel::Cancel;
use crate::desired;
use crate::guard;
use crate::ids::{CommitId, PassId, Timestamp};
use crate::observed::{self, Observed, StatCache, Trust, Vigil};
use crate::options::{Hold, Options};
use crate::orders::{Actor, Confirmation};
use crate::plan::{self, Plan, PlanOptions, PruneLimit, Why};
use crate::record::{AppliedSource, Inventory, Record, RecordError, Settled};
use crate::report::{Diff, PassReport, Remedy, error_text};
use crate::source::{Mirror, Probe, Progress};
use crate::target::{Locked, Target, TargetError};
use crate::tree::{AcceptedTree, Skills};
use crate::trigger::Trigger;
use crate::verdict::{Law, MemoryCache};

pub use error::{OpenError, PassError};
pub use looker::Looker;
use memo::Memo;
pub use pass::Reached;
use pass::{Pass, Step, timed};
use publish::Change;

/// The name of the mirror in the state directory.
pub const MIRROR: &str = "repo.git";

/// The name of the database in the state directory.
pub const DATABASE: &str = "state.db";

/// The reference of the mirror that keeps the applied commit alive.
pub(crate) const APPLIED: &str = "refs/skill-sync/applied";

/// Below it are the commits that were applied last: a rollback finds them without the network.
const HISTORY: &str = "refs/skill-sync/history/";

/// Keeps one target equal to one source. It holds the locks of both directories as long as it lives.
pub struct Engine {
    options: Options,
    /// None while it is opened anew, and for a look where there is none.
    target: Option<Arc<Target>>,
    mirror: Mirror,
    record: Record,
    inventory: Inventory,
    memory: desired::Memory,
    verdicts: MemoryCache,
    memo: Memo,
    probe: Probe,
    vigil: Vigil,
    looked: Option<quiet::Looked>,
    ground: Option<ground::Ground>,
    law: Law,
    /// The number of the next pass, for one that cannot even ask the database.
    next: PassId,
}

impl Engine {
    /// Takes the locks, waiting at most `wait` for another holder, and opens mirror and database.
    ///
    /// # Errors
    /// [`OpenError`] names what cannot be used, why, and what to do.
    pub fn open(options: Options, wait: Duration, cancel: &Cancel) -> Result<Self, OpenError> {
        let target = lock(&options, wait, cancel)?;
        Self::over(options, Some(target))
    }

    /// Opens mirror and database of a target that is locked.
    fn over(options: Options, target: Option<Arc<Target>>) -> Result<Self, OpenError> {
        let mirror = Mirror::open(&options.state.join(MIRROR))?;
        let record = open_record(&options, &mirror)?;
        let inventory = record.inventory()?;
        let (memory, verdicts, memo) = Default::default();
        let (vigil, looked, ground) = Default::default();
        let probe = Probe::of(record.last_applied()?.as_ref());
        let law = Law::new(options.judging).with_judge(options.judge.clone(), options.holds_unsure);
        let next = PassId(record.passes(1, None)?.first().map_or(1, |row| row.last.0 + 1));
        Ok(Self {
            options,
            target,
            mirror,
            record,
            inventory,
            memory,
            verdicts,
            memo,
            probe,
            vigil,
            looked,
            ground,
            law,
            next,
        })
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

    /// Runs one pass and records it. However it ends, it ends with a report. `reached` hears on the way what
    /// it has come to.
    pub fn pass(
        &mut self,
        trigger: Trigger,
        cancel: &Cancel,
        reached: &mut dyn FnMut(Reached),
    ) -> PassReport {
        let mut pass = Pass::new(self.next, trigger);
        let result = self.converge(&mut pass, cancel, reached);
        self.next = PassId(pass.id.0 + 1);
        let report = self.finish(pass, &result);
        self.tidy(cancel);
        report
    }

    /// Looks at what a pass would do, after a fetch; the target and the record stay as they are. A target that
    /// is gone is not made.
    ///
    /// # Errors
    /// What would end a pass before its plan.
    pub fn diff(&mut self, cancel: &Cancel, progress: &mut dyn FnMut(Progress)) -> Result<Diff, PassError> {
        self.hold_to_look(cancel)?;
        self.look_only(cancel, progress)
    }

    fn look_only(&mut self, cancel: &Cancel, progress: &mut dyn FnMut(Progress)) -> Result<Diff, PassError> {
        let mut pass = Pass::new(self.next, Trigger::Manual);
        self.mirror.sweep()?;
        pass.orders = self.record.orders()?;
        self.law.renew(self.options.policy.as_deref())?;
        let (unpublished, whole) = self.without_denied(&pass)?;
        pass.unpublished = unpublished;
        let looked = self.choose(&mut pass, cancel, progress);
        let looked = looked.and_then(|source| self.look_past_guards(&mut pass, &source, cancel));
        // What it saw is for the next pass to see again.
        self.vigil.stir();
        let diff = looked.map(|guard| self.report_diff(pass, guard));
        self.inventory = whole;
        diff
    }

    /// Looks, and where a guard ends that, looks again as if an operator had confirmed it: whoever decides
    /// about a guarded change must see it. Gives what the guard said.
    fn look_past_guards(
        &mut self,
        pass: &mut Pass,
        source: &AppliedSource,
        cancel: &Cancel,
    ) -> Result<Option<String>, PassError> {
        let guard = match self.look_at(pass, source.clone(), cancel) {
            Err(error) if error.remedy() == Remedy::Confirm => error,
            looked => return looked.map(|()| None),
        };
        let (commit, actor) = (source.commit, Actor::cli(0));
        pass.orders.confirmed = Some(Confirmation { commit, actor, at: pass.started_at, reason: None });
        let said = error_text(&guard);
        self.look_at(pass, source.clone(), cancel).map_or(Err(guard), |()| Ok(Some(said)))
    }

    fn converge(
        &mut self,
        pass: &mut Pass,
        cancel: &Cancel,
        reached: &mut dyn FnMut(Reached),
    ) -> Result<(), PassError> {
        let target = self.hold(cancel)?;
        let target = target.locked()?;
        apply::sweep(&target)?;
        self.mirror.sweep()?;
        self.begin(&target, pass)?;
        self.settle(&target, pass, cancel)?;
        let renewed = self.law.renew(self.options.policy.as_deref()).map_err(PassError::from);
        self.unpublish(&target, pass, cancel)?;
        let looked = renewed.and_then(|()| self.look(pass, cancel, reached));
        match looked.and_then(|()| self.hold_revision(pass)) {
            Err(error @ (PassError::Source(_) | PassError::Signature(_) | PassError::Policy(_))) => {
                self.keep_served(&target, pass, cancel)?;
                return Err(error);
            }
            looked => self.heed_suspension(pass, looked)?,
        }
        self.heed_window(&target, pass, cancel)?;
        self.apply(&target, pass, cancel)?;
        self.heed_planted(&target, pass)
    }

    /// The target, locked. Where a directory or the database is no longer the one that was opened, since
    /// somebody mounted, restored or removed it, all of it is opened anew first.
    fn hold(&mut self, cancel: &Cancel) -> Result<Arc<Target>, PassError> {
        if let Some(target) = &self.target
            && self.record.is_same_file()
        {
            match target.locked() {
                Ok(_) => return Ok(Arc::clone(target)),
                Err(TargetError::Replaced { path }) => {
                    tracing::warn!(path = %path.display(), "replaced while the service ran; it is opened anew");
                }
                Err(error) => return Err(error.into()),
            }
        }
        // The old locks would keep the new ones away.
        self.target = None;
        let target = lock(&self.options, Duration::ZERO, cancel)?;
        let vigil = self.vigil.clone();
        *self = Self { vigil, ..Self::over(self.options.clone(), Some(Arc::clone(&target)))? };
        Ok(target)
    }

    /// The reading half of a pass: everything up to the plan.
    fn look(
        &mut self,
        pass: &mut Pass,
        cancel: &Cancel,
        reached: &mut dyn FnMut(Reached),
    ) -> Result<(), PassError> {
        let source = self.choose(pass, cancel, &mut |progress| reached(Reached::Bytes(progress)))?;
        reached(Reached::Commit(source.commit));
        self.look_at(pass, source, cancel)
    }

    fn look_at(&mut self, pass: &mut Pass, source: AppliedSource, cancel: &Cancel) -> Result<(), PassError> {
        let commit = source.commit;
        pass.revision = Some(commit);
        pass.signer = self.verify(pass, &source)?;
        let left = self.guard(&pass.orders, &source)?;
        pass.is_quiet = self.is_quiet(pass, commit);
        if pass.is_quiet {
            return Ok(());
        }
        let ruling = self.rule(pass, commit)?;
        pass.ruling = Some(Arc::clone(&ruling));
        let judged = &ruling.judged;
        cancel.check()?;
        let accepted = &judged.accepted;
        let observed =
            timed(&mut pass.stages.observe, || self.observe_since(pass.trigger, accepted.skills()))?;
        let limit = (!pass.orders.confirms(commit)).then_some(self.options.prune_limit);
        let mut plan = timed(&mut pass.stages.plan, || self.plan(commit, accepted, &observed, limit))?;
        plan.say_gains(&judged.gains);
        plan.say_why(Why::Condemned, |id| judged.condemned.iter().any(|condemned| condemned.skill == *id));
        pass.step = Some(Step { source, left, observed, plan, done: false });
        Ok(cancel.check()?)
    }

    /// With `HOLD=revision` a commit is served whole or not at all.
    fn hold_revision(&self, pass: &mut Pass) -> Result<(), PassError> {
        let held = pass.held_skills().count();
        if self.options.hold == Hold::Skill || held == 0 {
            return Ok(());
        }
        Err(PassError::RevisionHeld { held })
    }

    /// The writing half: nothing shows before everything that it takes is on disk and intended.
    fn apply(&mut self, target: &Locked<'_>, pass: &mut Pass, cancel: &Cancel) -> Result<(), PassError> {
        let Some(step) = &mut pass.step else { return Ok(()) };
        if step.plan.is_empty() {
            self.pin_applied(step.source.commit)?;
            self.mirror.sync()?;
            step.done = true;
            return Ok(());
        }
        let applied = timed(&mut pass.stages.apply, || {
            let Step { source, observed, plan, .. } = &*step;
            let change = Change { pass: pass.id, source, plan, observed };
            let applied = self.publish(target, &change, &mut pass.overwritten, cancel)?;
            self.pin(source.commit, &plan.next)?;
            Ok::<_, PassError>(applied)
        })?;
        step.observed.known.extend(applied.known);
        step.done = true;
        pass.signed |= applied.signed;
        Ok(())
    }

    /// Puts drift right where there is no commit to look at: that the forge is away, or refuses us, is
    /// no leave for the volume to change. What operators ordered holds here too.
    fn keep_served(
        &mut self,
        target: &Locked<'_>,
        pass: &mut Pass,
        cancel: &Cancel,
    ) -> Result<(), PassError> {
        let stands = pass.orders.restored.is_some() || pass.orders.suspension(pass.started_at).is_some();
        let Some(source) = self.record.last_applied()?.filter(|_| !stands) else { return Ok(()) };
        let served = AcceptedTree::vouch(Arc::clone(&self.inventory.skills));
        let observed = self.observe(served.skills(), trust(pass.trigger))?;
        let plan = self.plan(source.commit, &served, &observed, None)?;
        pass.step = Some(Step { source, left: None, observed, plan, done: false });
        self.apply(target, pass, cancel)?;
        self.heed_planted(target, pass)
    }

    /// Finishes what an interrupted pass intended, from the mirror and without the network, before
    /// anything else is done: every file is then old or new.
    fn settle(&mut self, target: &Locked<'_>, pass: &mut Pass, cancel: &Cancel) -> Result<(), PassError> {
        let Some(intent) = self.record.interrupted()? else { return Ok(()) };
        // What an older record intended is not what the volume was about to become.
        if pass.orders.restored.is_some() {
            return Ok(());
        }
        let revision = intent.applied.commit;
        let observed = self.observe(intent.next.skills(), Trust::Nothing)?;
        let plan = self.plan(revision, &intent.next, &observed, None)?;
        let change = Change { pass: pass.id, source: &intent.applied, plan: &plan, observed: &observed };
        let applied = self.publish(target, &change, &mut pass.overwritten, cancel)?;
        // What the interrupted pass had published was not synced, and is not published again.
        target.sync()?;
        self.pin(revision, &plan.next)?;
        let known: StatCache = observed.known.clone().into_iter().chain(applied.known).collect();
        let (pass, at, inventory) = (pass.id, Timestamp::now(), &self.inventory.skills);
        let settled = Settled { pass, at, intent: &intent, plan: &plan, inventory, known: &known };
        self.record.settled(&settled)?;
        self.inventory = self.inventory.after(&plan, known);
        Ok(())
    }

    /// Keeps alive in the mirror what is served, and the commit that later ones are compared with.
    fn pin(&self, applied: CommitId, served: &Skills) -> Result<(), PassError> {
        self.pin_applied(applied)?;
        self.mirror.pin_served(served)?;
        Ok(self.mirror.sync()?)
    }

    fn applying(&self, reference: String, commit: CommitId) -> AppliedSource {
        let (repo, path) = (self.options.source.url.to_string(), self.options.selection.root.clone());
        let layout = Some(self.options.selection.layout);
        AppliedSource { repo, path, reference, commit, layout }
    }

    fn observe(&mut self, accepted: &Arc<Skills>, trust: Trust) -> Result<Observed, PassError> {
        let asked = self.asked(accepted);
        Ok(observed::look_at(&self.options.target, &asked, &self.inventory.known, trust)?)
    }

    fn plan(
        &self,
        commit: CommitId,
        accepted: &AcceptedTree,
        observed: &Observed,
        prune_limit: Option<PruneLimit>,
    ) -> Result<Plan, PassError> {
        let options = PlanOptions { adopt: self.options.adopt, prune_limit };
        let plan = plan::plan(commit, accepted, &self.inventory.skills, observed, options);
        Ok(plan.map_err(guard::Guard::from)?)
    }
}

/// Opens the database. One that is gone while the mirror knows what was served is no new beginning: its
/// history and its audit would end without a word.
pub(crate) fn open_record(options: &Options, mirror: &Mirror) -> Result<Record, RecordError> {
    let path = options.state.join(DATABASE);
    if mirror.served_commit().is_some() && !path.exists() {
        return Err(RecordError::Lost { path, left: mirror.path().to_owned() });
    }
    Record::open(&path, &options.environment)
}

fn lock(options: &Options, wait: Duration, cancel: &Cancel) -> Result<Arc<Target>, OpenError> {
    let Options { target, state, require_mount, .. } = options;
    Ok(Arc::new(Target::open(target, state, *require_mount, wait, cancel)?))
}

/// A recheck trusts no stamp: it reads everything again.
fn trust(trigger: Trigger) -> Trust {
    match trigger {
        Trigger::Recheck => Trust::Nothing,
        _ => Trust::Cache,
    }
}
