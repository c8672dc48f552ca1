//! A broken database or mirror is made again; a restored backup is told and waits.

use std::fs;
use std::path::Path;

use crate::place::{Place, contents};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => assert!(fs::copy(entry.path(), to).is_ok()),
        }
    }
}

/// The file beside the state's own whose name says that it broke.
fn aside(place: &Place, name: &str) -> Option<String> {
    let names = fs::read_dir(place.state()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names = names.map(|name| name.into_string().unwrap());
    names.find(|found| {
        found.starts_with(&format!("{name}.broken-")) && !found.ends_with("-wal") && !found.ends_with("-shm")
    })
}

/// A target with two skills, one edit of which was put right, and a folder skill.
fn served() -> Place {
    let (place, _) = Place::with(&["a", "b"]);
    let folder = place.path("repo/tool");
    fs::create_dir_all(folder.join("scripts")).unwrap();
    fs::write(folder.join("SKILL.md"), "---\nname: tool\ndescription: A tool.\n---\n").unwrap();
    fs::write(folder.join("scripts/run.sh"), "#!/bin/sh\n").unwrap();
    place.commit();
    place.once(0);
    place.edit("a", "drifted");
    place.once(0);
    place
}

#[test]
fn what_is_whole_stays() {
    let place = served();
    let before = place.ends(&["audit", "verify"], 0).stdout;
    let done = place.ends(&["state", "rebuild"], 0).stdout;
    assert_eq!(done, "whole: database and mirror can be used; nothing was changed\n");
    assert_eq!(place.ends(&["audit", "verify"], 0).stdout, before);
}

#[test]
fn a_damaged_database_is_rebuilt_from_what_is_served() {
    let place = served();
    let before = contents(&place.path("skills"));
    let database = place.state().join("state.db");
    let mut bytes = fs::read(&database).unwrap();
    let end = bytes.len();
    bytes[4096..end].fill(0xa5);
    fs::write(&database, bytes).unwrap();
    let broken = place.once(5);
    assert!(broken.stderr.contains("state rebuild") || broken.stdout.contains("state rebuild"), "{broken:?}");
    let done = place.ends(&["state", "rebuild", "-o", "json"], 0).json();
    assert_eq!((&done["skills"], &done["mirror"]), (&3.into(), &serde_json::Value::Null));
    assert!(aside(&place, "state.db").is_some() && aside(&place, "repo.git").is_none());
    assert_eq!(before, contents(&place.path("skills")));
    let next = place.once(0).json();
    assert_eq!((&next["outcome"], &next["pass"]), (&"in_sync".into(), &3.into()), "pass numbers always grow");
    place.remove("b");
    place.commit();
    place.once(0);
    assert_eq!(place.served("b"), None, "what was served is owned again");
    assert!(place.path("skills/tool/scripts/run.sh").exists());
    assert!(place.ends(&["audit", "verify"], 0).stdout.starts_with("whole"));
    assert_eq!(place.audit("rebuilt")["actor"], Place::actor());
}

#[test]
fn the_new_chain_names_the_old_one_and_what_can_be_read_goes_on() {
    let place = served();
    place.ends(&["suspend", "--reason", "still"], 0);
    let whole = place.ends(&["audit", "verify", "-o", "json"], 0).json();
    let database = rusqlite::Connection::open(place.state().join("state.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let newer = place.once(5);
    assert!(newer.stderr.contains("has format 99"), "{newer:?}");
    let done = place.ends(&["state", "rebuild"], 0).stdout;
    assert!(done.starts_with("rebuilt: 3 skills are owned; nothing on the target was changed\n"), "{done}");
    let head = whole["head"].as_str().unwrap();
    assert!(done.ends_with(&format!("the {} records before it, head {head}\n", whole["records"])), "{done}");
    assert_eq!(place.audit("rebuilt")["body"]["previous"]["head"], head);
    assert_eq!(place.ends(&["drift", "show", "2-1"], 0).stdout, "drifted");
    place.once(5);
    place.ends(&["resume"], 0);
}

#[test]
fn a_damaged_mirror_is_rebuilt_from_the_volume_and_the_next_fetch() {
    let place = served();
    fs::remove_file(place.state().join("repo.git/HEAD")).unwrap();
    let broken = place.once(5);
    assert!(broken.stderr.contains("`skill-sync state rebuild` sets it aside"), "{broken:?}");
    place.ends(&["state", "rebuild"], 0);
    assert!(aside(&place, "repo.git").is_some() && aside(&place, "state.db").is_none());
    place.edit("a", "drifted again");
    let next = place.once(0).json();
    assert_eq!(next["outcome"], "applied");
    assert!(place.serves("a", "one") && place.ends(&["audit", "verify"], 0).stdout.starts_with("whole"));
    place.write("b", "two");
    place.commit();
    place.once(0);
}

#[test]
fn a_lost_object_of_the_mirror_is_found_and_comes_back_from_the_volume() {
    let place = served();
    let blob = git2::Oid::hash_object(git2::ObjectType::Blob, place.served("b").unwrap().as_bytes()).unwrap();
    let digits = blob.to_string();
    let objects = place.state().join("repo.git/objects");
    let loose = objects.join(&digits[..2]).join(&digits[2..]);
    if !loose.exists() {
        // It came in a pack: then all of it is lost.
        fs::remove_dir_all(objects.join("pack")).unwrap();
    } else {
        fs::remove_file(loose).unwrap();
    }
    fs::rename(place.path("repo"), place.path("gone")).unwrap();
    place.ends(&["state", "rebuild"], 0);
    place.edit("b", "drifted without a network");
    place.once(5);
    assert!(place.serves("b", "one"), "the volume's own bytes were the copy");
}

#[test]
fn both_lost_is_a_new_beginning_that_adopts_the_same_bytes() {
    let place = served();
    fs::remove_file(place.state().join("repo.git/HEAD")).unwrap();
    fs::write(place.state().join("state.db"), "garbage").unwrap();
    place.ends(&["state", "rebuild"], 0);
    let next = place.once(0).json();
    let actions: Vec<_> =
        next["changes"].as_array().unwrap().iter().map(|change| &change["action"]).collect();
    assert_eq!(actions, ["adopt", "adopt", "adopt"]);
    assert_eq!(place.once(0).json()["outcome"], "in_sync");
}

#[test]
fn a_restored_backup_of_the_state_is_told_and_waits_for_a_word() {
    let (place, _) = Place::with(&["a", "b", "c"]);
    place.once(0);
    copy(&place.state(), &place.path("backup"));
    place.write("a", "two");
    place.remove("b");
    let newest = place.commit();
    place.once(0);
    fs::remove_dir_all(place.state()).unwrap();
    copy(&place.path("backup"), &place.state());

    let before = contents(&place.path("skills"));
    let guarded = place.once(4);
    let text = guarded.error();
    assert!(text.starts_with("pass 2 wrote the volume last and the record knows no pass after 1:"), "{text}");
    assert!(text.ends_with(&format!("confirm revision {newest}")), "{text}");
    assert_eq!(guarded.json()["pass"], 3, "pass numbers always grow");
    assert_eq!(before, contents(&place.path("skills")));
    place.once(4);
    let body = place.audit("restored")["body"].clone();
    assert_eq!((&body["found"], &body["known"]), (&2.into(), &1.into()));
    place.ends(&["confirm", &newest[..7]], 0);
    assert_eq!(place.once(0).json()["outcome"], "in_sync");
    assert_eq!(place.served("b"), None);
}

#[test]
fn a_state_directory_that_is_gone_is_a_new_beginning_and_no_restored_backup() {
    let place = served();
    fs::remove_dir_all(place.state()).unwrap();
    let next = place.once(0).json();
    assert_eq!((&next["outcome"], &next["changes"][0]["action"]), (&"applied".into(), &"adopt".into()));
    assert_eq!(next["pass"], 3, "the volume still knows the number of the last one");
}

#[test]
fn a_database_that_is_gone_is_no_new_beginning() {
    let place = served();
    let before = contents(&place.path("skills"));
    for part in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(place.state().join(part));
    }
    let lost = place.ends(&["once"], 5).stderr;
    assert!(lost.contains("state.db is gone but") && lost.contains("skill-sync state rebuild"), "{lost}");
    let done = place.ends(&["state", "rebuild"], 0).stdout;
    assert!(done.starts_with("rebuilt: 3 skills are owned; nothing on the target was changed"), "{done}");
    assert_eq!(contents(&place.path("skills")), before);
    place.once(0);
}

#[test]
fn a_restored_backup_of_the_volume_is_told_and_waits_for_a_word() {
    let (place, _) = Place::with(&["a", "b"]);
    place.once(0);
    copy(&place.path("skills"), &place.path("backup"));
    place.write("a", "two");
    let newest = place.commit();
    place.once(0);
    place.once(0);
    fs::remove_dir_all(place.path("skills")).unwrap();
    copy(&place.path("backup"), &place.path("skills"));

    let guarded = place.once(4);
    let text = guarded.error();
    let told = "pass 2 wrote the volume last and the volume names pass 1: the volume is older than the state directory";
    assert!(text.starts_with(told) && text.ends_with(&format!("confirm revision {newest}")), "{text}");
    assert!(place.serves("a", "one"), "nothing was changed");
    place.once(4);
    place.ends(&["confirm", &newest[..7]], 0);
    assert!(place.serves("a", "two"));

    // Where the sentinel alone is old the word is asked for once.
    fs::copy(place.path("backup/.skill-sync.md"), place.path("skills/.skill-sync.md")).unwrap();
    place.once(4);
    place.ends(&["confirm", &newest[..7]], 0);
    assert_eq!(place.once(0).json()["outcome"], "in_sync");
}

#[test]
fn a_copied_or_moved_state_directory_goes_on_with_its_target() {
    let place = served();
    for whole in ["copied", "moved"] {
        let to = place.path(whole);
        fs::create_dir(&to).unwrap();
        match whole {
            "copied" => {
                copy(&place.path("skills"), &to.join("skills"));
                copy(&place.state(), &to.join(".skill-sync"));
            }
            _ => {
                fs::rename(place.path("skills"), to.join("skills")).unwrap();
                fs::rename(place.state(), to.join(".skill-sync")).unwrap();
            }
        }
        let target = to.join("skills").display().to_string();
        let next = place.run_with(&["once", "-o", "json"], &[("SKILLS_DIR", &target)]);
        assert_eq!((next.code, &next.json()["outcome"]), (0, &"in_sync".into()), "{whole}: {next:?}");
        assert_eq!(next.json()["pass"], 3, "{whole}: it goes on where it was");
    }
}
