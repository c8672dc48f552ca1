//! OpenClaw and its ancestors: which skills its version loads, and from where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use reconciler::options::Layout;

use super::directory::Held;
use super::version::Version;
use super::{Check, Subject, counted, some};

/// From this version on flat files are ignored silently.
const FOLDERS_ONLY: Version = Version(2026, 2, 17);

/// A version that loads flat files.
const LOADS_FLAT: Version = Version(2026, 2, 12);

/// A version that did not load them yet, as none before it.
const NOT_YET_FLAT: Version = Version(2026, 1, 24);

/// The most that it takes of one directory, and shows to its model.
const CANDIDATES: usize = 300;
const IN_A_SOURCE: usize = 200;
const IN_THE_PROMPT: usize = 150;

/// An agent of that family.
#[derive(Debug)]
pub(super) struct Agent {
    name: &'static str,
    version: Version,
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

impl Agent {
    /// Finds one that is installed for a directory, or that is the package there.
    pub(super) fn find(directory: &Path, manifest: &Value) -> Option<Self> {
        ["openclaw", "moltbot", "clawdbot"].into_iter().find_map(|name| {
            let is_it = manifest["name"].as_str() == Some(name);
            let own = is_it.then(|| Version::of_package(manifest)).flatten();
            Some(Self { name, version: own.or_else(|| Version::installed(directory, name))? })
        })
    }
}

pub(super) fn checks(agent: &Agent, subject: Subject<'_>, held: &Held) -> Vec<Check> {
    let mut checks: Vec<Check> = layout(agent, subject, held).into_iter().collect();
    checks.extend(number(agent, held));
    checks.push(reads(agent, subject));
    checks
}

/// Whether a version loads flat skills; none where that is not known.
fn loads_flat(version: Version) -> Option<bool> {
    match version {
        version if version >= FOLDERS_ONLY || version <= NOT_YET_FLAT => Some(false),
        version if version >= LOADS_FLAT => Some(true),
        _ => None,
    }
}

fn layout(agent: &Agent, subject: Subject<'_>, held: &Held) -> Option<Check> {
    let is_folder = subject.settings.rules.layout == Layout::Folder;
    let flat = some(&held.flat);
    let help = match is_folder {
        true => "a pass with LAYOUT=folder, as it is set, moves those that are ours",
        false => "set LAYOUT=folder: each is published as a folder with a SKILL.md",
    };
    match (loads_flat(agent.version), held.flat.is_empty()) {
        (Some(true), _) => None,
        (_, true) => (!is_folder).then(|| {
            let message = format!(
                "{agent} may load folders only; should flat skills come, LAYOUT=folder publishes them as folders"
            );
            Check::note("layout", message)
        }),
        (Some(false), false) => {
            let message = format!("{agent} ignores flat skills without a word, and {flat} are flat");
            Some(Check::problem("layout", message, help))
        }
        (None, false) => {
            let message = format!("{agent} may ignore flat skills without a word, and {flat} are flat");
            Some(Check::warning("layout", message, help))
        }
    }
}

fn number(agent: &Agent, held: &Held) -> Option<Check> {
    let count = held.folders.len() + held.flat.len();
    (count > IN_THE_PROMPT).then(|| {
        Check::warning(
            "number-of-skills",
            format!(
                "{} are there, and {agent} looks at {CANDIDATES} a directory, takes {IN_A_SOURCE} and shows {IN_THE_PROMPT} to its model",
                counted(count, "skill")
            ),
            "narrow them with SKILLS_INCLUDE or SKILLS_EXCLUDE, or raise the limits in its settings",
        )
    })
}

/// Whether its settings let it read the target at all.
fn reads(agent: &Agent, subject: Subject<'_>) -> Check {
    let target = &subject.settings.target;
    let homes = state_directories(agent, subject);
    if let Some(home) = homes.iter().find(|home| home.join("skills") == *target) {
        return Check::ok(
            "extra-dirs",
            format!("`{}` is in the state of {agent}, which reads it", home.display()),
        );
    }
    let named = subject.variable("OPENCLAW_CONFIG_PATH").map(PathBuf::from);
    let files = homes.iter().map(|home| home.join(format!("{}.json", agent.name)));
    let found =
        named.into_iter().chain(files).find_map(|path| Some((std::fs::read_to_string(&path).ok()?, path)));
    let help = format!("add it: skills: {{ load: {{ extraDirs: [\"{}\"] }} }}", target.display());
    let Some((text, path)) = found else {
        let message = format!(
            "no settings of {agent} were found: it reads `{}` only where they name it",
            target.display()
        );
        return Check::warning("extra-dirs", message, help);
    };
    let shown = path.display();
    if !extra_dirs(&text).iter().any(|dir| resolve(dir, subject) == *target) {
        let message = format!(
            "`{shown}` does not name `{}` in skills.load.extraDirs: {agent} does not read it",
            target.display()
        );
        return Check::problem("extra-dirs", message, help);
    }
    if watches_nothing(&text) {
        let message =
            format!("`{shown}` has skills.load.watch: false: a change is seen at the next start only");
        return Check::warning("extra-dirs", message, "remove it, or set it to true");
    }
    Check::ok("extra-dirs", format!("`{shown}` names `{}` in skills.load.extraDirs", target.display()))
}

/// Where it keeps its state: as it was told, else in its home and where Railway's template has it.
fn state_directories(agent: &Agent, subject: Subject<'_>) -> Vec<PathBuf> {
    let told =
        ["OPENCLAW_STATE_DIR", "MOLTBOT_STATE_DIR", "CLAWDBOT_STATE_DIR"].map(|name| subject.variable(name));
    let home = subject.home().map(|home| home.join(format!(".{}", agent.name)));
    let volume = subject.settings.target.parent().map(|parent| parent.join(format!(".{}", agent.name)));
    told.into_iter().flatten().map(PathBuf::from).chain(home).chain(volume).collect()
}

fn resolve(text: &str, subject: Subject<'_>) -> PathBuf {
    let home = subject.home().unwrap_or_default();
    let path = text.strip_prefix("~/").map_or_else(|| PathBuf::from(text), |below| home.join(below));
    path.components().collect()
}

/// The strings of `extraDirs`. Its settings are JSON with comments and loose quotes, so the list is found by
/// its name and its brackets.
fn extra_dirs(text: &str) -> Vec<String> {
    let text = plain(text);
    let Some((_, rest)) = text.split_once("extraDirs") else { return Vec::new() };
    let list = rest.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    list.split(['"', '\'']).skip(1).step_by(2).map(str::to_owned).collect()
}

fn watches_nothing(text: &str) -> bool {
    let bare: String =
        plain(text).chars().filter(|c| !c.is_whitespace() && *c != '"' && *c != '\'').collect();
    bare.contains("watch:false")
}

/// The text without lines that are comments.
fn plain(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_directories_are_read_from_json_and_from_what_people_write() {
        assert_eq!(
            extra_dirs(r#"{"skills": {"load": {"extraDirs": ["/data/skills", "/x"]}}}"#),
            ["/data/skills", "/x"]
        );
        assert_eq!(
            extra_dirs("{skills: {load: {\n  // extraDirs: ['/no'],\n  extraDirs: [ '/data/skills', ],\n}}}"),
            ["/data/skills"]
        );
        assert!(extra_dirs("{}").is_empty());
    }

    #[test]
    fn a_watch_that_is_off_is_seen() {
        assert!(watches_nothing("{skills: {load: {watch: false}}}"));
        assert!(!watches_nothing(r#"{"skills": {"load": {"watch": true}}}"#));
    }
}
