//! Over HTTP, from a real `git http-backend`.

use std::process::Command;

use reconciler::report::Remedy;
use reconciler::source::{Ancestry, FetchError, Source, SourceError};

use crate::world::{Backend, TOKEN, World, noise, skip};

fn user() -> String {
    format!("x-access-token:{TOKEN}")
}

#[test]
fn the_first_fetch_is_shallow_and_later_ones_bring_what_lies_between() {
    let world = World::new();
    let upstream = world.upstream();
    let root = upstream.push("main", "zero");
    let first = upstream.push("main", "one");
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    let world = world.url(format!("{}/skills.git", backend.url));

    let fetched = world.fetched();
    assert_eq!((fetched.commit, fetched.reference.as_str()), (first, "refs/heads/main"));
    let mirror = world.mirror();
    assert!(mirror.git().is_shallow() && mirror.git().find_commit(root.oid()).is_err());
    assert_eq!(world.fetched(), fetched);

    upstream.push("main", "two");
    let third = upstream.push("main", "three");
    assert_eq!(world.fetched().commit, third);
    assert_eq!(world.mirror().is_ancestor(first, third).unwrap(), Ancestry::Yes);

    let sibling = upstream.commit(b"rewritten", Some(root.oid()));
    upstream.git.reference("refs/heads/main", sibling.oid(), true, "force").unwrap();
    assert_eq!(world.fetched().commit, sibling);
    assert_eq!(world.mirror().is_ancestor(third, sibling).unwrap(), Ancestry::No);
    upstream.git.reference("refs/heads/main", root.oid(), true, "rewind").unwrap();
    assert_eq!(world.fetched().commit, root);
    assert_eq!(world.mirror().is_ancestor(third, root).unwrap(), Ancestry::No);
}

#[test]
fn references_that_pin_other_objects_are_in_nobodys_way() {
    let world = World::new();
    let upstream = world.upstream();
    upstream.push("main", "one");
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    let world = world.url(format!("{}/skills.git", backend.url));
    world.mirror().keep_blob("refs/skill-sync/drift/1-a", b"drifted").unwrap();
    let first = world.fetched().commit;
    let mirror = world.mirror();
    mirror.pin_served(&reconciler::tree::Skills::new()).unwrap();
    mirror.pin_commit("refs/skill-sync/applied", first).unwrap();
    let second = upstream.push("main", "two");
    assert_eq!(world.fetched().commit, second);
}

#[test]
fn tags_and_commits_come_over_http_too() {
    let world = World::new();
    let upstream = world.upstream();
    let old = upstream.push("main", "one");
    let tagged = upstream.push("main", "two");
    upstream.annotate("v1", tagged);
    let new = upstream.push("main", "three");
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    for (reference, commit) in [("v1".to_owned(), tagged), (old.to_string(), old), (new.to_string(), new)] {
        let fresh = World::new().url(format!("{}/skills.git", backend.url)).following(&reference);
        assert_eq!(fresh.fetched().commit, commit);
        assert_eq!(fresh.fetched().commit, commit);
    }
    upstream.git.config().unwrap().set_bool("uploadpack.allowAnySHA1InWant", true).unwrap();
    let by_id = World::new().url(format!("{}/skills.git", backend.url)).following(old.to_string());
    assert_eq!(by_id.fetched().commit, old);
    assert!(by_id.mirror().git().find_commit(new.oid()).is_err(), "by its id it comes alone");
    let absent = World::new().url(format!("{}/skills.git", backend.url)).following("12".repeat(20));
    assert!(matches!(absent.refused(), FetchError::NoSuchCommit { .. }));
}

#[test]
fn an_older_commit_comes_when_it_is_asked_for() {
    let world = World::new();
    let upstream = world.upstream();
    let old = upstream.push("main", "one");
    upstream.push("main", "two");
    let new = upstream.push("main", "three");
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    for by_id in [false, true] {
        upstream.git.config().unwrap().set_bool("uploadpack.allowAnySHA1InWant", by_id).unwrap();
        let ours = World::new().url(format!("{}/skills.git", backend.url));
        assert_eq!(ours.fetched().commit, new);
        let ours = ours.following(old.to_string());
        assert_eq!(ours.fetched().commit, old);
        assert_eq!(ours.fetched().commit, old);
        let next = upstream.commit(b"next", Some(upstream.git.refname_to_id("refs/heads/main").unwrap()));
        upstream.git.reference("refs/heads/main", next.oid(), true, "push").unwrap();
        assert_eq!(ours.following("main").fetched().commit, next);
        upstream.git.reference("refs/heads/main", new.oid(), true, "back").unwrap();
    }
}

