//! Stories on a real directory with real events: a pass is asked for, or it is not.

use std::os::unix::fs::PermissionsExt as _;

use reconciler::ids::{Digest, SkillId, Timestamp};
use reconciler::observed::Known;
use reconciler::tree::{FileMode, FileVersion, SkillVersion};
use tempfile::{TempDir, tempdir};

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

/// A target with a flat and a folder skill, served and watched.
struct Volume {
    directory: TempDir,
    watch: Watch,
}

const FILES: [&str; 3] = ["flat.md", "pdf/SKILL.md", "pdf/scripts/run.sh"];

impl Volume {
    fn new() -> Self {
        let directory = tempdir().expect("a directory");
        std::fs::create_dir_all(directory.path().join("pdf/scripts")).expect("created");
        for file in FILES {
            std::fs::write(directory.path().join(file), "ours").expect("written");
        }
        let mut watch = Watch::new(directory.path().to_owned(), Vigil::default()).expect("a watch");
        watch.follow(&served(directory.path()));
        assert!(!watch.look(), "nothing happened yet");
        Self { directory, watch }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    /// Looks at each event that comes, until one says that something of ours changed.
    fn is_noticed(&mut self) -> bool {
        let end = std::time::Instant::now() + DEADLINE;
        while std::time::Instant::now() < end {
            if self.watch.look() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Looks at everything up to an event of our own making, which comes after all before it.
    fn is_quiet(&mut self) -> bool {
        let marker = self.path("marker");
        std::fs::write(&marker, "").expect("written");
        let end = std::time::Instant::now() + DEADLINE;
        let mut changed = false;
        loop {
            assert!(std::time::Instant::now() < end, "the marker was never seen");
            let seen = self.watch.inbox.touched.lock().expect("no panic").paths.contains(&marker);
            changed |= self.watch.look();
            if seen {
                std::fs::remove_file(&marker).expect("removed");
                return !changed;
            }
            std::thread::yield_now();
        }
    }
}

/// What a pass that just ended would say of the directory.
fn served(target: &Path) -> Served {
    let path = |text: &str| TreePath::parse(text.as_bytes()).expect("a path");
    let file = FileVersion {
        blob: "b".repeat(40).parse().expect("an id"),
        digest: Digest::of(b"ours"),
        size: 4,
        mode: FileMode::Regular,
    };
    let skill = |entry: &str, files: &[&str]| SkillVersion {
        revision: "c".repeat(40).parse().expect("an id"),
        entry: path(entry),
        name: None,
        files: files.iter().map(|file_path| (path(file_path), file)).collect(),
    };
    let mut of = Served::default();
    let skills = Arc::make_mut(&mut of.skills);
    skills.insert(SkillId::new("flat"), Arc::new(skill("flat.md", &FILES[..1])));
    skills.insert(SkillId::new("pdf"), Arc::new(skill("pdf/SKILL.md", &FILES[1..])));
    of.known = Arc::new(FILES.iter().map(|file| (path(file), known(&target.join(file)))).collect());
    of
}

fn known(path: &Path) -> Known {
    let found = std::fs::symlink_metadata(path).expect("it is there");
    let stamp = Stamp {
        dev: found.dev(),
        ino: found.ino(),
        size: found.size(),
        mtime_ns: found.mtime() * 1_000_000_000 + found.mtime_nsec(),
        ctime_ns: found.ctime() * 1_000_000_000 + found.ctime_nsec(),
    };
    let now = i64::try_from(Timestamp::now().millis()).expect("a sane clock");
    Known { stamp, digest: Digest::of(b"ours"), read_at_ns: now * 1_000_000 }
}

#[test]
fn a_file_of_ours_that_is_edited_removed_or_made_executable_is_noticed() {
    let edits: [fn(&Path); 3] = [
        |path| std::fs::write(path, "theirs").expect("written"),
        |path| std::fs::remove_file(path).expect("removed"),
        |path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("set"),
    ];
    for file in FILES {
        for edit in edits {
            let mut volume = Volume::new();
            edit(&volume.path(file));
            assert!(volume.is_noticed(), "{file}");
        }
    }
}

#[test]
fn a_directory_of_ours_that_is_moved_away_is_noticed() {
    let mut volume = Volume::new();
    std::fs::rename(volume.path("pdf"), volume.path("elsewhere")).expect("renamed");
    assert!(volume.is_noticed());
}

#[test]
fn what_we_published_ourselves_and_what_is_not_ours_is_quiet() {
    let mut volume = Volume::new();
    std::fs::write(volume.path(".skill-sync.md"), "sentinel").expect("written");
    std::fs::write(volume.path("pdf/cache.bin"), "an agent's").expect("written");
    std::fs::create_dir_all(volume.path("pdf/node_modules/deep")).expect("created");
    std::fs::write(volume.path("theirs.md"), "theirs").expect("written");
    std::fs::read(volume.path("flat.md")).expect("read");
    assert!(volume.is_quiet());

    // A pass publishes as we do: renames over, and then says what is there.
    std::fs::write(volume.path(".skill-sync~new"), "new").expect("written");
    std::fs::rename(volume.path(".skill-sync~new"), volume.path("pdf/SKILL.md")).expect("renamed");
    let after = served(volume.directory.path());
    volume.watch.follow(&after);
    assert!(volume.is_quiet());
}

#[test]
fn a_directory_that_came_back_is_watched_again() {
    let mut volume = Volume::new();
    std::fs::remove_dir_all(volume.path("pdf")).expect("removed");
    assert!(volume.is_noticed());
    std::fs::create_dir_all(volume.path("pdf/scripts")).expect("created");
    for file in &FILES[1..] {
        std::fs::write(volume.path(file), "ours").expect("written");
    }
    let after = served(volume.directory.path());
    volume.watch.follow(&after);
    assert!(volume.is_quiet(), "it is as the pass left it");
    std::fs::write(volume.path("pdf/scripts/run.sh"), "theirs").expect("written");
    assert!(volume.is_noticed());
}

#[test]
fn a_target_that_was_replaced_is_watched_again() {
    let mut volume = Volume::new();
    let target = volume.directory.path().to_owned();
    let aside = target.with_extension("aside");
    std::fs::rename(&target, &aside).expect("renamed");
    assert!(volume.is_noticed(), "it is gone");
    std::fs::rename(&aside, target.with_extension("kept")).expect("renamed");
    std::fs::create_dir_all(volume.path("pdf/scripts")).expect("created");
    for file in FILES {
        std::fs::write(volume.path(file), "ours").expect("written");
    }
    let after = served(&target);
    volume.watch.follow(&after);
    assert!(volume.is_quiet());
    std::fs::write(volume.path("flat.md"), "theirs").expect("written");
    assert!(volume.is_noticed());
    std::fs::remove_dir_all(target.with_extension("kept")).expect("removed");
}

#[test]
fn events_that_were_lost_bring_a_look_at_everything() {
    let mut volume = Volume::new();
    assert!(volume.is_quiet());
    volume.watch.inbox.lose();
    assert!(!volume.watch.look(), "nothing changed");
    volume.watch.inbox.take();
    std::fs::write(volume.path("flat.md"), "theirs").expect("written");
    volume
        .watch
        .inbox
        .receive(Ok(notify::Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)));
    assert!(volume.watch.look());
}

#[test]
fn an_event_says_where_or_leaves_it_open() {
    let target = Path::new("/data/skills");
    let place = |path: &str| Place::of(Path::new(path), target);
    assert!(
        matches!(place("/data/skills/pdf/SKILL.md"), Place::Below(path) if path.as_str() == "pdf/SKILL.md")
    );
    assert!(matches!(place("/data/skills/.skill-sync.json"), Place::Reserved));
    for unclear in ["/data/skills", "/data", "/data/skills/pdf/.skill-sync", "/data/skills/a\u{200b}b"] {
        assert!(matches!(place(unclear), Place::Unclear), "{unclear}");
    }
}
