//! The service as a process.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use serde_json::Value;

use crate::scene::{DEADLINE, wait_for};

/// A service that runs; it is killed where a story ends.
pub(crate) struct Service {
    child: Child,
    address: String,
    log: mpsc::Receiver<String>,
    target: PathBuf,
}

impl Service {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command, target: PathBuf) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stderr.take().expect("its log"));
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut service = Self { child, address: String::new(), log, target };
        let listening = service.line(|line| line.get("address").is_some());
        service.address = listening["address"].as_str().expect("an address").to_owned();
        service
    }

    fn line(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("not in the log:\n{}", seen.join("\n")));
            match serde_json::from_str(&line) {
                Ok(value) if is_it(&value) => return value,
                _ => seen.push(line),
            }
        }
    }

    /// Waits for a line of the log.
    pub(crate) fn says(&self, text: &str) {
        self.line(|line| line.to_string().contains(text));
    }

    /// Its address for others.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the webhook goes.
    pub(crate) fn hook(&self) -> String {
        format!("{}/webhook/gitea", self.base())
    }

    /// Waits until a file of the volume holds a text.
    pub(crate) fn serves(&self, file: &str, text: &str) {
        let path = self.target.join(file);
        wait_for(&format!("{text} in {file}"), || {
            std::fs::read_to_string(&path).is_ok_and(|found| found.contains(text))
        });
    }

    /// A number of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let page = agent.get(format!("{}/metrics", self.base())).call().expect("an answer");
        let page = page.into_body().read_to_string().expect("text");
        let line = page.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse().expect("a number")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
