use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::report::Remedy;

fn open(root: &Path, target: &str, state: &str) -> Result<Target, TargetError> {
    Target::open(&root.join(target), &root.join(state), false, Duration::ZERO, &Cancel::new())
}

fn root() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn target_and_state_are_made_with_what_is_above_them() {
    let root = root();
    let target = open(root.path(), "data/skills/", "data/.skill-sync").expect("opened");
    let mode =
        |path: &str| fs::metadata(root.path().join(path)).expect("there").permissions().mode() & 0o7777;
    assert_eq!([mode("data"), mode("data/skills")], [0o755, 0o755]);
    assert_eq!([mode("data/.skill-sync"), mode("data/.skill-sync/lock")], [0o700, 0o600]);
    assert_eq!(target.state(), root.path().join("data/.skill-sync"));
    target.locked().expect("locked");
}

#[test]
fn a_state_directory_that_others_can_read_is_closed() {
    let root = root();
    fs::create_dir(root.path().join("state")).expect("made");
    fs::set_permissions(root.path().join("state"), fs::Permissions::from_mode(0o777)).expect("opened up");
    let _target = open(root.path(), "skills", "state").expect("opened");
    let mode = fs::metadata(root.path().join("state")).expect("there").permissions().mode() & 0o7777;
    assert_eq!(mode, 0o700);
}

#[test]
fn a_second_controller_is_refused_and_told_who_the_first_is() {
    let root = root();
    let first = open(root.path(), "skills", "state").expect("opened");
    let error = open(root.path(), "skills", "state").expect_err("held");
    let TargetError::Held { holder, .. } = &error else { panic!("{error:?}") };
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    assert_eq!(holder.pid, Some(std::process::id()));
    assert_eq!(holder.host.as_deref(), Some(host.trim()));
    assert!(holder.boot.is_some() && holder.since.is_some());
    let text = error.to_string();
    let expected = format!("is in use by process {} on host {} since 2", std::process::id(), host.trim());
    assert!(text.contains(&expected) && text.ends_with("; stop that one, or wait"), "{text}");
    assert!(!text.contains("LOCK_WAIT"), "nobody waited: {text}");
    assert_eq!(error.remedy(), Remedy::Retry(None));
    drop(first);
    open(root.path(), "skills", "state").expect("given back");
}

#[test]
fn who_waited_in_vain_is_told_how_long() {
    let root = root();
    let _first = open(root.path(), "skills", "state").expect("opened");
    let (target, state) = (root.path().join("skills"), root.path().join("state"));
    let wait = Duration::from_millis(60);
    let error = Target::open(&target, &state, false, wait, &Cancel::new()).expect_err("held").to_string();
    assert!(error.contains("for all of the 60ms that LOCK_WAIT allows; stop that one"), "{error}");
}

#[test]
fn a_second_state_directory_on_the_same_target_is_refused() {
    let root = root();
    let _first = open(root.path(), "skills", "state").expect("opened");
    let error = open(root.path(), "skills", "other-state").expect_err("held");
    let TargetError::Held { path, holder, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*path, root.path().join("skills"));
    // Where the kernel's table of locks is not hidden from us it names the process.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let seen = |pid| pid == std::process::id() && holder.host.as_deref() == Some(host.trim());
    assert!(holder.pid.is_none_or(seen), "{holder:?}");
}

#[test]
fn a_lock_that_is_given_back_in_time_is_taken() {
    let root = root();
    let first = open(root.path(), "skills", "state").expect("opened");
    std::thread::scope(|scope| {
        let wait = Duration::from_secs(20);
        let (target, state) = (root.path().join("skills"), root.path().join("state"));
        let second = scope.spawn(move || Target::open(&target, &state, false, wait, &Cancel::new()));
        drop(first);
        second.join().expect("no panic").expect("opened after the first");
    });
}

#[test]
fn waiting_for_a_lock_ends_when_asked_to() {
    let root = root();
    let _first = open(root.path(), "skills", "state").expect("opened");
    let cancel = Cancel::new();
    cancel.cancel();
    let (target, state) = (root.path().join("skills"), root.path().join("state"));
    let error = Target::open(&target, &state, false, Duration::from_secs(600), &cancel);
    assert!(matches!(error, Err(TargetError::Cancelled(_))));
}

