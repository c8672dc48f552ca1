//! Taking over a directory that was filled by somebody else: who watches it learns of what changed, and of
//! nothing more.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{RecursiveMode, Watcher as _};

use crate::place::Place;

/// How long an event may take.
const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn files_that_are_as_they_should_be_are_adopted_without_an_event() {
    let (place, _) = Place::with(&["same", "edited"]);
    let skills = place.path("skills");
    fs::create_dir(&skills).unwrap();
    for name in ["same.md", "edited.md"] {
        fs::copy(place.path("repo").join(name), skills.join(name)).unwrap();
    }
    place.edit("edited", "a local edit");
    let identity = || {
        let found = fs::metadata(skills.join("same.md")).unwrap();
        (found.ino(), found.mtime_nsec(), found.ctime(), found.ctime_nsec())
    };
    let before = identity();
    let (sender, events) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(sender).unwrap();
    watcher.watch(&skills, RecursiveMode::Recursive).unwrap();

    let report = place.run_with(&["once", "-o", "json"], &[("ADOPT", "true")]);
    assert_eq!(report.code, 0, "{report:?}");
    // What the kernel tells comes in order: with this one, everything before it has come.
    fs::write(skills.join("last"), "").unwrap();
    let mut told = BTreeSet::<PathBuf>::new();
    while !told.contains(&skills.join("last")) {
        let event = events.recv_timeout(DEADLINE).expect("the last event").unwrap();
        // That it was read is no change.
        let changes = matches!(
            event.kind,
            EventKind::Create(_)
                | EventKind::Remove(_)
                | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Name(_) | ModifyKind::Metadata(_))
        );
        told.extend(event.paths.into_iter().filter(|_| changes));
    }
    assert!(told.contains(&skills.join("edited.md")), "{told:?}");
    assert!(!told.contains(&skills.join("same.md")), "{told:?}");
    assert_eq!(identity(), before);
    assert!(place.serves("edited", "one"));

    place.edit("same", "drift");
    place.once(0);
    assert!(place.serves("same", "one"), "it is ours from then on");
}
