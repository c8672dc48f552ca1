//! The command line as a process: what it prints where, and what it exits with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's way to fail")]

use std::path::Path;
use std::process::Command;

/// A directory with the binary in it, so to speak: an empty environment and nothing else around.
struct Place(tempfile::TempDir);

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file's directory")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    /// Commits everything in `repo`.
    fn commit(&self) {
        let repo = git2::Repository::init(self.path().join("repo")).expect("a repository");
        let mut index = repo.index().expect("an index");
        index.add_all(["."], git2::IndexAddOption::DEFAULT, None).expect("added");
        let tree = repo.find_tree(index.write_tree().expect("a tree")).expect("a tree");
        let author = git2::Signature::now("a", "a@example.org").expect("a signature");
        let parent = repo.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        repo.commit(Some("HEAD"), &author, &author, "c", &tree, &parents).expect("a commit");
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skill-sync"));
        command.env_clear().current_dir(self.path()).args(arguments).envs(variables.iter().copied());
        let output = command.output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let code = output.status.code().expect("an exit code");
        Ended { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    Place::new().run(arguments, variables)
}

#[test]
fn without_a_repository_it_says_what_to_set() {
    let ended = run(&["once"], &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    snapbox::assert_data_eq!(
        ended.stderr,
        snapbox::str![[r#"
error: SKILLS_REPO: not set, and required; set it, or give --repo URL
  help: `skill-sync --help` lists every setting with its default

"#]]
    );
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let variables = [("POLL_INTERVAL", "soon"), ("API_TOKEN", "t"), ("API_TOKEN_FILE", "/run/t")];
    let ended = run(&["once", "--bogus", "--hold=nothing"], &variables);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    snapbox::assert_data_eq!(
        ended.stderr,
        snapbox::str![[r#"
error: 5 settings are wrong
  --bogus: there is no such flag
  SKILLS_REPO: not set, and required; set it, or give --repo URL
  POLL_INTERVAL: `soon` is not a duration of `1s` or more, such as `90s`, `5m`, `1h30m` or `90d`
  --hold: `nothing` is not `skill` or `revision`
  API_TOKEN and API_TOKEN_FILE: both are set; set one of them
  help: `skill-sync --help` lists every setting with its default

"#]]
    );
}

#[test]
fn wrong_usage_exits_2_and_says_so_on_stderr() {
    for arguments in [&["frobnicate"][..], &["once", "-o", "xml"], &["status", "stray"], &[]] {
        let ended = run(arguments, &[]);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ended.stderr.contains("--help"), "{}", ended.stderr);
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let help = run(&["--help"], &[]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("Examples:") && help.stdout.contains("SKILLS_REPO"), "{}", help.stdout);
    let short = run(&["once", "-h"], &[]);
    assert!(short.stdout.contains("--repo") && !short.stdout.contains("--neo4j-uri"), "{}", short.stdout);
    let version = run(&["--version"], &[]);
    assert!(version.stdout.starts_with("skill-sync 0."), "{}", version.stdout);
    assert!(!help.stdout.contains("fetch-child"), "the hidden verb is hidden");
}

#[test]
fn an_unknown_variable_of_ours_is_a_warning_in_the_log() {
    let variables = [("SKILLS_REPOS", "x"), ("LOG_FORMAT", "json")];
    let ended = run(&["status", "--dir", "skills"], &variables);
    let line: serde_json::Value =
        serde_json::from_str(ended.stderr.lines().next().expect("a line of the log")).expect("JSON");
    assert_eq!(line["level"], "WARN");
    assert_eq!(
        line["message"],
        "SKILLS_REPOS is set, but there is no such setting; did you mean SKILLS_REPO?"
    );
    let silent = run(&["status", "--dir", "skills"], &[("SKILLS_REPOS", "x"), ("LOG_LEVEL", "error")]);
    assert!(!silent.stderr.contains("SKILLS_REPOS"), "{}", silent.stderr);
}

#[test]
fn what_only_reads_makes_nothing_and_says_that_nothing_is_there() {
    let place = Place::new();
    let readers: [(&[&str], i32); 4] =
        [(&["status"], 5), (&["history"], 5), (&["audit", "list"], 5), (&["audit", "verify"], 2)];
    for (arguments, code) in readers {
        let ended = place.run(&[arguments, &["--dir", "skills"]].concat(), &[]);
        assert_eq!(ended.code, code, "{arguments:?}");
        assert!(ended.stderr.starts_with("error: there is no record at "), "{}", ended.stderr);
        assert!(ended.stderr.contains(".skill-sync/state.db"), "{}", ended.stderr);
    }
    assert_eq!(std::fs::read_dir(place.path()).expect("readable").count(), 0);
}

#[test]
fn nothing_is_coloured_without_a_terminal() {
    for variables in [&[][..], &[("NO_COLOR", "1")], &[("TERM", "xterm-256color")]] {
        let ended = run(&["once"], variables);
        assert!(!ended.stderr.contains('\x1b') && !ended.stdout.contains('\x1b'), "{}", ended.stderr);
    }
}

#[test]
fn a_secret_is_never_in_an_error() {
    let secret = "hunter2-hunter2";
    let variables = [
        ("SKILLS_REPO", "https://me:hunter2-hunter2@git.example/skills"),
        ("GITHUB_TOKEN", secret),
        ("GITHUB_WEBHOOK_SECRET", secret),
        ("NEO4J_URI", "bolt://me:hunter2-hunter2@h"),
        ("LOG_LEVEL", "trace"),
    ];
    let ended = run(&["once"], &variables);
    assert_eq!(ended.code, 2);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    for name in ["SKILLS_REPO", "GITHUB_WEBHOOK_SECRET", "NEO4J_URI"] {
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
    }
}

const GOOD: &str = "---\nname: golden-horde\ndescription: Rides at dawn.\n---\nRide.\n";
const BAD: &str = "---\nname: swarm\n---\nSwarm.\n";

#[test]
fn validate_shows_findings_with_their_lines_and_exits_as_they_say() {
    let place = Place::new();
    place.write("skills/golden-horde.md", GOOD);
    let valid = place.run(&["validate", "skills"], &[]);
    assert_eq!((valid.code, valid.stdout.as_str(), valid.stderr.as_str()), (0, "valid: 1 skill\n", ""));

    place.write("skills/swarm.md", BAD);
    let held = place.run(&["validate", "skills"], &[]);
    assert_eq!(held.code, 1);
    snapbox::assert_data_eq!(
        held.stdout,
        snapbox::str![[r#"
error[description-missing]: there is no `description`
 --> skills/swarm.md:1:1
  |
1 | ---
  | ^
  |
  = help: Add `description:` with a sentence that says what the skill does and when to use it.

held: 1 of 2 skills

"#]]
    );
    let github = place.run(&["validate", "-o", "github", "./skills"], &[]);
    let command = "::error file=skills/swarm.md,line=1,col=1,title=description-missing::";
    assert!(github.code == 1 && github.stdout.starts_with(command), "{}", github.stdout);
    let json = place.run(&["validate", "-o", "json", "skills"], &[]);
    let skills = json.json()["skills"].clone();
    assert_eq!(
        (json.code, &skills[0]["verdict"], &skills[1]["verdict"]),
        (1, &"accepted".into(), &"held".into())
    );
    assert_eq!(skills[1]["findings"][0]["path"], "swarm.md");
}

/// A sound skill that pipes a download into a shell.
const RISKY: &str = "---\nname: risky\ndescription: Installs a tool.\n---\n# Risky\n\n```bash\ncurl -LsSf https://example.org/i.sh | sh\n```\n";

#[test]
fn the_scan_shows_in_every_form_and_holds_by_the_threshold() {
    let place = Place::new();
    place.write("skills/risky.md", RISKY);
    let text = place.run(&["validate", "skills"], &[]);
    assert_eq!(text.code, 0, "a risky skill is shown and not held: {}", text.stdout);
    assert!(text.stdout.starts_with("warning[pipe-to-shell]: "), "{}", text.stdout);
    assert!(text.stdout.contains("8 | curl -LsSf https://example.org/i.sh | sh\n  | ^\n"), "{}", text.stdout);
    assert_eq!(place.run(&["validate", "skills", "--scan-block", "high"], &[]).code, 1);
    assert_eq!(place.run(&["validate", "skills", "--fail-on", "high"], &[]).code, 1);
    assert_eq!(place.run(&["validate", "skills", "--fail-on", "critical"], &[]).code, 0);

    let sarif = place.run(&["validate", "-o", "sarif", "./skills"], &[]);
    let result = &sarif.json()["runs"][0]["results"][0];
    assert_eq!((sarif.code, &result["ruleId"]), (0, &"pipe-to-shell".into()));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "skills/risky.md");
    assert_eq!(place["region"]["startLine"], 8);
}

#[test]
fn a_file_stdin_and_a_revision_are_judged_like_a_directory() {
    let place = Place::new();
    place.write("repo/skills/risky.md", RISKY);
    place.commit();
    place.write("repo/skills/risky.md", "gone");
    let revision = place.run(&["validate", "--rev", "HEAD", "repo/skills"], &[]);
    assert_eq!(revision.code, 0, "{}{}", revision.stdout, revision.stderr);
    assert!(revision.stdout.contains(" --> repo/skills/risky.md:8:1\n"), "{}", revision.stdout);
    assert!(revision.stdout.contains("8 | curl "), "the line is that of the commit: {}", revision.stdout);
    let unknown = place.run(&["validate", "--rev", "v9", "repo/skills"], &[]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("there is no revision `v9`"), "{}", unknown.stderr);

    place.write("one.md", BAD);
    let file = place.run(&["validate", "one.md"], &[]);
    assert!(file.code == 1 && file.stdout.contains(" --> one.md:1:1\n"), "{}", file.stdout);
    let piped = std::fs::File::open(place.path().join("one.md")).expect("it was written");
    let mut stdin = Command::new(env!("CARGO_BIN_EXE_skill-sync"));
    let output = stdin.env_clear().args(["validate", "-"]).stdin(piped).output().expect("it ran");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout.contains(" --> stdin:1:1\n  |\n1 | ---\n"), "{stdout}");
}

#[test]
fn a_secret_is_masked_in_the_line_that_is_shown() {
    let place = Place::new();
    let key = ["AKIA", "Z5M3K7W2P6T4V2XD"].concat();
    place.write("skills/a/SKILL.md", "---\nname: a\ndescription: Calls an API.\n---\n");
    place.write("skills/a/run.sh", &format!("#!/bin/sh\nexport AWS_ACCESS_KEY_ID={key}\n"));
    for form in ["text", "json", "sarif", "github"] {
        let ended = place.run(&["validate", "-o", form, "skills"], &[]);
        assert!(ended.stdout.contains("run.sh"), "{form}: {}", ended.stdout);
        assert!(
            !ended.stdout.contains(&key) && !ended.stdout.contains(&key[4..]),
            "{form}: {}",
            ended.stdout
        );
    }
}

#[test]
fn a_rule_is_explained_and_an_unknown_one_is_not_guessed() {
    for rule in ["pipe-to-shell", "frontmatter-missing"] {
        let page = run(&["explain", rule], &[]);
        assert_eq!(page.code, 0);
        assert!(page.stdout.starts_with(&format!("## {rule}\n\n**")), "{}", page.stdout);
        assert!(page.stdout.contains("*Why:*") && page.stdout.contains("*What to do:*"), "{}", page.stdout);
    }
    let unknown = run(&["explain", "pipe-to-shel"], &[]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
    assert!(unknown.stderr.contains("there is no rule `pipe-to-shel`; did you mean `pipe-to-shell`?"));
}

#[test]
fn validate_that_cannot_tell_exits_2() {
    let missing = run(&["validate", "nowhere"], &[]);
    assert_eq!((missing.code, missing.stdout.as_str()), (2, ""));
    assert!(
        missing.stderr.starts_with("error: ") && missing.stderr.contains("nowhere"),
        "{}",
        missing.stderr
    );
}

#[test]
fn one_pass_is_shown_before_reported_and_recorded() {
    let place = Place::new();
    place.write("repo/golden-horde.md", GOOD);
    place.write("repo/swarm.md", BAD);
    place.commit();
    let source = ["--repo", "repo", "--dir", "skills"];
    let with = |verb: &[&'static str]| place.run(&[verb, &source].concat(), &[]);

    let diff = with(&["diff", "-o", "json"]);
    assert_eq!((diff.code, &diff.json()["changes"][0]["action"]), (1, &"add".into()), "{}", diff.stderr);
    assert!(!place.path().join("skills").exists(), "diff leaves nothing there");

    let once = with(&["once", "-o", "json"]);
    let report = once.json();
    assert_eq!((once.code, &report["outcome"]), (3, &"degraded".into()), "{}", once.stderr);
    assert_eq!(report["held"][0]["skill"], "swarm");
    assert_eq!(std::fs::read_to_string(place.path().join("skills/golden-horde.md")).expect("served"), GOOD);
    let nothing = with(&["diff"]);
    assert!(
        nothing.code == 0 && nothing.stdout.starts_with("nothing would change at "),
        "{}",
        nothing.stdout
    );

    place.write("repo/swarm.md", &BAD.replace("---\nSwarm", "description: Swarms.\n---\nSwarm"));
    place.commit();
    let mended = with(&["once"]);
    assert!(mended.code == 0 && mended.stdout.starts_with("applied "), "{}", mended.stdout);
    assert!(
        mended.stdout.contains("  add     swarm: new in git\n          + swarm.md\n"),
        "{}",
        mended.stdout
    );

    let status = with(&["status", "-o", "json"]).json();
    assert_eq!((&status["sync"], &status["skills"]["serving"]), (&"Synced".into(), &2.into()));
    assert_eq!(status["last_applied_revision"], status["last_attempted_revision"]);
    let history = with(&["history", "-o", "json"]).json();
    assert_eq!(history.as_array().map(Vec::len), Some(2));
    assert!(with(&["history", "--limit", "1"]).stdout.contains("applied"));
    let listed = with(&["audit", "list", "--limit", "3", "-o", "json"]).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
}

#[test]
fn an_edited_audit_is_broken_and_names_the_record() {
    let place = Place::new();
    place.write("repo/golden-horde.md", GOOD);
    place.commit();
    assert_eq!(place.run(&["once", "--repo", "repo", "--dir", "skills"], &[]).code, 0);
    let verify = || place.run(&["audit", "verify", "--dir", "skills"], &[]);
    let whole = verify();
    assert!(whole.code == 0 && whole.stdout.starts_with("whole: "), "{}", whole.stdout);

    let database = rusqlite::Connection::open(place.path().join(".skill-sync/state.db")).expect("a database");
    // The database's own guard stops accidents only: who edits the file drops it first.
    let guards: Vec<String> = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
        .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
        .expect("the guards");
    for guard in guards {
        database.execute(&format!("DROP TRIGGER {guard}"), []).expect("dropped");
    }
    database.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 2", []).expect("edited");
    drop(database);
    let broken = verify();
    assert_eq!((broken.code, broken.stderr.as_str()), (1, ""));
    assert!(broken.stdout.starts_with("broken: record 2: "), "{}", broken.stdout);
}

#[test]
fn a_repository_that_is_not_there_says_what_to_do() {
    let ended = run(&["once", "--repo", "nowhere", "--dir", "skills"], &[]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("stalled in ") && ended.stdout.contains("nowhere"), "{}", ended.stdout);
}

#[test]
fn each_shell_gets_a_script_that_completes_our_verbs() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = run(&["completions", shell], &[]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{shell}");
        assert!(ended.stdout.contains("reconcile") && ended.stdout.contains("poll-interval"), "{shell}");
        assert!(!ended.stdout.contains("GITHUB_TOKEN="), "{shell}");
    }
    let unknown = run(&["completions", "tcsh"], &[]);
    assert!(unknown.code == 2 && unknown.stderr.contains("bash"), "{}", unknown.stderr);
}
