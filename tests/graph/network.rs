//! What happens between: nobody answers, connections are cut, certificates come from strangers.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::expected::assert_projected;
use crate::place::Place;
use crate::server::{PASSWORD, run_at, server};

fn place() -> Place {
    let (place, _) = Place::with(&["a", "b"]);
    place.write("held", "");
    place.commit();
    place.once(3);
    place
}

#[test]
fn a_black_hole_ends_at_the_deadline() {
    let Some(_server) = server() else { return };
    let place = place();
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = run_at(&place, &["audit", "project"], &format!("bolt://{}", hole.local_addr().unwrap()));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("did not answer in 20 s while it was asked to say who it is"), "{ended:?}");
}

/// Passes connections on to a server, and cuts each after so many answers.
struct Proxy {
    address: SocketAddr,
    answers: Arc<AtomicUsize>,
}

impl Proxy {
    fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Arc::new(AtomicUsize::new(0));
        let allowed = Arc::clone(&answers);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let allowed = allowed.load(Ordering::SeqCst);
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass_on(from, to));
                std::thread::spawn(move || answer(server, client, allowed));
            }
        });
        Self { address, answers }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

/// Passes on the handshake and so many messages, and then cuts both sides.
fn answer(mut from: TcpStream, mut to: TcpStream, allowed: usize) {
    let mut handshake = [0; 4];
    let mut left = allowed;
    if from.read_exact(&mut handshake).is_ok() && to.write_all(&handshake).is_ok() {
        while left > 0 && message(&mut from, &mut to).is_some() {
            left -= 1;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// One message: chunks, each with its length before it, and an empty one.
fn message(from: &mut TcpStream, to: &mut TcpStream) -> Option<()> {
    loop {
        let mut length = [0; 2];
        from.read_exact(&mut length).ok()?;
        let mut chunk = vec![0; usize::from(u16::from_be_bytes(length))];
        from.read_exact(&mut chunk).ok()?;
        to.write_all(&[&length, chunk.as_slice()].concat()).ok()?;
        if chunk.is_empty() {
            return Some(());
        }
    }
}

#[test]
fn a_connection_that_is_cut_after_any_answer_changes_nothing_twice() {
    let Some(server) = server() else { return };
    let place = place();
    // The schema is there: what is cut is the projection.
    server.project(&Place::with(&["other"]).0.passed());
    let proxy = Proxy::before(server.port());
    let uri = format!("bolt://{}", proxy.address);
    let mut cuts = 0;
    loop {
        proxy.answers.store(cuts, Ordering::SeqCst);
        let ended = run_at(&place, &["audit", "project"], &uri);
        if ended.code == 0 {
            break;
        }
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stderr.contains("cannot be reached"), "{ended:?}");
        cuts += 1;
        assert!(cuts < 1_000, "it never gets through");
    }
    println!("cut after each of {cuts} answers");
    assert!(cuts > 20, "only {cuts} cuts: was there anything to cut?");
    assert_projected(&server, &place);
}

#[test]
fn certificates_are_verified_against_the_authority_that_is_named() {
    let Some(server) = server() else { return };
    let place = place();
    let tls = server.ca().parent().unwrap().to_path_buf();
    let run = |uri: &str, ca: Option<&str>| {
        let ca = ca.map(|name| tls.join(name).to_string_lossy().into_owned());
        let mut all = vec![("NEO4J_URI", uri), ("NEO4J_USER", "neo4j"), ("NEO4J_PASSWORD", PASSWORD)];
        all.extend(ca.as_deref().map(|ca| ("NEO4J_CA", ca)));
        place.run_with(&["audit", "project", "-o", "json"], &all)
    };
    for scheme in ["bolt+s", "neo4j+s"] {
        let uri = format!("{scheme}://localhost:{}", server.port());
        for (ca, words) in [
            (None, "NEO4J_CA"),
            (Some("other.pem"), "is not trusted"),
            (Some("names"), "holds no certificate"),
            (Some("nothing"), "No such file"),
        ] {
            let ended = run(&uri, ca);
            assert_eq!(ended.code, 5, "{uri} {ca:?}: {ended:?}");
            assert!(ended.stderr.contains(words), "`{words}` is not in: {}", ended.stderr);
        }
        let ended = run(&uri, Some("ca.pem"));
        assert_eq!(ended.code, 0, "{uri}: {ended:?}");
        assert_projected(&server, &place);
    }
    let stranger = run(&format!("bolt+ssc://localhost:{}", server.port()), None);
    assert_eq!(stranger.code, 0, "{stranger:?}");
}

impl Place {
    /// The same after a pass.
    fn passed(self) -> Self {
        self.once(0);
        self
    }
}
