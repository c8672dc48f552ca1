//! A story: a directory of `tests/cases`, told to the real binary and compared with what it expects.
//!
//! ```text
//! settings, settings.N         NAME=value lines, from the first or the Nth pass on
//! repo/, repo.N/               the tree of the first or the Nth commit, whole (and *.entries)
//! before/                      what is on the volume beforehand            (and before.entries)
//! drift.N/                     what somebody does to it before pass N      (and drift.N.entries)
//! after/                       what the volume must hold in the end        (and after.entries)
//! expect                       outcome, exit code and held skills of each pass
//! plan.txt                     what `diff` says before the last pass, and its exit code
//! ```
//! There are as many passes as the highest N. With `SKILL_SYNC_BLESS=1` in the environment `expect`
//! and `plan.txt` are written instead of compared.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::product::{Product, Report};
use crate::repository::Repository;
use crate::volume::{self, Contents};

/// One story, in a scratch directory of its own.
pub(crate) struct Story {
    case: PathBuf,
    scratch: tempfile::TempDir,
    repository: Repository,
    product: Product,
}

/// Where the stories are.
pub(crate) fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Runs the story of that name and compares everything it left.
pub(crate) fn tell(name: &str) {
    let case = cases().join(name);
    assert!(case.is_dir(), "no such story: {}", case.display());
    let scratch = tempfile::tempdir().expect("a scratch directory");
    std::fs::create_dir(scratch.path().join("home")).expect("a home");
    let repository = Repository::create(&scratch.path().join("origin.git"));
    let product = Product::new(scratch.path());
    Story { case, scratch, repository, product }.run();
}

impl Story {
    fn run(mut self) {
        let passes = (1..=9).rfind(|number| self.has_step(*number)).expect("a story has a first commit");
        volume_apply(&self.target(), &self.case.join("before"));
        let mut plan = None;
        let mut told = String::new();
        for number in 1..=passes {
            self.prepare(number);
            let planned = (number == passes).then(|| self.plan());
            let (report, exit) = self.product.once();
            if let Some((_, differs)) = &planned {
                compare_with_plan(&report, *differs);
            }
            plan = planned.map(|(text, _)| text);
            check(&report);
            self.tell_pass(&mut told, number, &report, exit);
        }
        self.compare_file("expect", &told);
        self.compare_file("plan.txt", &plan.unwrap_or_default());
        self.compare_volume();
        self.nothing_is_left_to_do();
    }

    /// Whether anything happens before the pass of that number.
    fn has_step(&self, number: u32) -> bool {
        ["repo", "drift", "settings"].iter().any(|part| {
            let path = self.part(part, number);
            path.exists() || entries(&path).exists()
        })
    }

    fn prepare(&mut self, number: u32) {
        let files = self.part("repo", number);
        if files.exists() || entries(&files).exists() {
            self.repository.commit(&files, &entries(&files));
        }
        volume_apply(&self.target(), &self.part("drift", number));
        self.product.set(&self.part("settings", number));
    }

    /// Where a part of the story is; the number 1 may be left out.
    fn part(&self, name: &str, number: u32) -> PathBuf {
        let numbered = self.case.join(format!("{name}.{number}"));
        let plain = self.case.join(name);
        let is_plain = number == 1 && (plain.exists() || entries(&plain).exists());
        if is_plain { plain } else { numbered }
    }

    fn target(&self) -> PathBuf {
        self.scratch.path().join("data/skills")
    }

    /// What `diff` says, and whether it says by its exit code that something would change. It only looks.
    fn plan(&self) -> (String, bool) {
        let before = volume::stamps(&self.target());
        let (text, exit) = self.product.diff();
        match before.is_empty() {
            true => assert!(volume::contents(&self.target()).is_empty(), "`diff` wrote on the volume"),
            false => assert_eq!(before, volume::stamps(&self.target()), "`diff` touched the volume"),
        }
        (format!("{}exit {exit}\n", self.without_ambient(&text)), exit == 1)
    }

