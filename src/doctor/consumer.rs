//! Who reads the skills: what it is, by its files, and which habits of its version lose skills.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::directory::Held;
use super::openclaw::{self, Agent};
use super::source_text::Habits;
use super::version::{Version, read_json};
use super::{Check, Subject, some};
use crate::supervise;

/// How long `node --version` may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A recursive `fs.watch` of this Node and of older ones is blind for a file after its first update.
const LAST_BLIND_NODE: u32 = 24;

/// The first chokidar without globs.
const NO_GLOBS: u32 = 4;

/// The first watchdog (Python) that watches a directory which was moved in, as a new skill is.
const WATCHDOG_THAT_FOLLOWS: Version = Version(7, 0, 0);

/// Who reads the skills.
#[derive(Debug)]
pub(super) struct Consumer {
    directory: PathBuf,
    agent: Option<Agent>,
    chokidar: Option<Version>,
    node: Option<Version>,
    watchdog: Option<Version>,
    habits: Habits,
}

impl Consumer {
    /// Finds it: in the directory that was named, else where the supervised command's files are.
    pub(super) fn find(subject: Subject<'_>) -> Option<Self> {
        let directory = match subject.consumer {
            Some(directory) => directory.to_owned(),
            None => home_of(subject)?,
        };
        let manifest = read_json(&directory.join("package.json")).unwrap_or(Value::Null);
        let chokidar = Version::installed(&directory, "chokidar").or_else(|| wanted(&manifest, "chokidar"));
        let habits = Habits::of(&directory);
        let (agent, node) = (Agent::find(&directory, &manifest), node(subject, &manifest));
        let watchdog = Version::of_python(&directory, "watchdog");
        Some(Self { agent, chokidar, node, watchdog, habits, directory })
    }

    /// What of it loses skills.
    pub(super) fn checks(&self, subject: Subject<'_>, held: &Held) -> Vec<Check> {
        let mut checks = vec![self.found()];
        checks.extend(self.globs());
        checks.extend(self.recursive());
        checks.extend(self.only_changes());
        checks.extend(self.dot_filter(subject));
        checks.extend(self.only_modified());
        checks.extend(self.old_watchdog());
        if let Some(agent) = &self.agent {
            checks.extend(openclaw::checks(agent, subject, held));
        }
        checks
    }

    fn found(&self) -> Check {
        let named =
            |name: &str, version: &Option<Version>| version.map(|version| format!("{name} {version}"));
        let agent = self.agent.as_ref().map(|agent| agent.to_string());
        let packages = [named("chokidar", &self.chokidar), named("watchdog", &self.watchdog)];
        let known = [agent, named("Node", &self.node)].into_iter().chain(packages);
        let known: Vec<String> = known.flatten().collect();
        let shown = self.directory.display();
        if !self.directory.is_dir() {
            return Check::problem(
                "consumer",
                format!("`{shown}` is no directory"),
                "name the directory of the agent with --consumer DIR",
            )
            .settings();
        }
        match known.is_empty() {
            true => {
                Check::note("consumer", format!("nothing is known of what reads the skills in `{shown}`"))
            }
            false => Check::ok("consumer", format!("`{shown}`: {}", known.join(", "))),
        }
    }

    fn globs(&self) -> Option<Check> {
        let files = &self.habits.globs;
        if files.is_empty() {
            return None;
        }
        let help =
            "watch the directory itself and look at the names in the handler: chokidar.watch('/data/skills')";
        Some(match self.chokidar {
            Some(version) if version.0 < NO_GLOBS => Check::warning(
                "chokidar-globs",
                format!(
                    "{} watch a glob: chokidar {version} can go blind for a directory that comes while the machine \
                     is busy, and chokidar 4 and later know no globs",
                    some(files)
                ),
                help,
            ),
            version => Check::problem(
                "chokidar-globs",
                format!(
                    "{} watch a glob, and chokidar {} has none: nothing is ever seen",
                    some(files),
                    version.map_or("4 and later".to_owned(), |version| version.to_string())
                ),
                help,
            ),
        })
    }

    fn recursive(&self) -> Option<Check> {
        let files = &self.habits.recursive;
        if files.is_empty() {
            return None;
        }
        let what = "watch with fs.watch(…, { recursive: true })";
        let help = "watch with chokidar, or run Node 26 or later; .skill-sync.md in the root is no way out: it is a file like the others";
        Some(match self.node {
            Some(version) if version.0 > LAST_BLIND_NODE => {
                Check::ok("fs-watch", format!("{} {what}, and Node {version} sees every update", some(files)))
            }
            Some(version) => Check::problem(
                "fs-watch",
                format!(
                    "{} {what}, and Node {version} is blind for a file after its first update",
                    some(files)
                ),
                help,
            ),
            None => Check::warning(
                "fs-watch",
                format!(
                    "{} {what}: Node 24 and older are blind for a file after its first update",
                    some(files)
                ),
                help,
            ),
        })
    }

