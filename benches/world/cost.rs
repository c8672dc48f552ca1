//! What a run of a process costs, and the row that says so.

use std::fs;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the memory of a running process is read; its high-water mark loses nothing in between.
const SAMPLE: Duration = Duration::from_millis(3);
/// Linux counts the time of processes for user space in hundredths of a second on every machine.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// What one run cost.
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// The most memory that the process and its children held at once, in KiB.
    pub(crate) memory: u64,
}

impl Cost {
    /// One thing after the other.
    pub(crate) fn and(&self, next: &Self) -> Self {
        let (wall, cpu) = (self.wall + next.wall, self.cpu + next.cpu);
        Self { wall, cpu, memory: self.memory.max(next.memory) }
    }
}

/// The heads of the columns that [`show`] fills.
pub(crate) fn show_heads() {
    println!(
        "{:<28}{:>5}{:>10}{:>18}{:>10}{:>10}",
        "", "runs", "wall ms", "(least-most)", "CPU ms", "RSS MiB"
    );
}

/// Prints one row: the median, the spread, and the mean of the CPU time (whose grain is 10 ms).
pub(crate) fn show(what: &str, runs: impl Iterator<Item = Cost>) {
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

/// Waits for a process, which must succeed; gives the most memory that it and its children held.
pub(crate) fn watch(child: &mut Child) -> u64 {
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
pub(crate) fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("our own statistics");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    // Fields 16 and 17 of proc_pid_stat(5), counted from the state, which is the third.
    let ticks = fields.split_whitespace().skip(13).take(2).map(|field| field.parse::<u32>().expect("ticks"));
    TICK * ticks.sum::<u32>()
}
