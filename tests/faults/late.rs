//! A file that is written to between the last look at it and the rename over it: strace holds that rename up
//! for as long as it takes to write.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::check;
use crate::scene::Scene;
use crate::trace::{self, Fault, Process};

/// How long a process may take to come to the call, and to be seen there.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is seen so often in a row, a poll apart, stands still.
const STILL: usize = 5;
const POLL: Duration = Duration::from_millis(20);

/// What was written late is told, kept and on record, beside what had drifted before it.
pub(crate) fn write(scene: &Scene) {
    let path = "a/x.txt";
    let calls = trace::record(scene, Process::Pass);
    let is_over_it = |text: &str| text.contains("</skills/a>, \"x.txt\"");
    let rename = calls.iter().find(|call| call.kind == "renameat" && is_over_it(&call.text));
    let rename = rename.expect("the rename over it");
    let place = scene.copy();
    let file = place.target().join(path);
    let injected = std::thread::scope(|threads| {
        let pass = threads.spawn(|| trace::inject(&place, Process::Pass, rename, Fault::Delayed));
        held_up(&file);
        let mut file = OpenOptions::new().append(true).open(&file).expect("it is there");
        file.write_all(b"and a word more\n").expect("written");
        pass.join().expect("no panic")
    });
    assert!(injected.came, "the rename was to be held up: {rename}");
    let report = injected.ended.json();
    assert_eq!((injected.ended.code, &report["outcome"]), (Some(0), &"applied".into()), "{report}");
    assert_eq!(report["overwritten"][0]["path"], path, "{report}");

    let id = report["overwritten"][0]["drift"].as_str().expect("it is kept");
    let status = place.product.run(&["status", "-o", "json"]).json();
    let conditions = status["conditions"].as_array().expect("conditions");
    let drifting = conditions.iter().find(|condition| condition["type"] == "Drifting").expect("it is told");
    assert_eq!(drifting["reason"], "WrittenWhileReplaced", "{drifting}");
    assert!(drifting["message"].as_str().is_some_and(|text| text.contains(id)), "{drifting}");

    let audit = place.product.run(&["audit", "list", "-o", "json"]).json();
    let drifts = audit.as_array().expect("records").iter().filter(|record| record["kind"] == "drift");
    assert_eq!(drifts.filter(|record| record["body"]["path"] == path).count(), 2, "{audit}");
    let back = place.beside("back");
    let restored = place.product.run(&["drift", "restore", id, "--to", back.to_str().expect("text")]);
    restored.expect_code(0);
    assert_eq!(fs::read(back).expect("restored"), b"edited by hand\nand a word more\n");

    let mut problems = check::at_once(scene, &place);
    problems.extend(check::afterwards(scene, &place, true));
    assert!(problems.is_empty(), "{problems:#?}");
    place.remove();
}

/// Waits until a process stands still that has this file open.
fn held_up(file: &Path) {
    let end = Instant::now() + DEADLINE;
    let (mut seen, mut times) = (None, 0);
    while times < STILL {
        assert!(Instant::now() < end, "no process stands still with {} open", file.display());
        std::thread::sleep(POLL);
        let now = holder(file).and_then(|process| fs::read_to_string(process.join("syscall")).ok());
        times = if now.is_some() && now == seen { times + 1 } else { 0 };
        seen = now;
    }
}

/// The process that has a file open, as its directory in `/proc`.
fn holder(file: &Path) -> Option<PathBuf> {
    let processes = fs::read_dir("/proc").expect("processes").filter_map(Result::ok).map(|one| one.path());
    processes.filter(|process| process.join("fd").is_dir()).find(|process| {
        let open = fs::read_dir(process.join("fd")).into_iter().flatten().filter_map(Result::ok);
        open.filter_map(|one| fs::read_link(one.path()).ok()).any(|leads| leads == file)
    })
}
