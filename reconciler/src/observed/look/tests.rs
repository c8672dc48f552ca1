#[path = "left.rs"]
mod left;

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use super::super::{Known, Stamp};
use super::*;
use crate::ids::Digest;
use crate::plan::KEEP_BY_RENAME;
use crate::volume::now_ns;

fn path(text: &str) -> TreePath {
    text.parse().expect("a plain path")
}

/// Asks for paths with the size that they should have.
fn asked(paths: &[(&str, u64)]) -> Arc<Asked> {
    Arc::new(paths.iter().map(|(name, size)| (path(name), *size)).collect())
}

fn volume(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let at = root.path().join(name);
        fs::create_dir_all(at.parent().expect("a parent")).expect("made");
        fs::write(at, text).expect("written");
    }
    root
}

fn seen(root: &tempfile::TempDir, paths: &[(&str, u64)], cache: &StatCache, trust: Trust) -> Observed {
    look_at(root.path(), &asked(paths), cache, trust).expect("looked")
}

fn digest_of(observed: &Observed, name: &str) -> Option<Digest> {
    match observed.at(&path(name)) {
        Some(Found::File { digest, .. }) => *digest,
        other => panic!("{name}: {other:?}"),
    }
}

fn unowned(observed: &Observed) -> Vec<(&str, bool)> {
    observed.unowned.iter().map(|unowned| (unowned.path.as_str(), unowned.directory)).collect()
}

#[test]
fn files_and_the_directories_above_them_are_found_by_content() {
    let root = volume(&[("a.md", "a"), ("s/SKILL.md", "s"), ("s/t/u", ""), ("s-x", "x")]);
    let paths = [("a.md", 1), ("gone.md", 1), ("s/SKILL.md", 1), ("s/t/u", 0), ("s-x", 1), ("no/such", 1)];
    let observed = seen(&root, &paths, &StatCache::new(), Trust::Cache);
    for (name, text) in [("a.md", "a"), ("s/SKILL.md", "s"), ("s/t/u", ""), ("s-x", "x")] {
        assert_eq!(digest_of(&observed, name), Some(Digest::of(text.as_bytes())), "{name}");
    }
    assert_eq!(observed.found.len(), 6);
    assert_eq!([observed.at(&path("s")), observed.at(&path("s/t"))], [Some(&Found::Directory); 2]);
    assert_eq!(observed.known.len(), 4);
    assert!(observed.unowned.is_empty());
}

#[test]
fn what_nobody_asked_for_is_named_at_its_top_and_not_entered() {
    let root = volume(&[
        ("s/SKILL.md", "s"),
        ("s/cache/deep/x", "x"),
        ("s/notes", "n"),
        ("s/.skill-sync", "not ours here"),
        ("foreign/y", "y"),
        (".skill-sync~/staging/z", "z"),
        (".skill-sync.md", "sentinel"),
    ]);
    fs::write(root.path().join(std::ffi::OsStr::new("caf\u{e9}")), "").expect("written");
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"odd\xff");
    fs::write(root.path().join(odd), "").expect("written");
    symlink("/etc", root.path().join("link")).expect("linked");
    let observed = seen(&root, &[("s/SKILL.md", 1)], &StatCache::new(), Trust::Cache);
    assert_eq!(
        unowned(&observed),
        [
            ("caf\u{e9}", false),
            ("foreign", true),
            ("link", false),
            ("odd\u{fffd}", false),
            ("s/.skill-sync", false),
            ("s/cache", true),
            ("s/notes", false),
        ]
    );
    assert_eq!(observed.found.len(), 2);
}

#[test]
fn a_directory_that_holds_nothing_asked_for_is_not_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = volume(&[("s/SKILL.md", "s"), ("locked/x", "x"), ("a.md/x", "x")]);
    for closed in ["locked", "a.md"] {
        fs::set_permissions(root.path().join(closed), fs::Permissions::from_mode(0o000)).expect("closed");
    }
    let observed = seen(&root, &[("s/SKILL.md", 1), ("a.md", 1)], &StatCache::new(), Trust::Cache);
    assert_eq!(observed.at(&path("a.md")), Some(&Found::Directory));
    assert_eq!(unowned(&observed), [("locked", true)]);
}

