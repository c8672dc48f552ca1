//! Skills that somebody else put on the volume: seen by each pass, and moved away where the operator
//! wants that.

use super::pass::Pass;
use super::{Engine, PassError};
use crate::apply;
use crate::ids::Timestamp;
use crate::observed;
use crate::options::OnUnowned;
use crate::report::Quarantined;
use crate::target::Locked;

impl Engine {
    /// Notes what is planted, and with `UNOWNED=quarantine` moves it to the state directory: on record
    /// before the pass reports.
    pub(super) fn heed_planted(&mut self, target: &Locked<'_>, pass: &mut Pass) -> Result<(), PassError> {
        let Some(step) = &mut pass.step else { return Ok(()) };
        let skills = &step.plan.next;
        // What lies in a skill of ours is the agent's cache, and the skill's own look tells of it.
        let inside = |path: &str| {
            let above = |id: &crate::ids::SkillId| {
                path.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with('/'))
            };
            skills.keys().any(above)
        };
        let outside = step.plan.unowned.iter().filter(|one| !inside(&one.path)).cloned();
        let mut planted = observed::planted(target.target().directory(), outside);
        if self.options.on_unowned == OnUnowned::Quarantine {
            for one in std::mem::take(&mut planted) {
                match apply::quarantine(target, pass.id, &one.path)? {
                    Some(to) => pass.quarantined.push(Quarantined { path: one.path, to }),
                    None => planted.push(one),
                }
            }
            let gone = |path: &str| pass.quarantined.iter().any(|one| one.path == path);
            step.plan.unowned.retain(|one| !gone(&one.path));
            self.record.quarantined(pass.id, Timestamp::now(), &pass.quarantined)?;
        }
        pass.planted = Some(planted);
        Ok(())
    }
}
