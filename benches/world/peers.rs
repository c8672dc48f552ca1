//! The tools that people use instead, where they are installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::cost::{Cost, children_cpu, watch};

/// What other tools take for the same change.
pub(crate) struct Peers {
    origin: PathBuf,
    clone: PathBuf,
    copy: PathBuf,
}

impl Peers {
    /// A clone of the repository; none where there is no git.
    pub(crate) fn new(scratch: &Path) -> Option<Self> {
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

    pub(crate) fn fetch(&self) -> Cost {
        self.git(&["fetch", "--quiet"])
    }

    pub(crate) fn reset(&self) -> Cost {
        self.git(&["reset", "--hard", "--quiet", "origin/main"])
    }

    /// What comparing by content takes once a work tree is there; none where there is no rsync.
    pub(crate) fn rsync(&self, runs: usize) -> Option<Vec<Cost>> {
        Command::new("rsync").arg("--version").stdout(Stdio::null()).status().ok()?;
        let from = self.clone.join("");
        let words = ["--archive", "--checksum", "--delete", "--exclude=.git"].map(AsRef::as_ref);
        let words: Vec<_> = words.into_iter().chain([from.as_os_str(), self.copy.as_os_str()]).collect();
        Self::run("rsync", &words);
        Some((0..runs).map(|_| Self::run("rsync", &words)).collect())
    }
}
