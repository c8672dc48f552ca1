//! Whether somebody watches the target, and whether anything happened there since the last look.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tree::Skills;

/// What the one who watches the target and the one who looks at it tell each other.
///
/// It spares looks and nothing else. An event that is still on its way when a look is spared brings a
/// look of its own; what no watch sees (a store through a mapped page, a second name given to a file, a
/// write by that name) is found by the recheck, which is never spared.
#[derive(Debug, Clone, Default)]
pub struct Vigil(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// For which skills every directory that is looked at is watched; none where not all are.
    covers: Option<Arc<Skills>>,
    /// Whether something happened since the last look began.
    stirred: bool,
}

impl Vigil {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that from here on every directory that holds these skills is watched, the target among them.
    /// What happened before counts as unseen.
    pub fn cover(&self, skills: &Arc<Skills>) {
        let mut state = self.state();
        if !state.covers.as_ref().is_some_and(|covered| Arc::ptr_eq(covered, skills)) {
            *state = State { covers: Some(Arc::clone(skills)), stirred: true };
        }
    }

    /// Says that not everything is watched.
    pub fn uncover(&self) {
        self.state().covers = None;
    }

    /// Says that something happened, or may have happened unseen.
    pub fn stir(&self) {
        self.state().stirred = true;
    }

    /// Says that a look begins: what happened before it is seen by it.
    pub(crate) fn begin(&self) {
        self.state().stirred = false;
    }

    /// Whether all was watched since the last look, and nothing happened, as far as is known by now.
    pub(crate) fn is_still(&self, skills: &Arc<Skills>) -> bool {
        let state = self.state();
        !state.stirred && state.covers.as_ref().is_some_and(|covered| Arc::ptr_eq(covered, skills))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_watch_that_was_there_before_the_look_vouches_for_what_came_after() {
        let (vigil, skills) = (Vigil::default(), Arc::<Skills>::default());
        vigil.begin();
        assert!(!vigil.is_still(&skills), "nobody watches");
        vigil.cover(&skills);
        assert!(!vigil.is_still(&skills), "the look was before the watch");
        vigil.begin();
        assert!(vigil.is_still(&skills));
        vigil.cover(&skills);
        assert!(vigil.is_still(&skills), "said again it is the same");
        assert!(!vigil.is_still(&Arc::default()), "other skills are in other directories");
    }

    #[test]
    fn whatever_happens_is_doubt_until_the_next_look() {
        let (vigil, skills) = (Vigil::default(), Arc::<Skills>::default());
        vigil.cover(&skills);
        vigil.begin();
        vigil.stir();
        assert!(!vigil.is_still(&skills));
        vigil.begin();
        assert!(vigil.is_still(&skills));
        vigil.uncover();
        assert!(!vigil.is_still(&skills));
        vigil.begin();
        assert!(!vigil.is_still(&skills), "a look does not make a watch");
    }
}
