//! A mirror that was tidied up goes on being fetched into, over HTTP and from a local path.

use reconciler::cancel::Cancel;
use reconciler::ids::CommitId;
use reconciler::source::{Ancestry, Mirror};

use crate::world::{Backend, Upstream, World, noise};

/// More commits than the history that is kept behind the references.
const MANY: usize = 1_060;

fn packs(mirror: &Mirror) -> usize {
    let files = std::fs::read_dir(mirror.path().join("objects/pack")).unwrap();
    files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "pack")).count()
}

/// Fetches a long history, then large commits that are left behind, then so many small ones that the
/// mirror is tidied up. Gives the commits of the branch.
fn tidied(world: &World, upstream: &Upstream) -> Vec<CommitId> {
    let mut commits: Vec<_> = (0..MANY).map(|n| upstream.push("main", &n.to_string())).collect();
    world.fetched();
    let before = upstream.git.refname_to_id("refs/heads/main").unwrap();
    let noise = noise(2 << 20);
    for n in 0..4 {
        let large = upstream.commit(&noise[n..], Some(before));
        upstream.git.reference("refs/heads/main", large.oid(), true, "push").unwrap();
        world.fetched();
    }
    upstream.git.reference("refs/heads/main", before, true, "rewound").unwrap();
    for n in 0..50 {
        commits.push(upstream.push("main", &format!("later {n}")));
        world.fetched();
    }
    let mut mirror = world.mirror();
    assert!(packs(&mirror) >= 50);
    assert!(mirror.tidy(&Cancel::new()).unwrap());
    assert_eq!(packs(&mirror), 1);
    let size = std::fs::read_dir(mirror.path().join("objects/pack")).unwrap();
    let size: u64 = size.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(size < 1 << 20, "what was left behind is gone: {size} bytes");
    mirror.check().unwrap();
    assert!(!mirror.has_commit(commits[0]) && mirror.has_commit(commits[MANY]));
    commits
}

/// What may come next: the branch goes on, an old commit is asked for, and the branch is forced back
/// behind the history that is kept.
fn goes_on(mut world: World, upstream: &Upstream, mut commits: Vec<CommitId>) {
    let newest = *commits.last().unwrap();
    commits.push(upstream.push("main", "and on"));
    let ahead = *commits.last().unwrap();
    assert_eq!(world.fetched().commit, ahead);
    assert_eq!(world.mirror().is_ancestor(newest, ahead).unwrap(), Ancestry::Yes);

    let following = world.source.reference.clone();
    world = world.following(commits[3].to_string());
    assert_eq!(world.fetched().commit, commits[3]);
    assert!(world.mirror().has_commit(commits[3]));
    world.source.reference = following;
    assert_eq!(world.fetched().commit, ahead);

    upstream.git.reference("refs/heads/main", commits[5].oid(), true, "forced").unwrap();
    assert_eq!(world.fetched().commit, commits[5]);
    world.mirror().check().unwrap();
    let back = world.mirror().is_ancestor(ahead, commits[5]).unwrap();
    assert!(matches!(back, Ancestry::No | Ancestry::Unknown), "{back:?}");
    let next = upstream.push("main", "another way");
    assert_eq!(world.fetched().commit, next);
}

#[test]
fn fetches_from_a_local_path_go_on() {
    let world = World::new();
    let upstream = world.upstream();
    let commits = tidied(&world, &upstream);
    goes_on(world, &upstream, commits);
}

#[test]
fn fetches_over_http_go_on() {
    let world = World::new();
    let upstream = world.upstream();
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    let commits = tidied(&world, &upstream);
    let world = world.url(format!("{}/skills.git", backend.url));
    goes_on(world, &upstream, commits);
}
