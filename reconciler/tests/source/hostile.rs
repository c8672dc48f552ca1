//! Servers that are slow, broken, or worse.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use reconciler::report::Remedy;
use reconciler::source::FetchError;

use crate::world::{Server, TOKEN, World, answer, listing, packet};

/// What a server's answer comes to.
fn refused(server: &Server) -> FetchError {
    World::new().url(format!("{}/org/skills.git", server.url)).refused()
}

#[test]
fn each_status_says_what_to_do_and_who() {
    let minute = Remedy::Retry(Some(Duration::from_secs(60)));
    let cases = [
        ("401 X", "", "set GITHUB_TOKEN", Remedy::Person),
        ("403 X", "", "set GITHUB_TOKEN", Remedy::Person),
        ("403 X", "Retry-After: 60\r\n", "come less often", minute),
        ("404 X", "", "a private repository needs credentials", Remedy::Person),
        ("418 X", "", "HTTP 418", Remedy::Person),
        ("429 X", "", "come less often", Remedy::Retry(None)),
        ("429 X", "Retry-After: 60\r\n", "come less often", minute),
        ("500 X", "", "fails by itself", Remedy::Retry(None)),
        ("503 X", "Retry-After: 60\r\n", "HTTP 503", minute),
    ];
    for (status, headers, words, remedy) in cases {
        let error = refused(&Server::saying(answer(status, headers, b"")));
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("/org/skills.git"), "{status}: {text}");
        assert_eq!(error.remedy(), remedy, "{status}");
    }
}

#[test]
fn a_date_in_retry_after_is_honoured() {
    let headers = "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n";
    let error = refused(&Server::saying(answer("429 X", headers, b"")));
    assert_eq!(error.remedy(), Remedy::Retry(Some(Duration::from_secs(24 * 60 * 60))));
}

#[test]
fn a_web_page_is_no_git_server() {
    let error = refused(&Server::saying(answer("200 OK", "Content-Type: text/html\r\n", b"<html>")));
    assert!(error.to_string().contains("text/html") && error.remedy() == Remedy::Person, "{error}");
}

#[test]
fn the_request_is_gits_and_carries_the_token() {
    let server = Server::saying(answer("404 X", "", b""));
    World::new().url(format!("{}/org/skills.git", server.url)).token("t").refused();
    let head = server.heard();
    assert!(head.starts_with("GET /org/skills.git/info/refs?service=git-upload-pack HTTP/1.1"), "{head}");
    let lower = head.to_lowercase();
    assert!(lower.contains("user-agent: git/skill-sync-"), "{head}");
    assert!(head.contains("Basic eC1hY2Nlc3MtdG9rZW46dA=="), "{head}");
}

#[test]
fn a_redirect_to_another_host_is_refused_and_gets_nothing() {
    let other = Server::saying(answer("404 X", "", b""));
    let location = format!("Location: {}/org/skills.git/info/refs?service=git-upload-pack\r\n", other.url);
    let server = Server::saying(answer("302 X", &location, b""));
    let error = World::new().url(format!("{}/org/skills.git", server.url)).token(TOKEN).refused();
    assert!(matches!(error, FetchError::Redirected { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&other.url) && text.contains("nothing was sent") && !text.contains(TOKEN),
        "{text}"
    );
    assert_eq!(error.remedy(), Remedy::Person);
    server.heard();
    assert!(other.requests.try_recv().is_err());
}

#[test]
fn a_redirect_in_a_circle_ends() {
    let location = "Location: /org/skills.git/info/refs?service=git-upload-pack\r\n";
    let error = refused(&Server::saying(answer("301 X", location, b"")));
    assert!(matches!(error, FetchError::RedirectLoop { .. }), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = World::new().url(format!("http://127.0.0.1:{port}/skills.git")).refused();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.remedy(), Remedy::Retry(None));
    let error = World::new().url("https://skills.invalid/skills.git").refused();
    assert!(matches!(error, FetchError::Dns { .. }), "{error:?}");
    assert!(error.to_string().contains("skills.invalid"), "{error}");
    assert_eq!(error.remedy(), Remedy::Retry(None));
}

/// Every byte comes, and none of them soon enough to finish.
fn dripping() -> Server {
    Server::start(|_, _, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n";
        // A line of 61,439 bytes begins, and its bytes come one by one.
        let mut alive = stream.write_all(format!("{head}efff").as_bytes()).is_ok();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        while alive {
            // Waiting for the client's end is what paces the drops.
            let gone = stream.read(&mut [0]).is_ok_and(|read| read == 0);
            alive = !gone && stream.write_all(b"0").is_ok();
        }
    })
}

