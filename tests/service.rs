//! The service as a process: over HTTP, the control socket, signals and the file system.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's way to fail, and to say what happened before"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

#[path = "service/failing.rs"]
mod failing;
#[path = "service/front.rs"]
mod front;
#[path = "service/opening.rs"]
mod opening;
#[path = "service/outside.rs"]
mod outside;
#[path = "service/rotated.rs"]
mod rotated;
#[path = "service/telling.rs"]
mod telling;
#[path = "service/terminal.rs"]
mod terminal;
#[path = "../reconciler/tests/source/way.rs"]
mod way;

/// How long anything may take before a story fails.
const DEADLINE: Duration = Duration::from_secs(30);

const SECRET: &str = "It's a Secret to Everybody";

/// A repository with one skill, and a target beside it.
struct Place {
    root: tempfile::TempDir,
    state: PathBuf,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        // Longer than a socket's address may be.
        let state = root.path().join("s".repeat(120));
        let place = Self { root, state };
        place.push("golden-horde.md", "Leads a horde.");
        place
    }

    fn repo(&self) -> PathBuf {
        self.root.path().join("repo")
    }

    fn served(&self, file: &str) -> PathBuf {
        self.root.path().join("skills").join(file)
    }

    /// Commits a flat skill.
    fn push(&self, file: &str, description: &str) {
        self.push_text(file, &skill(file, description));
    }

    /// Commits a file.
    fn push_text(&self, file: &str, text: &str) {
        let repo = git2::Repository::init(self.repo()).expect("a repository");
        std::fs::write(self.repo().join(file), text).expect("written");
        let mut index = repo.index().expect("an index");
        index.add_path(Path::new(file)).expect("added");
        index.write().expect("written");
        let tree = repo.find_tree(index.write_tree().expect("a tree")).expect("a tree");
        let author = git2::Signature::now("a", "a@example.org").expect("a signature");
        let parent = repo.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        repo.commit(Some("HEAD"), &author, &author, "c", &tree, &parents).expect("a commit");
    }

    /// The binary, with nothing around it but what a story says.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skill-sync"));
        command
            .env_clear()
            .current_dir(self.root.path())
            .args(arguments)
            .env("SKILLS_REPO", self.repo())
            .env("SKILLS_DIR", self.root.path().join("skills"))
            .env("STATE_DIR", &self.state)
            .env("ENVIRONMENT_NAME", "test")
            .env("HOST", "127.0.0.1")
            .env("SKILL_SYNC_PORT", "0")
            .env("GITHUB_WEBHOOK_SECRET", SECRET)
            .env("LOG_FORMAT", "json")
            .env("LOG_LEVEL", "debug")
            .env("POLL_INTERVAL", "1h");
        command
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    fn serve(&self) -> Service {
        Service::start(&mut self.command(&["run"]))
    }
}

fn skill(file: &str, description: &str) -> String {
    let name = file.trim_end_matches(".md");
    format!("---\nname: {name}\ndescription: {description}\n---\nText.\n")
}

/// A service that runs; it is killed where a story fails.
struct Service {
    child: Child,
    address: SocketAddr,
    log: mpsc::Receiver<String>,
}

