//! What is known of the volume since all of it was looked at: with a watch over it, a pass looks at what
//! is to change and where something happened, and not at the rest.

use std::sync::Arc;

use super::{Engine, PassError, trust};
use crate::observed::{Observed, Part, Unowned};
use crate::report::{Outcome, PassReport};
use crate::tree::Skills;
use crate::trigger::Trigger;

/// A volume on which all of ours is as a pass left it.
pub(super) struct Ground {
    /// What is there besides.
    unowned: Vec<Unowned>,
}

impl Engine {
    /// Looks at the volume: at all of it, unless nobody waits for the pass and the watch tells where it must look.
    pub(super) fn observe_since(
        &mut self,
        trigger: Trigger,
        accepted: &Arc<Skills>,
    ) -> Result<Observed, PassError> {
        let (ground, stirred) = (self.ground.take(), self.vigil.begin(&self.inventory.skills));
        if let (Trigger::Poll | Trigger::Webhook, Some(ground), Some(stirred)) = (trigger, ground, stirred) {
            let (wanted, owned, unowned) = (accepted, &self.inventory.skills, &ground.unowned);
            let part = Part { wanted, owned, stirred: &stirred, unowned };
            if let Some(observed) = part.look(&self.options.target, &self.inventory.known)? {
                // The next look at all is far away, and would ask for something else.
                self.memo.forget_asked();
                return Ok(observed);
            }
        }
        self.observe(accepted, trust(trigger))
    }

    /// Remembers that a pass put right all that it found, and what it left there that is not ours.
    pub(super) fn remember_ground(&mut self, report: &PassReport, unowned: Vec<Unowned>) {
        let converged = matches!(report.outcome, Outcome::InSync | Outcome::Applied | Outcome::Degraded);
        let is_ground = converged && report.error.is_none() && report.quarantined.is_empty();
        self.ground = is_ground.then_some(Ground { unowned });
    }
}
