//! Somebody else writes on the volume while a pass runs, or asks it to stop.

use std::os::unix::fs::symlink;

use super::*;

const SKILL: [(&str, &str); 2] = [("pdf/SKILL.md", "one"), ("pdf/a.txt", "a")];
const CHANGED: [(&str, &str); 2] = [("pdf/SKILL.md", "two"), ("pdf/a.txt", "b")];

fn served() -> World {
    let mut world = World::new();
    world.serve(&SKILL).expect("applied");
    world
}

/// Runs one pass with somebody at work between staging and publishing.
fn disturbed(world: &mut World, files: &[(&str, &str)], disturb: impl FnOnce(&World)) -> ApplyError {
    let decided = world.decide(files);
    let staged = world.stage(&decided).expect("staged");
    disturb(world);
    staged.publish(&world.mirror, &Cancel::new(), &mut Vec::new()).expect_err("somebody was there")
}

fn assert_raced(error: &ApplyError, path: &str) {
    assert!(matches!(error, ApplyError::Raced { path: raced } if raced.as_str() == path), "{error:?}");
    assert_eq!(error.remedy(), Remedy::Retry(None));
    assert!(error.to_string().contains("changed on the volume while the pass ran"), "{error}");
}

#[test]
fn a_link_swapped_in_for_a_directory_leads_nowhere() {
    let mut world = served();
    let outside = world.root.path().join("outside");
    fs::create_dir(&outside).expect("made");
    let error = disturbed(&mut world, &CHANGED, |world| {
        fs::rename(world.at("pdf"), world.at("away")).expect("moved");
        symlink(&outside, world.at("pdf")).expect("linked");
    });
    assert_raced(&error, "pdf/a.txt");
    assert_eq!(fs::read_dir(&outside).expect("listed").count(), 0);
    assert_eq!(world.text("away/SKILL.md"), "one");
    assert!(!world.state("staging/2").exists());
}

#[test]
fn a_file_swapped_in_for_a_directory_stays() {
    let mut world = served();
    let error = disturbed(&mut world, &CHANGED, |world| {
        fs::remove_dir_all(world.at("pdf")).expect("removed");
        fs::write(world.at("pdf"), "mine").expect("written");
    });
    assert_raced(&error, "pdf/a.txt");
    assert_eq!(world.text("pdf"), "mine");
}

#[test]
fn a_file_that_changed_since_the_look_is_not_overwritten() {
    let mut world = served();
    let error = disturbed(&mut world, &CHANGED, |world| {
        fs::write(world.at("pdf/a.txt"), "typed just now").expect("written");
    });
    assert_raced(&error, "pdf/a.txt");
    assert_eq!(world.text("pdf/a.txt"), "typed just now");
    let done = world.serve(&CHANGED).expect("the next pass");
    assert_eq!(world.drift(&done.kept[0].id), b"typed just now");
    world.assert_settled(&CHANGED);
}

#[test]
fn what_appeared_since_the_look_is_not_overwritten() {
    let mut world = served();
    let more = [SKILL[0], SKILL[1], ("pdf/new.txt", "new"), ("x/SKILL.md", "x")];
    let error = disturbed(&mut world, &more, |world| {
        fs::write(world.at("pdf/new.txt"), "mine").expect("written");
    });
    assert_raced(&error, "pdf/new.txt");
    let error = disturbed(&mut world, &[SKILL[0], SKILL[1], ("x/SKILL.md", "x")], |world| {
        fs::create_dir(world.at("x")).expect("made");
    });
    assert_raced(&error, "x");
    assert_eq!(world.text("pdf/new.txt"), "mine");
}

#[test]
fn what_was_kept_and_then_changed_again_stays() {
    let mut world = served();
    fs::write(world.at("pdf/a.txt"), "first").expect("written");
    let error = disturbed(&mut world, &SKILL, |world| {
        fs::write(world.at("pdf/a.txt"), "second").expect("written");
    });
    assert_raced(&error, "pdf/a.txt");
    assert_eq!(world.text("pdf/a.txt"), "second");
}

#[test]
fn a_file_to_be_unlinked_that_changed_stays() {
    let mut world = served();
    let error = disturbed(&mut world, &[], |world| {
        fs::write(world.at("pdf/SKILL.md"), "better").expect("written");
    });
    assert_raced(&error, "pdf/SKILL.md");
    assert_eq!((world.text("pdf/SKILL.md"), world.text("pdf/a.txt")), ("better".to_owned(), "a".to_owned()));
}

