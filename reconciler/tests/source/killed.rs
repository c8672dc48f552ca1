//! Fetches that end early, children that are not ours, and what both leave.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reconciler::cancel::Cancel;
use reconciler::report::Remedy;
use reconciler::source::{FetchError, SourceError, fetch};
use rustix::process::{Pid, Signal, kill_process};

use crate::world::{Server, TOKEN, World, answer, noise, until};

/// Runs a fetch from a silent server and does something with the child while it waits.
fn while_it_waits(marker: &str, act: impl FnOnce(Pid, &Cancel)) -> SourceError {
    let server = Server::silent();
    let mut world = World::new().url(format!("{}/skills.git", server.url)).token(TOKEN);
    world.source.child.push(marker.into());
    let cancel = Cancel::new();
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| fetch(&world.source, &world.mirror(), &cancel, &mut |_| {}));
        server.heard();
        act(until("the child runs", || find(marker)), &cancel);
        fetching.join().unwrap().unwrap_err()
    })
}

/// The process whose arguments hold a text.
fn find(marker: &str) -> Option<Pid> {
    let numbers =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_ours = |pid: &i32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|argument| argument == marker.as_bytes())
    };
    numbers.into_iter().find(is_ours).and_then(Pid::from_raw)
}

#[test]
fn a_killed_child_is_told_with_its_signal() {
    let error = while_it_waits("to-be-killed", |pid, _| kill_process(pid, Signal::KILL).unwrap());
    assert!(matches!(error, SourceError::Signalled { signal: 9, .. }), "{error:?}");
    assert!(error.to_string().contains("signal 9"), "{error}");
    assert_eq!(error.remedy(), Remedy::Retry(None));
}

#[test]
fn a_fetch_stops_when_asked_and_takes_its_child_with_it() {
    let mut begun = Instant::now();
    let error = while_it_waits("to-be-stopped", |_, cancel| {
        begun = Instant::now();
        cancel.cancel();
    });
    assert!(matches!(error, SourceError::Cancelled(_)), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(find("to-be-stopped").is_none());
}

#[test]
fn the_token_is_in_no_argument_variable_or_error() {
    let error = while_it_waits("to-be-read", |pid, cancel| {
        let pid = pid.as_raw_nonzero();
        let has =
            |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(has(&arguments, "to-be-read") && !has(&arguments, TOKEN));
        // Only root may read what is not dumpable.
        if let Ok(variables) = fs::read(format!("/proc/{pid}/environ")) {
            assert!(variables.is_empty(), "{}", String::from_utf8_lossy(&variables));
        }
        cancel.cancel();
    });
    assert!(!format!("{error} {error:?}").contains(TOKEN));
}

#[test]
fn a_child_confines_itself() {
    while_it_waits("to-be-measured", |pid, cancel| {
        let limits = fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).unwrap();
        let limit = |name: &str| {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().rev().nth(1).unwrap().to_owned()
        };
        assert_eq!(limit("Max core file size"), "0");
        assert_eq!(limit("Max data size"), (2_u64 << 30).to_string());
        cancel.cancel();
    });
}

