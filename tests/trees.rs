//! Trees that no checkout would make, as the real binary meets them: beside an honest skill lies one that
//! an attacker wrote object by object. The honest one is served, nothing else appears anywhere, and what
//! is printed cannot touch a terminal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows the tests, but not what they are made of"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use git2::{ObjectType, Oid, Repository};
use serde_json::Value;

/// The mode of a file, a link and a directory in a tree.
const FILE: &str = "100644";
const LINK: &str = "120000";
const DIRECTORY: &str = "40000";

/// One entry of a tree object, raw.
type Entry = (&'static str, Vec<u8>, Oid);

/// A repository that is written object by object.
struct Forge {
    scratch: tempfile::TempDir,
    git: Repository,
}

impl Forge {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let git = Repository::init_bare(scratch.path().join("origin.git")).unwrap();
        Self { scratch, git }
    }

    fn blob(&self, bytes: &[u8]) -> Oid {
        self.git.blob(bytes).unwrap()
    }

    /// A tree object of these entries in this order, whatever they are called.
    fn tree(&self, entries: &[Entry]) -> Oid {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend([mode.as_bytes(), b" ", name, b"\0", id.as_bytes()].concat());
        }
        self.git.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
    }

    /// The text of a skill, as an entry.
    fn skill_file(&self, name: &str) -> Entry {
        let text = format!("---\nname: {name}\ndescription: Says {name}.\n---\n{name}\n");
        (FILE, b"SKILL.md".to_vec(), self.blob(text.as_bytes()))
    }

    /// A skill with these entries beside its text.
    fn skill(&self, name: &str, entries: &[Entry]) -> Oid {
        let mut all = vec![self.skill_file(name)];
        all.extend_from_slice(entries);
        self.tree(&all)
    }

    /// Commits an honest skill and what lies beside it.
    fn commit(&self, beside: &[Entry]) {
        let mut all = vec![(DIRECTORY, b"good".to_vec(), self.skill("good", &[]))];
        all.extend_from_slice(beside);
        let tree = self.git.find_tree(self.tree(&all)).unwrap();
        let who = git2::Signature::now("\u{1b}[2JA test", "test@example.invalid").unwrap();
        self.git.commit(Some("HEAD"), &who, &who, "\u{1b}]0;owned\u{7}", &tree, &[]).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let path = |below: &str| self.scratch.path().join(below);
        let origin = format!("file://{}", path("origin.git").display());
        let output = Command::new(env!("CARGO_BIN_EXE_skill-sync"))
            .args(arguments)
            .env_clear()
            .env("HOME", path("home"))
            .env("SKILLS_REPO", origin)
            .env("SKILLS_DIR", path("data/skills"))
            .env("ENVIRONMENT_NAME", "trees")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        check_printable(&output.stdout);
        check_printable(&output.stderr);
        output
    }

    fn once(&self) -> (Option<i32>, Value) {
        let output = self.run(&["once", "-o", "json"]);
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Everything outside of the repository and the state directory, by path: files, links, directories.
    fn written(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut waiting = vec![self.scratch.path().to_owned()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(&directory).unwrap() {
                let path = entry.unwrap().path();
                let shown = path.strip_prefix(self.scratch.path()).unwrap().display().to_string();
                if shown == "origin.git" || shown == "data/.skill-sync" {
                    continue;
                }
                if fs::symlink_metadata(&path).unwrap().is_dir() {
                    waiting.push(path);
                } else {
                    found.push(shown);
                }
            }
        }
        found.sort();
        found
    }

    fn target(&self) -> PathBuf {
        self.scratch.path().join("data/skills")
    }
}

/// No output, for people or for programs, has a raw control character but the line break.
fn check_printable(bytes: &[u8]) {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let control =
        text.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
    assert!(control.is_none(), "{control:?} in {text:?}");
}

const SERVED: [&str; 2] = ["data/skills/.skill-sync.md", "data/skills/good/SKILL.md"];

/// Each skill beside the honest one is held by this rule; that one is served, and nothing else is anywhere.
#[track_caller]
fn held(beside: impl Fn(&Forge) -> Vec<Entry>, rule: &str) -> Forge {
    let forge = Forge::new();
    let evil = beside(&forge);
    forge.commit(&evil);
    let (code, report) = forge.once();
    assert_eq!((code, &report["outcome"]), (Some(3), &Value::from("degraded")), "{report}");
    let held = report["held"].as_array().unwrap();
    assert!(held.len() == evil.len() && held.iter().all(|one| one["rule"] == rule), "{report}");
    assert_eq!(forge.written(), SERVED);
    assert!(fs::read_dir(forge.target()).unwrap().count() == 2, "a directory is left over");
    forge
}

/// For each name a skill with one entry of that name beside its text.
fn evil(mode: &'static str, names: &[&[u8]]) -> impl Fn(&Forge) -> Vec<Entry> {
    move |forge| {
        let id = match mode {
            DIRECTORY => forge.tree(&[(FILE, b"x".to_vec(), forge.blob(b"x"))]),
            _ => forge.blob(b"/etc/passwd"),
        };
        each(names, |skill, name| forge.skill(skill, &[(mode, name.to_vec(), id)]))
    }
}