#[test]
fn what_is_no_directory_is_refused_by_name() {
    let root = root();
    fs::create_dir(root.path().join("real")).expect("made");
    symlink("real", root.path().join("link")).expect("linked");
    symlink("nowhere", root.path().join("broken")).expect("linked");
    fs::write(root.path().join("file"), "").expect("written");
    for (path, found) in [
        ("link", "a symbolic link"),
        ("link/", "a symbolic link"),
        ("broken", "a symbolic link"),
        ("file", "a file"),
    ] {
        let error = open(root.path(), path, "state").expect_err("refused");
        let text = error.to_string();
        assert!(
            text.contains(&format!("is {found}, not a directory")) && text.contains("SKILLS_DIR"),
            "{text}"
        );
        assert_eq!(error.remedy(), Remedy::Person);
    }
    let error = open(root.path(), "skills", "link").expect_err("refused");
    assert!(error.to_string().contains("STATE_DIR"), "{error}");
    let error = open(root.path(), "file/skills", "state").expect_err("refused");
    assert!(
        matches!(error, TargetError::Io { .. }) && error.to_string().starts_with("cannot open `"),
        "{error}"
    );
}

#[test]
fn a_state_directory_that_overlaps_the_target_is_refused() {
    let root = root();
    for state in [".", "skills", "skills/state"] {
        let error = open(root.path(), "skills", state).expect_err("refused");
        assert!(matches!(error, TargetError::Overlap { .. }), "{error:?}");
        assert!(error.to_string().contains("set STATE_DIR to a directory beside the target"), "{error}");
        assert_eq!(error.remedy(), Remedy::Person);
        assert!(!root.path().join("skills").exists(), "nothing was created");
    }
    symlink(root.path(), root.path().join("detour")).expect("linked");
    let error = open(root.path(), "skills", "detour").expect_err("refused");
    assert!(matches!(error, TargetError::Overlap { .. }), "the same by another way: {error:?}");
    open(root.path(), "skills", "skills/.skill-sync~").expect("that name is ours");
}

/// A directory on another file system than the tests' own, where this machine has one.
fn elsewhere(root: &Path) -> Option<tempfile::TempDir> {
    use std::os::unix::fs::MetadataExt as _;
    let other = tempfile::tempdir_in("/dev/shm").ok()?;
    let device = |path: &Path| fs::metadata(path).map(|seen| seen.dev()).ok();
    (device(other.path()) != device(root)).then_some(other)
}

#[test]
fn a_state_directory_on_another_file_system_is_refused_before_it_is_made() {
    let root = root();
    let Some(other) = elsewhere(root.path()) else { return };
    let state = other.path().join("state");
    let error = Target::open(&root.path().join("skills"), &state, false, Duration::ZERO, &Cancel::new());
    let error = error.expect_err("refused");
    assert!(matches!(error, TargetError::OtherFileSystem { .. }), "{error:?}");
    assert!(error.to_string().contains("is on another file system than the target"), "{error}");
    assert_eq!(error.remedy(), Remedy::Person);
    assert!(!state.exists());
}

#[test]
fn without_the_volume_nothing_is_created() {
    let require =
        |target: &Path, state: &Path| Target::open(target, state, true, Duration::ZERO, &Cancel::new());
    // On a machine whose root holds nothing that we may write there is nothing to prove here.
    let root = tempfile::tempdir_in("/var/tmp").expect("a directory");
    let Some(volume) = elsewhere(root.path()).filter(|_| is_on_root(root.path())) else { return };
    let (target, state) = (root.path().join("data/skills"), root.path().join("data/.skill-sync"));
    let error = require(&target, &state).expect_err("not mounted");
    assert!(matches!(error, TargetError::NotMounted { .. }), "{error:?}");
    assert!(error.to_string().contains("REQUIRE_MOUNT asks for a volume"), "{error}");
    assert_eq!(error.remedy(), Remedy::Person);
    assert_eq!(fs::read_dir(root.path()).expect("listed").count(), 0);
    require(&volume.path().join("skills"), &volume.path().join("state")).expect("a volume of its own");
}

fn is_on_root(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).expect("there").dev() == fs::metadata("/").expect("there").dev()
}

