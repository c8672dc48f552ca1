//! Looks at a volume that was left in a known state: only what differs is told.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::ids::SkillId;
use crate::tree::{FileMode, FileVersion, SkillVersion, Skills};

/// A volume with some folder skills, as a pass left it, and what the pass knows of it.
struct Left {
    root: tempfile::TempDir,
    skills: Skills,
    known: StatCache,
}

impl Left {
    fn new(count: usize) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let (mut skills, mut known) = (Skills::new(), StatCache::new());
        for number in 0..count {
            let name = format!("skill-{number:03}");
            let files = [format!("{name}/SKILL.md"), format!("{name}/lib/a.txt")].map(|at| {
                let file = root.path().join(&at);
                fs::create_dir_all(file.parent().expect("a parent")).expect("made");
                fs::write(&file, &at).expect("written");
                fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
                let digest = Digest::of(at.as_bytes());
                let stamp = Stamp::of(&rustix::fs::lstat(&file).expect("looked at"));
                known.insert(path(&at), Known { stamp, digest, read_at_ns: stamp.ctime_ns + 3_000_000_000 });
                let blob = "b".repeat(40).parse().expect("an id");
                (path(&at), FileVersion { blob, digest, size: at.len() as u64, mode: FileMode::Regular })
            });
            let version = SkillVersion {
                revision: "c".repeat(40).parse().expect("an id"),
                entry: files[0].0.clone(),
                name: None,
                files: files.into_iter().collect(),
            };
            skills.insert(SkillId::new(&name), Arc::new(version));
        }
        Self { root, skills, known }
    }

    fn look(&self, trust: Trust) -> Observed {
        let asked = Arc::new(Asked::new(&self.skills, &self.skills, &self.known));
        look_at(self.root.path(), &asked, &self.known, trust).expect("looked")
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }
}

#[test]
fn what_is_as_it_was_left_is_told_without_a_word() {
    // So many that two threads share them.
    let left = Left::new(SHARED + 10);
    for trust in [Trust::Cache, Trust::Nothing] {
        let observed = left.look(trust);
        assert!(observed.is_as_left() && observed.known.is_empty() && observed.unowned.is_empty());
        assert_eq!(digest_of(&observed, "skill-007/SKILL.md"), Some(Digest::of(b"skill-007/SKILL.md")));
        assert_eq!(observed.at(&path("skill-007/lib")), Some(&Found::Directory));
        assert_eq!(observed.at(&path("skill-007/none")), None);
        assert!(observed.is_left(&path("skill-007/lib/a.txt")) && !observed.is_left(&path("other")));
    }
}

#[test]
fn each_way_to_differ_is_told_and_the_rest_is_not() {
    let left = Left::new(SHARED + 10);
    fs::write(left.file("skill-001/SKILL.md"), "edited").expect("written");
    fs::set_permissions(left.file("skill-020/SKILL.md"), fs::Permissions::from_mode(0o600)).expect("set");
    fs::hard_link(left.file("skill-030/SKILL.md"), left.file("skill-030/second")).expect("linked");
    fs::remove_file(left.file("skill-040/SKILL.md")).expect("removed");
    fs::remove_dir_all(left.file("skill-050/lib")).expect("removed");
    fs::remove_dir_all(left.file("skill-060")).expect("removed");
    fs::remove_dir_all(left.file("skill-061/lib")).expect("removed");
    symlink("elsewhere", left.file("skill-061/lib")).expect("linked");
    let observed = left.look(Trust::Cache);

    assert_eq!(digest_of(&observed, "skill-001/SKILL.md"), Some(Digest::of(b"edited")));
    assert!(matches!(observed.at(&path("skill-020/SKILL.md")), Some(Found::File { mode: 0o600, .. })));
    assert!(matches!(observed.at(&path("skill-030/SKILL.md")), Some(Found::File { links: 2, .. })));
    let gone = ["skill-040/SKILL.md", "skill-050/lib", "skill-050/lib/a.txt", "skill-060", "skill-060/lib"];
    for gone in gone.into_iter().chain(["skill-060/SKILL.md", "skill-060/lib/a.txt", "skill-061/lib/a.txt"]) {
        assert_eq!(observed.at(&path(gone)), None, "{gone}");
    }
    assert_eq!(observed.at(&path("skill-061/lib")), Some(&Found::Symlink(b"elsewhere".to_vec())));
    let obstructed = observed.obstruction(&path("skill-061/lib/a.txt")).map(|(above, _)| above);
    assert_eq!(obstructed, Some(path("skill-061/lib")));
    for there in ["skill-040", "skill-050", "skill-061", "skill-070", "skill-070/lib"] {
        assert_eq!(observed.at(&path(there)), Some(&Found::Directory), "{there}");
    }
    assert_eq!(unowned(&observed), [("skill-030/second", false)]);
    assert!(!observed.is_as_left() && observed.is_left(&path("skill-050/SKILL.md")));
    assert_eq!(observed.found.len(), 3 + 1 + 6, "each changed file, and the directories above what differs");
}

#[test]
fn a_reading_that_finds_other_bytes_under_the_same_stamp_is_told() {
    let mut left = Left::new(1);
    let at = path("skill-000/SKILL.md");
    let before = left.known[&at];
    // What a store through a mapped page leaves: the stamp of before, and other bytes.
    let digest = Digest::of(b"what was published");
    left.known.insert(at.clone(), Known { digest, ..before });
    let mut version = (*left.skills[&SkillId::new("skill-000")]).clone();
    version.files.values_mut().next().expect("a file").digest = digest;
    left.skills.insert(SkillId::new("skill-000"), Arc::new(version));
    assert!(left.look(Trust::Cache).is_as_left(), "by its stamp nothing happened");
    let observed = left.look(Trust::Nothing);
    assert_eq!(digest_of(&observed, at.as_str()), Some(before.digest));
    assert_eq!(observed.known[&at].digest, before.digest);
}
