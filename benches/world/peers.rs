//! The tools that people use instead, where they are installed.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::cost::{Cost, children_cpu, show, watch};

/// Measures changes and what other tools take for each of them, in turn, so that a busy machine is busy for all;
/// prints a row for each.
pub(crate) fn show_beside(
    scratch: &Path,
    what: &str,
    changes: Range<usize>,
    mut ours: impl FnMut(usize) -> Cost,
) {
    let peers = Peers::new(scratch);
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    let count = changes.len();
    for run in changes {
        rows[0].push(ours(run));
        if let Some(peers) = &peers {
            rows[1].push(peers.fetch());
            rows[2].push(peers.reset());
        }
    }
    let [ours, fetches, resets] = rows;
    show(what, ours.into_iter());
    if let Some(peers) = peers {
        let resets = fetches.iter().zip(resets).map(|(fetch, reset)| fetch.and(&reset)).collect::<Vec<_>>();
        show("  git fetch", fetches.into_iter());
        show("  git fetch, reset --hard", resets.into_iter());
        peers.rsync(count).into_iter().for_each(|runs| show("  rsync --checksum", runs.into_iter()));
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
    fn rsync(&self, runs: usize) -> Option<Vec<Cost>> {
        Command::new("rsync").arg("--version").stdout(Stdio::null()).status().ok()?;
        let from = self.clone.join("");
        let words = ["--archive", "--checksum", "--delete", "--exclude=.git"].map(AsRef::as_ref);
        let words: Vec<_> = words.into_iter().chain([from.as_os_str(), self.copy.as_os_str()]).collect();
        Self::run("rsync", &words);
        Some((0..runs).map(|_| Self::run("rsync", &words)).collect())
    }
}
