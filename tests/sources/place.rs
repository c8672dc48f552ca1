//! What the stories are made of: a repository that git itself makes, keys, and the binary.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a story fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A repository with its keys, and a target beside it.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    settings: Vec<(String, String)>,
}

/// Says that something was not tested; where everything must be, that is a failure.
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_none_or(|v| v != "1"), "skipped: {what}");
    println!("skipped: {what}");
}

/// Whether all these programs are there; says so where one is not.
pub(crate) fn has(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        !["/usr/bin", "/bin", "/usr/sbin"].iter().any(|dir| Path::new(dir).join(program).exists())
    });
    if let Some(missing) = missing {
        skip(&format!("a story about sources, because there is no {missing} in /usr"));
    }
    missing.is_none()
}

impl Place {
    /// An empty repository, followed from a local path.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("s").tempdir().unwrap();
        let place = Self { dir, settings: Vec::new() };
        for name in ["home", "gnupg"] {
            std::fs::create_dir(place.path(name)).unwrap();
        }
        rustix::fs::chmod(place.path("gnupg"), rustix::fs::Mode::RWXU).unwrap();
        place.git(&["init", "-q", "-b", "main", place.path("repo").to_str().unwrap()]);
        let (repo, target) = (place.path("repo"), place.path("data/skills"));
        place
            .with("SKILLS_REPO", repo.to_str().unwrap())
            .with("SKILLS_DIR", target.to_str().unwrap())
            .with("LOG_LEVEL", "error")
            .with("ENVIRONMENT_NAME", "story")
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<str>) {
        self.settings.push((name.to_owned(), value.as_ref().to_owned()));
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub(crate) fn write(&self, below: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A program with nothing around it but the keys of this place.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin")
            .env("HOME", self.path("home"))
            .env("GNUPGHOME", self.path("gnupg"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "Author"), ("GIT_AUTHOR_EMAIL", "author@example.org")])
            .envs([("GIT_COMMITTER_NAME", "Author"), ("GIT_COMMITTER_EMAIL", "author@example.org")])
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs git, which must succeed; what it prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.must(self.program("git").args(arguments))
    }

    pub(crate) fn must(&self, command: &mut Command) -> String {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits a new version of the one skill, with these configurations and arguments of git.
    pub(crate) fn commit(&self, version: &str, config: &[&str], arguments: &[&str]) -> String {
        let text = format!("---\nname: horde\ndescription: Version {version}.\n---\n# Horde\n");
        self.write("repo/horde.md", text);
        let repo = self.path("repo");
        let repo = repo.to_str().unwrap();
        self.git(&["-C", repo, "add", "."]);
        let mut all = vec!["-C", repo];
        config.iter().for_each(|one| all.extend(["-c", one]));
        all.extend(["commit", "-q", "-m", version]);
        all.extend(arguments);
        self.git(&all);
        self.git(&["-C", repo, "rev-parse", "HEAD"])
    }

    /// The binary, with nothing around it but the settings.
    pub(crate) fn skill_sync(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skill-sync"));
        command
            .args(arguments)
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let Output { status, stdout, stderr } = self.skill_sync(arguments).output().unwrap();
        let value = serde_json::from_slice(&stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr)));
        (status.code(), value)
    }

    /// One pass: its exit code and its report.
    pub(crate) fn once(&self) -> (Option<i32>, Value) {
        self.json(&["once", "-o", "json"])
    }

    /// A pass that must apply something; its report.
    pub(crate) fn applied(&self) -> Value {
        let (code, report) = self.once();
        assert_eq!((code, report["outcome"].as_str()), (Some(0), Some("applied")), "{report}");
        report
    }

    /// A pass that must stall; why.
    pub(crate) fn stalled(&self) -> String {
        let (code, report) = self.once();
        assert_eq!((code, report["outcome"].as_str()), (Some(5), Some("stalled")), "{report}");
        report["error"].as_str().unwrap().to_owned()
    }

    pub(crate) fn verb(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        self.json(arguments)
    }

    /// The description of the skill as it is served.
    pub(crate) fn served(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.path("data/skills/horde.md")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("description: ").map(str::to_owned))
    }
}

/// A server of one of the project's scripts, or a service; it ends with this value.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
}

impl Running {
    pub(crate) fn script(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new("/usr/bin/python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name))
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

    pub(crate) fn service(place: &Place) -> Self {
        let child = place
            .skill_sync(&["run"])
            .envs([("HOST", "127.0.0.1"), ("SKILL_SYNC_PORT", "0"), ("POLL_INTERVAL", "1s")])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { url: String::new(), child }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A script ends with its stdin, and ends what it has started; a service has none.
        if self.child.stdin.take().is_none() {
            self.child.kill().unwrap();
        }
        self.child.wait().unwrap();
    }
}

/// Waits until something holds.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in {} s: {what}", DEADLINE.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}
