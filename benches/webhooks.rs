//! A forge that says everything at once: 10,000 signed deliveries over 64 connections to the real service.
//! How long an answer takes, whether one is lost, how many passes they bring, and what memory it takes.
//!
//! `cargo bench --bench webhooks`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that fails must say so")]
#![allow(clippy::print_stdout, reason = "its figures are what a bench is for")]

#[path = "world/origin.rs"]
mod origin;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use origin::Origin;
use serde_json::json;

const DELIVERIES: usize = 10_000;
const CONNECTIONS: usize = 64;
const SKILLS: usize = 1_000;
const SECRET: &str = "It's a Secret to Everybody";
/// How long anything may take before the bench fails.
const DEADLINE: Duration = Duration::from_secs(120);

fn main() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let repository = scratch.path().join("origin.git");
    let origin = Origin::create(&repository, SKILLS);
    let service = Service::start(scratch.path(), &repository);
    service.until("the first revision", || service.get("/readyz").starts_with("HTTP/1.1 200"));
    let (passes, before) = (service.metric("skill_sync_passes_total"), service.memory("VmRSS"));
    origin.change(0);

    let began = Instant::now();
    let mut times = service.deliver(&json!({
        "ref": "refs/heads/main",
        "repository": { "clone_url": format!("file://{}", repository.display()) },
    }));
    let took = began.elapsed();
    times.sort();
    let at = |share: usize| times[times.len() * share / 1000 - 1].as_secs_f64() * 1e3;
    let brought = service.settled() - passes;
    let accepted = service.metric("skill_sync_webhooks_total{result=\"accepted\"}");
    println!("{DELIVERIES} signed deliveries over {CONNECTIONS} connections in {:.2} s", took.as_secs_f64());
    println!("answered        {} with 202; counted as accepted: {accepted}", times.len());
    println!("answer in ms    p50 {:.2}  p99 {:.2}  p99.9 {:.2}", at(500), at(990), at(999));
    println!("passes          {brought}");
    println!(
        "memory in KiB   before {before}, after {}, most {}",
        service.memory("VmRSS"),
        service.memory("VmHWM")
    );
    assert_eq!((times.len(), accepted), (DELIVERIES, DELIVERIES), "a delivery was lost");
}

struct Service {
    child: Child,
    address: SocketAddr,
}

impl Service {
    fn start(scratch: &Path, repository: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        drop(listener);
        let child = Command::new(env!("CARGO_BIN_EXE_skill-sync"))
            .arg("run")
            .env_clear()
            .env("HOME", scratch)
            .env("SKILLS_REPO", format!("file://{}", repository.display()))
            .env("SKILLS_DIR", scratch.join("data/skills"))
            .env("HOST", "127.0.0.1")
            .env("SKILL_SYNC_PORT", address.port().to_string())
            .env("GITHUB_WEBHOOK_SECRET", SECRET)
            .env("LOG_LEVEL", "error")
            .stdin(Stdio::null())
            .spawn()
            .expect("the service to start");
        Self { child, address }
    }

    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + DEADLINE;
        while !holds() {
            assert!(Instant::now() < end, "not in time: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).expect("sent");
            let _ = stream.read_to_string(&mut answer);
        }
        answer
    }

    /// The sum of all figures whose name begins so.
    fn metric(&self, name: &str) -> usize {
        let page = self.get("/metrics");
        let lines = page.lines().filter(|line| line.starts_with(name));
        lines
            .map(|line| line.rsplit(' ').next().and_then(|n| n.parse::<usize>().ok()).expect("a number"))
            .sum()
    }

    /// How many passes there were once no more come.
    fn settled(&self) -> usize {
        let mut last = (self.metric("skill_sync_passes_total"), Instant::now());
        self.until("no more passes", || {
            let now = self.metric("skill_sync_passes_total");
            if now != last.0 {
                last = (now, Instant::now());
            }
            last.1.elapsed() > Duration::from_secs(3)
        });
        last.0
    }

    /// A figure of the process's memory, in KiB.
    fn memory(&self, name: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).expect("a figure")
    }

    /// Sends all deliveries; how long each took from the first byte sent to the answer.
    fn deliver(&self, body: &serde_json::Value) -> Vec<Duration> {
        let body = body.to_string();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
        mac.update(body.as_bytes());
        let signature: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let next = AtomicUsize::new(0);
        let connection = || {
            let stream = TcpStream::connect(self.address).expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("its other half"));
            let (mut stream, mut times) = (stream, Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= DELIVERIES {
                    return times;
                }
                let request = format!(
                    "POST /webhook/github HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                     X-GitHub-Event: push\r\nX-GitHub-Delivery: delivery-{number}\r\n\
                     X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let began = Instant::now();
                stream.write_all(request.as_bytes()).expect("sent");
                let status = answer(&mut reader);
                assert!(status.contains(" 202 "), "delivery {number}: {status}");
                times.push(began.elapsed());
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("a connection's thread")).collect()
        })
    }
}

/// Reads one answer, and gives its first line.
fn answer(reader: &mut BufReader<TcpStream>) -> String {
    let (mut status, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut status).expect("an answer");
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).expect("its head");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    reader.read_exact(&mut vec![0; length]).expect("its body");
    status
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
