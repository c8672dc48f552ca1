//! The mirror over thousands of commits of one file each, followed a few at a time by passes of which many are
//! killed at a random moment: what it holds stays bounded, and whole.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::product::Product;

/// How many skills the commits change in turn.
const SKILLS: usize = 200;

/// One step in so many has a pass that is killed first.
const KILLED: usize = 2;

/// The most that a mirror may hold of such a history, in bytes: what came since all was written anew takes 4 MiB
/// at most before that is done again, its newest 1,000 commits take less, and a pack in the making is there twice.
const MOST_BYTES: u64 = 16 << 20;

/// The most files: up to 50 packs of three files each before they are merged, some 2,000 loose objects with their
/// directories, and what a killed pass leaves until the next.
const MOST_FILES: usize = 3_000;

/// What a mirror takes.
#[derive(Debug, Default, Clone, Copy)]
struct Size {
    bytes: u64,
    files: usize,
    packs: usize,
}

impl Size {
    fn of(directory: &Path) -> Self {
        let mut size = Self::default();
        for entry in fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry");
            let path = entry.path();
            if path.is_dir() {
                let below = Self::of(&path);
                size.bytes += below.bytes;
                size.files += below.files;
                size.packs += below.packs;
            } else {
                size.bytes += entry.metadata().map_or(0, |found| found.len());
                size.files += 1;
                size.packs += usize::from(path.extension().is_some_and(|name| name == "pack"));
            }
        }
        size
    }

    /// The larger of each.
    fn max(self, other: Self) -> Self {
        let (bytes, files) = (self.bytes.max(other.bytes), self.files.max(other.files));
        Self { bytes, files, packs: self.packs.max(other.packs) }
    }
}

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Follows so many commits, `step` at a time, and looks at the mirror after each pass.
pub(crate) fn follow(commits: usize, step: usize) {
    let scratch = tempfile::tempdir().expect("a directory");
    let origin = scratch.path().join("origin.git");
    let ids = import(&origin, commits);
    let repository = git2::Repository::open(&origin).expect("a repository");
    repository.set_head("refs/heads/main").expect("its head");
    let product = Product::new(&origin, &scratch.path().join("skills"));
    let mirror = scratch.path().join(".skill-sync/repo.git");
    let (mut numbers, mut took) = (Numbers(14), Duration::from_millis(500));
    let (mut most, mut kills, mut in_a_pack) = (Size::default(), 0, 0);
    for at in (step - 1..commits).step_by(step) {
        repository.reference("refs/heads/main", ids[at], true, "step").expect("moved");
        if (at / step).is_multiple_of(KILLED) {
            let after = numbers.below(u64::try_from(took.as_millis()).expect("short") + 1);
            product.once_killed_after(Duration::from_millis(after));
            kills += 1;
            in_a_pack += usize::from(mirror.exists() && is_in_a_pack(&mirror));
            if mirror.exists() {
                most = most.max(Size::of(&mirror));
            }
        }
        let begun = Instant::now();
        product.once().expect_code(0);
        // A pass that tidies takes longer: the kills are to meet it too.
        took = begun.elapsed().max(took.mul_f64(0.9));
        most = most.max(Size::of(&mirror));
    }
    let left = Size::of(&mirror);
    println!(
        "{commits} commits in steps of {step}, {kills} passes killed ({in_a_pack} with a pack half written)"
    );
    println!("the mirror at most: {most:?}; in the end: {left:?}");
    assert!(most.bytes <= MOST_BYTES && most.files <= MOST_FILES, "the mirror grew: {most:?}");
    check_whole(&product, &mirror);
}

/// Whether a process died that was writing a pack: its file has a name that no pack has.
fn is_in_a_pack(mirror: &Path) -> bool {
    let packs = fs::read_dir(mirror.join("objects/pack")).expect("a directory");
    packs.filter_map(Result::ok).any(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("tmp_") || name.to_string_lossy().contains("_pack_")
    })
}

/// All that the mirror names is there, the record is whole, and what is served is what the branch says.
fn check_whole(product: &Product, mirror: &Path) {
    let fsck = Command::new("git")
        .args(["-c", "safe.directory=*", "fsck", "--connectivity-only", "--no-dangling", "--no-progress"])
        .env("GIT_DIR", mirror)
        .output()
        .expect("git starts");
    assert!(fsck.status.success(), "{}", String::from_utf8_lossy(&fsck.stderr));
    product.run(&["audit", "verify"]).expect_code(0);
    let last = product.once();
    last.expect_code(0);
    assert_eq!(last.json()["outcome"], "in_sync");
}

/// Makes a repository whose commits change one file each; gives them from the first.
fn import(origin: &Path, commits: usize) -> Vec<git2::Oid> {
    git2::Repository::init_bare(origin).expect("a repository");
    let marks = origin.join("marks");
    let mut import = Command::new("git")
        .args(["fast-import", "--quiet", "--export-marks=marks"])
        .current_dir(origin)
        .env("GIT_DIR", origin)
        .stdin(Stdio::piped())
        .spawn()
        .expect("git starts");
    let mut to = std::io::BufWriter::new(import.stdin.take().expect("its input"));
    for number in 0..commits {
        let skill = number % SKILLS;
        let text =
            format!("---\nname: skill-{skill:03}\ndescription: Version {number}.\n---\nText {number}.\n");
        let message = format!("commit {number}");
        write!(
            to,
            "commit refs/heads/all\nmark :{}\ncommitter a <a@example.org> {} +0000\ndata {}\n{message}\n\
             M 100644 inline skill-{skill:03}.md\ndata {}\n{text}\n",
            number + 1,
            1_700_000_000 + number,
            message.len(),
            text.len(),
        )
        .expect("written");
    }
    drop(to);
    assert!(import.wait().expect("its end").success());
    let text = fs::read_to_string(marks).expect("marks");
    let mut marked: Vec<(usize, git2::Oid)> = text
        .lines()
        .map(|line| {
            let (mark, id) = line[1..].split_once(' ').expect("a mark and an id");
            (mark.parse().expect("a number"), id.parse().expect("an id"))
        })
        .collect();
    marked.sort_unstable();
    marked.into_iter().map(|(_, id)| id).collect()
}
