//! Verbs that only look make nothing, wherever they look.

use std::fs;
use std::path::Path;

use crate::place::{Ended, Place};

/// All that has a name below a directory, the repository aside.
fn names(place: &Place) -> Vec<String> {
    fn walk(directory: &Path, names: &mut Vec<String>, root: &Path) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            names.push(path.strip_prefix(root).unwrap().display().to_string());
            if path.is_dir() && !path.ends_with("repo") {
                walk(&path, names, root);
            }
        }
    }
    let mut names = Vec::new();
    walk(&place.path(""), &mut names, &place.path(""));
    names.sort();
    names
}

/// Runs a verb whose temporary files go to the place itself.
fn look(place: &Place, arguments: &[&str]) -> Ended {
    place.run_with(arguments, &[("TMPDIR", place.path("tmp").to_str().unwrap())])
}

#[test]
fn what_only_looks_leaves_nothing_where_nothing_was() {
    let (place, commit) = Place::with(&["a", "b"]);
    fs::create_dir(place.path("tmp")).unwrap();
    let diff = look(&place, &["diff", "-o", "json"]);
    let json = diff.json();
    assert_eq!((diff.code, &json["revision"]), (1, &commit.into()), "{diff:?}");
    assert_eq!(json["changes"].as_array().unwrap().len(), 2, "{json}");
    let repo = place.path("repo");
    for verb in [
        &["status"][..],
        &["history"],
        &["drift", "list"],
        &["audit", "list"],
        &["audit", "verify"],
        &["trace", "a.md"],
        &["validate", repo.to_str().unwrap()],
        &["explain", "frontmatter-missing"],
        &["doctor"],
        &["healthcheck"],
    ] {
        look(&place, verb);
        assert_eq!(names(&place), ["repo", "tmp"], "{verb:?}");
    }
}

#[test]
fn a_diff_of_files_that_are_there_before_the_first_pass_leaves_them_alone() {
    let (place, _) = Place::with(&["a", "b"]);
    fs::create_dir(place.path("tmp")).unwrap();
    fs::create_dir(place.path("skills")).unwrap();
    fs::copy(place.path("repo/a.md"), place.path("skills/a.md")).unwrap();
    place.edit("b", "mine");
    let diff = look(&place, &["diff", "-o", "json"]);
    let json = diff.json();
    assert_eq!(diff.code, 1, "{diff:?}");
    assert_eq!(
        (&json["changes"][0]["action"], &json["held"][0]["skill"]),
        (&"adopt".into(), &"b".into()),
        "{json}"
    );
    assert_eq!(names(&place), ["repo", "skills", "skills/a.md", "skills/b.md", "tmp"]);
}

#[test]
fn a_diff_of_a_target_that_was_removed_says_what_would_come_back_and_makes_nothing() {
    let (place, _) = Place::with(&["a"]);
    place.once(0);
    fs::remove_dir_all(place.path("skills")).unwrap();
    let diff = place.ends(&["diff", "-o", "json"], 1).json();
    assert_eq!(diff["changes"][0]["action"], "restore", "{diff}");
    assert!(!place.path("skills").exists());
    place.once(0);
    assert!(place.serves("a", "one"));
}

#[test]
fn a_service_says_what_would_come_back_to_a_target_that_was_removed() {
    let (place, _) = Place::with(&["a"]);
    let _service = place.serve(&[]);
    place.ends(&["suspend", "--reason", "somebody looks"], 0);
    fs::remove_dir_all(place.path("skills")).unwrap();
    let diff = place.ends(&["diff", "-o", "json"], 1).json();
    assert_eq!(diff["changes"][0]["action"], "restore", "{diff}");
    assert!(!place.path("skills").exists());
}

#[test]
fn a_diff_that_finds_no_room_for_what_it_fetches_names_the_variable() {
    let (place, _) = Place::with(&["a"]);
    let nowhere = place.path("nowhere");
    let diff = place.run_with(&["diff"], &[("TMPDIR", nowhere.to_str().unwrap())]);
    assert_eq!(diff.code, 2, "{diff:?}");
    let place_named = format!("cannot make a directory in `{}`", nowhere.display());
    assert!(diff.stderr.contains(&place_named) && diff.stderr.contains("set TMPDIR"), "{diff:?}");
    assert_eq!(names(&place), ["repo"]);
}
