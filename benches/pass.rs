//! What a pass costs, as people run it: the release binary, a repository of 10,000 skills in 15,000
//! files, a real file system. Beside it, in the same run, the floor (what walking the tree and asking for
//! each file's metadata costs anybody, on one thread), and what `git` and `rsync` take for the same change
//! where they are installed.
//!
//! `cargo bench --bench pass`; `SKILL_SYNC_BENCH_SKILLS` sets another number of skills, `TMPDIR` another
//! file system.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that fails must say so")]
#![allow(clippy::print_stdout, reason = "its figures are what a bench is for")]

#[path = "world/origin.rs"]
mod origin;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use origin::Origin;

/// Skills where nothing else is asked for; every second one has a second file.
const SKILLS: usize = 10_000;
const FIRST_SYNCS: usize = 3;
const CHANGES: usize = 10;
const NO_OPS: usize = 20;
/// How often the memory of a running pass is read; its high-water mark loses nothing in between.
const SAMPLE: Duration = Duration::from_millis(3);
/// Linux counts the time of processes for user space in hundredths of a second on every machine.
const TICK: Duration = Duration::from_millis(10);

fn main() {
    let skills = std::env::var("SKILL_SYNC_BENCH_SKILLS").map_or(SKILLS, |n| n.parse().expect("a number"));
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let origin = Origin::create(&scratch.path().join("origin.git"), skills);
    println!("{skills} skills in {} files, below {}", skills + skills / 2, scratch.path().display());
    println!(
        "{:<28}{:>5}{:>10}{:>18}{:>10}{:>10}",
        "", "runs", "wall ms", "(least-most)", "CPU ms", "RSS MiB"
    );

    let bench = Bench { scratch: scratch.path().to_path_buf() };
    bench.show("process start", (0..NO_OPS).map(|_| bench.start()));
    bench.show("first sync", (0..FIRST_SYNCS).map(|run| bench.first_sync(run)));
    bench.show("nothing new", (0..NO_OPS).map(|_| bench.once("in_sync")));
    let peers = Peers::new(scratch.path());
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    // In turn, so that a busy machine is busy for all of them.
    for run in 0..CHANGES {
        origin.change(run);
        rows[0].push(bench.once("applied"));
        if let Some(peers) = &peers {
            rows[1].push(peers.fetch());
            rows[2].push(peers.reset());
        }
    }
    let [ours, fetches, resets] = rows;
    bench.show("one file changed", ours.into_iter());
    if let Some(peers) = peers {
        let resets = fetches.iter().zip(resets).map(|(fetch, reset)| fetch.and(&reset)).collect::<Vec<_>>();
        bench.show("  git fetch", fetches.into_iter());
        bench.show("  git fetch, reset --hard", resets.into_iter());
        peers.rsync().into_iter().for_each(|runs| bench.show("  rsync --checksum", runs.into_iter()));
    }
    bench.show("floor: walk and stat", (0..NO_OPS).map(|_| bench.walk()));
    println!("stages of the last pass: {}", bench.stages());
}

/// What one run cost.
struct Cost {
    wall: Duration,
    cpu: Duration,
    /// The most memory that the process and its children held at once, in KiB.
    memory: u64,
}

impl Cost {
    /// One thing after the other.
    fn and(&self, next: &Self) -> Self {
        let (wall, cpu) = (self.wall + next.wall, self.cpu + next.cpu);
        Self { wall, cpu, memory: self.memory.max(next.memory) }
    }
}

/// What other tools take for the same change.
struct Peers {
    origin: PathBuf,
    clone: PathBuf,
    copy: PathBuf,
}

impl Peers {
    /// A clone of the repository; none where there is no git.
    fn new(scratch: &Path) -> Option<Self> {
        let at = |name: &str| scratch.join(name);
        let peers = Self { origin: at("origin.git"), clone: at("clone"), copy: at("copy") };
        let cloned =
            Command::new("git").args(["clone", "--quiet"]).arg(&peers.origin).arg(&peers.clone).status();
        cloned.is_ok_and(|status| status.success()).then_some(peers)
    }

    fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> Cost {
        let (cpu, began) = (children_cpu(), Instant::now());
        let mut child = Command::new(program).args(arguments).spawn().expect("it was there a moment ago");
        let memory = watch(&mut child);
        Cost { wall: began.elapsed(), cpu: children_cpu().saturating_sub(cpu), memory }
    }

    fn git(&self, arguments: &[&str]) -> Cost {
        let whole = ["-C".as_ref(), self.clone.as_os_str()].into_iter();
        Self::run("git", &whole.chain(arguments.iter().map(|word| word.as_ref())).collect::<Vec<_>>())
    }

    fn fetch(&self) -> Cost {
        self.git(&["fetch", "--quiet"])
    }

    fn reset(&self) -> Cost {
        self.git(&["reset", "--hard", "--quiet", "origin/main"])
    }

    /// What comparing by content takes once a work tree is there; none where there is no rsync.
    fn rsync(&self) -> Option<Vec<Cost>> {
        Command::new("rsync").arg("--version").stdout(Stdio::null()).status().ok()?;
        let from = self.clone.join("");
        let words = ["--archive", "--checksum", "--delete", "--exclude=.git"].map(AsRef::as_ref);
        let words: Vec<_> = words.into_iter().chain([from.as_os_str(), self.copy.as_os_str()]).collect();
        Self::run("rsync", &words);
        Some((0..CHANGES).map(|_| Self::run("rsync", &words)).collect())
    }
}

struct Bench {
    scratch: PathBuf,
}

impl Bench {
    /// Prints one row: the median, the spread, and the mean of the CPU time (whose grain is 10 ms).
    fn show(&self, what: &str, runs: impl Iterator<Item = Cost>) {
        let costs: Vec<Cost> = runs.collect();
        let mut walls: Vec<f64> = costs.iter().map(|cost| cost.wall.as_secs_f64() * 1e3).collect();
        walls.sort_by(f64::total_cmp);
        let (least, most, median) = (walls[0], walls[walls.len() - 1], walls[walls.len() / 2]);
        let runs = u32::try_from(costs.len()).expect("a few runs");
        let cpu = costs.iter().map(|cost| cost.cpu).sum::<Duration>().as_secs_f64() * 1e3 / f64::from(runs);
        let memory = costs.iter().map(|cost| cost.memory).max().unwrap_or_default() / 1024;
        let spread = format!("({least:.1}-{most:.1})");
        println!("{what:<28}{runs:>5}{median:>10.1}{spread:>18}{cpu:>10.1}{memory:>10}");
    }

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

/// Waits for a process, which must succeed; gives the most memory that it and its children held.
fn watch(child: &mut Child) -> u64 {
    let (pid, ended) = (child.id(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let most = scope.spawn(|| {
            let mut most = 0;
            while !ended.load(Ordering::Relaxed) {
                most = most.max(memory_of(pid));
                std::thread::sleep(SAMPLE);
            }
            most
        });
        let status = child.wait().expect("its status");
        ended.store(true, Ordering::Relaxed);
        assert!(status.success(), "the pass ended with {status}");
        most.join().expect("the sampler")
    })
}

/// The high-water mark of a process and of its children that are alive, in KiB; 0 once it is gone.
fn memory_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let own = own.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let below: u64 = children
        .flat_map(|line| line.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .map(memory_of)
        .sum();
    own + below
}

/// The CPU time of all processes of ours that have ended, theirs included.
fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("our own statistics");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    // Fields 16 and 17 of proc_pid_stat(5), counted from the state, which is the third.
    let ticks = fields.split_whitespace().skip(13).take(2).map(|field| field.parse::<u32>().expect("ticks"));
    TICK * ticks.sum::<u32>()
}