#[test]
fn silent_and_dripping_servers_end_at_the_deadline() {
    for server in [Server::silent(), dripping()] {
        let world = World::new().url(format!("{}/skills.git", server.url)).timeout(Duration::from_secs(1));
        let begun = Instant::now();
        let error = world.refused();
        let took = begun.elapsed();
        assert!(matches!(error, FetchError::Timeout { seconds: 1, .. }), "{error:?}");
        assert_eq!(error.remedy(), Remedy::Retry(None));
        assert!((Duration::from_millis(900)..Duration::from_secs(10)).contains(&took), "{took:?}");
    }
}

#[test]
fn a_list_without_end_is_cut() {
    let server = Server::start(|_, _, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n";
        let begin = format!("{head}{}0000", packet("# service=git-upload-pack\n"));
        let line = packet(&format!("{} refs/heads/{}\n", "12".repeat(20), "x".repeat(1_000)));
        let lines = line.repeat(1_000);
        let mut alive = stream.write_all(begin.as_bytes()).is_ok();
        while alive {
            alive = stream.write_all(lines.as_bytes()).is_ok();
        }
    });
    let error = refused(&server);
    assert!(matches!(error, FetchError::EndlessList { .. }), "{error:?}");
    assert_eq!(error.remedy(), Remedy::Person);
}

#[test]
fn a_list_that_is_no_protocol_is_broken() {
    let mut half = listing(&[packet(&format!("{} refs/heads/main\0 \n", "12".repeat(20)))]);
    half.truncate(half.len() - 20);
    let error = refused(&Server::saying(half));
    assert!(matches!(error, FetchError::Broken { .. } | FetchError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.remedy(), Remedy::Retry(None));
    let garbage =
        answer("200 OK", "Content-Type: application/x-git-upload-pack-advertisement\r\n", b"zzzzzzzz");
    let error = refused(&Server::saying(garbage));
    assert!(matches!(error, FetchError::Broken { .. }), "{error:?}");
}

/// A pack of no objects, with the checksum that it must have.
const EMPTY_PACK: &[u8] =
    b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

#[test]
fn a_server_that_knows_no_depth_is_asked_for_everything() {
    let list = listing(&[packet(&format!("{} refs/heads/main\0multi_ack\n", "12".repeat(20)))]);
    let server = Server::start(move |head, body, stream| {
        let result = "Content-Type: application/x-git-upload-pack-result\r\n";
        let asks = !head.starts_with("GET") && !body.windows(6).any(|window| window == b"deepen");
        let pack = [b"0008NAK\n", EMPTY_PACK].concat();
        drop(stream.write_all(&if asks { answer("200 OK", result, &pack) } else { list.clone() }));
    });
    let error = World::new().url(format!("{}/skills.git", server.url)).following("main").refused();
    assert!(matches!(error, FetchError::Incomplete { .. }), "{error:?}");
}

/// A server that lists one commit and sends this for it.
fn listing_then(sent: &'static [u8]) -> Server {
    let id = "12".repeat(20);
    let shallow = packet(&format!("shallow {id}"));
    let list =
        listing(&[packet(&format!("{id} refs/heads/main\0multi_ack shallow symref=HEAD:refs/heads/main\n"))]);
    Server::start(move |head, body, stream| {
        let result = "Content-Type: application/x-git-upload-pack-result\r\n";
        let begin = format!("{shallow}0000").into_bytes();
        let sent = if head.starts_with("GET") {
            list.clone()
        } else if body.ends_with(b"done\n") {
            answer("200 OK", result, &[&begin[..], b"0008NAK\n", sent].concat())
        } else {
            answer("200 OK", result, &begin)
        };
        drop(stream.write_all(&sent));
    })
}

#[test]
fn a_pack_that_is_no_pack_is_broken_and_leaves_nothing() {
    let server = listing_then(b"PACK and then nonsense");
    let world = World::new().url(format!("{}/skills.git", server.url)).following("main");
    let error = world.refused();
    assert!(matches!(error, FetchError::Broken { .. }), "{error:?}");
    world.mirror().sweep().unwrap();
    assert_eq!(std::fs::read_dir(world.mirror_path().join("objects/pack")).unwrap().count(), 0);
}

#[test]
fn a_commit_that_is_listed_and_not_sent_is_no_success() {
    let server = listing_then(EMPTY_PACK);
    let world = World::new().url(format!("{}/skills.git", server.url)).following("main");
    let error = world.refused();
    assert!(matches!(error, FetchError::Incomplete { .. }), "{error:?}");
    assert!(error.to_string().contains(&"12".repeat(20)), "{error}");
    assert!(!world.mirror().has_history());
}
