//! The agent as a child, told as processes: when it starts, what it gets, and how everything ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test's way to fail, and to say what happened before"
)]

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before a story fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// An agent that waits to be told something, and says what it was told.
const LISTENER: &str = "for s in TERM INT USR1 USR2 HUP; do trap \"echo $s >>told\" $s; done
trap 'echo TERM >>told; exit 42' TERM
echo $$ >pid
while :; do sleep 0.05; done";

/// A user that is not us.
const NOBODY: u32 = 65534;

/// A repository with one skill, and a target beside it.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { root: tempfile::tempdir().expect("a directory") };
        place.push("golden-horde.md", "Leads a horde.");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Commits a flat skill.
    fn push(&self, file: &str, description: &str) {
        let repo = git2::Repository::init(self.path("repo")).expect("a repository");
        let name = file.trim_end_matches(".md");
        let text = format!("---\nname: {name}\ndescription: {description}\n---\nText.\n");
        std::fs::write(self.path("repo").join(file), text).expect("written");
        let mut index = repo.index().expect("an index");
        index.add_path(Path::new(file)).expect("added");
        index.write().expect("written");
        let tree = repo.find_tree(index.write_tree().expect("a tree")).expect("a tree");
        let author = git2::Signature::now("a", "a@example.org").expect("a signature");
        let parent = repo.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        repo.commit(Some("HEAD"), &author, &author, "c", &tree, &parents).expect("a commit");
    }

    /// `run -- CMD`, with nothing around it but what a story says.
    fn command(&self, agent: &[&str]) -> Command {
        self.wrapped(Command::new(env!("CARGO_BIN_EXE_skill-sync")), agent)
    }

    /// The same through another program, which is told the binary.
    fn wrapped(&self, mut command: Command, agent: &[&str]) -> Command {
        command
            .env_clear()
            .current_dir(self.root.path())
            .args(["run", "--poll-interval", "1h", "--log-level=info", "--"])
            .args(agent)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("SKILLS_REPO", self.path("repo"))
            .env("SKILLS_DIR", self.path("skills"))
            .env("STATE_DIR", self.path("state"))
            .env("ENVIRONMENT_NAME", "test")
            .env("HOST", "127.0.0.1")
            .env("SKILL_SYNC_PORT", "0")
            .env("LOG_FORMAT", "json");
        command
    }

    fn sh(&self, script: &str) -> Command {
        self.command(&["sh", "-c", script])
    }

    /// Runs to the end.
    fn output(&self, command: &mut Command) -> Output {
        let mut running = Running::start(command);
        let status = running.ended();
        Output { status, stdout: Vec::new(), stderr: running.log().into_bytes() }
    }

    /// One pass without an agent, so that something is served.
    fn serve_once(&self) {
        let mut once = Command::new(env!("CARGO_BIN_EXE_skill-sync"));
        once.env_clear().current_dir(self.root.path()).args(["once", "--repo", "repo", "--dir", "skills"]);
        let done = once.env("STATE_DIR", self.path("state")).output().expect("it starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn agent(&self) -> Pid {
        until("the agent runs", || self.read("pid").ends_with('\n'));
        Pid::from_raw(self.read("pid").trim().parse().expect("a number")).expect("a process")
    }
}

/// A parent that runs; everything below it is killed where a story fails.
struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let log = Arc::<Mutex<String>>::default();
        let (lines, kept) = (BufReader::new(child.stderr.take().expect("its log")), Arc::clone(&log));
        let reader = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        Self { child, log, reader: Some(reader) }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn pid(&self) -> Pid {
        number(self.child.id())
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("sent");
    }

    /// Waits for the end, with everything that was logged.
    fn ended(&mut self) -> std::process::ExitStatus {
        let mut status = None;
        until("it ends", || {
            status = self.child.try_wait().expect("a child of ours");
            status.is_some()
        });
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no panic");
        }
        status.expect("it has ended")
    }

    /// The processes that it started.
    fn children(&self) -> Vec<Pid> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("a process");
        children.split_whitespace().map(|pid| number(pid.parse().expect("a number"))).collect()
    }

    fn service(&self) -> Pid {
        let is_service = |pid: &Pid| arguments(*pid).contains("service-child");
        self.children().into_iter().find(is_service).expect("the service")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{}", self.log());
        }
    }
}

