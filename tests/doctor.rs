//! The doctor as a process: each trap is laid for real, and told with what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's way to fail")]

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A repository with one skill, a volume, and an agent's directory.
struct Place(tempfile::TempDir);

/// What the doctor said.
struct Told {
    code: i32,
    checks: Vec<Value>,
}

impl Told {
    /// The only finding of this kind: its level, its message and what to do.
    fn of(&self, check: &str) -> (String, String, String) {
        let found: Vec<&Value> = self.checks.iter().filter(|one| one["check"] == check).collect();
        assert_eq!(found.len(), 1, "{check}: {:#?}", self.checks);
        let text = |key: &str| found[0][key].as_str().unwrap_or_default().to_owned();
        (text("level"), text("message"), text("help"))
    }

    fn says(&self, check: &str, level: &str, message: &str) {
        let (is, said, help) = self.of(check);
        assert!(is == level && said.contains(message), "{check} is {is}: {said}");
        let must_help = matches!(level, "problem" | "warning") && check != "repository" && check != "policy";
        assert!(!must_help || !help.is_empty(), "{check} says not what to do: {said}");
    }

    fn has(&self, check: &str) -> bool {
        self.checks.iter().any(|one| one["check"] == check)
    }
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        let repo = git2::Repository::init(place.path("repo")).expect("a repository");
        place.write("repo/golden-horde.md", "---\nname: golden-horde\ndescription: Leads.\n---\n");
        let mut index = repo.index().expect("an index");
        index.add_path(Path::new("golden-horde.md")).expect("added");
        let tree = repo.find_tree(index.write_tree().expect("a tree")).expect("a tree");
        let author = git2::Signature::now("a", "a@example.org").expect("a signature");
        repo.commit(Some("HEAD"), &author, &author, "c", &tree, &[]).expect("a commit");
        std::fs::create_dir_all(place.path("data/skills")).expect("made");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_as("json", arguments)
    }

    fn command_as(&self, format: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skill-sync"));
        command
            .env_clear()
            .current_dir(self.0.path())
            .args(["doctor", "-o", format])
            .args(arguments)
            .env("PATH", self.path("bin"))
            .env("SKILLS_REPO", self.path("repo"))
            .env("SKILLS_DIR", self.path("data/skills"))
            .env("SKILL_SYNC_PORT", "0");
        command
    }

    fn ask(command: &mut Command) -> Told {
        let output = command.output().expect("it starts");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let said: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        let checks = said["checks"].as_array().expect("a list").clone();
        Told { code: output.status.code().expect("a code"), checks }
    }

    fn doctor(&self, arguments: &[&str]) -> Told {
        Self::ask(&mut self.command(arguments))
    }

    /// An agent's directory with these dependencies installed, and one source.
    fn agent(&self, packages: &[(&str, &str)], source: (&str, &str)) {
        self.write("app/package.json", r#"{"name": "an-agent"}"#);
        for (name, version) in packages {
            let manifest = format!(r#"{{"name": "{name}", "version": "{version}"}}"#);
            self.write(&format!("app/node_modules/{name}/package.json"), &manifest);
        }
        self.write(&format!("app/{}", source.0), source.1);
    }

    /// A `node` of this version, first in PATH.
    fn node(&self, version: &str) {
        self.write("bin/node", &format!("#!/bin/sh\necho {version}\n"));
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path("bin/node"), executable).expect("made executable");
    }

    fn all(&self) -> Vec<PathBuf> {
        fn below(path: &Path, all: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(path).expect("listed").flatten() {
                all.push(entry.path());
                if entry.file_type().expect("a type").is_dir() {
                    below(&entry.path(), all);
                }
            }
        }
        let mut all = Vec::new();
        below(self.0.path(), &mut all);
        all.sort();
        all
    }
}

