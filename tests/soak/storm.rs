//! Webhooks, more than anybody sends: new deliveries, repeated ones, strangers' and other branches'.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;

use crate::place::{BRANCH, SECRET};
use crate::service::DEADLINE;

/// How many callers there are at once.
const CALLERS: usize = 8;

/// Sends so many deliveries, and panics at an answer that is not the one of their kind.
pub(crate) fn storm(address: SocketAddr, repository: &Path, prefix: &str, deliveries: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..CALLERS {
            threads.spawn(|| {
                let mut caller = Caller::new(address);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= deliveries {
                        return;
                    }
                    caller.deliver(repository, prefix, number);
                }
            });
        }
    });
}

/// One connection, and the next where that was closed.
struct Caller {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Caller {
    fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    fn deliver(&mut self, repository: &Path, prefix: &str, number: usize) {
        let (reference, secret, id, expected): (_, _, _, &[u16]) = match number % 20 {
            // Strangers are limited, others never.
            0 => (BRANCH, "not the secret", number, &[401, 429]),
            1 => ("refs/heads/other", SECRET, number, &[200]),
            // The one before, sent again: accepted until its fetch is done.
            2 => (BRANCH, SECRET, number.saturating_sub(10), &[200, 202]),
            _ => (BRANCH, SECRET, number, &[202]),
        };
        let body = json!({ "ref": reference, "repository": { "clone_url": repository } }).to_string();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
        mac.update(body.as_bytes());
        let tag: Vec<String> = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let request = format!(
            "POST /webhook/github HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             x-github-event: push\r\nx-github-delivery: {prefix}-{id}\r\n\
             x-hub-signature-256: sha256={}\r\ncontent-length: {}\r\n\r\n{body}",
            tag.concat(),
            body.len()
        );
        let status = self.ask(&request);
        assert!(expected.contains(&status), "delivery {number}: {status} where one of {expected:?} was due");
    }

    /// A connection that was closed after an answer is made again once.
    fn ask(&mut self, request: &str) -> u16 {
        let first = self.stream.is_none();
        match self.try_ask(request) {
            Ok(status) => status,
            Err(error) if first => panic!("no answer: {error}"),
            Err(_) => {
                self.stream = None;
                self.try_ask(request).expect("an answer")
            }
        }
    }

    fn try_ask(&mut self, request: &str) -> std::io::Result<u16> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(DEADLINE))?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().expect("it was just made");
        stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let lower = head.to_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        stream.read_exact(&mut vec![0; length.unwrap_or(0)])?;
        if lower.contains("connection: close") {
            self.stream = None;
        }
        Ok(head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status"))
    }
}
