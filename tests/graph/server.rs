//! The one server of the stories: started by the project's script, and gone with this process however it
//! ends.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use neo4rs::{ConfigBuilder, Graph, query};
use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Ended, Place};

/// The password of the script's server.
pub(crate) const PASSWORD: &str = "projector-tests";

/// How long anything may take before a story fails: the projector tries again after 30 s at the latest.
const DEADLINE: Duration = Duration::from_secs(240);

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How the server takes what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Writable,
    ReadOnly,
}

/// The server, where one can be had.
pub(crate) struct Server {
    directory: tempfile::TempDir,
    port: u16,
    runs: Option<(i32, Mode)>,
    /// Wipes the server once this process is gone: then its stdin ends.
    _undertaker: Child,
}

/// The server, running and writable, for as long as the story holds it; none where it cannot be had, which
/// one line says.
pub(crate) fn server() -> Option<MutexGuard<'static, Server>> {
    static SERVER: OnceLock<Option<Mutex<Server>>> = OnceLock::new();
    let server = SERVER.get_or_init(|| match missing() {
        None => Some(Mutex::new(Server::new())),
        Some(missing) => {
            let required = std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_some();
            assert!(!required, "{missing} is not installed, and the projection is to be tested");
            println!("skipped: the projection into a real Neo4j, since {missing} is not installed");
            None
        }
    });
    // A story that failed leaves a server that the next one starts anew.
    let mut server = server.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
    server.start(Mode::Writable);
    Some(server)
}

fn missing() -> Option<&'static str> {
    let is_there = |program: &&str| {
        let version =
            Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    ["java", "mvn", "openssl"].into_iter().find(|program| match *program {
        "openssl" => !Command::new("openssl").arg("version").output().is_ok_and(|done| done.status.success()),
        program => !is_there(&program),
    })
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/neo4j")
}

/// A port that nobody has.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let undertaker = Command::new("sh")
            .args(["-c", "read -r _; exec \"$0\" wipe \"$1\""])
            .args([script(), directory.path().join("server")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let tls = directory.path().join("tls");
        certificates(&tls);
        Self { directory, port: free_port(), runs: None, _undertaker: undertaker }
    }

    fn at(&self) -> PathBuf {
        self.directory.path().join("server")
    }

    fn script(&self, verb: &str, mode: Mode) -> Command {
        let mut command = Command::new(script());
        command.arg(verb);
        if verb != "fetch" {
            command.arg(self.at());
        }
        if verb == "start" {
            command.arg(self.port.to_string());
        }
        command.env("NEO4J_TEST_PASSWORD", PASSWORD).env("NEO4J_TEST_TLS", self.directory.path().join("tls"));
        if mode == Mode::ReadOnly {
            command.env("NEO4J_TEST_READ_ONLY", "1");
        }
        command
    }

    fn does(&self, verb: &str, mode: Mode) -> String {
        let done = self.script(verb, mode).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(done.status.success(), "{verb}: {}{}", text(&done.stdout), text(&done.stderr));
        text(&done.stdout)
    }

    /// Runs, in that mode: one that runs so already is left alone.
    pub(crate) fn start(&mut self, mode: Mode) {
        match self.runs {
            Some((pid, is)) if is == mode && alive(pid) => return self.proceed(),
            Some(_) => self.stop(),
            None => {}
        }
        let pid = self.does("start", mode).trim().parse().unwrap();
        self.runs = Some((pid, mode));
    }

    pub(crate) fn stop(&mut self) {
        self.does("stop", Mode::Writable);
        self.runs = None;
    }

    /// SIGKILL.
    pub(crate) fn crash(&mut self) {
        self.does("crash", Mode::Writable);
        self.runs = None;
    }

    /// Everything that it has is gone, and it runs again.
    pub(crate) fn wipe(&mut self) {
        self.does("wipe", Mode::Writable);
        self.runs = None;
        self.start(Mode::Writable);
    }

    /// SIGSTOP: it accepts, and does nothing.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn proceed(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let (pid, _) = self.runs.unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn uri(&self) -> String {
        format!("bolt://127.0.0.1:{}", self.port)
    }

    /// The authority that signed its certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.path().join("tls/ca.pem")
    }

    /// Runs the binary against this server.
    pub(crate) fn run(&self, place: &Place, arguments: &[&str]) -> Ended {
        run_at(place, arguments, &self.uri())
    }

    /// The same, and it must end well.
    pub(crate) fn project(&self, place: &Place) -> Ended {
        let ended = self.run(place, &["audit", "project", "-o", "json"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended
    }

    /// Asks in Cypher; each row as JSON values by the columns named.
    pub(crate) fn ask(
        &self,
        cypher: &str,
        parameters: &[(&str, &str)],
        columns: &[&str],
    ) -> Vec<Vec<serde_json::Value>> {
        let mut asked = query(cypher);
        for (name, value) in parameters {
            asked = asked.param(name, *value);
        }
        self.block_on(async |graph| {
            let mut stream = graph.execute(asked).await.unwrap();
            let mut rows = Vec::new();
            while let Some(row) = stream.next().await.unwrap() {
                let value = |column: &&str| row.get::<serde_json::Value>(column).unwrap();
                rows.push(columns.iter().map(value).collect());
            }
            rows
        })
    }

    /// The one number that a question is answered with.
    pub(crate) fn number(&self, cypher: &str, parameters: &[(&str, &str)]) -> u64 {
        self.ask(cypher, parameters, &["n"])[0][0].as_u64().unwrap()
    }

    /// Does something by hand.
    pub(crate) fn by_hand(&self, cypher: &str, parameters: &[(&str, &str)]) {
        self.ask(cypher, parameters, &[]);
    }

    fn block_on<T>(&self, work: impl AsyncFnOnce(Graph) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let config =
                ConfigBuilder::default().uri(self.uri()).user("neo4j").password(PASSWORD).max_connections(1);
            let graph = Graph::connect(config.build().unwrap()).unwrap();
            tokio::time::timeout(Duration::from_secs(120), work(graph)).await.expect("an answer in time")
        })
    }
}

pub(crate) fn variables(uri: &str) -> [(&str, &str); 3] {
    [("NEO4J_URI", uri), ("NEO4J_USER", "neo4j"), ("NEO4J_PASSWORD", PASSWORD)]
}

/// Runs the binary against an address.
pub(crate) fn run_at(place: &Place, arguments: &[&str], uri: &str) -> Ended {
    let ended = place.run_with(arguments, &variables(uri));
    assert!(!format!("{ended:?}").contains(PASSWORD), "the password is told: {ended:?}");
    ended
}

fn alive(pid: i32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// An authority of our own, and a certificate of the server by it.
fn certificates(directory: &Path) {
    std::fs::create_dir(directory).unwrap();
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";
    std::fs::write(directory.join("names"), names).unwrap();
    let steps = [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tests -keyout ca.key -out ca.pem \
         -addext basicConstraints=critical,CA:TRUE",
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=strangers -keyout other.key -out other.pem \
         -addext basicConstraints=critical,CA:TRUE",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout private.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out public.crt",
    ];
    for step in steps {
        let done =
            Command::new("openssl").args(step.split_whitespace()).current_dir(directory).output().unwrap();
        assert!(done.status.success(), "{step}: {done:?}");
    }
}