#[test]
fn a_child_dies_with_its_parent() {
    let server = Server::silent();
    let world = World::new();
    world.mirror();
    let mut shell = Command::new("sh")
        .args(["-c", r#"echo $$; exec 3<&0; "$0" <&3 & wait"#, env!("CARGO_BIN_EXE_reconciler-fetch")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(shell.stdout.take().unwrap());
    let mut parent = String::new();
    output.read_line(&mut parent).unwrap();
    let request = format!(
        r#"{{"parent":{},"mirror":{{"Unix":{:?}}},"url":"{}/r.git","reference":"HEAD","authorization":null,"timeout_ms":600000,"max_repo_bytes":1000,"max_object_bytes":1000,"max_memory":1000000000}}"#,
        parent.trim(),
        world.mirror_path().as_os_str().as_encoded_bytes(),
        server.url,
    );
    shell.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    server.heard();
    shell.kill().unwrap();
    shell.wait().unwrap();
    // The output ends when the last process that holds it does.
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || ended.send(output.read_to_end(&mut Vec::new()).unwrap()));
    assert_eq!(end.recv_timeout(Duration::from_secs(30)), Ok(0));
}

#[test]
fn a_child_whose_parent_is_another_does_nothing() {
    let world = World::new();
    world.mirror();
    let mut child = Command::new(env!("CARGO_BIN_EXE_reconciler-fetch"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let request = r#"{"parent":1,"mirror":{"Unix":[47]},"url":"/x","reference":"HEAD","authorization":null,"timeout_ms":1,"max_repo_bytes":1,"max_object_bytes":1,"max_memory":1000000000}"#;
    child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(output.contains("its parent is gone"), "{output}");
}

#[test]
fn what_is_not_our_child_is_told() {
    let say = |script: &str| {
        let mut world = World::new();
        world.source.child = ["/bin/sh", "-c", script].map(Into::into).to_vec();
        world.fetch().unwrap_err()
    };
    let cases = [
        ("echo nonsense", "no message"),
        ("exit 3", "exit status: 3"),
        ("printf half", "a line without end"),
        ("while :; do printf 0123456789abcdef0123456789abcdef; done", "a line without end"),
        ("exec 1>&-; while :; do :; done", "it closed its output"),
    ];
    for (script, words) in cases {
        let error = say(script);
        assert!(error.to_string().contains(words), "{script}: {error}");
        assert_eq!(error.remedy(), Remedy::Retry(None));
    }
    let mut world = World::new();
    world.source.child = vec!["/nonexistent/skill-sync".into()];
    let error = world.fetch().unwrap_err();
    assert!(error.to_string().contains("cannot start `/nonexistent/skill-sync`"), "{error}");
}

#[test]
fn a_broken_request_is_answered_without_repeating_it() {
    let mut output = Vec::new();
    let input = format!(r#"{{"authorization": "{TOKEN}", "parent": "x"}}"#);
    reconciler::source::child::serve(&[], input.as_bytes(), &mut output);
    let output = String::from_utf8(output).unwrap();
    assert!(output.contains("request is broken at line 1") && !output.contains(TOKEN), "{output}");
}

#[test]
fn what_a_killed_fetch_left_is_swept() {
    let world = World::new();
    let upstream = world.upstream();
    upstream.push("main", "one");
    world.fetched();
    let root = world.mirror_path();
    let leftovers = [
        "shallow.lock",
        "HEAD.lock",
        "refs/skill-sync/remote/tip.lock",
        "objects/pack/pack_git2_a1b2c3",
        "objects/pack/tmp_pack_x",
        "objects/pack/pack-0123456789abcdef0123456789abcdef01234567.idx",
        "objects/tmp_object_git2_a1b2c3",
    ];
    for leftover in leftovers {
        fs::write(root.join(leftover), "half").unwrap();
    }
    let commit = upstream.push("main", "two");
    assert_eq!(world.fetched().commit, commit);
    for leftover in leftovers {
        assert!(!root.join(leftover).exists(), "{leftover}");
    }
}

#[test]
fn a_pack_that_a_power_cut_broke_is_fetched_again() {
    let world = World::new();
    let commit = world.upstream().push("main", "one");
    world.fetched();
    let packs = world.mirror_path().join("objects/pack");
    let pack = |end: &str| {
        let found = fs::read_dir(&packs).unwrap().map(|entry| entry.unwrap().path());
        found.into_iter().find(|path| path.extension().is_some_and(|e| e == end))
    };
    // Whole, but not yet marked: it stays.
    fs::remove_file(pack("keep").expect("a synced pack is marked")).unwrap();
    world.mirror().sweep().unwrap();
    assert!(world.mirror().git().find_commit(commit.oid()).is_ok());
    // Its bytes never reached the disk.
    let bytes = pack("pack").unwrap();
    let length = fs::metadata(&bytes).unwrap().len();
    fs::remove_file(&bytes).unwrap();
    fs::write(&bytes, vec![0; usize::try_from(length).unwrap()]).unwrap();
    assert_eq!(world.fetched().commit, commit);
    assert!(world.mirror().git().find_commit(commit.oid()).is_ok());
    assert!(pack("keep").is_some());
}

#[test]
fn references_that_a_power_cut_broke_are_in_nobodys_way() {
    let world = World::new();
    let upstream = world.upstream();
    upstream.push("main", "one");
    world.fetched();
    let refs = world.mirror_path().join("refs/skill-sync");
    let kept = world.mirror().keep_blob("refs/skill-sync/drift/1-a", b"drifted").unwrap();
    fs::write(refs.join("empty"), "").unwrap();
    fs::write(refs.join("dangling"), format!("{}\n", "12".repeat(20))).unwrap();
    let commit = upstream.push("main", "two");
    assert_eq!(world.fetched().commit, commit);
    assert!(!refs.join("empty").exists() && !refs.join("dangling").exists());
    assert_eq!(world.mirror().read_blob(kept).unwrap(), b"drifted");
}

#[test]
fn an_object_that_a_power_cut_emptied_is_kept_anew() {
    let world = World::new();
    let name = "refs/skill-sync/drift/1-a";
    let id = world.mirror().keep_blob(name, b"drifted").unwrap();
    let digits = id.to_string();
    let object = world.mirror_path().join("objects").join(&digits[..2]).join(&digits[2..]);
    fs::remove_file(&object).unwrap();
    fs::write(&object, "").unwrap();
    let mirror = world.mirror();
    assert!(mirror.keep_blob(name, b"drifted").is_err(), "what cannot be read back is not kept");
    mirror.sweep().unwrap();
    assert_eq!(mirror.keep_blob(name, b"drifted").unwrap(), id);
    assert_eq!(mirror.read_blob(id).unwrap(), b"drifted");
}

#[test]
fn a_first_fetch_that_ended_before_it_was_noted_begins_again() {
    let world = World::new();
    let upstream = world.upstream();
    let commit = upstream.push("main", "one");
    world.fetched();
    world.mirror().drop_ref("refs/skill-sync/remote/tip").unwrap();
    assert!(!world.mirror().has_history());
    assert_eq!(world.fetched().commit, commit);
}

#[test]
fn a_fetch_that_needs_more_memory_than_it_may_have_is_told() {
    let mut world = World::new();
    let upstream = world.upstream();
    let commit = upstream.commit(&noise(32 << 20), None);
    upstream.git.reference("refs/heads/main", commit.oid(), false, "push").unwrap();
    world.source.limits.max_memory = 24 << 20;
    let error = world.fetch().unwrap_err();
    let told = matches!(error, SourceError::Fetch(FetchError::Memory { .. }) | SourceError::Signalled { .. });
    assert!(told && error.to_string().contains(&(24 << 20).to_string()), "{error:?}");
}

#[test]
fn progress_is_told() {
    let world = World::new();
    world.upstream().push("main", "one");
    let mut told = Vec::new();
    fetch(&world.source, &world.mirror(), &Cancel::new(), &mut |now| told.push(now)).unwrap();
    assert!(told.first().is_some_and(|first| first.total_objects == 3), "{told:?}");
}

#[test]
fn a_failed_fetch_changes_no_tip() {
    let world = World::new();
    let first = world.upstream().push("main", "one");
    world.fetched();
    let server = Server::saying(answer("500 X", "", b""));
    let world = world.url(format!("{}/skills.git", server.url));
    world.refused();
    let tip = world.mirror().git().refname_to_id("refs/skill-sync/remote/tip").unwrap();
    assert_eq!(tip, first.oid());
}
