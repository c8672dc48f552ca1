//! Runs every point of a scene: one fault in one call of one copy, then what must hold.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::check::{self, Problems};
use crate::scene::{Place, Scene};
use crate::trace::{self, Call, Fault, Process};

/// How many points run at a time.
const THREADS: usize = 2;

/// How often a point is tried again whose fault did not come.
const TRIES: usize = 4;

/// One point in so many may be missed: what the mirror syncs a second time depends on the clock.
const MISSED: usize = 20;

/// So many problems are printed in full.
const SHOWN: usize = 12;

/// The calls of one process of a pass, to be made to fail.
pub(crate) struct Points<'s> {
    scene: &'s Scene,
    process: Process,
    calls: Vec<Call>,
}

/// The scene in which a pass was killed between two of its renames.
pub(crate) fn after_crash() -> Scene {
    let mut scene = Scene::change();
    let calls = trace::record(&scene, Process::Pass);
    let third = calls.into_iter().filter(|call| call.kind == "renameat").nth(2).expect("three renames");
    let injected = trace::inject(&scene.base(), Process::Pass, &third, Fault::Kill);
    assert!(injected.came, "the pass was to be killed at {third}");
    scene.is_interrupted = true;
    scene
}

impl<'s> Points<'s> {
    /// Finds them by recording.
    pub(crate) fn new(scene: &'s Scene, process: Process) -> Self {
        let calls = trace::record(scene, process);
        assert!(calls.len() > 10, "so few calls change files: {calls:?}");
        Self { scene, process, calls }
    }

    /// Runs each call with each fault; panics with what was wrong.
    pub(crate) fn run(&self, faults: impl IntoIterator<Item = Fault>) {
        let faults: Vec<Fault> = faults.into_iter().collect();
        let pair = |fault: Fault| self.calls.iter().map(move |call| (call, fault));
        let points: Vec<(&Call, Fault)> = faults.into_iter().flat_map(pair).collect();
        let (next, missed, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|threads| {
            for _ in 0..THREADS {
                threads.spawn(|| self.work(&points, &next, &missed, &wrong));
            }
        });
        let missed = missed.into_inner();
        println!("{}; {missed} never came", tally(&points));
        assert!(missed * MISSED <= points.len(), "{missed} of {} faults never came", points.len());
        let wrong = wrong.into_inner().expect("no thread panicked");
        let shown: String = wrong.iter().take(SHOWN).cloned().collect();
        assert!(wrong.is_empty(), "{} of {} points:\n{shown}", wrong.len(), points.len());
    }

    fn work(
        &self,
        points: &[(&Call, Fault)],
        next: &AtomicUsize,
        missed: &AtomicUsize,
        wrong: &Mutex<Vec<String>>,
    ) {
        // A copy is made one point ahead: what is new on a volume is not replaced for 100 ms.
        let mut ahead = Some(self.scene.copy());
        while let Some((call, fault)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut tries = 0..TRIES;
            let problems = loop {
                let place = ahead.replace(self.scene.copy()).expect("a copy");
                let problems = self.point(&place, call, *fault);
                place.remove();
                match problems {
                    Some(problems) => break problems,
                    None if tries.next().is_none() => {
                        missed.fetch_add(1, Ordering::Relaxed);
                        break Problems::new();
                    }
                    None => {}
                }
            };
            if !problems.is_empty() {
                let text = format!("{fault:?} at {call}\n    {}\n", problems.join("\n    "));
                wrong.lock().expect("no thread panicked").push(text);
            }
        }
    }

    /// What one point left wrong; none where the fault did not come.
    fn point(&self, place: &Place, call: &Call, fault: Fault) -> Option<Problems> {
        let injected = trace::inject(place, self.process, call, fault);
        if !injected.came {
            return None;
        }
        let mut problems = check::at_once(self.scene, place);
        match (fault, self.process) {
            (Fault::Kill, _) => {}
            (_, Process::Pass) => problems.extend(check::ended(self.scene, place, &injected)),
            (_, Process::Fetch) => problems.extend(check::said(&injected)),
        }
        let had_changed = check::has_changed(self.scene, place);
        if had_changed && self.process == Process::Fetch {
            problems.push("the fetch changed the volume".to_owned());
        }
        problems.extend(check::afterwards(self.scene, place, had_changed));
        Some(problems)
    }
}

fn tally(points: &[(&Call, Fault)]) -> String {
    let mut kinds = BTreeMap::<&str, usize>::new();
    for (call, _) in points {
        *kinds.entry(&call.kind).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    format!("{} points: {}", points.len(), kinds.join(", "))
}
