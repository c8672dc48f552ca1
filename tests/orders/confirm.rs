//! A guard lets exactly the confirmed commit through.

use crate::place::Place;

const SIX: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A target from which the next commit would remove most skills.
fn emptied_by_mistake() -> (Place, String) {
    let (place, _) = Place::with(&SIX);
    place.once(0);
    SIX[1..].iter().for_each(|name| place.remove(name));
    let waiting = place.commit();
    let guarded = place.once(4);
    assert!(
        guarded.error().ends_with(&format!("if that is meant, confirm revision {waiting}")),
        "{guarded:?}"
    );
    (place, waiting)
}

#[test]
fn a_confirmed_commit_may_remove_most_skills_and_the_audit_says_whose_word_it_was() {
    let (place, waiting) = emptied_by_mistake();
    assert!(place.served("f").is_some());
    let confirmed = place.ends(&["confirm", &waiting[..8], "-o", "json"], 0);
    assert_eq!(confirmed.json()["outcome"], "applied");
    assert_eq!((place.served("a").is_some(), place.served("f")), (true, None));
    let record = place.audit("confirmed");
    assert_eq!(record["actor"], Place::actor());
    assert_eq!(record["body"]["commit"], waiting);
    assert_eq!(place.once(0).json()["outcome"], "in_sync");
    assert!(place.ends(&["audit", "verify"], 0).stdout.starts_with("whole"));
}

#[test]
fn a_later_commit_needs_its_own_confirmation() {
    let (place, waiting) = emptied_by_mistake();
    place.write("a", "two");
    let later = place.commit();
    let guarded = place.ends(&["confirm", &waiting, "-o", "json"], 4);
    assert!(guarded.error().contains(&later), "{guarded:?}");
    assert!(place.served("f").is_some());
    place.ends(&["confirm", &later], 0);
    assert_eq!(place.served("f"), None);
}

#[test]
fn a_confirmation_does_not_outlive_what_was_applied_instead() {
    let (place, waiting) = emptied_by_mistake();
    place.reset("HEAD~1");
    place.ends(&["confirm", &waiting], 0);
    assert!(place.served("f").is_some());
    place.reset(&waiting);
    place.once(4);
}

#[test]
fn a_confirmed_empty_path_removes_every_owned_skill_and_stays_in_sync() {
    let (place, _) = Place::with(&["a", "b"]);
    place.once(0);
    std::fs::write(place.path("skills/theirs.txt"), "not ours").unwrap();
    place.remove("a");
    place.remove("b");
    std::fs::write(place.path("repo/LICENSE"), "free").unwrap();
    let waiting = place.commit();
    let guarded = place.once(4);
    assert!(guarded.error().contains("or confirm the commit to remove all skills"), "{guarded:?}");
    place.ends(&["confirm", &waiting], 0);
    assert_eq!((place.served("a"), place.served("b")), (None, None));
    assert!(place.path("skills/theirs.txt").exists());
    assert_eq!(place.once(0).json()["outcome"], "in_sync", "the empty commit needs no second word");
    place.write("c", "one");
    place.commit();
    place.once(0);
    assert!(place.serves("c", "one"));
}

#[test]
fn globs_that_leave_nothing_are_confirmed_too() {
    let (place, commit) = Place::with(&["a", "b"]);
    place.once(0);
    let none = [("SKILLS_INCLUDE", "nothing-*")];
    let guarded = place.run_with(&["once", "-o", "json"], &none);
    assert!(
        guarded.code == 4 && guarded.error().contains("that SKILLS_INCLUDE and SKILLS_EXCLUDE let through")
    );
    assert_eq!(place.run_with(&["confirm", &commit], &none).code, 0);
    assert_eq!(place.served("a"), None);
}

#[test]
fn another_repository_and_another_path_wait_for_a_word() {
    let (place, _) = Place::with(&["a"]);
    place.once(0);
    let (other, theirs) = Place::with(&["x"]);
    let repo = other.path("repo").to_str().unwrap().to_owned();
    let elsewhere = [("SKILLS_REPO", &*repo)];
    let guarded = place.run_with(&["once", "-o", "json"], &elsewhere);
    assert!(guarded.code == 4 && guarded.error().starts_with("this target was filled from "), "{guarded:?}");
    assert!(place.served("a").is_some());
    assert_eq!(place.run_with(&["confirm", &theirs], &elsewhere).code, 0);
    assert_eq!((place.served("a"), place.serves("x", "one")), (None, true));

    std::fs::create_dir(other.path("repo/below")).unwrap();
    std::fs::rename(other.path("repo/x.md"), other.path("repo/below/x.md")).unwrap();
    let moved = other.commit();
    let below = [elsewhere[0], ("SKILLS_PATH", "below")];
    let guarded = place.run_with(&["once", "-o", "json"], &below);
    assert!(
        guarded.code == 4 && guarded.error().contains("SKILLS_PATH `.` and it is now `below`"),
        "{guarded:?}"
    );
    assert_eq!(place.run_with(&["confirm", &moved[..10]], &below).code, 0);
    assert_eq!(place.run_with(&["once"], &below).code, 0);
}

