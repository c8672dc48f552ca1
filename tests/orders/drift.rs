//! What a pass overwrote can be listed, shown, brought back, and offered upstream.

use std::process::Command;

use serde_json::{Value, json};

use crate::place::Place;

/// A target where somebody edited `a` and the pass put it right.
fn drifted() -> (Place, Value) {
    let (place, _) = Place::with(&["a", "b"]);
    place.once(0);
    let text = place.served("a").unwrap();
    place.edit("a", &text.replace("one\n", "better\u{1b}[31m\n"));
    let report = place.once(0).json();
    assert_eq!(report["changes"][0]["action"], "restore");
    let kept = place.ends(&["drift", "list", "-o", "json"], 0).json()[0].take();
    (place, kept)
}

/// The patch is taken by git itself, in a clone at the commit that is served.
fn applied(place: &Place, patch: &[u8], file: &str) -> Vec<u8> {
    std::fs::write(place.path("edit.patch"), patch).unwrap();
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(place.path("repo")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["apply", "--index", "../edit.patch"]);
    std::fs::read(place.path("repo").join(file)).unwrap()
}

#[test]
fn overwritten_bytes_are_listed_shown_and_brought_back() {
    let (place, kept) = drifted();
    let edited = place.served("a").unwrap().replace("one\n", "better\u{1b}[31m\n");
    let id = kept["id"].as_str().unwrap();
    let expected = json!({
        "id": "2-1", "skill": "a", "path": "a.md", "at": kept["at"], "size": edited.len(), "pass": 2,
        "sha256": reconciler::ids::Digest::of(edited.as_bytes()).to_string(),
    });
    assert_eq!(kept, expected);
    let table = place.ends(&["drift", "list"], 0).stdout;
    assert!(table.starts_with("ID   AT ") && table.contains("a.md  a file"), "{table}");
    assert_eq!(place.ends(&["drift", "show", id], 0).stdout, edited, "the bytes and nothing else");

    let done = place.ends(&["drift", "restore", id, "--to", "edited.md"], 0);
    assert_eq!(done.stdout, format!("{} bytes that stood at `a.md` are in `edited.md`\n", edited.len()));
    assert_eq!(std::fs::read_to_string(place.path("edited.md")).unwrap(), edited);
    let again = place.ends(&["drift", "restore", id, "--to", "edited.md"], 2);
    assert!(again.stderr.contains("`edited.md` is there already and is not overwritten"), "{again:?}");
    for verb in
        [&["drift", "show", "9-9"][..], &["drift", "restore", "9-9", "--to", "x"], &["drift", "patch", "9-9"]]
    {
        let unknown = place.ends(verb, 2);
        assert!(unknown.stderr.starts_with("error: nothing is kept as `9-9`"), "{unknown:?}");
    }
    assert!(!place.path("x").exists());
}

#[test]
fn a_hand_edit_is_a_patch_that_git_applies() {
    let (place, kept) = drifted();
    let patch = place.ends(&["drift", "patch", kept["id"].as_str().unwrap()], 0).stdout;
    assert!(patch.starts_with("diff --git a/a.md b/a.md\n"), "{patch}");
    let edited = applied(&place, patch.as_bytes(), "a.md");
    assert!(String::from_utf8(edited).unwrap().contains("better"));
    assert!(place.ends(&["audit", "verify"], 0).stdout.starts_with("whole"));
}

#[test]
fn without_an_id_the_newest_edit_of_each_path_is_in_the_patch() {
    let (place, _) = drifted();
    for (name, text) in [("a", "newest"), ("b", "another")] {
        place.edit(name, &place.served(name).unwrap().replace("one\n", &format!("{text}\n")));
    }
    place.once(0);
    let patch = place.ends(&["drift", "patch"], 0).stdout;
    assert!(
        patch.contains("+newest\n") && patch.contains("+another\n") && !patch.contains("better"),
        "{patch}"
    );
    place.write("a", "newest");
    place.commit();
    place.once(0);
    place.remove("b");
    place.commit();
    place.once(0);
    let gone = place.ends(&["drift", "patch", "3-2"], 5);
    assert!(gone.stderr.contains("`b.md` is not served any more"), "{gone:?}");
}