#[test]
fn a_place_that_is_well_has_no_problem_and_nothing_is_written() {
    let place = Place::new();
    let before = place.all();
    let told = place.doctor(&[]);
    assert_eq!(told.code, 0, "{:#?}", told.checks);
    for (check, message) in [
        ("repository", "answers; refs/heads/"),
        ("target", "is a directory"),
        ("writable", "may write"),
        ("space", "MiB are free"),
        ("state", "on the target's file system"),
    ] {
        told.says(check, "ok", message);
    }
    told.says("webhook", "note", "GITHUB_WEBHOOK_SECRET");
    told.says("consumer", "note", "--consumer DIR");
    assert_eq!(place.all(), before);
}

#[test]
fn people_read_what_was_found_and_what_to_do() {
    let place = Place::new();
    let output = place.command_as("text", &["--ref", "no-such-branch"]).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("problem  repository: ") && text.contains("no-such-branch"), "{text}");
    assert!(text.contains("1 problem, "), "{text}");
}

#[test]
fn a_repository_that_is_missing_or_away_is_told_with_who_must_act() {
    let place = Place::new();
    let unset = Place::ask(place.command(&[]).env_remove("SKILLS_REPO"));
    unset.says("settings", "problem", "SKILLS_REPO: not set");
    assert_eq!(unset.code, 2);
    let nothing = place.path("nothing-here");
    let gone = Place::ask(place.command(&[]).env("SKILLS_REPO", &nothing));
    gone.says("repository", "problem", "nothing-here");
    assert_eq!(gone.code, 5);
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let away = Place::ask(place.command(&[]).env("SKILLS_REPO", format!("http://{free}/skills")));
    away.says("repository", "problem", "skills");
    assert_eq!(away.code, 1, "{:?}", away.of("repository"));
}

#[test]
fn a_port_that_is_taken_is_told() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let told = Place::ask(place.command(&["--host", "127.0.0.1"]).env("SKILL_SYNC_PORT", &port));
    told.says("port", "problem", &port);
    assert!(told.of("port").2.contains("SKILL_SYNC_PORT"));
    assert_eq!(told.code, 5);
}

#[test]
fn a_target_that_is_no_directory_of_its_own_is_told() {
    let place = Place::new();
    std::fs::remove_dir(place.path("data/skills")).expect("removed");
    place.doctor(&[]).says("target", "note", "not there yet");
    symlink(place.path("repo"), place.path("data/skills")).expect("linked");
    place.doctor(&[]).says("target", "problem", "symbolic link");
    std::fs::remove_file(place.path("data/skills")).expect("removed");
    place.write("data/skills", "a file");
    place.doctor(&[]).says("target", "problem", "is a file");
}

#[test]
fn a_volume_that_is_required_and_not_mounted_is_told() {
    let place = Place::new();
    let told = place.doctor(&["--require-mount", "--dir", "/nowhere/skills"]);
    told.says("mount", "problem", "a volume is required");
    assert_eq!(told.code, 5);
}

#[test]
fn a_state_directory_on_another_file_system_is_told() {
    let place = Place::new();
    // /proc is one on every machine.
    place.doctor(&["--state-dir", "/proc/self"]).says("state", "problem", "another file system");
}

#[test]
fn what_readers_skip_without_a_word_is_told() {
    let place = Place::new();
    let skill = "---\nname: a\ndescription: b\n---\n";
    for path in ["linked/SKILL.md", ".hidden/a/SKILL.md", "1/2/3/4/5/6/7/SKILL.md", "lower/skill.md"] {
        place.write(&format!("data/skills/{path}"), skill);
    }
    place.write("data/skills/large/SKILL.md", &format!("{skill}{}", "x".repeat(256_001)));
    let linked = place.path("data/skills/linked/SKILL.md");
    std::fs::hard_link(&linked, place.path("data/a-backup")).expect("linked");
    symlink("/etc/hostname", place.path("data/skills/outside.txt")).expect("linked");
    let told = place.doctor(&[]);
    told.says("hard-links", "warning", "linked/SKILL.md");
    told.says("dot-directories", "warning", ".hidden/a/SKILL.md");
    told.says("depth", "warning", "1/2/3/4/5/6/7/SKILL.md");
    told.says("entry-name", "warning", "lower/skill.md");
    told.says("entry-size", "warning", "large/SKILL.md");
    told.says("links", "warning", "outside.txt");
    assert_eq!(told.code, 0);
}