#[test]
fn another_history_waits_for_a_word_and_is_recorded_with_both_commits() {
    let (place, first) = Place::with(&["a"]);
    place.once(0);
    place.write("a", "two");
    let stranger = place.commit_alone();
    let guarded = place.once(4);
    assert!(guarded.error().contains("shares no history with"), "{guarded:?}");
    assert!(place.serves("a", "one"));
    place.ends(&["confirm", &stranger], 0);
    assert!(place.serves("a", "two"));
    let body = place.audit("rewound")["body"].clone();
    assert_eq!((&body["from"], &body["to"]), (&first.into(), &stranger.into()));
}

#[test]
fn a_rewound_branch_is_recorded_and_with_refuse_it_waits() {
    let (place, first) = Place::with(&["a"]);
    place.write("a", "two");
    let second = place.commit();
    place.once(0);
    place.reset(&first);
    let refuse = [("REWIND", "refuse")];
    let guarded = place.run_with(&["once", "-o", "json"], &refuse);
    assert!(guarded.code == 4 && guarded.error().contains("REWIND=refuse"), "{guarded:?}");
    assert!(place.serves("a", "two"));
    assert_eq!(place.run_with(&["confirm", &first], &refuse).code, 0);
    assert!(place.serves("a", "one"));
    let body = place.audit("rewound")["body"].clone();
    assert_eq!((&body["from"], &body["to"]), (&second.into(), &first.clone().into()));

    place.write("a", "three");
    let third = place.commit();
    place.once(0);
    place.reset(&first);
    place.once(0);
    assert_eq!(place.audit("rewound")["body"]["from"], third);
}

#[test]
fn what_names_no_commit_is_refused_before_anything_is_recorded() {
    let (place, _) = Place::with(&["a"]);
    place.once(0);
    for (said, told) in [
        ("HEAD", "error: `HEAD` is no commit id: give the revision that waits"),
        ("abc", "error: `abc` is no commit id"),
        ("abcdefabcdef", "error: no commit that was fetched begins with `abcdefabcdef`"),
    ] {
        let refused = place.ends(&["confirm", said], 2);
        assert!(refused.stderr.starts_with(told), "{refused:?}");
    }
    let kinds = place.run(&["audit", "list"]).stdout;
    assert!(!kinds.contains("confirmed"), "{kinds}");
    let nowhere = place.run_with(&["confirm", "abcdefab"], &[("SKILLS_REPO", "")]);
    assert_eq!(nowhere.code, 2);
    assert!(nowhere.stderr.contains("no service runs for this target, and SKILLS_REPO"), "{nowhere:?}");
}

#[test]
fn another_layout_waits_for_a_word_and_then_moves_every_flat_skill() {
    let (place, commit) = Place::with(&["a", "b"]);
    place.once(0);
    let folder = |arguments: &[&str], code| place.ends(&[arguments, &["--layout", "folder"]].concat(), code);
    let guarded = folder(&["once", "-o", "json"], 4);
    assert!(guarded.error().contains("filled with LAYOUT=mirror and it is now folder"), "{guarded:?}");
    assert!(place.served("a").is_some() && !place.path("skills/a").exists());
    let moved = folder(&["confirm", &commit, "-o", "json"], 0);
    assert_eq!(moved.json()["outcome"], "applied");
    assert!(place.served("a").is_none() && place.path("skills/a/SKILL.md").exists());
    assert_eq!(folder(&["once", "-o", "json"], 0).json()["outcome"], "in_sync");
    // Back again is a change of its own.
    assert!(place.once(4).error().contains("filled with LAYOUT=folder and it is now mirror"));
    place.ends(&["confirm", &commit], 0);
    assert!(place.served("a").is_some() && !place.path("skills/a").exists());
}
