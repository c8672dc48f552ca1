//! What the stories are made of: an upstream repository, our mirror, and servers.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use git2::{Oid, Repository, Signature, Time};
use reconciler::cancel::Cancel;
use reconciler::ids::CommitId;
use reconciler::source::{
    Credentials, FetchError, Fetched, Limits, Mirror, Reference, RepoUrl, Route, Secret, Source, SourceError,
    Ssh, fetch,
};

/// A token that must never be found anywhere.
pub(crate) const TOKEN: &str = "t0p-s3cret-t0ken";

/// A repository that somebody pushes to.
pub(crate) struct Upstream {
    pub(crate) git: Repository,
}

impl Upstream {
    pub(crate) fn new(path: &Path) -> Self {
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).initial_head("main").external_template(false).mkpath(true);
        Self { git: Repository::init_opts(path, &options).unwrap() }
    }

    /// Commits one file on top of a branch, which begins where there is none.
    pub(crate) fn push(&self, branch: &str, text: &str) -> CommitId {
        let name = format!("refs/heads/{branch}");
        let parent = self.git.refname_to_id(&name).ok();
        let commit = self.commit(text.as_bytes(), parent);
        self.git.reference(&name, commit.oid(), true, "push").unwrap();
        commit
    }

    pub(crate) fn commit(&self, bytes: &[u8], parent: Option<Oid>) -> CommitId {
        let mut tree = self.git.treebuilder(None).unwrap();
        tree.insert("skill.md", self.git.blob(bytes).unwrap(), 0o100_644).unwrap();
        let tree = self.git.find_tree(tree.write().unwrap()).unwrap();
        let who = Signature::new("t", "t@example.org", &Time::new(1_700_000_000, 0)).unwrap();
        let parent = parent.map(|id| self.git.find_commit(id).unwrap());
        let parents: Vec<_> = parent.iter().collect();
        self.git.commit(None, &who, &who, "push", &tree, &parents).unwrap().into()
    }

    /// An annotated tag.
    pub(crate) fn annotate(&self, name: &str, target: CommitId) -> Oid {
        let who = Signature::new("t", "t@example.org", &Time::new(1_700_000_000, 0)).unwrap();
        let object = self.git.find_object(target.oid(), None).unwrap();
        self.git.tag(name, &object, &who, "release", false).unwrap()
    }
}

/// Our side: a state directory with a mirror, and what is to be fetched into it.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) source: Source,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = Source {
            url: RepoUrl::parse(dir.path().join("git/skills.git").to_str().unwrap()).unwrap(),
            reference: Reference::Head,
            credentials: Credentials::None,
            ssh: Ssh::default(),
            route: Route::default(),
            limits: Limits {
                fetch_timeout: Duration::from_secs(60),
                clone_timeout: Duration::from_secs(60),
                ..Limits::default()
            },
            child: vec![env!("CARGO_BIN_EXE_reconciler-fetch").into()],
            insecure_http: false,
        };
        Self { dir, source }
    }

    pub(crate) fn upstream(&self) -> Upstream {
        Upstream::new(&self.dir.path().join("git/skills.git"))
    }

    pub(crate) fn url(mut self, url: impl AsRef<str>) -> Self {
        self.source.url = RepoUrl::parse(url.as_ref()).unwrap();
        self
    }

    pub(crate) fn following(mut self, reference: impl AsRef<str>) -> Self {
        self.source.reference = Reference::parse(reference.as_ref()).unwrap();
        self
    }

    pub(crate) fn token(mut self, token: &str) -> Self {
        self.source.credentials = Credentials::Token(Secret::Value(token.to_owned()));
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.source.limits.fetch_timeout = timeout;
        self.source.limits.clone_timeout = timeout;
        self
    }

    pub(crate) fn mirror_path(&self) -> PathBuf {
        self.dir.path().join("state/repo.git")
    }

    pub(crate) fn mirror(&self) -> Mirror {
        Mirror::open(&self.mirror_path()).unwrap()
    }

    pub(crate) fn fetch(&self) -> Result<Fetched, SourceError> {
        fetch(&self.source, &self.mirror(), &Cancel::new(), &mut |_| {})
    }

    pub(crate) fn fetched(&self) -> Fetched {
        self.fetch().unwrap()
    }

    /// The error of a fetch that the child told.
    pub(crate) fn refused(&self) -> FetchError {
        match self.fetch().unwrap_err() {
            SourceError::Fetch(error) => error,
            other => panic!("{other:?}"),
        }
    }
}

/// A server of one of the project's scripts; it ends with this value.
pub(crate) struct Listener {
    child: Child,
    pub(crate) url: String,
}

impl Listener {
    pub(crate) fn start(script: &str, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts").join(script);
        let mut child = Command::new("python3")
            .arg(path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening ").expect("the script says where it listens");
        Self { url: url.to_owned(), child }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It ends with its stdin, and ends what it has started.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// A real `git http-backend` over the repositories of a world.
pub(crate) type Backend = Listener;

impl Backend {
    /// None, with a line that says so, where this machine has no git or python3.
    pub(crate) fn serve(world: &World, arguments: &[&str]) -> Option<Self> {
        if let Some(missing) = ["git", "python3"].into_iter().find(|program| !runs(program)) {
            skip(&format!("a fetch from git http-backend, because there is no {missing}"));
            return None;
        }
        let root = world.dir.path().join("git");
        let mut all = vec![root.to_str().unwrap()];
        all.extend(arguments);
        Some(Self::start("git-http-backend", &all))
    }
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Says that something was not tested; where everything must be, that is a failure.
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_none_or(|v| v != "1"), "skipped: {what}");
    println!("skipped: {what}");
}

/// A server of our own on a loopback port: each connection's request head is told, then answered.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) requests: Receiver<String>,
}

impl Server {
    pub(crate) fn start(
        answer: impl Fn(&str, &[u8], &mut TcpStream) + Send + Sync + Clone + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (told, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, told) = (answer.clone(), told.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let (head, body) = read_request(&mut stream);
                    let _ = told.send(head.clone());
                    answer(&head, &body, &mut stream);
                });
            }
        });
        Self { url, requests }
    }

    /// Answers every request with these bytes.
    pub(crate) fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, _, stream| drop(stream.write_all(&answer)))
    }

    /// Takes every request and answers none, until the client goes.
    pub(crate) fn silent() -> Self {
        Self::start(|_, _, stream| drop(stream.read_to_end(&mut Vec::new())))
    }

    pub(crate) fn heard(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(30)).expect("a request in 30 s")
    }
}

fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap_or(0) > 2 {}
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

/// A whole HTTP answer that closes its connection.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// One line of git's protocol.
pub(crate) fn packet(text: &str) -> String {
    format!("{:04x}{text}", text.len() + 4)
}

/// A list of references as git servers send it.
pub(crate) fn listing(lines: &[String]) -> Vec<u8> {
    let body = format!("{}0000{}0000", packet("# service=git-upload-pack\n"), lines.concat());
    answer("200 OK", "Content-Type: application/x-git-upload-pack-advertisement\r\n", body.as_bytes())
}

/// Bytes that do not compress (xorshift).
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).collect()
}

/// Waits until something holds.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in 30 s: {what}");
        std::thread::yield_now();
    }
}
