//! The service as people run it, and the one who talks to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;

const SECRET: &str = "It's a Secret to Everybody";
/// How long anything may take before the bench fails.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running service that follows a repository.
pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Service {
    pub(crate) fn start(scratch: &Path, repository: &Path) -> Self {
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

    pub(crate) fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        until_within(Duration::from_millis(20), what, holds);
    }

    /// Waits for something whose moment is measured.
    #[allow(dead_code, reason = "not every bench measures one")]
    pub(crate) fn until_soon(&self, what: &str, holds: impl FnMut() -> bool) {
        until_within(Duration::from_micros(200), what, holds);
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).expect("sent");
            let _ = stream.read_to_string(&mut answer);
        }
        answer
    }

    /// The sum of all figures whose name begins so.
    pub(crate) fn metric(&self, name: &str) -> usize {
        let page = self.get("/metrics");
        let lines = page.lines().filter(|line| line.starts_with(name));
        lines
            .map(|line| line.rsplit(' ').next().and_then(|n| n.parse::<usize>().ok()).expect("a number"))
            .sum()
    }

    /// How many passes there were once no more come.
    #[allow(dead_code, reason = "not every bench counts them")]
    pub(crate) fn settled(&self) -> usize {
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
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).expect("a figure")
    }
}

/// Waits until something holds, looking again after each `pause`.
fn until_within(pause: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(pause);
    }
}

/// A signed delivery of GitHub's that says that a repository's branch was pushed to, as it is sent.
pub(crate) fn delivery(repository: &Path, id: &str) -> String {
    let body = json!({
        "ref": "refs/heads/main",
        "repository": { "clone_url": format!("file://{}", repository.display()) },
    });
    let body = body.to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
    mac.update(body.as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "POST /webhook/github HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         X-GitHub-Event: push\r\nX-GitHub-Delivery: {id}\r\n\
         X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a delivery over a connection; how long its answer took, which must be 202.
pub(crate) fn deliver(stream: &mut TcpStream, reader: &mut BufReader<TcpStream>, request: &str) -> Duration {
    let began = Instant::now();
    stream.write_all(request.as_bytes()).expect("sent");
    let status = answer(reader);
    assert!(status.contains(" 202 "), "{status}");
    began.elapsed()
}

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
