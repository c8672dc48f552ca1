//! Power cuts: a pass is killed at a call and its file system shut down at once, so that all that was not
//! synced is gone. What the file system holds when it is mounted again is what a machine would find.
//!
//! The disk is a loop device, of ext4 and of XFS, with the options that spare a careless writer the least.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::check;
use crate::scene::Scene;
use crate::trace::{self, Call, Fault, Process};

/// In the tests of every commit one call in so many is cut at; all of them in the long ones.
const SAMPLE: usize = 16;

/// The size of a disk, in bytes: the least that XFS takes. It is a hole until it is written to.
const DISK: u64 = 320 << 20;

/// A kind of file system.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Ext4,
    Xfs,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    /// Of ext4: no journal of its own accord for five minutes, and no guess that a rename wants its data
    /// written first.
    fn options(self) -> &'static str {
        match self {
            Self::Ext4 => "loop,noauto_da_alloc,commit=300",
            Self::Xfs => "loop",
        }
    }

    /// The package's program that makes one.
    fn maker(self) -> &'static str {
        match self {
            Self::Ext4 => "mkfs.ext4",
            Self::Xfs => "mkfs.xfs",
        }
    }
}

/// A file system of its own, unmounted where it is dropped.
pub(crate) struct Disk {
    kind: Kind,
    scratch: tempfile::TempDir,
}

impl Disk {
    /// Makes and mounts one; none, with a line that says why, where this machine mounts no loop device.
    /// A program that is missing can be installed: where everything must be tested that is a failure.
    pub(crate) fn make(kind: Kind) -> Option<Self> {
        let has = |program: &&str| Command::new(program).arg("-V").output().is_ok();
        if let Some(missing) = ["python3", kind.maker()].iter().find(|program| !has(program)) {
            let is_required = std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_some_and(|value| value == "1");
            assert!(!is_required, "skipped: power cuts on {}: there is no {missing}", kind.name());
            println!("skipped: power cuts on {}: there is no {missing}", kind.name());
            return None;
        }
        let disk = Self { kind, scratch: tempfile::tempdir().expect("a scratch directory") };
        fs::create_dir(disk.root()).expect("a directory");
        fs::File::create(disk.image()).and_then(|image| image.set_len(DISK)).expect("an image");
        succeed(Command::new(kind.maker()).arg("-q").arg(disk.image()));
        match disk.mount() {
            Ok(()) => Some(disk),
            Err(why) => {
                println!("skipped: power cuts on {}: no loop device can be mounted here: {why}", kind.name());
                None
            }
        }
    }

    /// Where it is mounted.
    pub(crate) fn root(&self) -> PathBuf {
        self.scratch.path().join("disk")
    }

    fn image(&self) -> PathBuf {
        self.scratch.path().join("image")
    }

    fn mount(&self) -> Result<(), String> {
        let mut mount = Command::new("mount");
        mount.args(["-t", self.kind.name(), "-o", self.kind.options()]).arg(self.image()).arg(self.root());
        match mount.output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(words(&output)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Loses what is not on it, and mounts it as the next start of a machine would.
    pub(crate) fn cut(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/cut-power");
        succeed(Command::new("python3").arg(script).arg(self.root()));
        succeed(Command::new("umount").arg(self.root()));
        self.mount().expect("it is mounted again");
    }

    /// Everything that is on it now stays.
    pub(crate) fn sync(&self) {
        let root = fs::File::open(self.root()).expect("its root");
        rustix::fs::syncfs(root).expect("synced");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // One that could not be mounted is not.
        let _ = Command::new("umount").arg("--lazy").arg(self.root()).output();
    }
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", words(&output));
}

fn words(output: &Output) -> String {
    let text = [output.stdout.trim_ascii(), output.stderr.trim_ascii()].concat();
    String::from_utf8_lossy(&text).replace('\n', " ")
}

/// Cuts the power at each call of a pass, or at a sample of them, and once after its end.
pub(crate) fn cut(scene: &Scene, disk: &Disk, is_long: bool) {
    let calls = trace::record(scene, Process::Pass);
    let step = if is_long { 1 } else { SAMPLE };
    let (mut points, mut missed, mut wrong) = (0, 0, Vec::new());
    for call in calls.iter().step_by(step) {
        match cut_at(scene, disk, call) {
            None => missed += 1,
            Some(problems) if problems.is_empty() => {}
            Some(problems) => wrong.push(format!("{call}\n    {}\n", problems.join("\n    "))),
        }
        points += 1;
    }
    println!("{points} power cuts on {}; {missed} never came", disk.kind.name());
    assert!(missed * 10 <= points, "{missed} of {points} cuts never came");
    assert!(wrong.is_empty(), "{} of {points} power cuts:\n{}", wrong.len(), wrong.concat());
    cut_after_the_end(scene, disk);
}

/// What a cut at a call left wrong; none where the call was never made.
fn cut_at(scene: &Scene, disk: &Disk, call: &Call) -> Option<Vec<String>> {
    let place = scene.copy_to(&disk.root());
    disk.sync();
    let injected = trace::inject(&place, Process::Pass, call, Fault::Kill);
    disk.cut();
    let problems = injected.came.then(|| {
        let mut problems = check::at_once(scene, &place);
        let had_changed = check::has_changed(scene, &place);
        problems.extend(check::afterwards(scene, &place, had_changed));
        problems
    });
    place.remove();
    problems
}

/// What a pass has reported as done is there after a cut, without another pass.
fn cut_after_the_end(scene: &Scene, disk: &Disk) {
    let place = scene.copy_to(&disk.root());
    disk.sync();
    place.product.once().expect_code(0);
    disk.cut();
    let expected: crate::scene::Tree = scene.new.clone().into_iter().chain(scene.unowned.clone()).collect();
    assert!(place.contents() == expected, "a pass that was done is not there after a power cut");
    let verified = place.product.run(&["audit", "verify", "-o", "json"]).json();
    assert_eq!(verified["verdict"], "whole", "{verified}");
    let history = place.product.run(&["history", "-o", "json"]).json();
    assert_eq!(history[0]["outcome"], "applied", "{history}");
    let problems = check::afterwards(scene, &place, false);
    assert!(problems.is_empty(), "{problems:#?}");
    place.remove();
}

/// A cut takes what was not synced, and leaves what was: else the tests above could not fail.
pub(crate) fn check_itself(disk: &Disk) {
    let (synced, unsynced) = (disk.root().join("synced"), disk.root().join("unsynced"));
    fs::write(&synced, "old").expect("written");
    disk.sync();
    fs::write(&unsynced, "new").expect("written");
    fs::rename(&unsynced, disk.root().join("renamed")).expect("renamed");
    disk.cut();
    assert_eq!(fs::read(synced).expect("it is there"), b"old");
    let survived = |name: &str| fs::read(disk.root().join(name)).is_ok_and(|bytes| bytes == b"new");
    assert!(!survived("unsynced") && !survived("renamed"), "what was never synced survived");
}