fn number(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("a number")).expect("a process")
}

fn arguments(pid: Pid) -> String {
    std::fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default()
}

/// Whether a process runs: one that has ended and is not waited for does not.
fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])))
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether we may change users and namespaces; a story that needs it says that it is skipped.
fn is_root(story: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        let required = std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_some_and(|value| value == "1");
        assert!(!required, "skipped: {story}: it needs root");
        eprintln!("skipped: {story}: it needs root");
    }
    root
}

#[test]
fn the_agent_starts_on_its_skills_and_its_end_is_ours() {
    let place = Place::new();
    let script = format!("cat skills/golden-horde.md >seen\n{LISTENER}");
    let mut running = Running::start(&mut place.sh(&script));
    let agent = place.agent();
    assert!(place.read("seen").contains("Leads a horde."), "{}", place.read("seen"));
    let group = rustix::process::getpgid(Some(agent)).expect("it runs");
    assert_eq!(group, agent, "it leads a process group of its own");

    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(42));
    assert_eq!(place.read("told"), "TERM\n");
    assert!(running.log().contains("\"message\":\"stopped\""), "the service ended in order");
    assert!(!place.path("state/control.sock").exists());
}

#[test]
fn signals_are_the_agents_but_for_the_hangup_which_is_a_pass() {
    let place = Place::new();
    let running = Running::start(&mut place.sh(LISTENER));
    place.agent();
    for (signal, name) in [(Signal::INT, "INT"), (Signal::USR1, "USR1"), (Signal::USR2, "USR2")] {
        running.signal(signal);
        until("the agent is told", || place.read("told").lines().last() == Some(name));
    }
    place.push("horde-swarm.md", "Many at once.");
    running.signal(Signal::HUP);
    until("the pass brings it", || place.path("skills/horde-swarm.md").exists());
    assert_eq!(place.read("told"), "INT\nUSR1\nUSR2\n");
}

#[test]
fn an_agent_that_died_of_a_signal_is_told_as_a_shell_does() {
    let place = Place::new();
    let mut running = Running::start(&mut place.sh(LISTENER));
    kill_process(place.agent(), Signal::KILL).expect("sent");
    assert_eq!(running.ended().code(), Some(128 + 9));
    assert!(running.log().contains("by signal 9"));
}

#[test]
fn what_the_agent_left_running_ends_with_it() {
    let place = Place::new();
    let mut running = Running::start(&mut place.sh("sleep 1000 & echo $! >pid; exit 3"));
    assert_eq!(running.ended().code(), Some(3));
    let left = place.agent();
    until("what it left is gone", || !runs(left));
}

#[test]
fn a_crash_of_ours_leaves_nothing_running() {
    let place = Place::new();
    let mut running = Running::start(&mut place.sh("echo $$ >leader; sleep 1000 & echo $! >pid; wait"));
    let below = place.agent();
    let leader = Pid::from_raw(place.read("leader").trim().parse().expect("a number")).expect("a process");
    let service = running.service();
    running.signal(Signal::KILL);
    assert_eq!(running.ended().signal(), Some(9));
    for (who, pid) in [("the agent", leader), ("its child", below), ("the service", service)] {
        until(who, || !runs(pid));
    }
    // Its locks are free.
    assert_eq!(place.output(&mut place.sh("exit 7")).status.code(), Some(7));
}