#[test]
fn links_and_pipes_are_told_and_never_opened() {
    let root = volume(&[("outside/SKILL.md", "secret")]);
    symlink("/etc/passwd", root.path().join("link.md")).expect("linked");
    symlink("outside", root.path().join("s")).expect("linked");
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    let pipe = root.path().join("pipe.md");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).expect("a pipe");
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket.md")).expect("bound");
    let paths = [("link.md", 1), ("s/SKILL.md", 6), ("pipe.md", 1), ("socket.md", 1)];
    let observed = seen(&root, &paths, &StatCache::new(), Trust::Nothing);
    assert_eq!(observed.at(&path("link.md")), Some(&Found::Symlink(b"/etc/passwd".to_vec())));
    assert_eq!(observed.at(&path("s")), Some(&Found::Symlink(b"outside".to_vec())));
    assert_eq!(observed.at(&path("s/SKILL.md")), None);
    assert_eq!(observed.at(&path("pipe.md")), Some(&Found::Special(Special::Fifo)));
    assert_eq!(observed.at(&path("socket.md")), Some(&Found::Special(Special::Socket)));
}

#[test]
fn a_path_may_be_asked_for_and_paths_below_it_too() {
    let paths = [("s/a", 4), ("s/a/b", 4), ("s/a-b", 4)];
    let file = volume(&[("s/a", "file"), ("s/a-b", "file")]);
    let observed = seen(&file, &paths, &StatCache::new(), Trust::Cache);
    assert_eq!(digest_of(&observed, "s/a"), Some(Digest::of(b"file")));
    let directory = volume(&[("s/a/b", "deep"), ("s/a-b", "file")]);
    let observed = seen(&directory, &paths, &StatCache::new(), Trust::Cache);
    assert_eq!(observed.at(&path("s/a")), Some(&Found::Directory));
    assert_eq!(digest_of(&observed, "s/a/b"), Some(Digest::of(b"deep")));
    assert!(observed.unowned.is_empty());
}

/// What is known of a file, as if it had been read so long after its last change.
fn known(root: &tempfile::TempDir, name: &str, text: &str, after: Duration) -> StatCache {
    let stat = rustix::fs::lstat(root.path().join(name)).expect("looked at");
    let stamp = Stamp::of(&stat);
    let read_at_ns = stamp.ctime_ns + i64::try_from(after.as_nanos()).expect("short");
    StatCache::from([(path(name), Known { stamp, digest: Digest::of(text.as_bytes()), read_at_ns })])
}

#[test]
fn a_file_whose_stamp_is_known_is_not_read_unless_it_may_hide_a_change() {
    let root = volume(&[("a.md", "on the volume")]);
    let ask = [("a.md", 13)];
    let cached = Some(Digest::of(b"in the cache"));
    let read = Some(Digest::of(b"on the volume"));
    let long = known(&root, "a.md", "in the cache", Duration::from_secs(3));
    let soon = known(&root, "a.md", "in the cache", Duration::from_millis(10));
    assert_eq!(digest_of(&seen(&root, &ask, &long, Trust::Cache), "a.md"), cached);
    assert_eq!(digest_of(&seen(&root, &ask, &long, Trust::Nothing), "a.md"), read);
    assert_eq!(digest_of(&seen(&root, &ask, &soon, Trust::Cache), "a.md"), read, "racy");
    let observed = seen(&root, &ask, &soon, Trust::Cache);
    assert!(observed.known[&path("a.md")].read_at_ns <= now_ns());
    fs::write(root.path().join("a.md"), "on the volumE").expect("written");
    assert_ne!(digest_of(&seen(&root, &ask, &long, Trust::Cache), "a.md"), cached);
}

#[test]
fn a_clock_that_was_set_back_costs_a_reading_and_no_more() {
    let stamp = Stamp { dev: 1, ino: 2, size: 3, mtime_ns: 5_000_000_123, ctime_ns: 5_000_000_123 };
    let at = |read_at_ns| Known { stamp, digest: Digest::of(b""), read_at_ns };
    assert!(!at(4_000_000_000).holds(stamp), "read before it was written, by the clock");
    assert!(!at(5_010_000_000).holds(stamp), "within the grain");
    assert!(at(5_050_000_000).holds(stamp));
    assert!(!at(i64::MAX).holds(Stamp { ino: 4, ..stamp }));
    let later = Stamp { mtime_ns: 9_000_000_001, ..stamp };
    assert!(!Known { stamp: later, ..at(6_000_000_000) }.holds(later), "an mtime of the future");
}