    fn tell_pass(&self, told: &mut String, number: u32, report: &Report, exit: i32) {
        let mut line = |text: String| writeln!(told, "{text}").expect("memory");
        line(format!("pass {number}: {}, exit {exit}", report.outcome));
        for held in &report.held {
            let place = held.line.map(|line| format!(":{line}")).unwrap_or_default();
            let serving = held.serving.as_deref().map_or("nothing".to_owned(), |commit| {
                format!("commit {}", self.repository.number(commit).expect("a commit of this story"))
            });
            line(format!(
                "  holds {} by {} at {}{place}, serving {serving}",
                held.skill.escape_debug(),
                held.rule,
                held.path.escape_debug()
            ));
        }
        if let Some(error) = &report.error {
            line(format!("  says: {}", self.without_ambient(error).escape_debug()));
        }
    }

    /// Puts names in place of what differs from run to run: scratch directory and times.
    fn without_ambient(&self, text: &str) -> String {
        let scratch = self.scratch.path().to_str().expect("a path that is text");
        let mut words = String::new();
        for piece in text.replace(scratch, "<scratch>").split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            let is_time = word.len() >= 20 && word.as_bytes()[10] == b'T' && word.ends_with('Z');
            words.push_str(if is_time { "<time>" } else { word });
            words.push_str(&piece[word.len()..]);
        }
        words
    }

    fn compare_file(&self, name: &str, told: &str) {
        let path = self.case.join(name);
        if std::env::var_os("SKILL_SYNC_BLESS").is_some() {
            std::fs::write(&path, told).expect("the blessed file");
            return;
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            expected == told,
            "{} says:\n{expected}\nbut this happened:\n{told}\n\
             (SKILL_SYNC_BLESS=1 writes it down, if this is right)",
            path.display()
        );
    }

    fn compare_volume(&self) {
        let expected = tempfile::tempdir().expect("a scratch directory");
        volume_apply(expected.path(), &self.case.join("after"));
        let (expected, found) = (volume::contents(expected.path()), volume::contents(&self.target()));
        let differences = differences(&expected, &found);
        assert!(differences.is_empty(), "{}: the volume differs:\n{differences}", self.case.display());
    }

    /// One more pass: it must come to the same, change nothing and touch nothing.
    fn nothing_is_left_to_do(&self) {
        let before = volume::stamps(&self.target());
        let (report, _) = self.product.once();
        let settled = ["in_sync", "degraded", "guarded", "stalled"];
        assert!(settled.contains(&&*report.outcome), "one more pass was `{}`", report.outcome);
        assert!(report.changes.is_empty(), "one more pass still changes: {:?}", report.changes);
        assert_eq!(before, volume::stamps(&self.target()), "one more pass touched the volume");
    }
}

/// What must hold of every report.
fn check(report: &Report) {
    let is_converged = ["in_sync", "applied", "degraded"].contains(&&*report.outcome);
    assert_eq!(is_converged, report.error.is_none(), "an error is there where a pass did not converge");
    assert_eq!(report.outcome == "degraded", is_converged && !report.held.is_empty());
    assert!(report.outcome != "applied" || !report.changes.is_empty(), "`applied` names what changed");
    for held in &report.held {
        assert!(!held.message.is_empty() && held.since.ends_with('Z'), "{}: no message or time", held.skill);
    }
}

/// `diff` says 1 exactly where the pass after it changes something.
fn compare_with_plan(report: &Report, differs: bool) {
    if report.error.is_none() {
        assert_eq!(differs, !report.changes.is_empty(), "`diff` and the pass disagree");
    }
}

/// A directory of files and the `.entries` beside it, laid over the volume; nothing where neither is.
fn volume_apply(target: &Path, files: &Path) {
    volume::apply(target, files, &entries(files));
}

fn entries(files: &Path) -> PathBuf {
    let mut path = files.as_os_str().to_owned();
    path.push(".entries");
    path.into()
}

fn differences(expected: &Contents, found: &Contents) -> String {
    let mut lines = String::new();
    for path in expected.keys().chain(found.keys().filter(|path| !expected.contains_key(*path))) {
        let (want, have) = (expected.get(path), found.get(path));
        if want != have {
            let word = |what: Option<&String>| what.map_or("nothing".to_owned(), Clone::clone);
            writeln!(lines, "{}: expected {}, found {}", path.display(), word(want), word(have))
                .expect("memory");
        }
    }
    lines
}
