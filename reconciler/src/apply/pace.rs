//! The pace of publishing: watchers lose events of a path that changes twice within moments.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::PassId;
use crate::path::TreePath;
use crate::volume::now_ns;

/// The least time between two publishes of one path: at 5 to 20 ms a default chokidar consumer stays on
/// the stale content for good.
pub(super) const PACE: Duration = Duration::from_millis(100);

/// What this process did to its target lately.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// When each path was published or unlinked, as far as it matters.
    changed: HashMap<TreePath, Instant>,
    /// The pass that kept something last, and how many things it kept.
    kept: Option<(PassId, u64)>,
}

impl Recent {
    /// The next name for something kept. A pass that stages twice does not use one again.
    pub(super) fn next_id(&self, pass: PassId) -> String {
        let mut memory = self.memory();
        let number = memory.kept.filter(|(last, _)| *last == pass).map_or(1, |(_, number)| number + 1);
        memory.kept = Some((pass, number));
        format!("{pass}-{number}")
    }

    /// Remembers that paths changed now.
    pub(super) fn remember<'p>(&self, paths: impl Iterator<Item = &'p TreePath>) {
        let now = Instant::now();
        let mut memory = self.memory();
        memory.changed.retain(|_, at| now.duration_since(*at) < PACE);
        memory.changed.extend(paths.map(|path| (path.clone(), now)));
    }

    /// How long to wait before the path changes again.
    pub(super) fn left(&self, path: &TreePath) -> Duration {
        self.memory().changed.get(path).map_or(Duration::ZERO, |at| PACE.saturating_sub(at.elapsed()))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Whoever panicked left a map that is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait before a file is replaced that was put there at `ctime_ns`, by whoever it was. A
/// stamp of the future (the clock was set back) waits for all of it.
pub(super) fn left_since(ctime_ns: i64) -> Duration {
    let age = now_ns().saturating_sub(ctime_ns);
    u64::try_from(age).map_or(PACE, |age| PACE.saturating_sub(Duration::from_nanos(age)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kept_things_never_repeat() {
        let recent = Recent::default();
        let ids: Vec<_> = [12, 12, 13].into_iter().map(|pass| recent.next_id(PassId(pass))).collect();
        assert_eq!(ids, ["12-1", "12-2", "13-1"]);
    }

    #[test]
    fn only_what_is_left_of_the_pace_is_waited_for() {
        assert_eq!(left_since(now_ns() - 200_000_000), Duration::ZERO);
        assert!(left_since(now_ns() - 40_000_000) <= Duration::from_millis(60));
        assert_eq!(left_since(now_ns() + 3_600_000_000_000), PACE, "the clock was set back");
        let recent = Recent::default();
        let path: TreePath = "a.md".parse().expect("a plain path");
        assert_eq!(recent.left(&path), Duration::ZERO);
        recent.remember(std::iter::once(&path));
        assert!(recent.left(&path) > Duration::ZERO);
    }
}
