//! What is followed, in a repository on this machine.

use std::os::unix::ffi::OsStrExt as _;

use reconciler::report::Remedy;
use reconciler::source::{Ancestry, FetchError, RepoUrl};

use crate::world::World;

#[test]
fn the_remotes_head_is_followed_by_default() {
    let world = World::new();
    let upstream = world.upstream();
    let commit = upstream.push("main", "one");
    upstream.push("other", "two");
    let fetched = world.fetched();
    assert_eq!((fetched.commit, fetched.reference.as_str()), (commit, "refs/heads/main"));
    assert_eq!(fetched.redirected_to, None);
    assert!(world.mirror().git().find_commit(commit.oid()).is_ok());
}

#[test]
fn a_detached_head_is_followed_as_it_is() {
    let world = World::new();
    let upstream = world.upstream();
    let old = upstream.push("main", "one");
    upstream.push("main", "two");
    upstream.git.set_head_detached(old.oid()).unwrap();
    let fetched = world.fetched();
    assert_eq!((fetched.commit, fetched.reference.as_str()), (old, "HEAD"));
}

#[test]
fn branches_tags_and_full_names_are_followed() {
    let world = World::new().following("feature/x");
    let upstream = world.upstream();
    let main = upstream.push("main", "one");
    let feature = upstream.push("feature/x", "two");
    upstream.git.reference("refs/tags/v1", main.oid(), false, "tag").unwrap();
    upstream.git.reference("refs/review/7", feature.oid(), false, "review").unwrap();
    upstream.annotate("v2", feature);
    let cases = [
        ("feature/x", feature, "refs/heads/feature/x"),
        ("v1", main, "refs/tags/v1"),
        ("v2", feature, "refs/tags/v2"),
        ("refs/tags/v2", feature, "refs/tags/v2"),
        ("refs/review/7", feature, "refs/review/7"),
        ("refs/heads/main", main, "refs/heads/main"),
    ];
    let mut world = world;
    for (reference, commit, name) in cases {
        world = world.following(reference);
        let fetched = world.fetched();
        assert_eq!((fetched.commit, fetched.reference.as_str()), (commit, name));
    }
}

#[test]
fn a_commit_is_followed_whether_a_branch_ends_there_or_not() {
    let world = World::new();
    let upstream = world.upstream();
    let old = upstream.push("main", "one");
    let new = upstream.push("main", "two");
    for commit in [new, old] {
        let fresh = World::new().url(world.source.url.to_string()).following(commit.to_string());
        let fetched = fresh.fetched();
        assert_eq!((fetched.commit, fetched.reference), (commit, commit.to_string()));
    }
    let absent = World::new().url(world.source.url.to_string()).following("12".repeat(20));
    let error = absent.refused();
    assert!(error.to_string().contains(&"12".repeat(20)) && error.remedy() == Remedy::Person, "{error}");
}

#[test]
fn a_name_that_is_a_branch_and_a_tag_is_refused() {
    let world = World::new().following("v1");
    let upstream = world.upstream();
    let commit = upstream.push("v1", "one");
    upstream.git.reference("refs/tags/v1", commit.oid(), false, "tag").unwrap();
    let error = world.refused();
    assert!(matches!(error, FetchError::Ambiguous { .. }), "{error}");
    assert!(error.to_string().contains("set SKILLS_REF to refs/heads/v1 or refs/tags/v1"), "{error}");
    assert_eq!(error.remedy(), Remedy::Person);
}

#[test]
fn a_missing_reference_is_never_an_empty_repository() {
    let world = World::new().following("mian");
    let upstream = world.upstream();
    upstream.push("main", "one");
    let error = world.refused();
    let text = error.to_string();
    assert!(text.contains("no `mian`") && text.contains("skills.git") && text.contains("main"), "{text}");
    assert_eq!(error.remedy(), Remedy::Person);
}

#[test]
fn an_empty_repository_and_an_unborn_head_say_so() {
    let world = World::new();
    let upstream = world.upstream();
    let error = world.refused();
    assert!(error.to_string().contains("is empty") && error.remedy() == Remedy::Person, "{error}");
    upstream.push("other", "one");
    let error = world.refused();
    assert!(matches!(error, FetchError::UnbornHead { .. }), "{error}");
    assert!(error.to_string().contains("set SKILLS_REF"), "{error}");
}

