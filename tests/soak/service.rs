//! The service as a process.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// So many lines of the log are shown where the soak fails.
const SHOWN: usize = 60;

/// It is killed where it is dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Service {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the service starts");
        let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let (told, listening) = mpsc::channel();
        let tail = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(address) = json["address"].as_str().and_then(|text| text.parse().ok()) {
                    let _ = told.send(address);
                }
                let mut tail = tail.lock().unwrap();
                tail.push_back(line);
                if tail.len() > SHOWN {
                    tail.pop_front();
                }
            }
        });
        let mut service = Self { child, address: ([127, 0, 0, 1], 0).into(), log };
        service.address = listening.recv_timeout(DEADLINE).expect("it listens in time");
        service
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("its end");
    }

    /// Asks it to stop, and waits.
    pub(crate) fn stop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::TERM).expect("sent");
        let end = Instant::now() + DEADLINE;
        loop {
            match self.child.try_wait().expect("a child of ours") {
                Some(status) => return assert_eq!(status.code(), Some(0), "it was asked to stop"),
                None => assert!(Instant::now() < end, "it does not stop"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many descriptors it has open, packs of the mirror aside: there is one more of those with each
    /// fetched commit, until the mirror is tidied.
    pub(crate) fn descriptors(&self) -> usize {
        let all = fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("its descriptors");
        // One that was closed in between leads nowhere.
        let leads = all.filter_map(|one| fs::read_link(one.ok()?.path()).ok());
        leads.filter(|to| !to.to_string_lossy().contains("/objects/pack/")).count()
    }

    /// How many kibibytes of memory it holds, pages of its files aside.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            self.log.lock().unwrap().iter().for_each(|line| println!("{line}"));
        }
    }
}