impl Service {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stderr.take().expect("its log"));
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut service = Self { child, address: ([127, 0, 0, 1], 0).into(), log };
        let listening = service.logged("address");
        service.address = listening["address"].as_str().expect("text").parse().expect("an address");
        service
    }

    /// Waits for a line of the log that has a field.
    fn logged(&self, field: &str) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).unwrap_or_else(|_| panic!("nothing logged with {field}"));
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if line.get(field).is_some() {
                return line;
            }
        }
    }

    /// One request on a connection of its own: the status and the body.
    fn request(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        let length = body.len();
        let text = format!(
            "{head} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        // The head may hold more headers after the request line.
        let (line, headers) = text.split_once('|').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
        let text = match headers {
            None => line.to_owned(),
            Some(rest) => {
                let (more, rest) = rest.split_once(" HTTP/1.1\r\n").expect("a request");
                format!("{line} HTTP/1.1\r\n{more}{rest}")
            }
        };
        stream.write_all(text.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.request(&format!("GET {path}"), "")
    }

    /// Delivers a push of the branch as it is.
    fn deliver(&self, id: &str, repository: &Path) -> (u16, Value) {
        let git = git2::Repository::open(repository).expect("a repository");
        let at = git.head().and_then(|head| head.peel_to_commit()).expect("a commit").id().to_string();
        self.deliver_at(id, repository, &at)
    }

    fn deliver_at(&self, id: &str, repository: &Path, after: &str) -> (u16, Value) {
        let git = git2::Repository::open(repository).expect("a repository");
        let reference = git.head().expect("a branch").name().expect("UTF-8").to_owned();
        let repository = json!({ "clone_url": repository, "default_branch": "master" });
        let body = json!({
            "ref": reference, "after": after, "repository": repository,
            "pusher": { "name": "octocat" }, "sender": { "login": "octocat" },
        });
        let body = body.to_string();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
        mac.update(body.as_bytes());
        let tag: Vec<String> = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let headers = format!(
            "content-type: application/json\r\nx-github-event: push\r\nx-github-delivery: {id}\r\n\
             x-hub-signature-256: sha256={}\r\n",
            tag.concat()
        );
        let (status, answer) = self.request(&format!("POST /webhook/github|{headers}"), &body);
        (status, serde_json::from_str(&answer).expect("JSON"))
    }

    /// Who is said to have pushed, and which commit, by the audit.
    fn pushes(&self) -> Vec<(Value, Value)> {
        let (status, audit) = self.get("/audit");
        assert_eq!(status, 200, "{audit}");
        let records: Vec<Value> = serde_json::from_str(&audit).expect("records");
        let pushed = records.into_iter().filter(|record| record["kind"] == "pushed");
        pushed.map(|record| (record["body"]["login"].clone(), record["body"]["commit"].clone())).collect()
    }

    fn is_ready(&self) -> bool {
        self.get("/readyz").0 == 200
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("sent");
    }

    /// Waits for the end and gives the exit code.
    fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        until("the service ends", || {
            status = self.child.try_wait().expect("a child of ours");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            self.log.iter().for_each(|line| println!("{line}"));
        }
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn holds(path: &Path, text: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|found| found.contains(text))
}

#[test]
fn a_push_arrives_and_what_somebody_edits_is_put_right() {
    let place = Place::new();
    let mut service = place.serve();
    until("the first revision is served", || service.is_ready());
    assert!(holds(&place.served("golden-horde.md"), "Leads a horde."));

    place.push("horde-swarm.md", "Many at once.");
    let (status, answer) = service.deliver("one", &place.repo());
    assert_eq!(status, 202, "{answer}");
    until("the pushed skill arrives", || holds(&place.served("horde-swarm.md"), "Many at once."));

    std::fs::write(place.served("golden-horde.md"), "theirs").expect("written");
    until("the edit is put right", || holds(&place.served("golden-horde.md"), "Leads a horde."));

    place.push("third.md", "By a signal.");
    service.signal(Signal::HUP);
    until("the signal brings it", || place.served("third.md").exists());

    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));
    assert!(!place.state.join("control.sock").exists());
}

#[test]
fn who_pushed_is_on_record_once_and_only_where_the_forge_names_the_commit_that_came() {
    let place = Place::new();
    let service = place.serve();
    until("the first revision is served", || service.is_ready());
    // A delivery is answered with 200 once its fetch is remembered.
    let fetched = |id: &str, after: &str| {
        until("its fetch is remembered", || service.deliver_at(id, &place.repo(), after).0 == 200);
    };
    fetched("of another commit", &"1".repeat(40));
    assert_eq!(service.pushes(), []);

    place.push("horde-swarm.md", "Many at once.");
    let git = git2::Repository::open(place.repo()).expect("a repository");
    let pushed = git.head().and_then(|head| head.peel_to_commit()).expect("a commit").id().to_string();
    for id in ["first", "sent again under another id"] {
        fetched(id, &pushed);
        assert_eq!(service.pushes(), [("octocat".into(), pushed.clone().into())]);
    }
}