/// A skill for each of these, called `evil-0` and so on.
fn each<T: Copy>(of: &[T], make: impl Fn(&str, T) -> Oid) -> Vec<Entry> {
    let entry = |(number, one): (usize, &T)| {
        let skill = format!("evil-{number}");
        let tree = make(&skill, *one);
        (DIRECTORY, skill.into_bytes(), tree)
    };
    of.iter().enumerate().map(entry).collect()
}

#[test]
fn names_that_lead_elsewhere_hold_their_skill() {
    let names: [&[u8]; 8] =
        [b"..", b".", b".git", b".GIT", b"git~1", b".git.", b"x\\.git\\y", b".skill-sync.md"];
    held(evil(DIRECTORY, &names), "path-invalid");
    held(evil(FILE, &names), "path-invalid");
}

#[test]
fn a_name_with_a_slash_in_it_holds_its_skill() {
    held(evil(FILE, &[b"../../golden.md", b"/etc/cron.d/x", b"a/b", b"/"]), "object-malformed");
}

#[test]
fn a_link_that_leaves_the_skill_holds_it() {
    let targets = ["/etc/passwd", "../good/SKILL.md", "../../../../etc/passwd", "x/../../y", ""];
    let beside = |forge: &Forge| {
        each(&targets, |skill, to| {
            forge.skill(skill, &[(LINK, b"link.md".to_vec(), forge.blob(to.as_bytes()))])
        })
    };
    held(beside, "symlink");
}

#[test]
fn twins_in_case_and_names_that_are_no_text_hold_their_skill() {
    let twins = |forge: &Forge| {
        let one = (FILE, b"READ.txt".to_vec(), forge.blob(b"one"));
        let two = (FILE, b"read.txt".to_vec(), forge.blob(b"two"));
        vec![(DIRECTORY, b"evil".to_vec(), forge.skill("evil", &[one, two]))]
    };
    held(twins, "path-twins");
    held(evil(FILE, &[&[b'x'; 300], b"caf\xe9.md", b"\xff\xfe"]), "path-invalid");
}

#[test]
fn names_that_speak_to_a_terminal_are_shown_escaped() {
    let names =
        ["\u{1b}]0;owned\u{7}", "\u{1b}[2J\u{1b}[31mred", "a\rb", "a\nb", "\u{9b}31m", "\u{202e}dm.exe"];
    let beside = |forge: &Forge| {
        let mut all = evil(FILE, &names.map(str::as_bytes))(forge);
        // A skill's own name is shown more often than any other.
        all.push((DIRECTORY, b"\x1b[31mevil".to_vec(), forge.skill("evil", &[])));
        all
    };
    let forge = held(beside, "path-invalid");
    // Every run looks at all that was printed, as text and as JSON.
    for verb in
        [&["status"][..], &["history"], &["audit", "list"], &["once"], &["diff"], &["status", "-o", "json"]]
    {
        assert!(forge.run(verb).status.code().is_some_and(|code| code != 2), "{verb:?}");
    }
}

#[test]
fn a_hundred_thousand_files_in_a_skill_hold_it_and_beside_skills_are_refused() {
    let many = |forge: &Forge, first: Option<Entry>| {
        let blob = forge.blob(b"x");
        let files = (0..100_000).map(|n| (FILE, format!("f{n:06}.txt").into_bytes(), blob));
        let entries: Vec<Entry> = first.into_iter().chain(files).collect();
        forge.tree(&entries)
    };
    let inside =
        |forge: &Forge| vec![(DIRECTORY, b"evil".to_vec(), many(forge, Some(forge.skill_file("evil"))))];
    held(inside, "too-many-files");
    let forge = Forge::new();
    forge.commit(&[(DIRECTORY, b"notes".to_vec(), many(&forge, None))]);
    refused(&forge, "more than 100000 files and directories outside of skills");
}

#[test]
fn a_thousand_levels_in_a_skill_hold_it_and_beside_skills_are_refused() {
    let deep = |forge: &Forge| {
        let file = (FILE, b"x.txt".to_vec(), forge.blob(b"x"));
        (0..1_000).fold(forge.tree(&[file]), |below, _| forge.tree(&[(DIRECTORY, b"d".to_vec(), below)]))
    };
    let inside = |forge: &Forge| {
        let entry = (DIRECTORY, b"d".to_vec(), deep(forge));
        vec![(DIRECTORY, b"evil".to_vec(), forge.skill("evil", &[entry]))]
    };
    held(inside, "path-invalid");
    let forge = Forge::new();
    forge.commit(&[(DIRECTORY, b"notes".to_vec(), deep(&forge))]);
    refused(&forge, "is deeper than 64 directories");
}

/// The pass waits for a commit that mends it: nothing is served, and nothing is written.
#[track_caller]
fn refused(forge: &Forge, why: &str) {
    let (code, report) = forge.once();
    assert_eq!((code, &report["outcome"]), (Some(5), &Value::from("stalled")), "{report}");
    assert!(report["error"].as_str().unwrap().contains(why), "{report}");
    assert_eq!(forge.written(), Vec::<String>::new());
}