    fn only_changes(&self) -> Option<Check> {
        let files = &self.habits.only_changes;
        (!files.is_empty()).then(|| {
            Check::problem(
                "change-only",
                format!("{} listen to `change` alone: a new skill is an `add`, one that goes an `unlink`, and both are missed", some(files)),
                "listen to `add`, `change` and `unlink`, or watch .skill-sync.md: it is renamed over after every pass that changed something",
            )
        })
    }

    fn dot_filter(&self, subject: Subject<'_>) -> Option<Check> {
        let target = &subject.settings.target;
        let has_dot = target.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.'));
        let files = &self.habits.dot_filter;
        (has_dot && !files.is_empty()).then(|| {
            Check::problem(
                "dot-filter",
                format!(
                    "{} ignore dot files by the whole path, and `{}` leads through one: nothing is seen",
                    some(files),
                    target.display()
                ),
                "match the path relative to the watched directory, or move SKILLS_DIR",
            )
        })
    }

    fn old_watchdog(&self) -> Option<Check> {
        let files = &self.habits.watchdog;
        if files.is_empty() || self.watchdog.is_some_and(|version| version >= WATCHDOG_THAT_FOLLOWS) {
            return None;
        }
        let what =
            "does not watch a directory that is moved in: of a skill that comes later it hears no change";
        let help = "use watchdog 7 or later, or watch .skill-sync.md in the root and look at everything then";
        Some(match self.watchdog {
            Some(version) => Check::problem("watchdog-version", format!("watchdog {version} {what}"), help),
            None => Check::warning(
                "watchdog-version",
                format!("{} watch with watchdog, which before version 7 {what}", some(files)),
                help,
            ),
        })
    }

    fn only_modified(&self) -> Option<Check> {
        let files = &self.habits.only_modified;
        (!files.is_empty()).then(|| {
            Check::problem(
                "watchdog-modified",
                format!(
                    "{} handle `on_modified` alone: watchdog tells of an update as `created` or `moved`",
                    some(files)
                ),
                "handle on_created, on_moved and on_deleted too, or on_any_event",
            )
        })
    }
}

/// The directory of the supervised command: that of its script, up to its package; else where we are.
fn home_of(subject: Subject<'_>) -> Option<PathBuf> {
    let here = &subject.ambient.directory;
    subject.command.first()?;
    let script = subject.command.iter().map(|word| here.join(word)).rfind(|path| path.is_file());
    let package = |path: &Path| {
        path.ancestors().skip(1).find(|above| above.join("package.json").is_file()).map(Path::to_owned)
    };
    let directory =
        script.as_deref().and_then(|path| package(path).or_else(|| Some(path.parent()?.to_owned())));
    // A program such as node has a home of its own, which says nothing of the agent.
    Some(
        directory
            .filter(|directory| directory.starts_with(here) || !directory.ends_with("bin"))
            .unwrap_or_else(|| here.clone()),
    )
}

/// The version that a package asks for.
fn wanted(manifest: &Value, package: &str) -> Option<Version> {
    let lists = ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"];
    lists.iter().find_map(|list| Version::parse(manifest[list][package].as_str()?))
}

/// The Node that runs it: the one that the command or PATH finds, else what the package asks for.
fn node(subject: Subject<'_>, manifest: &Value) -> Option<Version> {
    if *manifest == Value::Null && subject.command.is_empty() {
        return None;
    }
    let search = subject.ambient.variable("PATH").cloned().unwrap_or_default();
    let named =
        subject.command.iter().find(|word| Path::new(word).file_name().is_some_and(|name| name == "node"));
    let program = supervise::find(named.map_or("node".as_ref(), |word| word.as_os_str()), &search);
    program
        .and_then(|program| ask(&program))
        .or_else(|| Version::parse(manifest["engines"]["node"].as_str()?))
}

/// Asks a Node for its version; one that does not answer in time is ended.
fn ask(program: &Path) -> Option<Version> {
    let mut command = Command::new(program);
    command.arg("--version").env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let until = Instant::now() + PATIENCE;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Version::parse(&String::from_utf8(child.wait_with_output().ok()?.stdout).ok()?)
}