#[test]
fn stamps_without_a_fraction_are_given_two_seconds() {
    let stamp = Stamp { dev: 1, ino: 2, size: 3, mtime_ns: 4_000_000_000, ctime_ns: 5_000_000_000 };
    let at = |read_at_ns| Known { stamp, digest: Digest::of(b""), read_at_ns };
    assert!(!at(6_500_000_000).holds(stamp));
    assert!(at(7_500_000_000).holds(stamp));
}

#[test]
fn a_huge_file_of_another_size_is_not_read() {
    let root = volume(&[("a.md", "")]);
    let file = fs::OpenOptions::new().write(true).open(root.path().join("a.md")).expect("opened");
    file.set_len(1 << 42).expect("sparse");
    let observed = seen(&root, &[("a.md", 5)], &StatCache::new(), Trust::Nothing);
    assert_eq!(digest_of(&observed, "a.md"), None);
    assert!(observed.known.is_empty());
    file.set_len(KEEP_BY_RENAME + 1).expect("sparse");
    let observed = seen(&root, &[("a.md", KEEP_BY_RENAME + 1)], &StatCache::new(), Trust::Nothing);
    assert!(digest_of(&observed, "a.md").is_some(), "of the wanted size it is read");
}

#[test]
fn a_file_that_never_stands_still_is_told_and_not_cached() {
    // Long enough that each reading takes more than a tick of the file system's clock.
    const SIZE: u64 = 15 << 20;
    let root = volume(&[("a.md", "")]);
    let file = root.path().join("a.md");
    fs::OpenOptions::new().write(true).open(&file).expect("opened").set_len(SIZE).expect("sparse");
    let zeros = Digest::of(&vec![0; usize::try_from(SIZE).expect("it fits")]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A change of mode changes the stamp as a write does.
            use std::os::unix::fs::PermissionsExt as _;
            let mut mode = 0o600;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                mode ^= 0o044;
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("changed");
            }
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut uncached = false;
        while !uncached && Instant::now() < deadline {
            let observed = seen(&root, &[("a.md", SIZE)], &StatCache::new(), Trust::Nothing);
            assert_eq!(digest_of(&observed, "a.md"), Some(zeros));
            uncached = observed.known.is_empty();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(uncached, "a look met the file in change");
    });
}

#[test]
fn what_comes_and_goes_during_the_look_is_present_or_absent() {
    let root = volume(&[("s/SKILL.md", "x")]);
    let (from, to) = (root.path().join("s"), root.path().join("t"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2_000 {
                fs::rename(&from, &to).expect("moved");
                fs::rename(&to, &from).expect("moved back");
            }
        });
        for _ in 0..500 {
            let observed = seen(&root, &[("s/SKILL.md", 1)], &StatCache::new(), Trust::Nothing);
            if observed.at(&path("s/SKILL.md")).is_some() {
                assert_eq!(digest_of(&observed, "s/SKILL.md"), Some(Digest::of(b"x")));
            }
        }
    });
}

#[test]
fn a_target_that_does_not_exist_holds_nothing() {
    let root = volume(&[]);
    let gone = root.path().join("gone");
    let observed = look_at(&gone, &asked(&[("a", 1)]), &StatCache::new(), Trust::Cache).expect("looked");
    assert!(observed.found.is_empty() && observed.unowned.is_empty());
    fs::write(&gone, "").expect("written");
    let error = look_at(&gone, &asked(&[]), &StatCache::new(), Trust::Cache).expect_err("a file");
    assert!(error.to_string().starts_with("cannot open `"), "{error}");
    assert_eq!(error.remedy(), Remedy::Retry(None));
}

#[test]
fn an_error_names_the_path_and_what_to_check() {
    let error = failed("read", "pdf/SKILL.md")(Errno::ACCESS);
    let expected = "cannot read `pdf/SKILL.md` on the target; check its permissions and the disk";
    assert_eq!(error.to_string(), expected);
    assert!(std::error::Error::source(&error).expect("a cause").to_string().contains("Permission denied"));
    assert_eq!(error.remedy(), Remedy::Retry(None));
    let unsettled = LookError::Unsettled { path: "pdf".to_owned() };
    assert!(unsettled.to_string().contains("`pdf` on the target changes faster than it can be looked at"));
}