#[test]
fn a_glob_is_told_for_the_chokidar_that_is_installed() {
    let place = Place::new();
    let glob = "import chokidar from 'chokidar';\nchokidar.watch('/data/skills/**/*.md').on('all', load);\n";
    place.agent(&[("chokidar", "5.0.0")], ("watch.mjs", glob));
    let told = place.doctor(&["--consumer", "app"]);
    told.says("chokidar-globs", "problem", "watch.mjs");
    told.says("consumer", "ok", "chokidar 5.0.0");
    assert_eq!(told.code, 5);
    place.agent(&[("chokidar", "3.6.0")], ("watch.mjs", glob));
    place.doctor(&["--consumer", "app"]).says("chokidar-globs", "warning", "chokidar 3.6.0");
    let right = "import chokidar from 'chokidar';\nchokidar.watch(dir).on('add', f).on('change', f).on('unlink', g);\n";
    place.agent(&[("chokidar", "5.0.0")], ("watch.mjs", right));
    let told = place.doctor(&["--consumer", "app"]);
    assert!(!told.has("chokidar-globs") && !told.has("change-only"), "{:#?}", told.checks);
}

#[test]
fn who_listens_to_change_alone_is_told_what_is_missed() {
    let place = Place::new();
    let text = "const chokidar = require('chokidar');\nchokidar.watch(dir).on('change', load);\n";
    place.agent(&[("chokidar", "4.0.3")], ("watch.js", text));
    let told = place.doctor(&["--consumer", "app"]);
    told.says("change-only", "problem", "`add`");
    assert!(told.of("change-only").2.contains(".skill-sync.md"));
}

#[test]
fn a_recursive_watch_is_told_for_the_node_that_runs_it() {
    let place = Place::new();
    place.agent(&[], ("watch.mjs", "import fs from 'node:fs';\nfs.watch(dir, { recursive: true }, load);\n"));
    place.node("v24.16.0");
    let told = place.doctor(&["--consumer", "app"]);
    told.says("fs-watch", "problem", "Node 24.16.0");
    place.node("v26.12.1");
    place.doctor(&["--consumer", "app"]).says("fs-watch", "ok", "Node 26.12.1");
}

#[test]
fn a_dot_filter_is_told_where_the_target_leads_through_a_dot_directory() {
    let place = Place::new();
    let text = "import chokidar from 'chokidar';\nchokidar.watch(d, { ignored: /(^|[\\/\\\\])\\../ }).on('all', f);\n";
    place.agent(&[("chokidar", "5.0.0")], ("watch.mjs", text));
    assert!(
        !place.doctor(&["--consumer", "app"]).has("dot-filter")
            || place.path("").to_string_lossy().contains("/.")
    );
    let hidden = place.path("data/.agent/skills");
    let told = Place::ask(place.command(&["--consumer", "app"]).env("SKILLS_DIR", &hidden));
    told.says("dot-filter", "problem", "watch.mjs");
}

#[test]
fn python_watchers_are_told_what_they_do_not_hear() {
    let place = Place::new();
    let text = "from watchdog.observers import Observer\nfrom watchdog.events import FileSystemEventHandler\n\
                class Skills(FileSystemEventHandler):\n    def on_modified(self, event):\n        load(event)\n";
    place.write("app/agent.py", text);
    place.write("app/requirements.txt", "watchdog==6.0.0\n");
    let told = place.doctor(&["--consumer", "app"]);
    told.says("watchdog-modified", "problem", "agent.py");
    told.says("watchdog-version", "problem", "watchdog 6.0.0");
    std::fs::create_dir_all(place.path("app/.venv/lib/python3.11/site-packages/watchdog-7.1.0.dist-info"))
        .expect("made");
    assert!(!place.doctor(&["--consumer", "app"]).has("watchdog-version"));
}

