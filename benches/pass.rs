//! What a pass costs, as people run it: the release binary, a repository of 10,000 skills in 15,000
//! files, a real file system. Beside it, in the same run, the floor (what walking the tree and asking for
//! each file's metadata costs anybody, on one thread), and what `git` and `rsync` take for the same change
//! where they are installed.
//!
//! `cargo bench --bench pass`; `SKILL_SYNC_BENCH_SKILLS` sets another number of skills, `TMPDIR` another
//! file system.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that fails must say so")]
#![allow(clippy::print_stdout, reason = "its figures are what a bench is for")]

#[path = "world/cost.rs"]
mod cost;
#[path = "world/origin.rs"]
mod origin;
#[path = "world/peers.rs"]
mod peers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use cost::{Cost, children_cpu, show, show_heads, watch};
use origin::Origin;
use peers::show_beside;

/// Skills where nothing else is asked for; every second one has a second file.
const SKILLS: usize = 10_000;
const FIRST_SYNCS: usize = 3;
const CHANGES: usize = 10;
const NO_OPS: usize = 20;

fn main() {
    let skills = std::env::var("SKILL_SYNC_BENCH_SKILLS").map_or(SKILLS, |n| n.parse().expect("a number"));
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let origin = Origin::create(&scratch.path().join("origin.git"), skills);
    println!("{skills} skills in {} files, below {}", skills + skills / 2, scratch.path().display());
    show_heads();

    let bench = Bench { scratch: scratch.path().to_path_buf() };
    show("process start", (0..NO_OPS).map(|_| bench.start()));
    show("first sync", (0..FIRST_SYNCS).map(|run| bench.first_sync(run)));
    show("nothing new", (0..NO_OPS).map(|_| bench.once("in_sync")));
    show_beside(scratch.path(), "one file changed", 0..CHANGES, |run| {
        origin.change(run);
        bench.once("applied")
    });
    show("floor: walk and stat", (0..NO_OPS).map(|_| bench.walk()));
    println!("stages of the last pass: {}", bench.stages());
}

struct Bench {
    scratch: PathBuf,
}

impl Bench {
    fn start(&self) -> Cost {
        self.measure(&["--version"])
    }

    /// A pass into a target that has never been seen.
    fn first_sync(&self, run: usize) -> Cost {
        if run > 0 {
            fs::remove_dir_all(self.scratch.join("data")).expect("the target of the run before");
        }
        self.once("applied")
    }

    fn once(&self, outcome: &str) -> Cost {
        let cost = self.measure(&["once", "-o", "json"]);
        let report = self.report();
        assert_eq!(report["outcome"], outcome, "the pass said: {}", report["error"]);
        cost
    }

    fn report(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.scratch.join("out")).expect("its output")).expect("a report")
    }

    fn stages(&self) -> serde_json::Value {
        self.report()["stages_ms"].clone()
    }

    fn measure(&self, arguments: &[&str]) -> Cost {
        let output = fs::File::create(self.scratch.join("out")).expect("a file for its output");
        let cpu = children_cpu();
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_skill-sync"))
            .args(arguments)
            .env_clear()
            .env("HOME", &self.scratch)
            .env("SKILLS_REPO", format!("file://{}", self.scratch.join("origin.git").display()))
            .env("SKILLS_DIR", self.scratch.join("data/skills"))
            .env("LOG_LEVEL", "error")
            .stdin(Stdio::null())
            .stdout(output)
            .spawn()
            .expect("the binary to start");
        let memory = watch(&mut child);
        Cost { wall: began.elapsed(), cpu: children_cpu().saturating_sub(cpu), memory }
    }

    /// What nobody who looks at a tree can do without.
    fn walk(&self) -> Cost {
        let began = Instant::now();
        let found = count_files(&self.scratch.join("data/skills"));
        let wall = began.elapsed();
        assert!(found > 0);
        Cost { wall, cpu: wall, memory: 0 }
    }
}

fn count_files(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| match path.symlink_metadata().expect("its metadata").is_dir() {
            true => count_files(&path),
            false => 1,
        })
        .sum()
}