#[test]
fn a_delivery_is_known_again_after_a_restart() {
    let place = Place::new();
    let mut service = place.serve();
    until("the first revision is served", || service.is_ready());
    assert_eq!(service.deliver("one", &place.repo()).0, 202);
    until("its fetch is remembered", || {
        service.deliver("one", &place.repo())
            == (200, json!({ "ignored": "this delivery was fetched before" }))
    });
    service.signal(Signal::INT);
    assert_eq!(service.ended(), Some(0));
    let service = place.serve();
    assert_eq!(service.deliver("one", &place.repo()).0, 200);
    assert_eq!(service.deliver("two", &place.repo()).0, 202);
}

#[test]
fn the_command_line_asks_the_service_over_its_socket() {
    let place = Place::new();
    let nobody = place.ask(&["reconcile", "--wait"]);
    assert_eq!(nobody.status.code(), Some(1));
    let text = String::from_utf8(nobody.stderr).expect("UTF-8");
    assert!(text.contains("no service runs for this target"), "{text}");
    assert!(text.contains("control.sock"), "{text}");

    let service = place.serve();
    until("the first revision is served", || service.is_ready());
    place.push("horde-swarm.md", "Many at once.");
    let waited = place.ask(&["reconcile", "--wait", "-o", "json"]);
    assert_eq!(waited.status.code(), Some(0), "{}", String::from_utf8_lossy(&waited.stderr));
    let report: Value = serde_json::from_slice(&waited.stdout).expect("a report");
    assert_eq!((&report["trigger"], &report["outcome"]), (&json!("manual"), &json!("applied")));
    assert!(place.served("horde-swarm.md").exists());

    let taken = place.ask(&["reconcile", "-o", "json"]);
    assert_eq!(taken.status.code(), Some(0));
    assert_eq!(serde_json::from_slice::<Value>(&taken.stdout).expect("JSON"), json!({ "pass": null }));

    place.push("broken.md", "Twice.\ndescription: Twice.");
    let held = place.ask(&["reconcile", "--wait", "-o", "json"]);
    assert_eq!(held.status.code(), Some(3), "a held skill");

    let port = service.address.port().to_string();
    let well = place.ask(&["healthcheck", "--port", &port]);
    assert_eq!((well.status.code(), well.stdout.len(), well.stderr.len()), (Some(0), 0, 0));
}

#[test]
fn nobody_else_may_serve_the_same_target_or_port() {
    let place = Place::new();
    let service = place.serve();
    let second = place.ask(&["run", "--lock-wait", "0s"]);
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).expect("UTF-8");
    assert!(text.contains(&format!("process {}", service.child.id())), "{text}");
    assert!(text.contains("stop that one, or wait") && !text.contains("LOCK_WAIT"), "{text}");
    let waited = place.ask(&["run", "--lock-wait", "50ms"]);
    assert_eq!(waited.status.code(), Some(1));
    let text = String::from_utf8(waited.stderr).expect("UTF-8");
    assert!(text.contains("for all of the 50ms that LOCK_WAIT allows"), "{text}");

    let other = Place::new();
    let port = service.address.port().to_string();
    let taken = other.ask(&["run", "--port", &port]);
    assert_eq!(taken.status.code(), Some(1));
    let text = String::from_utf8(taken.stderr).expect("UTF-8");
    assert!(text.contains("another process does already"), "{text}");
}

#[test]
fn after_a_restart_without_its_repository_it_is_ready_with_what_it_served() {
    let place = Place::new();
    let mut service = place.serve();
    until("the first revision is served", || service.is_ready());
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));
    std::fs::rename(place.repo(), place.root.path().join("gone")).expect("renamed");
    let service = place.serve();
    assert!(service.is_ready());
    assert!(service.logged("error")["error"].as_str().expect("text").contains("repo"));
    assert_eq!(service.get("/livez").0, 200);
    assert!(holds(&place.served("golden-horde.md"), "Leads a horde."));
}

#[test]
fn what_is_held_is_told_after_a_restart_and_while_passes_fail() {
    let place = Place::new();
    place.push("broken.md", "Twice.\ndescription: Twice.");
    let mut service = place.serve();
    until("the first revision is served", || service.is_ready());
    let held = |service: &Service| {
        let skills: Value = serde_json::from_str(&service.get("/skills").1).expect("JSON");
        (skills["serving"][0]["skill"].clone(), skills["held"][0]["skill"].clone())
    };
    let both = (json!("golden-horde"), json!("broken"));
    assert_eq!(held(&service), both);
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));

    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/skills", silent.local_addr().expect("its address"));
    let service = Service::start(place.command(&["run"]).env("SKILLS_REPO", url));
    let fetching = silent.accept().expect("the fetch begins");
    assert_eq!(held(&service), both, "from the record, before any pass has ended");
    assert_eq!(service.get("/skills/broken").0, 200);
    assert!(service.get("/metrics").1.contains("skill_sync_skills{state=\"held\"} 1\n"));
    drop((fetching, silent));
    service.logged("error");
    assert_eq!(held(&service), both, "a pass that failed has not looked");
}

