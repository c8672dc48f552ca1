//! How the engine heeds what operators ordered: which commit a pass looks at, what the guards let
//! through, and what a suspended pass says instead of acting.

use std::time::{Duration, Instant};

use super::pass::{Pass, timed};
use super::{APPLIED, Engine, HISTORY, PassError};
use crate::apply;
use crate::cancel::Cancel;
use crate::desired::{self, Desired, Objects};
use crate::guard::{self, Guard, Passage};
use crate::ids::{CommitId, PassId, Timestamp};
use crate::orders::{
    self, Command, Confirmation, Forced, Named, OrderError, Orders, Pin, Restored, Seen, Suspended,
    Suspension, Waits, Word,
};
use crate::plan::SkillAction;
use crate::record::AppliedSource;
use crate::report::{Remedy, error_text};
use crate::source::{
    self, Ancestry, ByDigits, Claim, Fetched, Probe, Progress, Reference, Signer, SourceError,
};
use crate::target::Locked;
use crate::window::WindowClosed;

impl Engine {
    /// Takes an order: from here on every pass heeds it, after a restart too. Says what stands now.
    ///
    /// # Errors
    /// [`OrderError`]; nothing was recorded then.
    pub fn command(&mut self, command: &Command, word: Word) -> Result<Orders, OrderError> {
        let at = Timestamp::now();
        let Word { actor, reason, force } = word;
        orders::check_reason(reason.as_deref())?;
        let forced = force.then(|| Forced { actor: actor.clone(), at, reason: reason.clone() });
        match command {
            Command::Reconcile => {}
            Command::Confirm { revision } => {
                let commit = self.waiting(revision)?;
                self.record.confirm(&Confirmation { commit, actor, at, reason })?;
            }
            Command::Suspend { lasting } => {
                let until = lasting.map(|lasting| later(at, lasting));
                self.record.suspend(&Suspension { actor, at, until, reason })?;
            }
            Command::Resume => {
                self.record.resume(&actor, at, reason.as_deref())?;
            }
            Command::Rollback { revision } => {
                let commit = self.resolve(revision.parse()?)?;
                self.record.pin(&Pin { commit, actor, at, reason })?;
            }
            Command::Reproject { evidence } => self.record.reproject(evidence, &actor, at)?,
        }
        if let Some(forced) = forced {
            self.record.force(&forced)?;
        }
        Ok(self.record.orders()?)
    }

    /// Whether the next pass asks the repository's server for something: not where it is to bring back a
    /// revision that the mirror has.
    pub fn asks_server(&self) -> bool {
        let pinned = self.record.orders().ok().and_then(|orders| orders.pinned);
        let applied = self.record.last_applied().ok().flatten().map(|applied| applied.commit);
        pinned.is_none_or(|pin| applied == Some(pin.commit) || !self.mirror.has_commit(pin.commit))
    }

    /// The commit that a confirmation is for: by its first digits the one that waits, else one of the
    /// mirror; by all of them also one that was never seen.
    fn waiting(&self, text: &str) -> Result<CommitId, OrderError> {
        let no_id = || OrderError::NoCommitId { text: text.to_owned() };
        let digits = orders::digits(text.trim()).ok_or_else(no_id)?;
        let waits = self.record.last_attempt()?.map(|(commit, _)| commit);
        match waits.filter(|commit| commit.to_string().starts_with(&digits)) {
            Some(commit) => Ok(commit),
            None => self.by_digits(digits),
        }
    }

    fn resolve(&self, named: Named) -> Result<CommitId, OrderError> {
        match named {
            Named::Back(back) => self.before_applied(back),
            Named::Pass(pass) => self.applied_by(pass)?.ok_or(OrderError::NoSuchPass { pass }),
            Named::Digits(digits) => self.applied_or_fetched(digits),
            Named::Number { pass, digits: None } => {
                self.applied_by(pass)?.ok_or(OrderError::NoSuchPass { pass })
            }
            Named::Number { pass, digits: Some(digits) } => {
                match (self.applied_by(pass)?, self.applied_or_fetched(digits.clone())) {
                    (Some(applied), Err(OrderError::NoSuchCommit { .. })) => Ok(applied),
                    (Some(_), Ok(_) | Err(OrderError::Ambiguous { .. })) => {
                        Err(OrderError::PassOrCommit { digits })
                    }
                    (None, Err(OrderError::NoSuchCommit { .. })) => Err(OrderError::NoSuchNumber { digits }),
                    (_, found) => found,
                }
            }
        }
    }

    fn applied_by(&self, pass: PassId) -> Result<Option<CommitId>, OrderError> {
        Ok(self.record.pass(pass)?.and_then(|report| report.applied_revision))
    }

    /// The commit that begins with these digits: of those that were applied, else of those in the mirror.
    fn applied_or_fetched(&self, digits: String) -> Result<CommitId, OrderError> {
        let mut history = self.record.applied_history()?.into_iter();
        let one = history.find(|commit| commit.to_string().starts_with(&digits));
        match one.filter(|_| history.all(|commit| !commit.to_string().starts_with(&digits))) {
            Some(commit) => Ok(commit),
            None => self.by_digits(digits),
        }
    }

