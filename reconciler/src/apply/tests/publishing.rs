//! What a pass writes, keeps and leaves alone.

use std::os::unix::fs::symlink;
use std::time::Instant;

use super::*;

const PDF: [(&str, &str); 3] = [("flat.md", "flat"), ("pdf/SKILL.md", "one"), ("pdf/scripts/run.sh", "#!")];

#[test]
fn what_git_has_is_on_the_volume_and_a_second_look_finds_nothing_to_do() {
    let mut world = World::new();
    let done = world.serve(&PDF).expect("applied");
    assert_eq!(done.plan.changes.len(), 2);
    assert_eq!(
        world.names(),
        [".skill-sync.md", "flat.md", "pdf", "pdf/SKILL.md", "pdf/scripts", "pdf/scripts/run.sh"]
    );
    assert_eq!(world.text("pdf/scripts/run.sh"), "#!");
    world.assert_settled(&PDF);
    world.known.clear();
    world.assert_settled(&PDF);
}

#[test]
fn modes_are_those_of_git_whatever_the_umask() {
    const INNER: &str = "SKILL_SYNC_TEST_UMASK";
    if std::env::var_os(INNER).is_none() {
        // The umask belongs to the process: the story runs in one of its own.
        let name = std::thread::current().name().expect("a test has a name").to_owned();
        let this = std::env::current_exe().expect("this test");
        let ran = std::process::Command::new(this).args(["--exact", &name]).env(INNER, "1").status();
        assert!(ran.expect("it ran").success());
        return;
    }
    for umask in [0o000, 0o077, 0o777] {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let root = tempfile::tempdir().expect("a directory");
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
        let target = root.path().join("made/above/skills");
        let state = root.path().join("made/above/.skill-sync");
        drop(Target::open(&target, &state, false, Duration::ZERO, &Cancel::new()).expect("opened"));
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o7777;
        assert_eq!([mode(&target), mode(&root.path().join("made")), mode(&state)], [0o755, 0o755, 0o700]);
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let mut world = World::new();
        let decided = world.decide(&PDF);
        // Objects of the mirror are libgit2's to write.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
        let staged = world.stage(&decided).expect("staged");
        staged.publish(&world.mirror, &Cancel::new(), &mut Vec::new()).expect("published");
        let modes = ["flat.md", "pdf", "pdf/scripts", "pdf/SKILL.md", "pdf/scripts/run.sh", ".skill-sync.md"]
            .map(|path| world.mode(path));
        assert_eq!(modes, [0o644, 0o755, 0o755, 0o644, 0o755, 0o644], "umask {umask:o}");
    }
}

#[test]
fn what_did_not_change_is_not_touched() {
    let mut world = World::new();
    world.serve(&PDF).expect("applied");
    let before = ["flat.md", "pdf", "pdf/scripts/run.sh"].map(|path| world.inode(path));
    world.serve(&[PDF[0], ("pdf/SKILL.md", "two"), PDF[2]]).expect("applied");
    assert_eq!(world.text("pdf/SKILL.md"), "two");
    let after = ["flat.md", "pdf", "pdf/scripts/run.sh"].map(|path| world.inode(path));
    assert_eq!([before[0], before[2]], [after[0], after[2]]);
    assert_eq!(before[1].0, after[1].0, "a live directory is never replaced");
}

#[test]
fn a_skill_that_goes_leaves_only_what_is_not_ours() {
    let mut world = World::new();
    world.serve(&PDF).expect("applied");
    fs::write(world.at("pdf/notes.txt"), "mine").expect("written");
    fs::create_dir(world.at("cache")).expect("made");
    world.serve(&[PDF[0]]).expect("applied");
    assert_eq!(world.names(), [".skill-sync.md", "cache", "flat.md", "pdf", "pdf/notes.txt"]);
    world.assert_settled(&[PDF[0]]);
}

