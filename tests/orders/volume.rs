//! Volumes that are hostile, full, read-only, gone or late, and what a pass does with them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use crate::mount::Mount;
use crate::place::{Place, contents, until};

/// A place with a flat skill and one in a folder, served once.
fn served() -> Place {
    let (place, _) = Place::with(&["a"]);
    tool(&place, "one");
    place.once(0);
    place
}

fn tool(place: &Place, text: &str) {
    fs::create_dir_all(place.path("repo/tool")).unwrap();
    let entry = format!("---\nname: tool\ndescription: A tool.\n---\n{text}\n");
    fs::write(place.path("repo/tool/SKILL.md"), entry).unwrap();
    fs::write(place.path("repo/tool/notes.md"), text).unwrap();
    place.commit();
}

/// A directory of somebody else's, to which planted links lead.
fn elsewhere(place: &Place) -> std::path::PathBuf {
    let elsewhere = place.path("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::write(elsewhere.join("theirs"), "untouched").unwrap();
    elsewhere
}

fn assert_untouched(elsewhere: &Path) {
    assert_eq!(contents(elsewhere), [(elsewhere.join("theirs"), b"untouched".to_vec())]);
}

fn clear(path: &Path) {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Runs a pass that must end, whatever it waits for, and gives its exit code and what it said.
fn ends(place: &Place, arguments: &[&str]) -> (i32, String) {
    let log = place.path("ends");
    let output = fs::File::create(&log).unwrap();
    let mut child =
        place.command(arguments).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code().expect("an exit code"), fs::read_to_string(&log).unwrap());
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it hangs: {arguments:?}: {}", fs::read_to_string(&log).unwrap());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_link_or_a_pipe_in_place_of_the_target_or_the_state_directory_stops_the_pass() {
    for (planted, setting) in [("skills", "SKILLS_DIR"), (".skill-sync", "STATE_DIR")] {
        for link in [true, false] {
            let place = served();
            let elsewhere = elsewhere(&place);
            clear(&place.path(planted));
            plant(&place.path(planted), link.then_some(elsewhere.as_path()));
            let (code, said) = ends(&place, &["once"]);
            assert!(
                code == 5 && said.contains("not a directory") && said.contains(setting),
                "{planted}: {said}"
            );
            assert_untouched(&elsewhere);
        }
    }
}

fn plant(path: &Path, link: Option<&Path>) {
    match link {
        Some(to) => symlink(to, path).unwrap(),
        None => mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap(),
    }
}

#[test]
fn a_link_or_a_pipe_planted_in_the_state_directory_is_neither_followed_nor_waited_for() {
    let names = [
        "lock",
        "target",
        "state.db",
        "staging",
        "displaced",
        "repo.git",
        "repo.git/HEAD",
        "repo.git/objects",
    ];
    for name in names {
        for link in [true, false] {
            let place = served();
            let elsewhere = elsewhere(&place);
            let path = place.state().join(name);
            clear(&path);
            plant(&path, link.then_some(elsewhere.as_path()));
            place.edit("a", "drifted");
            let (code, said) = ends(&place, &["once"]);
            assert!(code == 5 && said.contains(&format!("{name}` is a ")), "{name}: {code}: {said}");
            assert!(said.contains("move it away"), "{said}");
            assert_untouched(&elsewhere);
            assert_eq!(place.served("a").unwrap(), "drifted");
        }
    }
}

#[test]
fn a_directory_that_becomes_a_link_between_look_and_write_leads_nowhere() {
    let place = served();
    let elsewhere = elsewhere(&place);
    let (skill, link) = (place.path("skills/tool"), place.path("link"));
    symlink(&elsewhere, &link).unwrap();
    let over = AtomicBool::new(false);
    let mut seen = std::collections::BTreeSet::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // Whichever is there: what was a directory is a link at once, and the reverse.
                let _ = renameat_with(CWD, &skill, CWD, &link, RenameFlags::EXCHANGE);
                std::thread::yield_now();
            }
        });
        for n in 0..25 {
            tool(&place, &format!("version {n}"));
            let (code, said) = ends(&place, &["once"]);
            assert!(code == 0 || code == 1, "{code}: {said}");
            seen.insert(code);
            if link.symlink_metadata().is_err() {
                let _ = symlink(&elsewhere, &link);
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_untouched(&elsewhere);
    place.once(0);
    assert_eq!(fs::read_to_string(place.path("skills/tool/notes.md")).unwrap(), "version 24");
    assert_untouched(&elsewhere);
    place.ends(&["audit", "verify"], 0);
}

/// A place whose target and state lie on a file system of their own.
fn mounted(size: u64) -> Option<(Place, Mount)> {
    let (place, _) = Place::with(&["a"]);
    let mount = Mount::memory(&place.path("volume"), size)?;
    Some((place, mount))
}

fn on_volume(place: &Place) -> Vec<(&'static str, String)> {
    vec![("SKILLS_DIR", place.path("volume/skills").display().to_string())]
}

fn run(place: &Place, arguments: &[&str]) -> crate::place::Ended {
    let variables = on_volume(place);
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    place.run_with(arguments, &variables)
}

fn on(place: &Place, name: &str) -> String {
    fs::read_to_string(place.path("volume/skills").join(name)).unwrap_or_default()
}

/// Whether a supervised agent starts: its exit code is its own, and ours where it does not.
fn agent_starts(place: &Place) -> crate::place::Ended {
    run(place, &["run", "--log-format", "json", "--", "/bin/sh", "-c", "exit 42"])
}

#[test]
fn a_read_only_volume_changes_nothing_and_is_no_outage_of_the_agent() {
    let Some((place, mount)) = mounted(64 << 20) else { return };
    assert_eq!(run(&place, &["once"]).code, 0);
    place.write("a", "two");
    place.commit();
    mount.remount("ro");
    let refused = run(&place, &["once"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(format!("{refused:?}").contains("Read-only file system"), "{refused:?}");
    assert!(on(&place, "a.md").contains("one"));
    let agent = agent_starts(&place);
    assert_eq!(agent.code, 42, "{agent:?}");
    assert!(agent.stderr.contains("Read-only file system"), "{agent:?}");
    mount.remount("rw");
    assert_eq!(run(&place, &["once"]).code, 0);
    assert!(on(&place, "a.md").contains("two"));
}

#[test]
fn a_full_volume_keeps_what_is_served_and_is_no_outage_of_the_agent() {
    let Some((place, _mount)) = mounted(64 << 20) else { return };
    assert_eq!(run(&place, &["once"]).code, 0);
    let ballast = place.path("volume/ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
    drop(file);
    let large = format!("---\nname: a\ndescription: Two.\n---\n{}", "two\n".repeat(20_000));
    fs::write(place.path("repo/a.md"), large).unwrap();
    place.commit();
    let full = run(&place, &["once"]);
    assert_eq!(full.code, 1, "{full:?}");
    assert!(on(&place, "a.md").contains("one"));
    let agent = agent_starts(&place);
    assert_eq!(agent.code, 42, "{agent:?}");
    fs::remove_file(&ballast).unwrap();
    let freed = run(&place, &["once"]);
    assert_eq!(freed.code, 0, "{freed:?}");
    assert!(on(&place, "a.md").contains("two"));
    assert_eq!(run(&place, &["audit", "verify"]).code, 0);
}

#[test]
fn a_newer_database_stalls_and_the_agent_starts_on_what_is_served() {
    let (place, _) = Place::with(&["a"]);
    place.once(0);
    let database = rusqlite::Connection::open(place.state().join("state.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let agent = place.run(&["run", "--log-format", "json", "--", "/bin/sh", "-c", "exit 42"]);
    assert_eq!(agent.code, 42, "{agent:?}");
    assert!(agent.stderr.contains("stalled") && agent.stderr.contains("has format 99"), "{agent:?}");
    place.ends(&["state", "rebuild"], 0);
    place.once(0);
}

#[test]
fn a_target_that_is_removed_while_the_service_runs_comes_back() {
    let place = served();
    let _service = place.serve(&[]);
    fs::remove_dir_all(place.path("skills")).unwrap();
    let back = place.ends(&["reconcile", "--wait", "-o", "json"], 0).json();
    assert_eq!(back["outcome"], "applied", "{back}");
    assert!(place.serves("a", "one") && place.path("skills/tool/SKILL.md").exists());
}

#[test]
fn a_volume_that_is_mounted_late_is_waited_for_and_nothing_is_made_before() {
    let (place, _) = Place::with(&["a"]);
    fs::create_dir(place.path("volume")).unwrap();
    if fs::metadata(place.path("volume")).unwrap().dev() != fs::metadata("/").unwrap().dev() {
        println!("skipped: a volume that is not mounted, because this directory is no part of the root's");
        return;
    }
    let target = on_volume(&place).remove(0).1;
    let variables = [("SKILLS_DIR", target.as_str()), ("REQUIRE_MOUNT", "true")];
    let log = fs::File::create(place.path("log")).unwrap();
    let mut service = place.command(&["run", "--log-format", "json", "--poll-interval", "1s"]);
    let mut service = service.envs(variables).stderr(log).spawn().unwrap();
    until("it is stalled", || {
        let log = fs::read_to_string(place.path("log")).unwrap();
        log.contains("\"outcome\":\"stalled\"") && log.contains("REQUIRE_MOUNT")
    });
    assert_eq!(fs::read_dir(place.path("volume")).unwrap().count(), 0, "nothing was made");
    let mount = Mount::memory(&place.path("volume"), 64 << 20);
    if mount.is_some() {
        until("it is served", || on(&place, "a.md").contains("one"));
    }
    service.kill().unwrap();
    service.wait().unwrap();
}

#[test]
fn a_sparse_terabyte_in_place_of_a_skill_is_moved_aside_unread() {
    let place = served();
    place.edit("a", "a small edit");
    place.once(0);
    let file = fs::File::create(place.path("skills/a.md")).unwrap();
    if file.set_len(1 << 40).is_err() {
        println!("skipped: a sparse file of 1 TB, because this file system takes none");
        return;
    }
    drop(file);
    place.once(0);
    assert!(place.serves("a", "one"));
    let body = place.audit("dropped")["body"].clone();
    assert_eq!((&body["size"], &body["sha256"]), (&(1_u64 << 40).into(), &serde_json::Value::Null));
    let drift = place.ends(&["drift", "list", "-o", "json"], 0).json();
    assert_eq!(
        (drift.as_array().unwrap().len(), &drift[0]["id"]),
        (1, &"2-1".into()),
        "it pushed nothing else out"
    );
}

/// Stamps of whole seconds tell little; what they cannot tell is read.
#[test]
fn on_a_file_system_of_seconds_every_edit_is_seen() {
    let (place, _) = Place::with(&["a"]);
    let Some(_mount) = Mount::of_seconds(&place.path("volume")) else { return };
    assert_eq!(run(&place, &["once"]).code, 0);
    let git = on(&place, "a.md");
    for n in 0..5 {
        // The same length, within the same second as the pass before.
        let edited = git.replacen("one", &format!("{n}ne"), 1);
        fs::write(place.path("volume/skills/a.md"), &edited).unwrap();
        assert_eq!(run(&place, &["once"]).code, 0);
        assert_eq!(on(&place, "a.md"), git, "edit {n}");
    }
}
