use super::*;
use crate::ids::CommitId;
use crate::source::mirror::TIP;

/// A mirror into which commits come one pack at a time, as fetches bring them.
struct Story {
    _dir: tempfile::TempDir,
    mirror: Mirror,
    tip: Option<Oid>,
    count: usize,
}

impl Story {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&dir.path().join("repo.git")).unwrap();
        Self { _dir: dir, mirror, tip: None, count: 0 }
    }

    /// Another process's look at the same files.
    fn anew(&self) -> Mirror {
        Mirror::open(self.mirror.path()).unwrap()
    }

    fn packs(&self) -> Vec<Pack> {
        packs::list(self.mirror.path()).unwrap()
    }

    /// Commits one file, packs what is new and drops the loose objects that it was made of.
    fn fetch(&mut self, size: usize) -> Oid {
        let git = self.mirror.git();
        let bytes = format!("{} {}", self.count, "x".repeat(size));
        self.count += 1;
        let blob = git.blob(bytes.as_bytes()).unwrap();
        let mut tree = git.treebuilder(None).unwrap();
        tree.insert("skill.md", blob, 0o100_644).unwrap();
        let tree = tree.write().unwrap();
        let when = git2::Time::new(1_700_000_000 + i64::try_from(self.count).unwrap(), 0);
        let who = git2::Signature::new("t", "t@example.org", &when).unwrap();
        let parent = self.tip.map(|id| git.find_commit(id).unwrap());
        let parents: Vec<_> = parent.iter().collect();
        let commit = git.commit(None, &who, &who, "c", &git.find_tree(tree).unwrap(), &parents).unwrap();
        let mut builder = git.packbuilder().unwrap();
        for id in [commit, tree, blob] {
            builder.insert_object(id, None).unwrap();
        }
        builder.write(&self.mirror.path().join("objects/pack"), 0).unwrap();
        for loose in packs::loose(self.mirror.path()).unwrap() {
            if [commit, tree, blob].contains(&loose.id) {
                fs::remove_file(loose.path).unwrap();
            }
        }
        git.reference(TIP, commit, true, "fetch").unwrap();
        self.mirror.sync().unwrap();
        self.tip = Some(commit);
        commit
    }

    fn check(&self) {
        let mirror = self.anew();
        mirror.sweep().unwrap();
        mirror.check().unwrap();
        assert!(mirror.has_commit(self.tip.unwrap().into()));
    }
}

#[test]
fn few_packs_are_left_alone_and_many_become_one() {
    let mut story = Story::new();
    for _ in 1..MANY_PACKS {
        story.fetch(100);
    }
    assert!(!story.mirror.tidy(&Cancel::new()).unwrap());
    let first = story.fetch(100);
    let kept = story.mirror.keep_blob("refs/skill-sync/drift/1-1", b"by hand").unwrap();
    assert!(story.mirror.tidy(&Cancel::new()).unwrap());
    assert_eq!(story.packs().len(), 1);
    assert!(packs::loose(story.mirror.path()).unwrap().is_empty());
    assert_eq!(story.mirror.read_blob(kept).unwrap(), b"by hand");
    assert!(story.mirror.has_commit(CommitId::from(first)));
    story.check();
}

#[test]
fn a_large_pack_is_not_written_anew_for_the_sake_of_small_ones() {
    let mut story = Story::new();
    story.fetch(0);
    let noise: String =
        (0_u64..400_000).map(|n| char::from(33 + u8::try_from(n * n / 7 % 89).unwrap())).collect();
    story.mirror.keep_blob("refs/skill-sync/drift/1-1", noise.as_bytes()).unwrap();
    for _ in 1..MANY_PACKS {
        story.fetch(100);
    }
    story.mirror.tidy(&Cancel::new()).unwrap();
    let large = story.packs();
    for _ in 0..MANY_PACKS {
        story.fetch(3);
    }
    story.mirror.tidy(&Cancel::new()).unwrap();
    let after = story.packs();
    assert!(after.len() <= 2, "{after:?}");
    assert!(after.len() == 1 || after.contains(&large[0]));
    story.check();
}