#[test]
fn a_shallow_mirror_may_change_to_a_local_path_and_back() {
    let world = World::new();
    let upstream = world.upstream();
    upstream.push("main", "one");
    upstream.push("main", "two");
    let path = world.source.url.to_string();
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    let url = format!("{}/skills.git", backend.url);
    let mut ours = World::new();
    for (n, url) in [&url, &path, &url, &path, &url].into_iter().enumerate() {
        ours = ours.url(url);
        let commit = upstream.push("main", &format!("{n}"));
        assert_eq!(ours.fetched().commit, commit);
        assert!(ours.mirror().git().is_shallow());
    }
}

#[test]
fn an_empty_repository_and_a_missing_one_are_told_apart() {
    let world = World::new();
    world.upstream();
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    let empty = World::new().url(format!("{}/skills.git", backend.url)).refused();
    assert!(matches!(empty, FetchError::Empty { .. }), "{empty}");
    let missing = World::new().url(format!("{}/nothing.git", backend.url)).refused();
    assert!(matches!(missing, FetchError::NoSuchRepository { .. }), "{missing}");
    assert_eq!(missing.remedy(), Remedy::Person);
}

#[test]
fn credentials_are_wanted_wrong_or_right() {
    let world = World::new();
    let path = world.dir.path().join("git/private/skills.git");
    let commit = crate::world::Upstream::new(&path).push("main", "one");
    let Some(backend) = Backend::serve(&world, &["--user", &user()]) else { return };
    let url = format!("{}/private/skills.git", backend.url);

    let without = World::new().url(&url).refused();
    assert!(matches!(without, FetchError::Credentials { status: 401, given: false, .. }), "{without:?}");
    assert!(without.to_string().contains("set GITHUB_TOKEN"), "{without}");
    let wrong = World::new().url(&url).token("wr0ng-t0ken").refused();
    assert!(matches!(wrong, FetchError::Credentials { status: 401, given: true, .. }), "{wrong:?}");
    assert!(wrong.to_string().contains("renew them") && !wrong.to_string().contains("wr0ng"), "{wrong}");
    assert_eq!((without.remedy(), wrong.remedy()), (Remedy::Person, Remedy::Person));

    let right = World::new().url(&url).token(TOKEN);
    assert_eq!(right.fetched().commit, commit);
    assert_eq!(grep(right.dir.path(), TOKEN), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_redirect_on_the_same_host_is_followed_and_told() {
    let world = World::new();
    let commit = world.upstream().push("main", "one");
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    let world = world.url(format!("{}/moved/skills.git", backend.url));
    let fetched = world.fetched();
    assert_eq!(fetched.commit, commit);
    assert_eq!(fetched.redirected_to, Some(format!("{}/skills.git", backend.url)));
}

#[test]
fn a_repository_beyond_its_limit_is_refused() {
    let world = World::new();
    let upstream = world.upstream();
    let commit = upstream.commit(&noise(1_300_000), None);
    upstream.git.reference("refs/heads/main", commit.oid(), false, "push").unwrap();
    let mut urls = vec![world.source.url.to_string()];
    let backend = Backend::serve(&world, &[]);
    urls.extend(backend.as_ref().map(|backend| format!("{}/skills.git", backend.url)));
    for url in urls {
        let mut small = World::new().url(&url);
        small.source.limits.max_repo_bytes = 500_000;
        let error = small.refused();
        assert!(matches!(error, FetchError::TooLarge { limit: 500_000, .. }), "{error}");
        assert!(error.to_string().contains("MAX_REPO_BYTES") && error.remedy() == Remedy::Person, "{error}");
        small.source.limits.max_repo_bytes = 5_000_000;
        assert_eq!(small.fetched().commit, commit);
        small.source.limits.max_repo_bytes = 500_000;
        assert!(matches!(small.refused(), FetchError::TooLarge { .. }));
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let world = World::new();
    world.upstream().push("main", "one");
    let (cert, key) = (world.dir.path().join("cert.pem"), world.dir.path().join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        return skip("a fetch over TLS, because there is no openssl to make a certificate");
    }
    let tls = ["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let Some(backend) = Backend::serve(&world, &tls) else { return };
    let error = World::new().url(format!("{}/skills.git", backend.url)).token(TOKEN).refused();
    assert!(matches!(error, FetchError::Tls { .. }), "{error:?}");
    assert_eq!(error.remedy(), Remedy::Person);
}

#[test]
fn a_token_never_goes_over_http_to_another_machine() {
    let world = World::new().url("http://git.example.invalid/skills.git").token(TOKEN);
    let error = world.fetch().unwrap_err();
    assert!(matches!(error, SourceError::Insecure { .. }), "{error}");
    assert!(error.to_string().contains("INSECURE_HTTP") && error.remedy() == Remedy::Person, "{error}");
    let allowed = Source { insecure_http: true, ..world.source.clone() };
    let allowed = World { source: allowed, ..world };
    assert!(matches!(allowed.refused(), FetchError::Dns { .. } | FetchError::Unreachable { .. }));
}

/// The files below a directory that hold a text.
fn grep(dir: &std::path::Path, text: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(grep(&path, text));
        } else if std::fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path);
        }
    }
    found
}