#[test]
fn what_was_replaced_while_it_was_open_is_not_written_to() {
    for (replaced, is_directory) in [("skills", true), ("state", true), ("state/lock", false)] {
        let root = root();
        let target = open(root.path(), "skills", "state").expect("opened");
        let path = root.path().join(replaced);
        fs::rename(&path, root.path().join("away")).expect("moved");
        for put_back in [false, true] {
            if put_back && is_directory {
                fs::create_dir(&path).expect("made");
            } else if put_back {
                fs::write(&path, "").expect("written");
            }
            let error = target.locked().expect_err("replaced");
            assert!(matches!(&error, TargetError::Replaced { path: named } if *named == path), "{error:?}");
            assert!(error.to_string().contains("is no longer what was opened"), "{error}");
        }
    }
}

#[test]
fn the_state_directory_is_beside_the_target_or_in_it_where_it_is_a_mount_point() {
    let root = root();
    let beside = default_state_dir(&root.path().join("data/skills/")).expect("a path");
    assert_eq!(beside, root.path().join("data/.skill-sync"));
    assert_eq!(default_state_dir(root.path()).expect("a path").file_name(), Some(".skill-sync".as_ref()));
    assert_eq!(default_state_dir(Path::new("/proc")).expect("a path"), Path::new("/proc/.skill-sync~"));
    assert_eq!(default_state_dir(Path::new("/")).expect("a path"), Path::new("/.skill-sync~"));
}

#[test]
fn a_state_directory_serves_one_target_and_goes_with_it_where_it_is_moved() {
    let root = root();
    drop(open(root.path(), "data/skills", "data/state").expect("opened"));
    let error = open(root.path(), "data/other", "data/state").expect_err("it is another's");
    let text = error.to_string();
    assert!(text.contains("belongs to the target `skills`") && text.contains("not to `other`"), "{text}");
    assert!(text.contains("set STATE_DIR"), "{text}");
    assert_eq!(error.remedy(), Remedy::Person);
    fs::rename(root.path().join("data"), root.path().join("moved")).expect("moved");
    drop(open(root.path(), "moved/skills", "moved/state").expect("moved together"));
    fs::write(root.path().join("moved/state/target"), "").expect("emptied, as by a power cut");
    drop(open(root.path(), "moved/skills", "moved/state").expect("written anew"));
    assert_eq!(fs::read(root.path().join("moved/state/target")).expect("there"), b"skills");
}

fn looked(root: &Path, target: &str, state: &str) -> Result<Ground, TargetError> {
    Target::look(&root.join(target), &root.join(state), false, &Cancel::new())
}

#[test]
fn a_look_makes_neither_target_nor_state_directory() {
    let root = root();
    assert!(matches!(looked(root.path(), "data/skills", "data/state").expect("looked"), Ground::Nothing));
    assert_eq!(fs::read_dir(root.path()).expect("listed").count(), 0);
    drop(open(root.path(), "data/skills", "data/state").expect("opened"));
    let both = looked(root.path(), "data/skills", "data/state").expect("looked");
    assert!(matches!(both, Ground::Target(_)));
    assert!(matches!(looked(root.path(), "data/skills", "data/state"), Err(TargetError::Held { .. })));
    drop(both);
    fs::remove_dir(root.path().join("data/skills")).expect("removed");
    let state = looked(root.path(), "data/skills", "data/state").expect("looked");
    assert!(matches!(state, Ground::State(_)));
    let error = looked(root.path(), "data/skills", "data/state").expect_err("the state directory is locked");
    assert!(matches!(error, TargetError::Held { .. }), "{error:?}");
    assert!(!root.path().join("data/skills").exists());
}

#[test]
fn a_look_refuses_what_a_pass_would_refuse() {
    let root = root();
    fs::write(root.path().join("file"), "").expect("written");
    let error = looked(root.path(), "file", "state").expect_err("refused");
    assert!(error.to_string().contains("is a file, not a directory"), "{error}");
    let error = looked(root.path(), "skills", "skills/state").expect_err("refused");
    assert!(matches!(error, TargetError::Overlap { .. }), "{error:?}");
    drop(open(root.path(), "skills", "state").expect("opened"));
    let error = looked(root.path(), "other", "state").expect_err("refused");
    assert!(matches!(error, TargetError::OtherTarget { .. }), "{error:?}");
    if let Some(elsewhere) = elsewhere(root.path()) {
        let state = elsewhere.path().join("state");
        let error = Target::look(&root.path().join("new"), &state, false, &Cancel::new());
        assert!(matches!(error, Err(TargetError::OtherFileSystem { .. })), "{error:?}");
        assert!(!state.exists());
    }
    assert!(!root.path().join("new").exists() && !root.path().join("other").exists());
}