#[test]
fn openclaw_is_told_of_flat_skills_by_its_version() {
    let place = Place::new();
    place.write("data/skills/golden-horde.md", "---\nname: golden-horde\ndescription: d\n---\n");
    place.agent(&[("openclaw", "2026.9.6")], ("index.js", ""));
    let told = place.doctor(&["--consumer", "app"]);
    told.says("layout", "problem", "openclaw 2026.9.6 ignores flat skills");
    assert!(told.of("layout").2.contains("LAYOUT=folder"));
    place.agent(&[("openclaw", "2026.2.12")], ("index.js", ""));
    assert!(!place.doctor(&["--consumer", "app"]).has("layout"));
}

#[test]
fn its_ancestor_is_told_too() {
    let place = Place::new();
    place.write("data/skills/golden-horde.md", "---\nname: golden-horde\ndescription: d\n---\n");
    place.agent(&[("clawdbot", "2026.1.24")], ("index.js", ""));
    place.doctor(&["--consumer", "app"]).says("layout", "problem", "clawdbot 2026.1.24 ignores flat skills");
    place.agent(&[("clawdbot", "2026.2.3")], ("index.js", ""));
    place.doctor(&["--consumer", "app"]).says("layout", "warning", "may ignore flat skills");
}

#[test]
fn openclaws_settings_are_looked_at_where_its_railway_template_has_them() {
    let place = Place::new();
    place.agent(&[("openclaw", "2026.9.6")], ("index.js", ""));
    place.doctor(&["--consumer", "app"]).says("extra-dirs", "warning", "no settings of openclaw");
    place.write("data/.openclaw/openclaw.json", "{\n  // extraDirs: ['/data/skills']\n  skills: {load: {}}}");
    let told = place.doctor(&["--consumer", "app"]);
    told.says("extra-dirs", "problem", "does not name");
    assert!(told.of("extra-dirs").2.contains("extraDirs"));
    let target = place.path("data/skills");
    let named = |rest: &str| format!("{{skills: {{load: {{extraDirs: ['{}'] {rest}}}}}}}", target.display());
    place.write("data/.openclaw/openclaw.json", &named(""));
    place.doctor(&["--consumer", "app"]).says("extra-dirs", "ok", "names");
    place.write("data/.openclaw/openclaw.json", &named(", watch: false"));
    place.doctor(&["--consumer", "app"]).says("extra-dirs", "warning", "watch: false");
}

#[test]
fn more_skills_than_openclaw_takes_are_told() {
    let place = Place::new();
    place.agent(&[("openclaw", "2026.9.6")], ("index.js", ""));
    for n in 0..151 {
        place.write(&format!("data/skills/s{n}/SKILL.md"), "---\nname: a\ndescription: b\n---\n");
    }
    place.doctor(&["--consumer", "app"]).says("number-of-skills", "warning", "151 skills");
}

#[test]
fn the_command_and_its_user_are_looked_at() {
    let place = Place::new();
    let told = place.doctor(&["--", "no-such-agent"]);
    told.says("command", "problem", "no-such-agent");
    told.says("child-user", "warning", "can change its skills");
    assert_eq!(told.code, 5);
    place.node("v24.1.0");
    place.agent(&[("chokidar", "4.0.3")], ("server.js", ""));
    let told = place.doctor(&["--", "node", "app/server.js"]);
    told.says("command", "ok", "bin/node");
    // Its directory is found by its script.
    told.says("consumer", "ok", "chokidar 4.0.3");
}