#[test]
fn a_drifted_file_is_put_right_and_its_bytes_can_be_had_back() {
    let mut world = World::new();
    world.serve(&PDF).expect("applied");
    fs::write(world.at("pdf/SKILL.md"), "by hand").expect("written");
    let done = world.serve(&PDF).expect("applied");
    assert_eq!(world.text("pdf/SKILL.md"), "one");
    let [kept] = &done.kept[..] else { panic!("one thing was kept: {:?}", done.kept) };
    assert_eq!((kept.id.as_str(), kept.path.as_str(), kept.size), ("2-1", "pdf/SKILL.md", 7));
    assert_eq!(kept.digest, Some(Digest::of(b"by hand")));
    assert!(matches!(kept.kind, KeptKind::Blob(_)) && kept.mtime.is_some());
    assert_eq!(world.drift("2-1"), b"by hand");
    world.assert_settled(&PDF);
}

#[test]
fn what_was_kept_is_never_overwritten_by_another_pass_of_the_same_number() {
    let mut world = World::new();
    world.serve(&PDF).expect("applied");
    fs::write(world.at("flat.md"), "first").expect("written");
    world.serve(&PDF).expect("applied");
    let World { root, target, inventory, .. } = world;
    drop(target);
    let mut world = World { inventory, pass: 1, ..World::below(root) };
    fs::write(world.at("flat.md"), "second").expect("written");
    let done = world.serve(&PDF).expect("applied");
    assert_eq!(done.kept[0].id, "2-2");
    assert_eq!([world.drift("2-1"), world.drift("2-2")], [b"first".to_vec(), b"second".to_vec()]);
}

#[test]
fn drift_of_every_kind_is_put_right() {
    let mut world = World::new();
    let many: Vec<(String, String)> =
        ["empty", "fifo", "gone", "link", "linked", "mode"].map(|n| (format!("{n}.md"), n.to_owned())).into();
    let mut many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    many.push(("zero.md", ""));
    world.serve(&many).expect("applied");
    let remove = |path: &str| fs::remove_file(world.at(path)).expect("removed");
    ["empty.md", "fifo.md", "gone.md", "link.md", "zero.md"].into_iter().for_each(remove);
    fs::create_dir(world.at("empty.md")).expect("made");
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, world.at("fifo.md"), fifo, mode, 0).expect("a pipe");
    symlink("/etc/passwd", world.at("link.md")).expect("linked");
    symlink("/nowhere", world.at("zero.md")).expect("linked");
    fs::hard_link(world.at("linked.md"), world.root.path().join("second-name")).expect("linked");
    fs::set_permissions(world.at("mode.md"), fs::Permissions::from_mode(0o4777)).expect("changed");
    let done = world.serve(&many).expect("applied");
    for (path, text) in &many {
        assert_eq!(world.text(path), *text);
        let seen = fs::symlink_metadata(world.at(path)).expect("it is there");
        assert_eq!((seen.nlink(), seen.mode() & 0o7777, seen.is_file()), (1, 0o644, true), "{path}");
    }
    assert_eq!(fs::read(world.root.path().join("second-name")).expect("read"), b"linked");
    let kinds: Vec<_> = done.kept.iter().map(|kept| (kept.path.as_str(), &kept.kind)).collect();
    assert!(
        matches!(
            kinds[..],
            [
                ("empty.md", KeptKind::Nothing),
                ("fifo.md", KeptKind::Nothing),
                ("link.md", KeptKind::Link(_)),
                ("zero.md", KeptKind::Link(_)),
            ]
        ),
        "{kinds:?}"
    );
    assert_eq!(world.drift(&done.kept[2].id), b"/etc/passwd");
    world.assert_settled(&many);
}

#[test]
fn files_that_somebody_linked_to_each_other_are_parted_in_one_pass() {
    let mut world = World::new();
    let same = [("a.md", "same"), ("b.md", "same"), ("c.md", "same")];
    world.serve(&same).expect("applied");
    for path in ["b.md", "c.md"] {
        fs::remove_file(world.at(path)).expect("removed");
        fs::hard_link(world.at("a.md"), world.at(path)).expect("linked");
    }
    world.serve(&same).expect("applied");
    let links = ["a.md", "b.md", "c.md"].map(|path| fs::metadata(world.at(path)).expect("there").nlink());
    assert_eq!(links, [1, 1, 1]);
    world.assert_settled(&same);
}

