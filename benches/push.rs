//! What a push costs in a running service: from the webhook to the new bytes on the volume, and the CPU time
//! of the service and its fetch, with one file changed among 1,000, 10,000 and 50,000 skills. Beside it, in turn
//! and in the same run, what `git` and `rsync` take for the same change where they are installed.
//!
//! `cargo bench --bench push`; `SKILL_SYNC_BENCH_SKILLS=10000` sets other numbers, `TMPDIR` another file system.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that fails must say so")]
#![allow(clippy::print_stdout, reason = "its figures are what a bench is for")]

#[path = "world/cost.rs"]
mod cost;
#[path = "world/origin.rs"]
mod origin;
#[path = "world/peers.rs"]
mod peers;
#[path = "world/service.rs"]
mod service;

use std::fs;
use std::io::BufReader;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cost::{Cost, TICK, show_heads};
use origin::Origin;
use peers::show_beside;
use service::{Service, deliver, delivery};

const SIZES: [usize; 3] = [1_000, 10_000, 50_000];
const CHANGES: usize = 10;
/// So long after a change shows, all that follows it is over.
const AFTER: Duration = Duration::from_secs(3);

fn main() {
    let sizes = std::env::var("SKILL_SYNC_BENCH_SKILLS");
    let sizes =
        sizes.map_or(SIZES.to_vec(), |n| n.split(',').map(|n| n.parse().expect("a number")).collect());
    for skills in sizes {
        measure(skills);
    }
}

fn measure(skills: usize) {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let repository = scratch.path().join("origin.git");
    let origin = Origin::create(&repository, skills);
    println!("{skills} skills in {} files, below {}", skills + skills / 2, scratch.path().display());
    show_heads();

    let service = Service::start(scratch.path(), &repository);
    service.until("the first revision", || service.get("/readyz").starts_with("HTTP/1.1 200"));
    let bench = Bench { service, repository, target: scratch.path().join("data/skills") };
    // The first look after the first sync is one at everything.
    bench.push(&origin, 0);
    show_beside(scratch.path(), "webhook to visible", 1..CHANGES + 1, |run| bench.push(&origin, run));
    println!();
}

struct Bench {
    service: Service,
    repository: PathBuf,
    target: PathBuf,
}

impl Bench {
    /// Pushes a change and says so; the wall time until it shows, and the CPU time until nothing more happens.
    fn push(&self, origin: &Origin, run: usize) -> Cost {
        let changed = origin.change(run);
        let path = self.target.join(&changed.path);
        let mut stream = TcpStream::connect(self.service.address).expect("a connection");
        let mut reader = BufReader::new(stream.try_clone().expect("its other half"));
        let request = delivery(&self.repository, &format!("push-{run}"));
        let (cpu, began) = (self.cpu(), Instant::now());
        deliver(&mut stream, &mut reader, &request);
        self.service.until_soon("the change", || is_there(&path, &changed.bytes));
        let wall = began.elapsed();
        // The rest of the pass and what follows it; asking whether it has ended would be on the bill.
        std::thread::sleep(AFTER);
        Cost { wall, cpu: self.cpu() - cpu, memory: self.service.memory("VmHWM") }
    }

    /// The CPU time of the service and of all children of its that have ended.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.service.child.id()));
        let stat = stat.expect("its statistics");
        let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
        // Fields 14 to 17 of proc_pid_stat(5), counted from the state, which is the third.
        let ticks = fields.split_whitespace().skip(11).take(4);
        TICK * ticks.map(|field| field.parse::<u32>().expect("ticks")).sum::<u32>()
    }
}

fn is_there(path: &Path, bytes: &[u8]) -> bool {
    fs::read(path).is_ok_and(|found| found == bytes)
}
