//! Faults: a pass is killed at each call that changes a file, and each of these calls fails, as the
//! real binary under strace. Whatever the instant, every file is old or new, nothing that somebody
//! wrote is lost, and the next pass converges.
//!
//! `SKILL_SYNC_LONG=1` runs what takes longer than a commit should wait for. Without strace there is
//! nothing to run; `SKILL_SYNC_REQUIRE_REAL=1` makes that a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's way to fail")]
#![allow(
    clippy::print_stdout,
    reason = "what was skipped, and how many points there were, is the test's to say"
)]

mod check;
mod late;
mod mirror;
mod order;
mod points;
mod power;
mod product;
mod scene;
mod trace;

use points::{Points, after_crash};
use power::{Disk, Kind};
use scene::Scene;
use trace::{Fault, Process};

/// What a disk says that has had enough.
const ERRORS: &[&str] = &["ENOSPC", "EIO", "EROFS", "EDQUOT", "EMFILE"];

/// Whether the long tests run too.
fn is_long() -> bool {
    std::env::var_os("SKILL_SYNC_LONG").is_some_and(|value| value == "1")
}

/// Whether faults can be made here. Where everything must be tested, their lack is a failure.
fn can_trace() -> bool {
    let works = trace::works();
    let is_required = std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_some_and(|value| value == "1");
    assert!(works || !is_required, "skipped: strace is missing, or may not trace here");
    if !works {
        println!("skipped: strace is missing, or may not trace here");
    }
    works
}

/// Every error once, and the interruption that a program must try again after.
fn once() -> impl Iterator<Item = Fault> {
    ERRORS.iter().copied().chain(["EINTR"]).map(Fault::Once)
}

/// Every error from some call on. An interruption that never ends is tried again for ever, as it should.
fn from_then_on() -> impl Iterator<Item = Fault> {
    ERRORS.iter().copied().map(Fault::FromThenOn)
}

#[test]
fn a_pass_is_killed_at_each_call() {
    if can_trace() {
        Points::new(&Scene::change(), Process::Pass).run([Fault::Kill]);
    }
}

#[test]
fn a_fetch_is_killed_at_each_call() {
    if can_trace() {
        Points::new(&Scene::change(), Process::Fetch).run([Fault::Kill]);
    }
}

#[test]
fn each_call_of_a_pass_fails_once() {
    if can_trace() {
        Points::new(&Scene::change(), Process::Pass).run(once());
    }
}

#[test]
fn each_call_of_a_fetch_fails_once() {
    if can_trace() {
        Points::new(&Scene::change(), Process::Fetch).run(once());
    }
}

#[test]
fn the_first_pass_is_killed_at_each_call() {
    if can_trace() {
        Points::new(&Scene::first(), Process::Pass).run([Fault::Kill]);
    }
}

#[test]
fn the_pass_that_settles_a_crash_is_killed_at_each_call() {
    if can_trace() {
        Points::new(&after_crash(), Process::Pass).run([Fault::Kill]);
    }
}

#[test]
fn each_call_fails_from_some_call_on() {
    if is_long() && can_trace() {
        Points::new(&Scene::change(), Process::Pass).run(from_then_on());
        Points::new(&Scene::change(), Process::Fetch).run(from_then_on());
    }
}

#[test]
fn a_first_pass_meets_every_fault() {
    if is_long() && can_trace() {
        let scene = Scene::first();
        Points::new(&scene, Process::Pass).run(once().chain(from_then_on()));
    }
}

#[test]
fn a_pass_that_settles_a_crash_meets_every_fault() {
    if is_long() && can_trace() {
        let scene = after_crash();
        Points::new(&scene, Process::Pass).run(once().chain(from_then_on()));
    }
}

#[test]
fn a_pass_that_adds_changes_removes_and_restores_meets_every_fault() {
    if is_long() && can_trace() {
        let all = once().chain(from_then_on()).chain([Fault::Kill]);
        Points::new(&Scene::everything(), Process::Pass).run(all);
    }
}

#[test]
fn what_shows_is_durable_before_and_on_record() {
    if can_trace() {
        order::check(&Scene::change());
        order::check_itself(&Scene::change());
        order::check(&Scene::everything());
        order::check(&Scene::first());
    }
}

#[test]
fn what_is_written_to_a_file_while_it_is_replaced_is_told_kept_and_on_record() {
    if can_trace() {
        late::write(&Scene::change());
    }
}

#[test]
fn the_mirror_stays_small_over_ten_thousand_commits_and_kills_in_between() {
    if is_long() {
        mirror::follow(10_000, 10);
    }
}

#[test]
fn a_power_cut_leaves_no_empty_and_no_half_file_on_ext4() {
    the_power_is_cut(Kind::Ext4);
}

#[test]
fn a_power_cut_leaves_no_empty_and_no_half_file_on_xfs() {
    the_power_is_cut(Kind::Xfs);
}

fn the_power_is_cut(kind: Kind) {
    if !can_trace() {
        return;
    }
    let Some(disk) = Disk::make(kind) else { return };
    power::check_itself(&disk);
    power::cut(&Scene::change(), &disk, is_long());
    power::cut(&Scene::first(), &disk, is_long());
    if is_long() {
        power::cut(&Scene::everything(), &disk, true);
    }
}
