//! The command line as a process: what it prints where, and what it exits with.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

/// The binary in an empty environment and an empty directory.
fn skill_sync(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::cargo_bin("skill-sync").expect("the binary is built");
    command.env_clear().current_dir(directory).args(arguments).envs(variables.iter().copied());
    command.output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let directory = tempfile::tempdir().expect("a directory");
    let output = skill_sync(directory.path(), arguments, variables);
    let code = output.status.code().expect("an exit code");
    Ended { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
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
    let directory = tempfile::tempdir().expect("a directory");
    let readers: [(&[&str], i32); 4] =
        [(&["status"], 5), (&["history"], 5), (&["audit", "list"], 5), (&["audit", "verify"], 2)];
    for (arguments, code) in readers {
        let arguments = [arguments, &["--dir", "skills"]].concat();
        let output = skill_sync(directory.path(), &arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with("error: there is no record at "), "{stderr}");
        assert!(stderr.contains(".skill-sync/state.db") && stderr.contains("skill-sync once"), "{stderr}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
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
