//! Stories over real sockets: who is slow, who is many, and who sends too much.

use std::time::Instant;

use axum::routing::{get, post};
use tokio::net::TcpStream;

use super::*;

struct Server {
    address: SocketAddr,
    _stop: watch::Sender<bool>,
}

impl Server {
    fn start(limits: Limits, router: Router) -> Self {
        let listener = listen(Ipv4Addr::LOCALHOST.into(), 0).expect("a port");
        let address = listener.local_addr().expect("its address");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(serve(listener, router, limits, stopped));
        Self { address, _stop: stop }
    }

    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(text.as_bytes()).await.expect("sent");
        stream
    }
}

fn ok() -> Router {
    Router::new().route("/", get(|| async { "ok" }))
}

fn impatient() -> Limits {
    Limits { patience: Duration::from_millis(200), ..Limits::default() }
}

/// Everything that comes until the other end closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut text)).await;
    drop(read.expect("closed before the deadline"));
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_head_that_drips_is_cut_at_the_deadline() {
    let server = Server::start(impatient(), ok());
    let started = Instant::now();
    let mut silent = server.send("").await;
    let mut dripping = server.send("GET / HTTP/1.1\r\nhost: x\r\nx-drip: ").await;
    rest(&mut silent).await;
    let answer = rest(&mut dripping).await;
    assert!(!answer.contains("200"), "{answer}");
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = Server::start(impatient(), ok());
    let mut stream = server.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn beyond_the_cap_the_next_connection_waits_for_a_place() {
    let limits = Limits { connections: 2, patience: Duration::from_millis(400), ..Limits::default() };
    let server = Server::start(limits, ok());
    let started = Instant::now();
    let _idle = (server.send("G").await, server.send("G").await);
    let mut third = server.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(rest(&mut third).await.starts_with("HTTP/1.1 200 OK"), "it is served");
    assert!(started.elapsed() >= Duration::from_millis(400), "once an idle one was cut");
}

#[tokio::test]
async fn who_still_sends_reads_the_refusal_and_not_a_reset() {
    let refuse = post(|| async { axum::http::StatusCode::PAYLOAD_TOO_LARGE });
    let server = Server::start(Limits::default(), Router::new().route("/", refuse));
    let bytes = 8 << 20;
    let mut stream =
        server.send(&format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {bytes}\r\n\r\n")).await;
    let chunk = vec![b'x'; 64 << 10];
    for _ in 0..bytes / chunk.len() {
        stream.write_all(&chunk).await.expect("taken");
    }
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn an_answer_that_nobody_reads_frees_its_connection() {
    let limits = Limits { connections: 1, ..impatient() };
    let large = Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/large", get(|| async { vec![0_u8; 64 << 20] }));
    let server = Server::start(limits, large);
    let _greedy = server.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut next = server.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(rest(&mut next).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn every_address_of_the_machine_reaches_a_service_that_listens_everywhere() {
    let listener = listen(Ipv6Addr::UNSPECIFIED.into(), 0).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() {
    let first = listen(Ipv4Addr::LOCALHOST.into(), 0).expect("a port");
    let port = first.local_addr().expect("its address").port();
    let error = listen(Ipv4Addr::LOCALHOST.into(), port).expect_err("taken");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on 127.0.0.1:{port}: another process does already; stop it, or choose another SKILL_SYNC_PORT"
        )
    );
    let foreign = listen("192.0.2.1".parse().expect("an address"), 0).expect_err("not ours");
    assert!(foreign.to_string().contains("check HOST"), "{foreign}");
}