#[test]
fn a_service_that_breaks_off_comes_back_beside_the_agent() {
    let place = Place::new();
    let mut running = Running::start(&mut place.sh(LISTENER));
    let agent = place.agent();
    let service = running.service();
    // Nobody tells the service of it: the first pass of the one that comes back finds it.
    place.push("horde-swarm.md", "Many at once.");
    kill_process(service, Signal::KILL).expect("sent");
    until("it comes back", || {
        let children = running.children();
        children.iter().any(|pid| *pid != service && arguments(*pid).contains("service-child"))
    });
    assert!(runs(agent));
    until("and works", || place.path("skills/horde-swarm.md").exists());
    assert!(running.log().contains("the agent goes on"), "{}", running.log());
    assert_eq!(running.children().iter().filter(|pid| !arguments(**pid).contains("service")).count(), 1);
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(42));
}

#[test]
fn it_starts_on_what_was_served_where_the_repository_is_gone_or_wrong() {
    let place = Place::new();
    place.serve_once();
    let wrong = place.output(place.sh("exit 5").env("SKILLS_REF", "no-such-branch"));
    assert_eq!(wrong.status.code(), Some(5));
    assert!(text(&wrong).contains("\"outcome\":\"stalled\""), "{}", text(&wrong));

    std::fs::rename(place.path("repo"), place.path("gone")).expect("renamed");
    std::fs::write(place.path("skills/golden-horde.md"), "edited meanwhile").expect("written");
    let mut gone = place.sh("cat skills/golden-horde.md >seen; exit 6");
    assert_eq!(place.output(&mut gone).status.code(), Some(6));
    assert!(place.read("seen").contains("Leads a horde."), "it was put right first: {}", place.read("seen"));
}

#[test]
fn a_forge_that_does_not_answer_is_not_the_agents_outage() {
    let place = Place::new();
    place.serve_once();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/skills", silent.local_addr().expect("its address"));
    let mut running = Running::start(place.sh(LISTENER).env("SKILLS_REPO", url));
    let _fetching = silent.accept().expect("the fetch begins");
    place.agent();
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(42));
}

#[test]
fn it_starts_on_what_was_served_while_the_state_is_broken() {
    for broken in ["state.db", "repo.git/config"] {
        let place = Place::new();
        place.serve_once();
        std::fs::write(place.path("state").join(broken), "?".repeat(5_000)).expect("written");
        let done = place.output(&mut place.sh("exit 5"));
        assert_eq!(done.status.code(), Some(5), "{broken}: {}", text(&done));
        assert!(text(&done).contains("\"outcome\":\"stalled\""), "{broken}: {}", text(&done));

        std::fs::write(place.path("skills/golden-horde.md"), "edited").expect("written");
        let mut running = Running::start(&mut place.sh("touch started"));
        until("it is stalled", || running.log().contains("\"outcome\":\"stalled\""));
        running.signal(Signal::TERM);
        assert_eq!(running.ended().code(), Some(0), "{broken}");
        assert!(!place.path("started").exists(), "{broken}: nobody vouches for what is there");
    }
}

#[test]
fn without_anything_served_it_is_not_started_and_a_stop_is_clean() {
    let place = Place::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/skills", silent.local_addr().expect("its address"));
    let mut running = Running::start(place.sh("touch started").env("SKILLS_REPO", url));
    let _fetching = silent.accept().expect("the fetch begins");
    running.signal(Signal::USR1);
    until("it says so", || running.log().contains("the agent has not started yet"));
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(0));
    assert!(!place.path("started").exists());
}