#[test]
fn a_directory_in_the_place_of_a_file_is_moved_aside_whole() {
    let mut world = World::new();
    world.serve(&PDF).expect("applied");
    fs::remove_file(world.at("pdf/SKILL.md")).expect("removed");
    fs::create_dir_all(world.at("pdf/SKILL.md/deep")).expect("made");
    fs::write(world.at("pdf/SKILL.md/deep/thesis.txt"), "years").expect("written");
    let done = world.serve(&PDF).expect("applied");
    assert_eq!(world.text("pdf/SKILL.md"), "one");
    assert_eq!(done.kept[0].kind, KeptKind::Aside("displaced/2-1".into()));
    assert_eq!(fs::read(world.state("displaced/2-1/deep/thesis.txt")).expect("read"), b"years");
    world.assert_settled(&PDF);
}

#[test]
fn a_file_too_large_to_store_is_moved_aside_unread() {
    let mut world = World::new();
    world.serve(&PDF).expect("applied");
    let large = fs::OpenOptions::new().write(true).open(world.at("flat.md")).expect("opened");
    large.set_len(1 << 40).expect("a sparse file of a terabyte");
    let done = world.serve(&PDF).expect("applied");
    assert_eq!(world.text("flat.md"), "flat");
    assert_eq!((done.kept[0].size, done.kept[0].digest), (1 << 40, None));
    assert_eq!(fs::metadata(world.state("displaced/2-1")).expect("there").len(), 1 << 40);
}

#[test]
fn what_stands_where_a_directory_is_needed_makes_room_and_is_kept() {
    let mut world = World::new();
    world.serve(&PDF).expect("applied");
    fs::remove_dir_all(world.at("pdf")).expect("removed");
    fs::write(world.at("pdf"), "a file here").expect("written");
    let done = world.serve(&PDF).expect("applied");
    assert_eq!(world.text("pdf/scripts/run.sh"), "#!");
    assert_eq!(world.drift(&done.kept[0].id), b"a file here");
    fs::rename(world.at("pdf"), world.root.path().join("moved")).expect("moved");
    symlink(world.root.path().join("moved"), world.at("pdf")).expect("linked");
    let done = world.serve(&PDF).expect("applied");
    assert!(fs::symlink_metadata(world.at("pdf")).expect("there").is_dir());
    assert_eq!(world.text("pdf/SKILL.md"), "one");
    assert!(matches!(done.kept[0].kind, KeptKind::Link(_)));
    assert!(world.root.path().join("moved/SKILL.md").exists(), "what the link led to is not ours");
    world.assert_settled(&PDF);
}

#[test]
fn files_and_directories_take_each_others_place() {
    let mut world = World::new();
    world.serve(&[("s/SKILL.md", "1"), ("s/a", "file"), ("s/b/c", "deep")]).expect("applied");
    let turned = [("s/SKILL.md", "2"), ("s/a/d", "deep"), ("s/b", "file")];
    world.serve(&turned).expect("applied");
    assert_eq!((world.text("s/a/d"), world.text("s/b")), ("deep".to_owned(), "file".to_owned()));
    world.assert_settled(&turned);
}

#[test]
fn the_sentinel_is_new_after_a_pass_that_changed_something_and_only_then() {
    let mut world = World::new();
    world.serve(&PDF).expect("applied");
    assert_eq!(world.text(SENTINEL), format!("revision: {REVISION}\npass: 1\n"));
    let before = world.inode(SENTINEL);
    world.serve(&PDF).expect("nothing to do");
    assert_eq!(world.inode(SENTINEL), before);
    fs::remove_file(world.at(SENTINEL)).expect("removed");
    fs::create_dir(world.at(SENTINEL)).expect("made");
    fs::write(world.at(SENTINEL).join("x"), "mine").expect("written");
    world.serve(&PDF[..1]).expect("applied");
    assert_eq!(world.text(SENTINEL), format!("revision: {REVISION}\npass: 3\n"));
    assert_eq!(fs::read(world.state("displaced/3-1/x")).expect("read"), b"mine");
}

#[test]
fn a_path_is_published_twice_with_a_tenth_of_a_second_between() {
    let mut world = World::new();
    world.serve(&[("a.md", "1"), ("d/SKILL.md", "1")]).expect("applied");
    for text in ["2", "3"] {
        let published = Instant::now();
        world.serve(&[("a.md", text), ("d/SKILL.md", text)]).expect("applied");
        assert!(published.elapsed() >= Duration::from_millis(80), "{:?}", published.elapsed());
    }
    world.serve(&[("d/SKILL.md", "3")]).expect("applied");
    let unlinked = Instant::now();
    world.serve(&[("a.md", "4"), ("d/SKILL.md", "3")]).expect("applied");
    assert!(unlinked.elapsed() >= Duration::from_millis(80), "{:?}", unlinked.elapsed());
}