#[test]
fn what_is_gone_already_need_not_go() {
    let mut world = served();
    let decided = world.decide(&[]);
    let staged = world.stage(&decided).expect("staged");
    fs::remove_dir_all(world.at("pdf")).expect("removed");
    staged.publish(&world.mirror, &Cancel::new(), &mut Vec::new()).expect("nothing is left to do");
    assert_eq!(world.names(), [SENTINEL]);
}

#[test]
fn a_change_between_look_and_keep_is_seen() {
    let mut world = served();
    fs::write(world.at("pdf/a.txt"), "first").expect("written");
    let decided = world.decide(&SKILL);
    fs::remove_file(world.at("pdf/a.txt")).expect("removed");
    assert_raced(&world.stage(&decided).expect_err("gone"), "pdf/a.txt");
    symlink("/etc/passwd", world.at("pdf/a.txt")).expect("linked");
    assert_raced(&world.stage(&decided).expect_err("a link"), "pdf/a.txt");
}

#[test]
fn a_directory_of_ours_with_foreign_files_does_not_become_a_file() {
    let mut world = World::new();
    world.serve(&[("s/SKILL.md", "1"), ("s/b/c", "deep")]).expect("applied");
    let decided = world.decide(&[("s/SKILL.md", "1"), ("s/b", "file")]);
    fs::write(world.at("s/b/mine"), "mine").expect("written");
    let staged = world.stage(&decided).expect("staged");
    let error = staged.publish(&world.mirror, &Cancel::new(), &mut Vec::new()).expect_err("it is occupied");
    assert!(matches!(&error, ApplyError::Occupied { path } if path.as_str() == "s/b"), "{error:?}");
    assert_eq!(error.remedy(), Remedy::Person);
    assert!(error.to_string().contains("holds files that are not ours"), "{error}");
    assert_eq!(world.text("s/b/mine"), "mine");
}

#[test]
fn a_pass_that_is_asked_to_stop_publishes_whole_skills_or_none() {
    let mut world = served();
    let decided = world.decide(&CHANGED);
    let cancel = Cancel::new();
    cancel.cancel();
    let order = world.order(&decided);
    let staged = stage(&world.target.locked().expect("locked"), &world.mirror, order, &cancel);
    assert!(matches!(staged.expect_err("stopped"), ApplyError::Cancelled(_)));
    let staged = world.stage(&decided).expect("staged");
    assert!(matches!(
        staged.publish(&world.mirror, &cancel, &mut Vec::new()).expect_err("stopped"),
        ApplyError::Cancelled(_)
    ));
    assert_eq!((world.text("pdf/SKILL.md"), world.text("pdf/a.txt")), ("one".to_owned(), "a".to_owned()));
    assert!(!world.state("staging/2").exists());
}

#[test]
fn steps_belong_to_the_skill_that_they_are_for() {
    let mut world = World::new();
    world.serve(&[("a/SKILL.md", "1"), ("b/SKILL.md", "1"), ("b/x", "1")]).expect("applied");
    fs::remove_dir_all(world.at("b")).expect("removed");
    fs::write(world.at("b"), "in the way").expect("written");
    let decided = world.decide(&[("a/SKILL.md", "2"), ("b/SKILL.md", "1"), ("b/x", "1")]);
    let steps: Vec<_> = decided.plan.steps.iter().zip(publish::owners(&decided.plan)).collect();
    assert!(
        matches!(
            steps[..],
            [
                (crate::plan::Step::Publish { .. }, Some(0)),
                (crate::plan::Step::Keep { clear: true, .. }, Some(1)),
                (crate::plan::Step::PublishDirectory { .. }, Some(1)),
            ]
        ),
        "{steps:?}"
    );
}

#[test]
fn a_rename_that_fails_names_the_file_and_the_reason() {
    let error: ApplyError = failed(|| "rename staged file over `pdf/SKILL.md`".to_owned())(Errno::NOSPC);
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(error.to_string(), "cannot rename staged file over `pdf/SKILL.md`");
    assert!(cause.contains("No space left"), "{cause}");
}
