//! Whatever happens to a volume at places that are named: a look at those comes to what a look at all
//! comes to, or says that it does not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::ids::{Digest, SkillId};
use crate::observed::{Found, Known, Stamp, look_at};
use crate::plan::{Plan, PlanOptions, PruneLimit, plan};
use crate::tree::{AcceptedTree, FileMode, FileVersion};

/// Where a skill of the world can have a file: flat, in a folder, in a category, and beside another's.
const SKILLS: [(&str, &[&str]); 5] = [
    ("flat.md", &["flat.md"]),
    ("pdf", &["pdf/SKILL.md", "pdf/scripts/run.sh"]),
    ("pdf-tools", &["pdf-tools/SKILL.md"]),
    ("team/one", &["team/one/SKILL.md", "team/one/a.txt", "team/one/lib/b.txt"]),
    ("team/two", &["team/two/SKILL.md"]),
];

/// Where something happens: files of ours, directories of ours, and what is nobody's.
const PLACES: [&str; 14] = [
    "flat.md",
    "pdf",
    "pdf/SKILL.md",
    "pdf/scripts/run.sh",
    "pdf/scripts",
    "pdf-tools/SKILL.md",
    "team",
    "team/one",
    "team/one/lib/b.txt",
    "team/two/SKILL.md",
    "notes.txt",
    "pdf/notes.txt",
    "team/cache/x",
    "new",
];

/// What happens at a place.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Write,
    Remove,
    Directory,
    Link,
    Executable,
}

/// Each skill of the world by its version: none where it is not there.
type Versions = [Option<u8>; SKILLS.len()];

/// A volume as a pass left it.
struct World {
    root: tempfile::TempDir,
    known: StatCache,
}

fn text(at: &str, version: u8) -> String {
    format!("{at} at {version}")
}

fn path(text: &str) -> TreePath {
    text.parse().unwrap()
}

fn skills(versions: &Versions, served: Option<(&Skills, &Versions)>) -> Arc<Skills> {
    let there = SKILLS.iter().zip(versions).enumerate().filter_map(|(n, (skill, v))| Some((n, skill, (*v)?)));
    let version = |(n, (id, files), version): (usize, &(&str, &[&str]), u8)| {
        let id = SkillId::new(id);
        // What is served as it is wanted is the same version.
        if let Some((served, before)) = served
            && before[n] == Some(version)
        {
            return (id.clone(), Arc::clone(&served[&id]));
        }
        let file = |at: &&str| {
            let bytes = text(at, version);
            let (digest, size) = (Digest::of(bytes.as_bytes()), bytes.len() as u64);
            let blob = "b".repeat(40).parse().unwrap();
            (path(at), FileVersion { blob, digest, size, mode: FileMode::Regular })
        };
        let revision = "c".repeat(40).parse().unwrap();
        let files = files.iter().map(file).collect();
        let entry = SKILLS[n].1[0];
        (id, Arc::new(SkillVersion { revision, entry: path(entry), name: None, files }))
    };
    Arc::new(there.map(version).collect())
}

impl World {
    fn new(served: &Versions) -> Self {
        let mut world = Self { root: tempfile::tempdir().unwrap(), known: StatCache::new() };
        for (files, version) in SKILLS.iter().map(|skill| skill.1).zip(served) {
            for (at, version) in files.iter().zip(std::iter::repeat(*version)) {
                let Some(version) = version else { continue };
                world.write(at, &text(at, version));
                let stamp = Stamp::of(&rustix::fs::lstat(world.at(at)).unwrap());
                let digest = Digest::of(text(at, version).as_bytes());
                world
                    .known
                    .insert(path(at), Known { stamp, digest, read_at_ns: stamp.ctime_ns + 3_000_000_000 });
            }
        }
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, at: &str, text: &str) {
        let at = self.at(at);
        if fs::create_dir_all(at.parent().unwrap()).is_ok() && fs::write(&at, text).is_ok() {
            drop(fs::set_permissions(&at, fs::Permissions::from_mode(0o644)));
        }
    }

    /// Does something at a place, where it can be done.
    fn happen(&self, place: &str, deed: Deed) {
        let at = self.at(place);
        let clear = || drop(fs::remove_file(&at).or_else(|_| fs::remove_dir_all(&at)));
        match deed {
            Deed::Write => self.write(place, "somebody else's"),
            Deed::Remove => clear(),
            Deed::Directory => {
                clear();
                drop(fs::create_dir_all(&at));
            }
            Deed::Link => {
                clear();
                drop(symlink("no/where", &at));
            }
            Deed::Executable => drop(fs::set_permissions(&at, fs::Permissions::from_mode(0o755))),
        }
    }

    fn look(&self, wanted: &Arc<Skills>, owned: &Arc<Skills>) -> Observed {
        let asked = Arc::new(Asked::new(wanted, owned, &self.known));
        look_at(self.root.path(), &asked, &self.known, Trust::Cache).unwrap()
    }

