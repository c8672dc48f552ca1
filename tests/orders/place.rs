//! A repository, a target and the binary between them.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a story fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// A repository with skills in it, and a target beside it.
pub(crate) struct Place(tempfile::TempDir);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The error of the report that was printed.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error: {self:?}")).to_owned()
    }
}

impl Place {
    /// A repository with these flat skills in its first commit.
    pub(crate) fn with(skills: &[&str]) -> (Self, String) {
        let place = Self(tempfile::tempdir().expect("a directory"));
        git2::Repository::init(place.path("repo")).expect("a repository");
        skills.iter().for_each(|name| place.write(name, "one"));
        let commit = place.commit();
        (place, commit)
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path(".skill-sync")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let text = format!("---\nname: {name}\ndescription: {text}\n---\n{text}\n");
        std::fs::write(self.path("repo").join(format!("{name}.md")), text).expect("written");
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path("repo").join(format!("{name}.md"))).expect("removed");
    }

    pub(crate) fn served(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path("skills").join(format!("{name}.md"))).ok()
    }

    pub(crate) fn serves(&self, name: &str, text: &str) -> bool {
        self.served(name).is_some_and(|found| found.contains(text))
    }

    /// Somebody edits the volume.
    pub(crate) fn edit(&self, name: &str, text: &str) {
        std::fs::write(self.path("skills").join(format!("{name}.md")), text).expect("written");
    }

    pub(crate) fn git(&self) -> git2::Repository {
        git2::Repository::open(self.path("repo")).expect("a repository")
    }

    /// Commits what the work tree holds on the branch, and gives the commit.
    pub(crate) fn commit(&self) -> String {
        let repo = self.git();
        let parent = repo.head().ok().and_then(|head| head.peel_to_commit().ok());
        self.commit_on(parent.as_ref())
    }

    /// The same without a parent: another history.
    pub(crate) fn commit_alone(&self) -> String {
        let repo = self.git();
        let branch = repo.head().expect("a branch").name().expect("UTF-8").to_owned();
        repo.find_reference(&branch).and_then(|mut branch| branch.delete()).expect("deleted");
        self.commit_on(None)
    }

    fn commit_on(&self, parent: Option<&git2::Commit<'_>>) -> String {
        let repo = self.git();
        let mut index = repo.index().expect("an index");
        index.clear().expect("cleared");
        index.add_all(["."], git2::IndexAddOption::DEFAULT, None).expect("added");
        index.write().expect("written");
        let tree = repo.find_tree(index.write_tree().expect("a tree")).expect("a tree");
        let author = git2::Signature::now("a", "a@example.org").expect("a signature");
        let parents: Vec<_> =
            parent.iter().map(|commit| repo.find_commit(commit.id()).expect("it")).collect();
        let parents: Vec<_> = parents.iter().collect();
        repo.commit(Some("HEAD"), &author, &author, "c", &tree, &parents).expect("a commit").to_string()
    }

    /// A force push: the branch is at another commit, and the work tree as it says.
    pub(crate) fn reset(&self, commit: &str) {
        let repo = self.git();
        let object = repo.revparse_single(commit).expect("a commit");
        repo.reset(&object, git2::ResetType::Hard, None).expect("reset");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skill-sync"));
        command
            .env_clear()
            .current_dir(self.0.path())
            .args(arguments)
            .env("SKILLS_REPO", self.path("repo"))
            .env("SKILLS_DIR", self.path("skills"))
            .env("ENVIRONMENT_NAME", "test")
            .env("HOST", "127.0.0.1")
            .env("SKILL_SYNC_PORT", "0")
            .env("POLL_INTERVAL", "1h")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let output = self.command(arguments).envs(variables.iter().copied()).output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().expect("an exit code");
        Ended { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// A pass, which must end with this exit code.
    pub(crate) fn once(&self, code: i32) -> Ended {
        self.ends(&["once", "-o", "json"], code)
    }

    pub(crate) fn ends(&self, arguments: &[&str], code: i32) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        ended
    }

    /// A condition of the status: status, reason, message.
    pub(crate) fn condition(&self, kind: &str) -> (String, String, String) {
        let status = self.ends(&["status", "-o", "json"], 0).json();
        let all = status["conditions"].as_array().expect("a list").clone();
        let one = all.into_iter().find(|condition| condition["type"] == kind).expect("the condition");
        let text = |field: &str| one[field].as_str().expect("text").to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// The newest audit record of a kind.
    pub(crate) fn audit(&self, kind: &str) -> Value {
        let all = self.ends(&["audit", "list", "--limit", "500", "-o", "json"], 0).json();
        let all = all.as_array().expect("a list").clone();
        all.into_iter().find(|record| record["kind"] == kind).unwrap_or_else(|| panic!("no `{kind}`"))
    }

    /// Who we are in the audit.
    pub(crate) fn actor() -> String {
        format!("cli:{}", rustix::process::getuid().as_raw())
    }

    /// A service for this place, ready to be asked.
    pub(crate) fn serve(&self, variables: &[(&str, &str)]) -> Service {
        self.serve_with(0, variables)
    }

    /// The same where its passes end with this exit code.
    pub(crate) fn serve_with(&self, code: i32, variables: &[(&str, &str)]) -> Service {
        let service = self.start(variables);
        until("the service answers", || self.run(&["reconcile", "--wait"]).code == code);
        service
    }

    /// A service that was just started.
    pub(crate) fn start(&self, variables: &[(&str, &str)]) -> Service {
        let log = std::fs::File::create(self.path("log")).expect("a log");
        let mut command = self.command(&["run", "--log-format", "json"]);
        let child = command.envs(variables.iter().copied()).stderr(log).spawn().expect("it starts");
        Service { child, log: self.path("log") }
    }
}

/// A service that runs; it is killed where a story ends.
pub(crate) struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log")
    }

    /// Asks it over HTTP, with the token of these stories; gives the status and the body.
    pub(crate) fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let mut stream = std::net::TcpStream::connect(self.address()).expect("a connection");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer a-token-of-ours\r\n"
        );
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// What of its memory is resident, in KiB.
    #[allow(dead_code, reason = "a bench asks")]
    pub(crate) fn memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        resident.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        let log = self.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = lines.filter_map(|line| Some(line["address"].as_str()?.to_owned())).next();
        found.expect("an address in the log")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let _ = std::io::stderr().write_all(self.log().as_bytes());
        }
    }
}

pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Everything below a directory, with what is in it.
pub(crate) fn contents(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.push((path.clone(), std::fs::read(&path).expect("its bytes")));
        }
    }
    all.sort();
    all
}