    /// What was applied so many revisions before what is applied.
    fn before_applied(&self, back: usize) -> Result<CommitId, OrderError> {
        let history = self.record.applied_history()?;
        let applied = self.record.last_applied()?.map(|applied| applied.commit);
        let known = history.iter().position(|commit| Some(*commit) == applied);
        let commit = known.and_then(|at| at.checked_sub(back)).map(|at| history[at]);
        commit.ok_or(OrderError::TooFarBack { back, known: known.unwrap_or(0) })
    }

    fn by_digits(&self, digits: String) -> Result<CommitId, OrderError> {
        if let Ok(commit) = digits.parse() {
            return Ok(commit);
        }
        match self.mirror.commit_by_digits(&digits)? {
            ByDigits::One(commit) => Ok(commit),
            ByDigits::None => Err(OrderError::NoSuchCommit { digits }),
            ByDigits::Several => Err(OrderError::Ambiguous { digits }),
        }
    }

    /// What stands as this pass begins: a suspension whose time is over is ended.
    pub(super) fn standing(&mut self, now: Timestamp) -> Result<Orders, PassError> {
        let standing = self.record.orders()?;
        if standing.suspended.is_some() && standing.suspension(now).is_none() {
            self.record.end_suspension(now)?;
            return Ok(self.record.orders()?);
        }
        Ok(standing)
    }

    /// Begins the record of a pass, above every number that the volume names. That volume and record are of
    /// different times stands until a person has looked.
    pub(super) fn begin(&mut self, target: &Locked<'_>, pass: &mut Pass) -> Result<(), PassError> {
        let found = apply::last_pass(target)?;
        if let Some(found) = found {
            self.compare_with_volume(found, pass.started_at)?;
        }
        pass.id = self.record.begin_beyond(found.unwrap_or_default(), pass.trigger, pass.started_at)?;
        pass.orders = self.standing(pass.started_at)?;
        if pass.orders.forced.is_some() {
            self.record.use_force()?;
        }
        Ok(())
    }

    /// Tells a volume and a record of different times, as after one of them was restored from a backup: the
    /// volume names a pass that the record does not know, or an older one than it was signed with.
    fn compare_with_volume(&mut self, found: PassId, at: Timestamp) -> Result<(), PassError> {
        let newer = self.record.newest_pass()?.filter(|known| found > *known);
        let older = self.record.signed()?.filter(|known| found < *known);
        let Some(known) = newer.or(older) else { return Ok(()) };
        let restored = Restored { found, known };
        if self.record.restored_seen()? != Some(restored) {
            self.record.note_restored(restored, at)?;
        }
        Ok(())
    }

    /// Ends a pass whose sync window is closed, with what waits. What is served is protected all the same:
    /// a window is there for git's changes, and drift is none.
    pub(super) fn heed_window(
        &mut self,
        target: &Locked<'_>,
        pass: &mut Pass,
        cancel: &Cancel,
    ) -> Result<(), PassError> {
        let closed = self.options.windows.closed(pass.started_at).filter(|_| pass.orders.forced.is_none());
        let (Some(closed), Some(step)) = (closed, &pass.step) else { return Ok(()) };
        let changes = step.plan.changes.iter().filter(|change| change.action != SkillAction::Restore);
        let closed = WindowClosed::new(closed, step.source.commit, changes.count());
        self.keep_served(target, pass, cancel)?;
        Err(closed.into())
    }