#[test]
fn it_gets_no_setting_no_descriptor_and_no_ignored_signal_of_ours() {
    let place = Place::new();
    let script = "env >env; ls -l /proc/self/fd >fds; cat /proc/self/status >status; exit 0";
    let mut command = place.sh(script);
    command
        .env("API_TOKEN", "topsecret")
        .env("GITHUB_TOKEN", "hidden")
        .env("PORT", "8080")
        .env("MINE", "kept");
    command.env("GITHUB_WEBHOOK_SECRET_FILE", "/run/secrets/webhook").env("CHILD_ENV", "GITHUB_TOKEN,HOST");
    assert_eq!(place.output(&mut command).status.code(), Some(0));
    let variables = place.read("env");
    let names: Vec<&str> = variables.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    for name in ["GITHUB_TOKEN", "HOST", "MINE", "PATH", "PORT"] {
        assert!(names.contains(&name), "{names:?}");
    }
    // The shell's own are all that is left.
    let shells = ["_", "SHLVL", "PWD", "OLDPWD"];
    assert_eq!(names.iter().filter(|name| !shells.contains(name)).count(), 5, "{names:?}");

    // What this test itself hands on to any process is not ours.
    let mut plain = Command::new("sh");
    plain.args(["-c", "ls -l /proc/self/fd >plain"]).current_dir(place.root.path()).stdin(Stdio::null());
    plain.stderr(Stdio::piped()).spawn().expect("it starts").wait().expect("it ends");
    let count = |name: &str| place.read(name).lines().count();
    assert_eq!(count("fds"), count("plain"), "{}", place.read("fds"));
    let status = place.read("status");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask").trim();
    let broken_pipe = 1 << (13 - 1);
    let ignored = u64::from_str_radix(ignored, 16).expect("hex");
    assert_eq!(ignored & broken_pipe, 0, "a broken pipe ends it as it would anywhere");
}

#[test]
fn as_another_user_it_may_read_the_skills_and_nothing_else_of_ours() {
    if !is_root("as_another_user_it_may_read_the_skills_and_nothing_else_of_ours") {
        return;
    }
    let place = Place::new();
    std::fs::set_permissions(place.root.path(), Permissions::from_mode(0o755)).expect("changed");
    let own = place.path("own");
    std::fs::create_dir(&own).expect("made");
    chown(&own, Some(NOBODY), Some(NOBODY)).expect("changed");
    let script = "cd own; id >id; echo $HOME >home; cat ../skills/golden-horde.md >skill
touch ../skills/x 2>>no || ls ../state 2>>no || cat /proc/$PPID/environ 2>>no || true
echo $$ >../own/pid; exec sleep 1000";
    let mut running = Running::start(place.sh(script).env("CHILD_USER", "65534:65534"));
    until("the agent runs", || place.read("own/pid").ends_with('\n'));
    assert!(
        place.read("own/id").contains("uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)"),
        "{}",
        place.read("own/id")
    );
    assert_eq!(place.read("own/home"), "/nonexistent\n");
    assert!(place.read("own/skill").contains("Leads a horde."));
    assert_eq!(place.read("own/no").matches("ermission denied").count(), 3, "{}", place.read("own/no"));

    // Were the state directory open to everyone, the socket would still ask who is there.
    let open = |name: &str, mode| std::fs::set_permissions(place.path(name), Permissions::from_mode(mode));
    open("state", 0o755).and_then(|()| open("state/control.sock", 0o666)).expect("changed");
    std::fs::copy(env!("CARGO_BIN_EXE_skill-sync"), place.path("ask")).expect("copied");
    let mut ask = Command::new(place.path("ask"));
    ask.env_clear().uid(NOBODY).arg("reconcile").env("STATE_DIR", place.path("state"));
    assert_eq!(ask.output().expect("it starts").status.code(), Some(1));
    until("it says so", || running.log().contains("another user was turned away"));

    let agent = Pid::from_raw(place.read("own/pid").trim().parse().expect("a number")).expect("a process");
    running.signal(Signal::KILL);
    running.ended();
    until("it dies with us", || !runs(agent));
}