#[test]
fn another_process_waits_for_what_this_one_published() {
    let mut world = World::new();
    world.serve(&[("a.md", "1")]).expect("applied");
    world.serve(&[("a.md", "2")]).expect("applied");
    let published = Instant::now();
    let World { root, target, inventory, .. } = world;
    drop(target);
    let mut world = World { inventory, pass: 2, ..World::below(root) };
    world.serve(&[("a.md", "3")]).expect("applied");
    assert!(published.elapsed() >= Duration::from_millis(80), "{:?}", published.elapsed());
}

#[test]
fn stamps_of_what_was_published_spare_the_next_reading() {
    let mut world = World::new();
    let files: Vec<(String, &str)> = (0..40).map(|n| (format!("s{n}/SKILL.md"), "text")).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    world.serve(&files).expect("applied");
    assert_eq!(world.known.len(), 40);
    for (file, known) in &world.known {
        let seen = fs::metadata(world.at(file.as_str())).expect("there");
        assert_eq!((known.stamp.ino, known.digest), (seen.ino(), Digest::of(b"text")));
    }
}

#[test]
fn too_little_room_is_found_before_anything_is_written() {
    let mut world = World::new();
    let mut decided = world.decide(&PDF);
    for step in &mut decided.plan.steps {
        if let crate::plan::Step::Publish { file, .. } = step {
            file.size = 1 << 60;
        }
    }
    let error = world.stage(&decided).expect_err("no room");
    assert!(matches!(error, ApplyError::NoSpace { .. }));
    let text = error.to_string();
    assert!(text.contains("needs 11529215") && text.contains("are free; nothing was changed"), "{text}");
    assert_eq!(error.remedy(), Remedy::Retry(None));
    assert!(!world.state("staging").exists() && world.names().is_empty());
}

#[test]
fn bytes_that_were_not_judged_are_never_published() {
    let mut world = World::new();
    let mut decided = world.decide(&PDF);
    for step in &mut decided.plan.steps {
        if let crate::plan::Step::Publish { file, .. } = step {
            file.digest = Digest::of(b"other");
        }
    }
    let error = world.stage(&decided).expect_err("other bytes");
    assert!(matches!(&error, ApplyError::Mismatch { path, .. } if path.as_str() == "flat.md"), "{error}");
    assert!(error.to_string().contains("state rebuild"), "{error}");
    assert!(world.names().is_empty() && fs::read_dir(world.state("staging")).expect("listed").count() == 0);
}

#[test]
fn a_blob_that_is_missing_stops_the_pass_before_anything_shows() {
    let mut world = World::new();
    let mut decided = world.decide(&PDF);
    for step in &mut decided.plan.steps {
        if let crate::plan::Step::Publish { file, .. } = step {
            file.blob = REVISION.parse().expect("an id");
        }
    }
    let error = world.stage(&decided).expect_err("no such blob");
    assert_eq!(error.to_string(), format!("cannot read blob {REVISION} for `flat.md`"));
    assert!(world.names().is_empty());
}

#[test]
fn staged_names_are_no_skills_and_nothing_of_them_stays() {
    let mut world = World::new();
    fs::create_dir_all(world.state("staging/7/left")).expect("left by a killed pass");
    let decided = world.decide(&PDF);
    let staged = world.stage(&decided).expect("staged");
    assert!(!world.state("staging/7").exists(), "swept");
    let names: Vec<_> = fs::read_dir(world.state("staging/1")).expect("listed").collect();
    assert_eq!(names.len(), 3, "a file, a directory and the sentinel");
    for name in names {
        assert!(!name.expect("an entry").file_name().to_string_lossy().ends_with(".md"));
    }
    assert!(world.names().is_empty(), "nothing shows before it is published");
    drop(staged);
    assert_eq!(fs::read_dir(world.state("staging")).expect("listed").count(), 0);
}