    fn look_partly(&self, part: &Part<'_>) -> Option<Observed> {
        part.look(self.root.path(), &self.known).unwrap()
    }
}

fn planned(wanted: &Arc<Skills>, owned: &Arc<Skills>, observed: &Observed) -> Plan {
    let options = PlanOptions { adopt: false, prune_limit: None::<PruneLimit> };
    plan("d".repeat(40).parse().unwrap(), &AcceptedTree::vouch(Arc::clone(wanted)), owned, observed, options)
        .unwrap()
}

fn versions() -> impl Strategy<Value = Versions> {
    prop::array::uniform5(prop::option::weighted(0.8, 0..2_u8))
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        Just(Deed::Write),
        Just(Deed::Remove),
        Just(Deed::Directory),
        Just(Deed::Link),
        Just(Deed::Executable)
    ]
}

proptest! {
    #[test]
    fn the_plan_of_a_part_is_the_plan_of_the_whole(
        served in versions(),
        wanted in versions(),
        before in prop::collection::vec((prop::sample::select(&PLACES[..]), deed()), 0..2),
        deeds in prop::collection::vec((prop::sample::select(&PLACES[..]), deed()), 0..4),
    ) {
        let world = World::new(&served);
        let owned = skills(&served, None);
        let wanted = skills(&wanted, Some((&owned, &served)));
        // What the look before saw besides.
        for (place, deed) in before.into_iter().filter(|(place, _)| place.ends_with("notes.txt")) {
            world.happen(place, deed);
        }
        let ground = world.look(&owned, &owned);
        let unowned: Vec<Unowned> = ground.unowned.iter().cloned().collect();
        prop_assume!(ground.is_as_left() || owned.is_empty());
        let mut stirred = BTreeSet::new();
        for (place, deed) in deeds {
            // What is made makes the directories above it, and a watch tells of those.
            let is_new = |above: &TreePath| !world.at(above.as_str()).exists();
            stirred.extend(path(place).ancestors().filter(is_new).chain([path(place)]));
            world.happen(place, deed);
        }
        let part = Part { wanted: &wanted, owned: &owned, stirred: &stirred, unowned: &unowned };
        let whole = world.look(&wanted, &owned);
        match world.look_partly(&part) {
            Some(seen) => {
                prop_assert_eq!(&seen.unowned, &whole.unowned);
                prop_assert_eq!(planned(&wanted, &owned, &seen), planned(&wanted, &owned, &whole));
            }
            None => {
                let mut unowned = whole.unowned.iter().chain(&ground.unowned);
                prop_assert!(unowned.any(|one| one.directory), "{:?}", whole.unowned);
            }
        }
    }
}

#[test]
fn only_what_changes_and_where_something_happened_is_looked_at() {
    let served = [Some(0); SKILLS.len()];
    let (world, owned) = (World::new(&served), skills(&served, None));
    let changed = skills(&[Some(0), Some(1), Some(0), Some(0), Some(0)], Some((&owned, &served)));
    // Nobody says that this happened, and nobody looks for it.
    world.write("team/one/SKILL.md", "drifted unseen");
    let nowhere = BTreeSet::new();
    let part = Part { wanted: &changed, owned: &owned, stirred: &nowhere, unowned: &[] };
    let seen = world.look_partly(&part).unwrap();
    assert_eq!(seen.asked.paths().count(), 2, "the files of the skill that changes");
    assert!(seen.is_as_left() && seen.is_left(&path("team/one/SKILL.md")));
    let planned = planned(&changed, &owned, &seen);
    assert_eq!(planned.changes.iter().map(|change| change.skill.as_str()).collect::<Vec<_>>(), ["pdf"]);
    let there = BTreeSet::from([path("team/one/SKILL.md")]);
    let seen = world.look_partly(&Part { stirred: &there, ..part }).unwrap();
    assert!(matches!(seen.at(&path("team/one/SKILL.md")), Some(Found::File { .. })));
    assert!(!seen.is_as_left());
}

#[test]
fn what_no_watch_looks_into_is_no_part() {
    let served = [Some(0); SKILLS.len()];
    let (world, owned) = (World::new(&served), skills(&served, None));
    let look = |places: &[&str], unowned: &[Unowned]| {
        let stirred = places.iter().map(|text| path(text)).collect();
        world.look_partly(&Part { wanted: &owned, owned: &owned, stirred: &stirred, unowned })
    };
    assert!(look(&[], &[]).is_some());
    world.write("notes.txt", "x");
    assert_eq!(look(&["notes.txt"], &[]).unwrap().unowned.len(), 1);
    fs::hard_link(world.at("pdf/SKILL.md"), world.at("second")).unwrap();
    assert!(look(&["second"], &[]).is_none(), "a second name of a file of ours");
    fs::create_dir(world.at("cache")).unwrap();
    assert!(look(&["cache"], &[]).is_none(), "a directory that is not ours");
    let left = Unowned { path: "gone/notes.txt".to_owned(), directory: false };
    assert!(look(&[], &[left]).is_none(), "what lies in a directory that is ours no more");
}
