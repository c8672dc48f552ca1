//! Whether somebody watches the target, and where anything happened there since the last look.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::path::TreePath;
use crate::tree::Skills;

/// At how many places something may have happened before it counts as everywhere: looking at each costs
/// more than at a directory of the same size.
const PLACES: usize = 1_000;

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
    stirred: Stirred,
}

/// Where something happened since the last look began.
#[derive(Debug)]
enum Stirred {
    Everywhere,
    At(BTreeSet<TreePath>),
}

impl Default for Stirred {
    fn default() -> Self {
        Self::At(BTreeSet::new())
    }
}

impl Vigil {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that from here on every directory that holds these skills is watched, the target among them.
    /// Directories that were not before must have been named to [`Self::stir_at`] after their watch began;
    /// where nothing was covered until now, what happened before counts as unseen.
    pub fn cover(&self, skills: &Arc<Skills>) {
        let mut state = self.state();
        if state.covers.is_none() {
            state.stirred = Stirred::Everywhere;
        }
        state.covers = Some(Arc::clone(skills));
    }

    /// Says that not everything is watched.
    pub fn uncover(&self) {
        self.state().covers = None;
    }

    /// Says that something happened, or may have happened unseen, and nobody knows where.
    pub fn stir(&self) {
        self.state().stirred = Stirred::Everywhere;
    }

    /// Says that something happened, or may have happened unseen, at a path or below it.
    pub fn stir_at(&self, path: TreePath) {
        let mut state = self.state();
        match &mut state.stirred {
            Stirred::At(places) if places.len() < PLACES => {
                places.insert(path);
            }
            stirred => *stirred = Stirred::Everywhere,
        }
    }

    /// Says that a look begins: what happened before it is seen by it. Gives the places where it must
    /// look, if the one before it saw all else; none where it must look everywhere.
    pub(crate) fn begin(&self, skills: &Arc<Skills>) -> Option<BTreeSet<TreePath>> {
        let mut state = self.state();
        match (state.is_covering(skills), std::mem::take(&mut state.stirred)) {
            (true, Stirred::At(places)) => Some(places),
            _ => None,
        }
    }

    /// Whether all was watched since the last look, and nothing happened, as far as is known by now.
    pub(crate) fn is_still(&self, skills: &Arc<Skills>) -> bool {
        let state = self.state();
        matches!(&state.stirred, Stirred::At(places) if places.is_empty()) && state.is_covering(skills)
    }
}

impl State {
    fn is_covering(&self, skills: &Arc<Skills>) -> bool {
        self.covers.as_ref().is_some_and(|covered| Arc::ptr_eq(covered, skills))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().unwrap()
    }

    #[test]
    fn only_a_watch_that_was_there_before_the_look_vouches_for_what_came_after() {
        let (vigil, skills) = (Vigil::default(), Arc::<Skills>::default());
        vigil.begin(&skills);
        assert!(!vigil.is_still(&skills), "nobody watches");
        vigil.cover(&skills);
        assert!(!vigil.is_still(&skills), "the look was before the watch");
        assert_eq!(vigil.begin(&skills), None);
        assert!(vigil.is_still(&skills));
        vigil.cover(&skills);
        assert!(vigil.is_still(&skills), "said again it is the same");
        assert!(!vigil.is_still(&Arc::default()), "other skills are in other directories");
        assert_eq!(vigil.begin(&Arc::default()), None);
    }

    #[test]
    fn whatever_happens_is_doubt_until_the_next_look() {
        let (vigil, skills) = (Vigil::default(), Arc::<Skills>::default());
        vigil.cover(&skills);
        vigil.begin(&skills);
        vigil.stir();
        assert!(!vigil.is_still(&skills));
        vigil.begin(&skills);
        assert!(vigil.is_still(&skills));
        vigil.uncover();
        assert!(!vigil.is_still(&skills));
        vigil.begin(&skills);
        assert!(!vigil.is_still(&skills), "a look does not make a watch");
    }

    #[test]
    fn a_look_is_told_where_something_happened_since_the_last_one() {
        let (vigil, skills, more) = (Vigil::default(), Arc::default(), Arc::default());
        vigil.cover(&skills);
        vigil.begin(&skills);
        vigil.stir_at(path("a/b"));
        assert!(!vigil.is_still(&skills));
        vigil.stir_at(path("new"));
        vigil.cover(&more);
        assert_eq!(vigil.begin(&more), Some(BTreeSet::from([path("a/b"), path("new")])));
        assert_eq!(vigil.begin(&more), Some(BTreeSet::new()));
        vigil.stir();
        vigil.stir_at(path("a"));
        assert_eq!(vigil.begin(&more), None, "a place does not say where the rest was");
        (0..=PLACES).for_each(|at| vigil.stir_at(path(&format!("p{at}"))));
        assert_eq!(vigil.begin(&more), None, "so many are everywhere");
    }
}
