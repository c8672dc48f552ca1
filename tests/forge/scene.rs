//! A forge with one repository, a clone of it, and a place for the product.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

use crate::product::Service;

/// How long anything may take before a story fails; the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The secret of the service.
pub(crate) const SECRET: &str = "a secret of the tests";

/// Waits until something is so.
pub(crate) fn wait_for(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is() {
        assert!(Instant::now() < end, "in vain waited for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A flat skill.
pub(crate) fn skill(name: &str, description: &str) -> String {
    format!("---\nname: {name}\ndescription: {description}\n---\nText.\n")
}

/// A forge that runs; it is stopped where the story ends.
pub(crate) struct Forge {
    directory: PathBuf,
    pub(crate) url: String,
}

impl Forge {
    fn start(directory: PathBuf) -> Result<Self, Output> {
        // Somebody else may take the port before the forge does: then another one.
        for last in [false, false, true] {
            let port = free_port().to_string();
            let started = script(&["start", directory.to_str().expect("text"), &port]);
            if started.status.success() {
                let url = std::fs::read_to_string(directory.join("url")).expect("its address");
                return Ok(Self { directory, url: url.trim().to_owned() });
            }
            if last || started.status.code() == Some(3) {
                return Err(started);
            }
        }
        unreachable!("the last one returns")
    }
}

impl Forge {
    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().expect("a port")
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Drop for Forge {
    fn drop(&mut self) {
        script(&["stop", self.directory.to_str().expect("text")]);
    }
}

fn script(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/forge");
    let log = tempfile::NamedTempFile::new().expect("a file");
    // A pipe would stay open for as long as the forge runs.
    let status = Command::new(script)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(log.reopen().expect("the file"))
        .status()
        .expect("a shell");
    Output { status, stdout: Vec::new(), stderr: std::fs::read(log.path()).expect("the log") }
}

/// Everything that a story needs.
pub(crate) struct Scene {
    pub(crate) forge: Forge,
    pub(crate) token: String,
    pub(crate) root: tempfile::TempDir,
}

impl Scene {
    /// A private repository `ops/skills`, empty; none where there is no forge.
    pub(crate) fn begin(story: &str) -> Option<Self> {
        let root = tempfile::tempdir().expect("a directory");
        let forge = match Forge::start(root.path().join("forge")) {
            Ok(forge) => forge,
            Err(output) if output.status.code() == Some(3) => {
                let required = std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_some_and(|value| value == "1");
                assert!(!required, "skipped: {story}: no forge was built (scripts/forge build)");
                eprintln!("skipped: {story}: no forge was built (scripts/forge build)");
                return None;
            }
            Err(output) => panic!("no forge: {}", String::from_utf8_lossy(&output.stderr)),
        };
        let token =
            std::fs::read_to_string(root.path().join("forge/token")).expect("a token").trim().to_owned();
        let scene = Self { forge, token, root };
        let repository = json!({ "name": "skills", "private": true, "default_branch": "main" });
        let created = scene.call("POST", "/user/repos", Some(&repository));
        assert_eq!(created.0, 201, "{}", created.1);
        std::fs::create_dir(scene.clone_dir()).expect("a directory");
        scene.git(&["init", "--quiet", "--initial-branch=main"]);
        let remote = scene.repository().replacen("://", "://ops:ops-password@", 1);
        scene.git(&["remote", "add", "origin", &remote]);
        Some(scene)
    }

    /// The address of the repository.
    pub(crate) fn repository(&self) -> String {
        format!("{}/ops/skills", self.forge.url)
    }

    fn clone_dir(&self) -> PathBuf {
        self.root.path().join("clone")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .current_dir(self.clone_dir())
            .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
            .args(arguments)
            .output()
            .expect("git");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// Commits files and pushes them: the commit.
    pub(crate) fn push(&self, files: &[(&str, &str)], message: &str) -> String {
        for (name, text) in files {
            std::fs::write(self.clone_dir().join(name), text).expect("written");
        }
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "-m", message]);
        self.git(&["push", "--quiet", "origin", "main"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Pushes a tag at the last commit.
    pub(crate) fn push_tag(&self, name: &str) {
        self.git(&["tag", name]);
        self.git(&["push", "--quiet", "origin", name]);
    }

    /// One call of the forge's API, below the repository.
    pub(crate) fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.call(method, &format!("/repos/ops/skills{path}"), body)
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let agent: Agent = Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.forge.url))
            .header("authorization", basic())
            .header("content-type", "application/json")
            .body(body.map(ToString::to_string).unwrap_or_default());
        let request = request.expect("a request");
        let answer = match method {
            "GET" => agent.run(request.map(|_| ())),
            _ => agent.run(request),
        };
        let mut answer = answer.expect("the forge answers");
        let text = answer.body_mut().read_to_string().expect("text");
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
    }

    /// A token with these scopes.
    pub(crate) fn token_of(&self, name: &str, scopes: &[&str]) -> String {
        let asked = json!({ "name": name, "scopes": scopes });
        let (status, token) = self.call("POST", "/users/ops/tokens", Some(&asked));
        assert_eq!(status, 201, "{token}");
        token["sha1"].as_str().expect("a token").to_owned()
    }

    /// The token of somebody who may not see the repository.
    pub(crate) fn stranger(&self) -> String {
        let user = json!({
            "username": "stranger", "email": "stranger@example.test", "password": "ops-password",
            "must_change_password": false,
        });
        assert_eq!(self.call("POST", "/admin/users", Some(&user)).0, 201);
        let agent: Agent = Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let request = ureq::http::Request::post(format!("{}/api/v1/users/stranger/tokens", self.forge.url))
            .header("authorization", authorization("stranger"))
            .header("content-type", "application/json")
            .body(json!({ "name": "t", "scopes": ["write:repository"] }).to_string());
        let mut answer = agent.run(request.expect("a request")).expect("the forge answers");
        let token: Value =
            serde_json::from_str(&answer.body_mut().read_to_string().expect("text")).expect("JSON");
        token["sha1"].as_str().expect("a token").to_owned()
    }

    /// The number of the only webhook.
    pub(crate) fn hook_id(&self) -> u64 {
        self.api("GET", "/hooks", None).1[0]["id"].as_u64().expect("a webhook")
    }

    /// Waits until a commit's newest status is this.
    pub(crate) fn has_status(&self, commit: &str, state: &str, says: &str) {
        let path = format!("/statuses/{commit}?sort=recentupdate");
        let of_it = || {
            let all = self.api("GET", &path, None).1;
            all.as_array().into_iter().flatten().any(|status| {
                status["status"] == state
                    && status["context"] == "skill-sync/test"
                    && status["description"].as_str().is_some_and(|text| text.contains(says))
            })
        };
        wait_for(&format!("{state} beside {commit}: {says}"), of_it);
    }

    /// The states that were set beside a commit, the first one first.
    pub(crate) fn states(&self, commit: &str) -> Vec<String> {
        let all = self.api("GET", &format!("/statuses/{commit}?sort=oldest"), None).1;
        let state = |status: &Value| status["status"].as_str().expect("a state").to_owned();
        all.as_array().expect("statuses").iter().map(state).collect()
    }

    /// The binary, with nothing around it but what a story says.
    pub(crate) fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skill-sync"));
        command
            .env_clear()
            .current_dir(self.root.path())
            .args(arguments)
            .env("SKILLS_REPO", self.repository())
            .env("SKILLS_REF", "main")
            .env("SKILLS_DIR", self.root.path().join("skills"))
            .env("GIT_USERNAME", "ops")
            .env("GIT_PASSWORD", "ops-password")
            .env("ENVIRONMENT_NAME", "test")
            .env("HOST", "127.0.0.1")
            .env("SKILL_SYNC_PORT", "0")
            .env("GITHUB_WEBHOOK_SECRET", SECRET)
            .env("LOG_FORMAT", "json")
            .env("POLL_INTERVAL", "1h")
            .envs(variables.iter().copied());
        command
    }

    /// The service, which runs until it is dropped.
    pub(crate) fn serve(&self, variables: &[(&str, &str)]) -> Service {
        Service::start(&mut self.command(&["run"], variables), self.root.path().join("skills"))
    }

    /// What `webhook register -o json` prints.
    pub(crate) fn register(&self, service: &Service, more: &[&str]) -> String {
        let base = service.base();
        let arguments: Vec<&str> =
            ["webhook", "register", "-o", "json", "--url", &base].iter().chain(more).copied().collect();
        let variables = [("FORGE", "gitea"), ("FORGE_TOKEN", self.token.as_str())];
        let output = self.command(&arguments, &variables).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

/// A judge of skills that waits while the gate is closed.
pub(crate) struct Gate {
    command: String,
    file: PathBuf,
}

impl Gate {
    pub(crate) fn open(scene: &Scene) -> Self {
        let (script, file) = (scene.root.path().join("judge.sh"), scene.root.path().join("gate"));
        let text = "while [ ! -e \"$JUDGE_GATE\" ]; do sleep 0.05; done\necho '{\"verdict\": \"accept\"}'\n";
        std::fs::write(&script, text).expect("written");
        let gate = Self { command: format!("/bin/sh {}", script.display()), file };
        gate.reopen();
        gate
    }

    pub(crate) fn settings(&self) -> [(&str, &str); 4] {
        let file = self.file.to_str().expect("text");
        [
            ("SCAN_JUDGE", &self.command),
            ("SCAN_JUDGE_TIMEOUT", "5m"),
            ("JUDGE_GATE", file),
            ("PATH", "/usr/bin:/bin"),
        ]
    }

    pub(crate) fn close(&self) {
        std::fs::remove_file(&self.file).expect("it was open");
    }

    pub(crate) fn reopen(&self) {
        std::fs::write(&self.file, "").expect("written");
    }
}

fn basic() -> String {
    authorization("ops")
}

fn authorization(user: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{user}:ops-password");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}