    /// The commit that this pass looks at: what is followed, or what is pinned. A pinned revision waits
    /// for no network; once it is applied, passes look what waits.
    pub(super) fn choose(
        &mut self,
        pass: &mut Pass,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<AppliedSource, PassError> {
        let Some(pin) = pass.orders.pinned.clone() else {
            let fetched = self.fetch_followed(pass, cancel, progress)?;
            pass.tag = fetched.tag;
            return Ok(self.applying(fetched.reference, fetched.commit));
        };
        let applied = self.record.last_applied()?;
        if applied.as_ref().is_some_and(|applied| applied.commit == pin.commit) {
            self.see_what_waits(pass, cancel, progress)?;
        }
        if !self.mirror.has_commit(pin.commit) {
            let source =
                source::Source { reference: Reference::Commit(pin.commit), ..self.options.source.clone() };
            self.fetch(pass, &source, cancel, progress)?;
        }
        let reference = applied.map_or_else(|| pin.commit.to_string(), |applied| applied.reference);
        pass.note = Some(orders::pinned_note(&pin, pass.seen.as_ref()));
        Ok(self.applying(reference, pin.commit))
    }

    fn see_what_waits(
        &mut self,
        pass: &mut Pass,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), PassError> {
        pass.seen = Some(match self.fetch_followed(pass, cancel, progress) {
            Ok(Fetched { reference, commit, .. }) => Seen::Commit { reference, commit },
            Err(error) => {
                cancel.check()?;
                if let Remedy::Retry(pause) = error.remedy() {
                    pass.pause = pause;
                }
                Seen::Unreachable(error_text(&error))
            }
        });
        Ok(())
    }

    /// Brings what is followed; where the remote names what was brought last, one request says so.
    fn fetch_followed(
        &mut self,
        pass: &mut Pass,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, SourceError> {
        let asked = Instant::now();
        let source = &self.options.source;
        let known = timed(&mut pass.stages.fetch, || self.probe.unchanged(source, &self.mirror));
        if let Some(known) = known {
            cancel.check()?;
            return Ok(known);
        }
        let source = source::Source { limits: Probe::left(source.limits, asked), ..source.clone() };
        let fetched = self.fetch(pass, &source, cancel, progress)?;
        self.probe.brought(&fetched);
        Ok(fetched)
    }

    fn fetch(
        &self,
        pass: &mut Pass,
        source: &source::Source,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, SourceError> {
        timed(&mut pass.stages.fetch, || source::fetch(source, &self.mirror, cancel, progress))
    }

    /// Who signed what is followed, where somebody must have.
    pub(super) fn verify(&self, pass: &Pass, source: &AppliedSource) -> Result<Option<Signer>, PassError> {
        let Some(verify) = &self.options.verify else { return Ok(None) };
        let (tag, pinned) = (pass.tag.as_deref(), pass.orders.pinned.is_some());
        let claim = Claim { reference: &source.reference, commit: source.commit, tag, pinned };
        Ok(Some(verify.check(&self.mirror, claim)?))
    }

    /// Whether this commit may follow the applied one without a person's word; what it leaves behind.
    pub(super) fn guard(
        &self,
        orders: &Orders,
        source: &AppliedSource,
    ) -> Result<Option<CommitId>, PassError> {
        let revision = source.commit;
        if let Some(Restored { found, known }) = orders.restored.filter(|_| !orders.confirms(revision)) {
            return Err(Guard::Restored { found, known, revision }.into());
        }
        let Some(applied) = self.record.last_applied()? else { return Ok(None) };
        let ancestry = match applied.commit == revision {
            true => Ancestry::Yes,
            false => self.mirror.is_ancestor(applied.commit, revision).unwrap_or(Ancestry::Unknown),
        };
        guard::judge_layout(&applied, source, &self.inventory.skills, orders)?;
        match guard::judge(&applied, source, ancestry, self.options.rewind, orders)? {
            Passage::Forward => Ok(None),
            Passage::Leaving(commit) => Ok(Some(commit)),
        }
    }

    /// Reads what the commit holds. That it holds no skill counts where a person confirmed it, and where
    /// nothing is served that could be lost.
    pub(super) fn desired(&mut self, orders: &Orders, commit: CommitId) -> Result<Desired, PassError> {
        let applied = self.record.last_applied()?.is_some_and(|applied| applied.commit == commit);
        let may_be_empty = orders.confirms(commit) || (applied && self.inventory.skills.is_empty());
        let selection = &self.options.selection;
        let objects = Objects::of(self.mirror.git(), self.options.source.limits.max_object_bytes);
        match desired::read(objects, commit, selection, &mut self.memory) {
            Ok(mut desired) => {
                desired.emptied = may_be_empty;
                Ok(desired)
            }
            Err(error) if may_be_empty && error.remedy() == Remedy::Confirm => {
                Ok(Desired::empty(commit, selection))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A suspended pass ends here, with what waits; any other goes on with what it saw.
    pub(super) fn heed_suspension(
        &self,
        pass: &Pass,
        looked: Result<(), PassError>,
    ) -> Result<(), PassError> {
        let Some(suspension) = pass.orders.suspension(pass.started_at).cloned() else { return looked };
        let waits = match (looked, &pass.step) {
            (Ok(()), Some(step)) => {
                Waits::Skills { commit: step.source.commit, count: step.plan.changes.len() }
            }
            (Ok(()), None) => return Ok(()),
            (Err(error @ (PassError::Guard(_) | PassError::RevisionHeld { .. })), _) => {
                Waits::Refused(error_text(&error))
            }
            (Err(error), _) if error.remedy() == Remedy::Confirm => Waits::Refused(error_text(&error)),
            (Err(error), _) => return Err(error),
        };
        Err(Suspended { suspension, waits }.into())
    }

    /// Keeps alive in the mirror the commit that later ones are compared with and that a rollback may ask
    /// for.
    pub(super) fn pin_applied(&self, commit: CommitId) -> Result<(), PassError> {
        self.mirror.pin_commit(APPLIED, commit)?;
        Ok(self.mirror.pin_commit(&format!("{HISTORY}{commit}"), commit)?)
    }
}

fn later(at: Timestamp, lasting: Duration) -> Timestamp {
    let millis = u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(at.millis().saturating_add(millis))
}
