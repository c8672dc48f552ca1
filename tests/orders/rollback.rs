//! A rollback serves an older revision, says so, and stays until `resume`.

use crate::place::Place;

/// A target that applied three revisions, the newest last.
fn applied_three() -> (Place, Vec<String>) {
    let (place, first) = Place::with(&["a"]);
    place.once(0);
    let mut commits = vec![first];
    for text in ["two", "three"] {
        place.write("a", text);
        commits.push(place.commit());
        place.once(0);
    }
    (place, commits)
}

#[test]
fn a_rollback_pins_says_what_waits_and_is_over_with_resume() {
    let (place, commits) = applied_three();
    let back = place.ends(&["rollback", "HEAD~1", "-o", "json"], 0).json();
    assert_eq!((&back["outcome"], &back["revision"]), (&"applied".into(), &commits[1].clone().into()));
    assert!(place.serves("a", "two"));
    let (is, reason, message) = place.condition("Pinned");
    assert_eq!((&*is, &*reason), ("True", "Pinned"));
    assert!(
        message.starts_with(&format!("pinned to {} by {}", &commits[1][..12], Place::actor())),
        "{message}"
    );

    place.write("a", "four");
    let newest = place.commit();
    let poll = place.once(0).json();
    assert_eq!(
        (&poll["outcome"], &poll["applied_revision"]),
        (&"in_sync".into(), &commits[1].clone().into())
    );
    let note = poll["note"].as_str().unwrap();
    assert!(note.ends_with(&format!("is at {}, which waits", &newest[..12])), "{note}");
    assert_eq!(place.condition("Pinned").2, note);
    place.edit("a", "drifted");
    place.once(0);
    assert!(place.serves("a", "two"), "drift is put right at the pinned revision");

    place.ends(&["resume"], 0);
    assert!(place.serves("a", "four"));
    assert_eq!(place.condition("Pinned").1, "NotPinned");
    let (pinned, resumed) = (place.audit("pinned"), place.audit("resumed"));
    assert_eq!(
        (&pinned["actor"], &pinned["body"]["commit"]),
        (&Place::actor().into(), &commits[1].clone().into())
    );
    assert_eq!(resumed["body"]["pinned"], true);
}

#[test]
fn two_steps_back_are_two_revisions_and_a_pass_names_one_too() {
    let (place, commits) = applied_three();
    place.ends(&["rollback", "HEAD~1"], 0);
    place.ends(&["rollback", "HEAD~1"], 0);
    assert!(place.serves("a", "one"));
    let far = place.ends(&["rollback", "HEAD~1"], 2);
    assert!(
        far.stderr.contains("HEAD~1 is before the first revision on record: 0 were applied before"),
        "{far:?}"
    );
    for (said, text) in [("pass:2", "two"), ("1", "one"), (&commits[2][..6], "three")] {
        place.ends(&["rollback", said], 0);
        assert!(place.serves("a", text), "{said}");
    }
    let neither = place.ends(&["rollback", "999999999"], 2);
    assert!(neither.stderr.starts_with("error: `999999999` is no pass on record"), "{neither:?}");
    let unknown = place.ends(&["rollback", "pass:99"], 2);
    assert!(unknown.stderr.starts_with("error: pass 99 is not on record"), "{unknown:?}");
    let nothing = place.ends(&["rollback", "main"], 2);
    assert!(nothing.stderr.starts_with("error: `main` names no revision: give a commit id"), "{nothing:?}");
}

#[test]
fn a_commit_whose_first_digits_are_a_number_is_found_by_them() {
    let (place, first) = Place::with(&["a"]);
    place.once(0);
    // One commit in 17 has such an id.
    let numeric = (0..500).find_map(|n| {
        place.write("a", &format!("version {n}."));
        let commit = place.commit();
        commit[..6].bytes().all(|b| b.is_ascii_digit()).then_some((n, commit))
    });
    let (n, commit) = numeric.expect("a commit whose id begins with six decimal digits");
    place.once(0);
    place.ends(&["rollback", &first], 0);
    place.ends(&["rollback", &commit[..6]], 0);
    assert!(place.serves("a", &format!("version {n}.")), "{commit}");
}

#[test]
fn a_rollback_needs_no_network_and_drift_is_put_right_without_it() {
    let (place, commits) = applied_three();
    std::fs::rename(place.path("repo"), place.path("gone")).unwrap();
    place.ends(&["rollback", &commits[0]], 0);
    assert!(place.serves("a", "one"));
    place.edit("a", "drifted");
    let report = place.once(0).json();
    assert!(place.serves("a", "one"));
    assert!(report["note"].as_str().unwrap().contains("what waits is not known: "), "{report}");
    std::fs::rename(place.path("gone"), place.path("repo")).unwrap();
    place.ends(&["resume"], 0);
    assert!(place.serves("a", "three"));
}

#[test]
fn a_rollback_is_judged_by_todays_rules() {
    let (place, _) = Place::with(&["a"]);
    std::fs::write(place.path("repo/b.md"), "---\nname: other\ndescription: Named otherwise.\n---\nText.\n")
        .unwrap();
    place.commit();
    place.once(0);
    place.remove("b");
    place.commit();
    place.once(0);
    assert_eq!(place.served("b"), None);
    let strict = place.run_with(&["rollback", "HEAD~1", "-o", "json"], &[("STRICT", "true")]);
    assert_eq!((strict.code, &strict.json()["held"][0]["skill"]), (3, &"b".into()), "{strict:?}");
    assert_eq!(place.served("b"), None);
}

#[test]
fn a_rollback_that_removes_most_skills_still_needs_a_word() {
    let (place, first) = Place::with(&["a"]);
    place.once(0);
    ["b", "c", "d", "e", "f"].iter().for_each(|name| place.write(name, "one"));
    place.commit();
    place.once(0);
    let guarded = place.ends(&["rollback", "HEAD~1", "-o", "json"], 4);
    assert!(guarded.error().ends_with(&format!("confirm revision {first}")), "{guarded:?}");
    assert!(place.served("f").is_some());
    place.ends(&["confirm", &first], 0);
    assert_eq!(place.served("f"), None);
}

#[test]
fn a_rollback_is_its_own_word_for_leaving_newer_commits_behind() {
    let (place, commits) = applied_three();
    let refuse = [("REWIND", "refuse")];
    assert_eq!(place.run_with(&["rollback", "HEAD~2"], &refuse).code, 0);
    assert!(place.serves("a", "one"));
    assert_eq!(place.run_with(&["resume"], &refuse).code, 0);
    assert_eq!(place.audit("rewound")["body"]["from"], commits[2]);
}