#[test]
fn a_fetch_that_hangs_does_not_keep_the_service_from_stopping() {
    let place = Place::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/skills", silent.local_addr().expect("its address"));
    let mut service = Service::start(place.command(&["run"]).env("SKILLS_REPO", url));
    let _fetching = silent.accept().expect("the fetch begins");
    let asked = Instant::now();
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[test]
fn from_this_machine_one_may_look_and_not_change() {
    let place = Place::new();
    let service = place.serve();
    until("the first revision is served", || service.is_ready());
    for path in ["/status", "/skills", "/skills/golden-horde", "/passes", "/passes/1", "/audit", "/metrics"] {
        assert_eq!(service.get(path).0, 200, "{path}");
    }
    assert_eq!(service.request("POST /reconcile", "").0, 403);
    assert_eq!(service.get("/nothing").0, 404);
}

fn json_of(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_difference_is_told_beside_the_service_and_without_it() {
    let place = Place::new();
    let mut service = place.serve();
    until("the first revision is served", || service.is_ready());
    let equal = place.ask(&["diff", "-o", "json"]);
    assert_eq!((equal.status.code(), &json_of(&equal)["changes"]), (Some(0), &json!([])));

    place.push("horde-swarm.md", "Many at once.");
    let beside = place.ask(&["diff", "-o", "json"]);
    assert_eq!(beside.status.code(), Some(1));
    let answered = json_of(&beside);
    assert_eq!(answered["changes"][0]["skill"], "horde-swarm");
    assert!(!place.served("horde-swarm.md").exists(), "nothing is written");
    let (status, over_http) = service.get("/diff");
    assert_eq!((status, serde_json::from_str::<Value>(&over_http).expect("JSON")), (200, answered.clone()));
    let passes = service.get("/passes").1;
    assert_eq!(serde_json::from_str::<Value>(&passes).expect("JSON").as_array().map(Vec::len), Some(1));

    let gone = place.root.path().join("gone");
    std::fs::rename(place.repo(), &gone).expect("renamed");
    let cannot = place.ask(&["diff"]);
    let text = String::from_utf8_lossy(&cannot.stderr).into_owned();
    assert_eq!(cannot.status.code(), Some(2), "{text}");
    assert!(text.contains("the service answered 409") && text.contains("repo"), "{text}");
    std::fs::rename(gone, place.repo()).expect("renamed");

    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));
    let without = place.ask(&["diff", "-o", "json"]);
    assert_eq!((without.status.code(), json_of(&without)), (Some(1), answered));
}

#[test]
fn the_service_that_is_asked_is_the_one_of_this_state_directory() {
    let (place, other) = (Place::new(), Place::new());
    let service = place.serve();
    until("the first revision is served", || service.is_ready());
    let elsewhere = other.ask(&["diff", "-o", "json"]);
    assert_eq!(elsewhere.status.code(), Some(1), "{}", String::from_utf8_lossy(&elsewhere.stderr));
    assert_eq!(json_of(&elsewhere)["changes"][0]["action"], "add", "nothing is served there yet");
    let status = other.ask(&["status", "-o", "json"]);
    let said = String::from_utf8_lossy(&status.stderr).into_owned();
    assert!(!status.status.success() && said.contains("there is no record at"), "a look makes none: {said}");
}

#[test]
fn the_status_is_live_where_a_service_runs() {
    let place = Place::new();
    let mut service = place.serve();
    until("the first revision is served", || service.is_ready());
    let status = || json_of(&place.ask(&["status", "-o", "json"]));
    until("the next pass is known", || status()["next_pass_at"].is_string());
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));
    assert_eq!((&status()["next_pass_at"], &status()["sync"]), (&Value::Null, &json!("Synced")));
}
