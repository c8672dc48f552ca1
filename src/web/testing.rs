//! A server on this machine that keeps what it is sent and answers what it was told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use serde_json::Value;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The request line and the headers.
    pub head: String,
    /// The body; null where there was none.
    pub body: Value,
}

impl Seen {
    /// The method and the path.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).unwrap_or_default()
    }

    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Answers as many requests as there are answers (status, more headers, body), and returns what it saw.
pub(crate) fn serve(answers: &[(&str, &str, &str)]) -> (String, JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("its address"));
    let texts: Vec<String> = answers
        .iter()
        .map(|(status, headers, body)| {
            let length = body.len();
            format!(
                "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        })
        .collect();
    let served = std::thread::spawn(move || {
        let answer = |text: &String| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let seen = read(&mut stream);
            stream.write_all(text.as_bytes()).expect("answered");
            seen
        };
        texts.iter().map(answer).collect()
    });
    (base, served)
}

fn read(stream: &mut TcpStream) -> Seen {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).expect("a request");
        assert!(read > 0, "the request broke off");
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let seen = Seen { head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() };
        let length = seen.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        if body.len() >= length {
            return seen;
        }
    }
}