#[test]
fn a_user_that_cannot_be_is_refused_with_the_reason() {
    if !is_root("a_user_that_cannot_be_is_refused_with_the_reason") {
        return;
    }
    let place = Place::new();
    let unmapped = place.output(place.sh("exit 0").env("CHILD_USER", "4294967295:4294967295"));
    assert_eq!(unmapped.status.code(), Some(2));
    assert!(text(&unmapped).contains("has no such user or group"), "{}", text(&unmapped));

    let place = Place::new();
    chown(place.root.path(), Some(NOBODY), Some(NOBODY)).expect("changed");
    // What runs as somebody else must be where they may read it.
    let binary = place.path("skill-sync");
    std::fs::copy(env!("CARGO_BIN_EXE_skill-sync"), &binary).expect("copied");
    let mut command = place.wrapped(Command::new(binary), &["true"]);
    command.uid(NOBODY).gid(NOBODY).env("CHILD_USER", "1000:1000");
    let refused = place.output(&mut command);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("only root may start a process as somebody else"), "{}", text(&refused));
}

#[test]
fn a_command_that_cannot_be_run_is_told_as_a_shell_would() {
    let place = Place::new();
    let missing = place.output(&mut place.command(&["no-such-agent"]));
    assert_eq!(missing.status.code(), Some(127));
    assert!(text(&missing).contains("the command `no-such-agent` was not found"), "{}", text(&missing));
    assert!(!place.path("state").exists(), "before anything else is done");

    let later = place.path("skills/run.sh");
    let missing = place.output(&mut place.command(&[later.to_str().expect("UTF-8")]));
    assert_eq!(missing.status.code(), Some(127), "one that might come with the skills, and did not");
    assert!(text(&missing).contains("run.sh` was not found"), "{}", text(&missing));

    std::fs::write(place.path("agent"), "text").expect("written");
    let refused = place.output(&mut place.command(&["./agent"]));
    assert_eq!(refused.status.code(), Some(126));
    assert!(text(&refused).contains("cannot run the command `./agent`"), "{}", text(&refused));

    let brief = place.output(&mut place.sh("exit 9"));
    assert_eq!(brief.status.code(), Some(9));
    assert!(text(&brief).contains("ms after its start; look at what it printed"), "{}", text(&brief));
}

#[test]
fn the_agents_port_is_never_ours() {
    let place = Place::new();
    let mut both = place.sh("exit 0");
    both.env("PORT", "3000").env_remove("SKILL_SYNC_PORT");
    let refused = place.output(&mut both);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("PORT and SKILL_SYNC_PORT: are one port"), "{}", text(&refused));

    // The agent answers on its port with nonsense; the health check asks us all the same.
    let agents = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = agents.local_addr().expect("its address").port().to_string();
    let running = Running::start(place.sh(LISTENER).env("PORT", &port));
    place.agent();
    let mut check = Command::new(env!("CARGO_BIN_EXE_skill-sync"));
    check
        .env_clear()
        .env("PORT", &port)
        .env("SKILLS_DIR", place.path("skills"))
        .env("STATE_DIR", place.path("state"));
    let checked = check.arg("healthcheck").output().expect("it starts");
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
    drop(running);
}

#[test]
fn as_process_one_it_leaves_no_zombie() {
    if !is_root("as_process_one_it_leaves_no_zombie") {
        return;
    }
    let place = Place::new();
    // Orphans end while the agent runs; then it looks for what nobody waited for.
    let script = "for i in 1 2 3; do sh -c 'sleep 0.05 & sleep 0.06 & exit'; done
n=0
while [ $n -lt 200 ]; do
  z=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ') o=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'sleep 0.0[56]')
  [ $z = 0 ] && [ $o = 0 ] && break
  n=$((n+1)); sleep 0.02
done
echo $z >zombies
cat /proc/1/cmdline | tr '\\0' ' ' >one
trap 'exit 11' TERM
kill -TERM 1
while :; do sleep 0.05; done";
    let mut unshare = Command::new("/usr/bin/unshare");
    unshare.args(["--pid", "--fork", "--kill-child", "--mount-proc", env!("CARGO_BIN_EXE_skill-sync")]);
    let mut running = Running::start(&mut place.wrapped(unshare, &["sh", "-c", script]));
    assert_eq!(running.ended().code(), Some(11));
    assert_eq!(place.read("zombies"), "0\n");
    assert!(place.read("one").contains("skill-sync run"), "{}", place.read("one"));
}
