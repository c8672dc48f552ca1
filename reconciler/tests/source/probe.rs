//! One question instead of a fetch: what the answers spare, and what they never spare.

use std::io::Write as _;
use std::time::Duration;

use reconciler::source::{Fetched, Probe};

use crate::world::{Backend, Server, TOKEN, World, answer};

/// The same world with its mirror, as another URL would be asked.
fn asked(world: &World, fetched: &Fetched) -> Option<Fetched> {
    let mut probe = Probe::default();
    probe.brought(fetched);
    probe.unchanged(&world.source, &world.mirror())
}

#[test]
fn a_branch_that_stands_still_is_told_by_one_question_and_a_push_is_not_missed() {
    let world = World::new();
    let upstream = world.upstream();
    upstream.push("main", "one");
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    let http = World::new().url(format!("{}/skills.git", backend.url));
    for world in [&world, &http] {
        let fetched = world.fetched();
        assert_eq!(asked(world, &fetched), Some(fetched.clone()), "{}", world.source.url);
        assert_eq!(asked(&World::new(), &fetched), None, "a mirror that does not have it");
        upstream.push("main", "two");
        assert_eq!(asked(world, &fetched), None, "{}", world.source.url);
    }
}

#[test]
fn branches_are_asked_for_by_each_of_their_names_and_tags_and_commits_are_fetched() {
    let world = World::new();
    let upstream = world.upstream();
    let commit = upstream.push("main", "one");
    upstream.annotate("v1", commit);
    upstream.push("v10", "another");
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    for (reference, known) in [
        ("v10", true),
        ("refs/heads/main", true),
        ("refs/tags/v1", false),
        (commit.to_string().as_str(), false),
    ] {
        let url = format!("{}/skills.git", backend.url);
        let world = World::new().url(url).following(reference);
        let fetched = world.fetched();
        assert_eq!(asked(&world, &fetched).is_some(), known, "{reference}");
        let other = Fetched { reference: "refs/heads/other".to_owned(), ..fetched };
        assert_eq!(asked(&world, &other), None, "{reference}");
    }
}

#[test]
fn it_is_one_request_with_the_credentials_and_the_protocol() {
    let world = World::new();
    world.upstream().push("main", "one");
    let fetched = world.fetched();
    let server = Server::saying(answer("500 No", "", b""));
    let world = world.url(format!("{}/skills.git", server.url)).token(TOKEN);
    assert_eq!(asked(&world, &fetched), None);
    let heard = server.heard().to_lowercase();
    assert!(heard.starts_with("post /skills.git/git-upload-pack http/1.1\r\n"), "{heard}");
    assert!(
        heard.contains("git-protocol: version=2\r\n") && heard.contains("authorization: basic "),
        "{heard}"
    );
    assert!(server.requests.try_recv().is_err(), "one request");
}

#[test]
fn whatever_a_server_answers_else_spares_nothing() {
    let world = World::new();
    world.upstream().push("main", "one");
    let fetched = world.fetched();
    let commit = fetched.commit;
    let kind = "Content-Type: application/x-git-upload-pack-result\r\n";
    let line = format!("{commit} HEAD symref-target:refs/heads/main\n");
    let list = format!("{:04x}{line}0000", line.len() + 4);
    let World { dir, mut source } = world;
    let mut told = |answer: Vec<u8>| {
        let server = Server::saying(answer);
        source.url = reconciler::source::RepoUrl::parse(&format!("{}/skills.git", server.url)).unwrap();
        let mut probe = Probe::default();
        probe.brought(&fetched);
        let mirror = reconciler::source::Mirror::open(&dir.path().join("state/repo.git")).unwrap();
        probe.unchanged(&source, &mirror)
    };
    assert_eq!(told(answer("200 OK", kind, list.as_bytes())), Some(fetched.clone()));
    let elsewhere = "Location: http://localhost:1/\r\n";
    for odd in [
        answer("200 OK", "Content-Type: text/html\r\n", list.as_bytes()),
        answer("200 OK", kind, &list.as_bytes()[..40]),
        answer("200 OK", kind, format!("{}{list}", "0".repeat(70_000)).as_bytes()),
        answer("200 OK", kind, b"0008ERR 0000"),
        answer("401 Unauthorized", kind, list.as_bytes()),
        answer("301 Moved", elsewhere, b""),
        b"nonsense".to_vec(),
        Vec::new(),
    ] {
        assert_eq!(told(odd.clone()), None, "{}", String::from_utf8_lossy(&odd));
    }
}

#[test]
fn a_server_that_is_silent_or_never_ends_is_left_to_the_fetch() {
    let world = World::new();
    world.upstream().push("main", "one");
    let fetched = world.fetched();
    let endless = Server::start(|_, _, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n\r\n";
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(&[b'0'; 4096]);
        }
    });
    let mut world = world.timeout(Duration::from_secs(1));
    for server in [&Server::silent(), &endless] {
        world = world.url(format!("{}/skills.git", server.url));
        assert_eq!(asked(&world, &fetched), None);
    }
}

#[test]
fn a_token_is_not_shown_to_whoever_listens_on_the_way() {
    let world = World::new();
    world.upstream().push("main", "one");
    let fetched = world.fetched();
    let world = world.url("http://192.0.2.1/skills.git").token(TOKEN);
    assert_eq!(asked(&world, &fetched), None, "no request is made");
}