#[test]
fn packs_that_stay_are_larger_than_all_the_smaller_ones_together() {
    let pack = |size| Pack { path: PathBuf::from(format!("{size}.pack")), size };
    let sizes = |packs: Vec<Pack>| packs.iter().map(|pack| pack.size).collect::<Vec<_>>();
    for (all, merged, stay) in [
        (vec![1000, 1, 1, 1], vec![1, 1, 1], vec![1000]),
        (vec![10, 9, 8], vec![8, 9, 10], vec![]),
        (vec![100, 40, 20, 10, 5], vec![], vec![5, 10, 20, 40, 100]),
        (vec![100, 30, 20, 20], vec![20, 20, 30], vec![100]),
    ] {
        let (small, large) = split(all.into_iter().map(pack).collect());
        assert_eq!((sizes(small), sizes(large)), (merged, stay));
    }
}

#[test]
fn what_no_reference_keeps_goes_once_it_is_as_much_as_the_rest() {
    let mut story = Story::new();
    let first = story.fetch(0);
    let pack = |size| Pack { path: PathBuf::new(), size };
    assert!(is_worth_all(&[pack(ROOM), pack(ROOM), pack(1)]));
    assert!(!is_worth_all(&[pack(ROOM), pack(ROOM)]));
    assert!(!is_worth_all(&[pack(LARGEST_REWRITE), pack(LARGEST_REWRITE)]));
    for _ in 0..alive::HISTORY_KEPT + 10 {
        story.fetch(0);
    }
    let alive = Alive::walk(story.mirror.git()).unwrap();
    let (packs, loose) = (story.packs(), packs::loose(story.mirror.path()).unwrap());
    let objects = alive.objects.into_iter().collect();
    let tidying = Tidying { objects, ends: Some(alive.ends), packs, loose };
    story.mirror.carry_out(&tidying, &mut || true).unwrap();
    assert!(!story.mirror.has_commit(first.into()), "it is behind the history that is kept");
    assert_eq!(story.packs().len(), 1);
    let ends = fs::read_to_string(story.mirror.path().join("shallow")).unwrap();
    assert_eq!(ends.lines().count(), 1);
    assert!(story.mirror.has_commit(ends.trim().parse().unwrap()));
    assert!(story.mirror.git().is_shallow());
    story.check();
}

/// Each change of a file is a point at which the process may be killed.
#[test]
fn wherever_it_is_cut_short_nothing_is_lost_and_the_next_time_ends_it() {
    let mut points = 0;
    for all in [false, true] {
        for stop in 0.. {
            let mut story = Story::new();
            for _ in 0..5 {
                story.fetch(10);
            }
            let kept = story.mirror.keep_blob("refs/skill-sync/drift/1-1", b"by hand").unwrap();
            let alive = Alive::walk(story.mirror.git()).unwrap();
            let (packs, loose) = (story.packs(), packs::loose(story.mirror.path()).unwrap());
            let ends = all.then_some(alive.ends);
            let tidying = Tidying { objects: alive.objects.into_iter().collect(), ends, packs, loose };
            let mut asked = 0;
            let mut whole = true;
            let mut go_on = || {
                whole &= asked < stop;
                asked += 1;
                whole
            };
            story.mirror.carry_out(&tidying, &mut go_on).unwrap();
            story.check();
            assert_eq!(story.anew().read_blob(kept).unwrap(), b"by hand");
            if whole {
                points += stop;
                break;
            }
            let mut mirror = story.anew();
            mirror.sweep().unwrap();
            mirror.carry_out(&mirror.plan_tidying().unwrap(), &mut || true).unwrap();
            story.check();
            assert!(packs::loose(story.mirror.path()).unwrap().is_empty());
        }
    }
    assert!(points > 30, "{points}");
}

#[test]
fn a_lost_object_stops_it_before_anything_goes() {
    let mut story = Story::new();
    story.fetch(10);
    let id = story.mirror.keep_blob("refs/skill-sync/drift/1-1", b"by hand").unwrap();
    let tree =
        story.mirror.git().find_reference("refs/skill-sync/drift/1-1").unwrap().peel_to_tree().unwrap().id();
    let digits = tree.to_string();
    fs::remove_file(story.mirror.path().join("objects").join(&digits[..2]).join(&digits[2..])).unwrap();
    let error = story.anew().plan_tidying().unwrap_err();
    assert!(error.to_string().contains("has lost what its references keep"), "{error}");
    assert!(story.mirror.read_blob(id).is_ok());
}
