//! What it costs to look and find nothing, in a service that has looked before, at 1,000, 10,000 and
//! 100,000 files. Beside each figure the floor, measured in turn with it in the same run: two threads
//! that walk the same tree and ask for each file's metadata, or read and hash it. On a machine that does
//! other work too, the ratios count.
//!
//! `cargo bench --bench looks`; `SKILL_SYNC_BENCH_FILES=10000` sets other sizes, `TMPDIR` another file
//! system.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that fails must say so")]
#![allow(clippy::print_stdout, reason = "its figures are what a bench is for")]

#[path = "world/floor.rs"]
mod floor;
#[path = "world/origin.rs"]
#[allow(dead_code, reason = "nothing is pushed here")]
mod origin;

use std::path::Path;
use std::time::{Duration, Instant};

use floor::Work;
use origin::Origin;
use reconciler::cancel::Cancel;
use reconciler::guard::Rewind;
use reconciler::observed::Vigil;
use reconciler::options::{Hold, Judging, OnCondemned, OnUnowned, Options, Selection};
use reconciler::plan::PruneLimit;
use reconciler::reconcile::Engine;
use reconciler::report::Outcome;
use reconciler::source::{Credentials, Limits, Reference, RepoUrl, Route, Source, Ssh};
use reconciler::trigger::Trigger;
use reconciler::window::Windows;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// How often both are measured, in turn.
const ROUNDS: usize = 15;
/// So long a measurement takes at least: the CPU time of a process is told in hundredths of a second.
const AT_LEAST: Duration = Duration::from_millis(400);

fn main() {
    let sizes = std::env::var("SKILL_SYNC_BENCH_FILES");
    let sizes =
        sizes.map_or(SIZES.to_vec(), |n| n.split(',').map(|n| n.parse().expect("a number")).collect());
    println!(
        "{:<9}{:<26}{:>12}{:>12}{:>22}{:>10}{:>10}{:>22}",
        "files", "", "wall ms", "floor", "ratio (least-most)", "CPU ms", "floor", "ratio (least-most)"
    );
    for files in sizes {
        measure(files);
    }
}

fn measure(files: usize) {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let path = scratch.path().join("origin.git");
    // Two files for each second skill.
    Origin::create(&path, files * 2 / 3);
    let target = scratch.path().join("data/skills");
    let mut engine = open(&path, scratch.path());
    assert_eq!(pass(&mut engine, Trigger::Start), Outcome::Applied);
    // What was written a moment ago may hide a change: it is read once more.
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(pass(&mut engine, Trigger::Manual), Outcome::InSync);
    let walk = |work| assert!(floor::walk(&target, work) >= files / 2);

    compare(files, "nothing new: walk and stat", || walk(Work::Stat), || look(&mut engine, Trigger::Manual));
    compare(files, "re-hash of everything", || walk(Work::Hash), || look(&mut engine, Trigger::Recheck));
    let vigil = Vigil::default();
    engine.heed(vigil.clone());
    vigil.cover(&engine.inventory().skills);
    look(&mut engine, Trigger::Poll);
    compare(files, "a poll while it is watched", || walk(Work::Stat), || look(&mut engine, Trigger::Poll));
}

fn look(engine: &mut Engine, trigger: Trigger) {
    assert_eq!(pass(engine, trigger), Outcome::InSync);
}

fn pass(engine: &mut Engine, trigger: Trigger) -> Outcome {
    let report = engine.pass(trigger, &Cancel::new(), &mut |_| {});
    assert_eq!(report.error, None);
    report.outcome
}

/// Measures both in turn and prints one row: medians, and the ratio of each pair with its spread.
fn compare(files: usize, what: &str, mut floor: impl FnMut(), mut ours: impl FnMut()) {
    let (mut floors, mut costs) = (Vec::new(), Vec::new());
    floor();
    ours();
    for _ in 0..ROUNDS {
        floors.push(cost(&mut floor));
        costs.push(cost(&mut ours));
    }
    let column = |of: fn(&(f64, f64)) -> f64| {
        let ratios = costs.iter().zip(&floors).map(|(ours, floor)| of(ours) / of(floor)).collect();
        let (least, ratio, most) = spread(ratios);
        let (ours, floor) =
            (spread(costs.iter().map(of).collect()).1, spread(floors.iter().map(of).collect()).1);
        (ours, floor, format!("{ratio:.2} ({least:.2}-{most:.2})"))
    };
    let ((wall, wall_floor, wall_ratio), (cpu, cpu_floor, cpu_ratio)) = (column(|c| c.0), column(|c| c.1));
    println!(
        "{files:<9}{what:<26}{wall:>12.2}{wall_floor:>12.2}{wall_ratio:>22}{cpu:>10.2}{cpu_floor:>10.2}{cpu_ratio:>22}"
    );
}

/// Wall and CPU time of one call, in milliseconds.
fn cost(work: &mut impl FnMut()) -> (f64, f64) {
    let (cpu, began, mut calls) = (own_cpu(), Instant::now(), 0_u32);
    while began.elapsed() < AT_LEAST {
        work();
        calls += 1;
    }
    let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(calls);
    (each(began.elapsed()), each(own_cpu() - cpu))
}

fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

/// The CPU time of this process, threads that have ended included; its children's is theirs.
fn own_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("our own statistics");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    // Fields 14 and 15 of proc_pid_stat(5), counted from the state, which is the third.
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().expect("ticks"));
    Duration::from_millis(10) * ticks.sum::<u32>()
}

fn open(origin: &Path, scratch: &Path) -> Engine {
    let source = Source {
        url: RepoUrl::parse(origin.to_str().expect("a plain path")).expect("a path"),
        reference: Reference::Head,
        credentials: Credentials::None,
        ssh: Ssh::default(),
        route: Route::default(),
        limits: Limits::default(),
        child: vec![env!("CARGO_BIN_EXE_skill-sync").into(), "fetch-child".into()],
        insecure_http: false,
    };
    let options = Options {
        source,
        selection: Selection::default(),
        target: scratch.join("data/skills"),
        state: scratch.join("data/.skill-sync"),
        environment: "bench".to_owned(),
        judging: Judging { strict: false, block: None },
        policy: None,
        judge: None,
        holds_unsure: false,
        on_condemned: OnCondemned::Keep,
        on_unowned: OnUnowned::Keep,
        hold: Hold::Skill,
        adopt: false,
        prune_limit: PruneLimit(50),
        rewind: Rewind::Accept,
        windows: Windows::default(),
        verify: None,
        require_mount: false,
        drift_keep: Duration::from_secs(3_600),
        drift_max_bytes: 1 << 30,
        audit_keep: None,
    };
    Engine::open(options, Duration::ZERO, &Cancel::new()).expect("an engine")
}