#[test]
fn a_binary_edit_below_a_path_and_a_layout_is_a_patch_too() {
    let (place, _) = Place::with(&["a"]);
    let folder = place.path("repo/skills/tool");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("SKILL.md"), "---\nname: tool\ndescription: A tool.\n---\n").unwrap();
    std::fs::write(folder.join("data.bin"), [0, 159, 146, 150]).unwrap();
    std::fs::rename(place.path("repo/a.md"), place.path("repo/skills/a.md")).unwrap();
    place.commit();
    let settings = [("SKILLS_PATH", "skills"), ("LAYOUT", "folder")];
    assert_eq!(place.run_with(&["once"], &settings).code, 0);
    let bytes: Vec<u8> = (0..=255).collect();
    std::fs::write(place.path("skills/tool/data.bin"), &bytes).unwrap();
    let text = std::fs::read_to_string(place.path("skills/a/SKILL.md")).unwrap();
    std::fs::write(place.path("skills/a/SKILL.md"), text.replace("one\n", "two\n")).unwrap();
    assert_eq!(place.run_with(&["once"], &settings).code, 0);
    let patch = place.run_with(&["drift", "patch"], &settings);
    assert!(
        patch.stdout.contains("GIT binary patch\n") && patch.stdout.contains("a/skills/a.md"),
        "{patch:?}"
    );
    assert_eq!(applied(&place, patch.stdout.as_bytes(), "skills/tool/data.bin"), bytes);
}

#[test]
fn a_directory_that_was_moved_aside_is_named() {
    let (place, _) = Place::with(&["a"]);
    place.once(0);
    std::fs::remove_file(place.path("skills/a.md")).unwrap();
    std::fs::create_dir(place.path("skills/a.md")).unwrap();
    std::fs::write(place.path("skills/a.md/theirs"), "x").unwrap();
    place.once(0);
    let shown = place.ends(&["drift", "show", "2-1"], 5);
    assert!(shown.stderr.contains("`a.md` was a directory and was moved aside whole"), "{shown:?}");
    assert!(shown.stderr.contains("displaced/2-1"), "{shown:?}");
}

#[test]
fn kept_bytes_go_by_room_and_by_age_the_oldest_first_and_on_record() {
    let (place, kept) = drifted();
    let size = kept["size"].as_u64().unwrap();
    place.edit("a", &"x".repeat(usize::try_from(size).unwrap()));
    let room = [("DRIFT_MAX_BYTES", &*format!("{}", size + 1))];
    assert_eq!(place.run_with(&["once"], &room).code, 0);
    let left = place.ends(&["drift", "list", "-o", "json"], 0).json();
    assert_eq!((left.as_array().map(Vec::len), &left[0]["id"]), (Some(1), &"3-1".into()));
    assert_eq!(place.audit("dropped")["body"]["id"], "2-1");
    let mirror = git2::Repository::open_bare(place.state().join("repo.git")).unwrap();
    assert!(mirror.find_reference("refs/skill-sync/drift/2-1").is_err());
    assert!(mirror.find_reference("refs/skill-sync/drift/3-1").is_ok());
    assert_eq!(place.run_with(&["once"], &[("DRIFT_KEEP", "1ms")]).code, 0);
    assert_eq!(place.ends(&["drift", "list", "-o", "json"], 0).json(), json!([]));
    let nothing = place.ends(&["drift", "patch"], 5);
    assert!(nothing.stderr.contains("nothing that is kept differs from what is served"), "{nothing:?}");
}

#[test]
fn a_path_that_somebody_else_keeps_writing_is_named_by_a_condition() {
    let (place, _) = Place::with(&["a"]);
    place.once(0);
    for time in 1..=3 {
        place.edit("a", &format!("theirs {time}"));
        assert_eq!(place.once(0).json()["outcome"], "applied");
    }
    let (is, reason, message) = place.condition("Drifting");
    assert_eq!((&*is, &*reason), ("True", "DriftRepeats"));
    assert!(message.starts_with("a.md: changed on the volume 3 times or more in 10 minutes"), "{message}");
}
