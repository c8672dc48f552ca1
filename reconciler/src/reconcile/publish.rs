//! What every change of the volume goes through, whoever asks for it: staged, synced, intended, published.

use super::{Engine, PassError};
use crate::apply::{self, Applied, Order};
use crate::cancel::Cancel;
use crate::ids::PassId;
use crate::observed::Observed;
use crate::plan::Plan;
use crate::record::AppliedSource;
use crate::report::{Overwritten, error_text};
use crate::target::Locked;

/// A change of the volume, and what it is made of.
pub(super) struct Change<'p> {
    /// Who makes it.
    pub(super) pass: PassId,
    /// Where its bytes come from.
    pub(super) source: &'p AppliedSource,
    pub(super) plan: &'p Plan,
    /// What the plan was made for.
    pub(super) observed: &'p Observed,
}

impl Engine {
    /// Makes a change. Before the first rename all that it takes is on disk, and what is intended is on record:
    /// after a crash the next pass settles it. What was written to files while they were replaced is kept and
    /// noted also where the change ended early.
    pub(super) fn publish(
        &mut self,
        target: &Locked<'_>,
        change: &Change<'_>,
        overwritten: &mut Vec<Overwritten>,
        cancel: &Cancel,
    ) -> Result<Applied, PassError> {
        let Change { pass, source, plan, observed } = *change;
        let order = Order { pass, revision: source.commit, plan, observed };
        let staged = apply::stage(target, &self.mirror, order, cancel)?;
        self.mirror.sync()?;
        self.record.intend(pass, source, plan, &self.inventory.skills, staged.kept())?;
        let mut late = Vec::new();
        let published = staged.publish(&self.mirror, cancel, &mut late);
        let kept = self.record.keep_late(pass, plan, &late);
        overwritten.extend(
            late.into_iter().map(|one| Overwritten { path: one.path, drift: one.kept.map(|kept| kept.id) }),
        );
        if let (Err(_), Err(error)) = (&published, &kept) {
            // The report has room for one error: what ended the change says more.
            tracing::error!(error = error_text(error), "what was written late is in the mirror, on no list");
        }
        let applied = published?;
        kept?;
        Ok(applied)
    }
}
