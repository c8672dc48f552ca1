//! Somebody writes into a file after the last look at it, while it is replaced.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write as _;

use super::*;

const SKILL: [(&str, &str); 2] = [("pdf/SKILL.md", "one"), ("pdf/a.txt", "a")];
const CHANGED: [(&str, &str); 2] = [("pdf/SKILL.md", "two"), ("pdf/a.txt", "b")];

fn served() -> World {
    let mut world = World::new();
    world.serve(&SKILL).expect("applied");
    world
}

/// Publishes with somebody at work between the last look at a file and the change of it.
fn disturbed(world: &mut World, files: &[(&str, &str)], disturb: impl Fn(&World, &str)) -> Vec<Late> {
    let decided = world.decide(files);
    let staged = world.stage(&decided).expect("staged");
    let mut late = Vec::new();
    let about = |path: &TreePath| disturb(world, path.as_str());
    publish::publish(&staged, &world.mirror, &Cancel::new(), &mut late, &about).expect("published");
    late
}

#[test]
fn what_is_written_into_a_file_while_it_is_replaced_is_told_and_kept() {
    let mut world = served();
    let late = disturbed(&mut world, &CHANGED, |world, path| {
        if path == "pdf/a.txt" {
            fs::write(world.at(path), "typed just now").expect("written");
        }
    });
    let [Late { path: told, kept: Some(kept) }] = &late[..] else { panic!("{late:?}") };
    assert_eq!((told.as_str(), &kept.path, kept.size), ("pdf/a.txt", told, 14));
    assert_eq!(kept.digest, Some(Digest::of(b"typed just now")));
    assert_eq!(world.drift(&kept.id), b"typed just now");
    assert_eq!((world.text("pdf/SKILL.md"), world.text("pdf/a.txt")), ("two".to_owned(), "b".to_owned()));
}

#[test]
fn a_writer_that_is_not_done_yet_is_kept_with_what_it_writes_until_all_is_published() {
    let mut world = served();
    let writer = RefCell::new(None);
    let late = disturbed(&mut world, &CHANGED, |world, path| {
        let mut writer = writer.borrow_mut();
        match path {
            "pdf/a.txt" => {
                let opened = OpenOptions::new().append(true).open(world.at(path)).expect("opened");
                writer.insert(opened).write_all(b" and").expect("written");
            }
            _ => writer.as_mut().expect("it comes last").write_all(b" more").expect("written"),
        }
    });
    let kept = late[0].kept.as_ref().expect("kept");
    assert_eq!((late.len(), world.drift(&kept.id)), (1, b"a and more".to_vec()));
}

#[test]
fn what_is_written_into_a_file_while_it_is_removed_is_kept() {
    let mut world = served();
    let late = disturbed(&mut world, &[], |world, path| {
        fs::write(world.at(path), format!("late {path}")).expect("written");
    });
    let kept: Vec<_> = late.iter().map(|late| world.drift(&late.kept.as_ref().expect("kept").id)).collect();
    assert_eq!(kept, [b"late pdf/SKILL.md".to_vec(), b"late pdf/a.txt".to_vec()]);
    assert_eq!(world.names(), [SENTINEL]);
}

#[test]
fn drift_that_is_written_to_again_is_kept_twice() {
    let mut world = served();
    fs::write(world.at("pdf/a.txt"), "first").expect("written");
    let decided = world.decide(&SKILL);
    let staged = world.stage(&decided).expect("staged");
    let first = staged.kept()[0].id.clone();
    let mut late = Vec::new();
    let about = |path: &TreePath| fs::write(world.at(path.as_str()), "second").expect("written");
    publish::publish(&staged, &world.mirror, &Cancel::new(), &mut late, &about).expect("published");
    let second = &late[0].kept.as_ref().expect("kept").id;
    assert_eq!((world.drift(&first), world.drift(second)), (b"first".to_vec(), b"second".to_vec()));
}

#[test]
fn a_file_that_is_only_touched_is_no_loss() {
    let mut world = served();
    let late = disturbed(&mut world, &CHANGED, |world, path| {
        let text = world.text(path);
        fs::write(world.at(path), text).expect("written");
    });
    assert_eq!(late, []);
}

#[test]
fn what_is_too_large_to_be_read_is_told_without_being_kept() {
    let mut world = served();
    let late = disturbed(&mut world, &CHANGED, |world, path| {
        let file = OpenOptions::new().write(true).open(world.at(path)).expect("opened");
        file.set_len(if path == "pdf/a.txt" { 1 << 40 } else { 3 }).expect("grown");
    });
    assert_eq!(late, [Late { path: path("pdf/a.txt"), kept: None }]);
    assert_eq!(world.text("pdf/a.txt"), "b");
}

#[test]
fn more_files_than_are_held_open_at_a_time_are_all_looked_at_again() {
    let names: Vec<String> = (0..300).map(|n| format!("many/{n:03}.txt")).collect();
    let of = |text: &'static str| {
        let files = names.iter().map(move |name| (name.as_str(), text));
        std::iter::once(("many/SKILL.md", text)).chain(files).collect::<Vec<_>>()
    };
    let mut world = World::new();
    world.serve(&of("one")).expect("applied");
    let late = disturbed(&mut world, &of("two"), |world, path| {
        if path.ends_with("7.txt") {
            fs::write(world.at(path), path).expect("written");
        }
    });
    assert_eq!(late.len(), 30);
    for late in late {
        assert_eq!(world.drift(&late.kept.expect("kept").id), late.path.as_str().as_bytes());
    }
}