#[test]
fn a_tag_of_a_file_is_no_commit() {
    let world = World::new().following("blob");
    let upstream = world.upstream();
    upstream.push("main", "one");
    let blob = upstream.git.blob(b"no commit").unwrap();
    upstream.git.reference("refs/tags/blob", blob, false, "tag").unwrap();
    let error = world.refused();
    assert!(error.to_string().contains("points at a blob"), "{error}");
    assert_eq!(error.remedy(), Remedy::Person);
}

#[test]
fn a_path_without_a_repository_is_told() {
    for path in ["/nonexistent/skills.git", "/etc"] {
        let error = World::new().url(path).refused();
        assert!(error.to_string().contains(&format!("no repository at {path}")), "{error}");
        assert_eq!(error.remedy(), Remedy::Person);
    }
}

#[test]
fn a_file_url_and_a_path_with_a_colon_are_taken() {
    let mut world = World::new();
    let path = world.dir.path().join("git/a:b c%20.git");
    let commit = crate::world::Upstream::new(&path).push("main", "one");
    world.source.url = RepoUrl::parse("git/a:b c%20.git").unwrap().absolute(world.dir.path());
    assert_eq!(world.fetched().commit, commit);
    let url = format!("file://{}/git/a:b%20c%2520.git", world.dir.path().display());
    assert_eq!(World::new().url(url).fetched().commit, commit);
}

#[test]
fn a_range_of_versions_follows_the_highest_tag_of_it() {
    let world = World::new().following("semver:^1");
    let upstream = world.upstream();
    upstream.push("main", "zero");
    let none = world.refused();
    assert!(matches!(none, FetchError::NoSuchVersion { .. }) && none.remedy() == Remedy::Person, "{none}");
    let first = upstream.push("main", "one");
    upstream.git.reference("refs/tags/v1.0.0", first.oid(), false, "tag").unwrap();
    let fetched = world.fetched();
    assert_eq!((fetched.commit, fetched.reference.as_str()), (first, "refs/tags/v1.0.0"));
    let second = upstream.push("main", "two");
    let tag = upstream.annotate("v1.1.0", second);
    upstream.annotate("v2.0.0", upstream.push("main", "three"));
    let fetched = world.fetched();
    assert_eq!((fetched.commit, fetched.reference.as_str()), (second, "refs/tags/v1.1.0"));
    assert_eq!(fetched.tag, Some(tag.to_string()));
    assert!(world.mirror().git().find_tag(tag).is_ok(), "the tag itself is there too");
}

#[test]
fn later_fetches_bring_what_lies_between_and_show_a_rewind() {
    let world = World::new();
    let upstream = world.upstream();
    let first = upstream.push("main", "one");
    assert_eq!(world.fetched().commit, first);
    upstream.push("main", "two");
    let third = upstream.push("main", "three");
    assert_eq!(world.fetched().commit, third);
    assert_eq!(world.mirror().is_ancestor(first, third).unwrap(), Ancestry::Yes);

    let rewritten = upstream.commit(b"other", Some(first.oid()));
    upstream.git.reference("refs/heads/main", rewritten.oid(), true, "force").unwrap();
    assert_eq!(world.fetched().commit, rewritten);
    assert_eq!(world.mirror().is_ancestor(third, rewritten).unwrap(), Ancestry::No);

    let stranger = upstream.commit(b"stranger", None);
    upstream.git.reference("refs/heads/main", stranger.oid(), true, "force").unwrap();
    assert_eq!(world.fetched().commit, stranger);
    assert_eq!(world.mirror().is_ancestor(rewritten, stranger).unwrap(), Ancestry::Unrelated);
}

#[test]
fn a_branch_that_became_a_directory_of_branches_is_followed() {
    let mut world = World::new().following("a");
    let upstream = world.upstream();
    upstream.push("a", "one");
    world.fetched();
    upstream.git.find_reference("refs/heads/a").unwrap().delete().unwrap();
    let commit = upstream.push("a/b", "two");
    world = world.following("a/b");
    assert_eq!(world.fetched().commit, commit);
}

#[test]
fn a_reference_whose_name_is_no_text_is_in_nobodys_way() {
    let world = World::new();
    let commit = world.upstream().push("main", "one");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let heads = world.dir.path().join("git/skills.git/refs/heads");
    std::fs::copy(heads.join("main"), heads.join(name)).unwrap();
    assert_eq!(world.fetched().commit, commit);
}
