//! Who is told what a pass came to: a team by notices, a program of the operator's by a report.

use std::sync::Mutex;

use super::*;

/// A place that notices are posted to.
pub(crate) struct Board {
    pub(crate) url: String,
    posts: std::sync::Arc<Mutex<Vec<Value>>>,
}

impl Board {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/services/s3cret", listener.local_addr().expect("an address"));
        let posts = std::sync::Arc::<Mutex<Vec<Value>>>::default();
        let kept = std::sync::Arc::clone(&posts);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if let Some(post) = take(stream) {
                    kept.lock().expect("whole").push(post);
                }
            }
        });
        Self { url, posts }
    }

    /// All notices so far: what kind, of which skill.
    fn notices(&self) -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let posts = self.posts.lock().expect("whole");
        let all = posts.iter().flat_map(|post| post["notices"].as_array().cloned().unwrap_or_default());
        all.map(|notice| (word(&notice["kind"]), word(&notice["skill"]))).collect()
    }

    /// Whether these are all notices so far.
    pub(crate) fn holds(&self, expected: &[(&str, &str)]) -> bool {
        self.notices()
            .iter()
            .map(|(kind, skill)| (kind.as_str(), skill.as_str()))
            .eq(expected.iter().copied())
    }
}

fn take(mut stream: TcpStream) -> Option<Value> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((_, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Ok(post) = serde_json::from_str(body) {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).ok()?;
            return Some(post);
        }
    }
}

/// The service with more variables; its log is kept for the end.
pub(crate) fn serve(place: &Place, variables: &[(&str, &str)]) -> Service {
    Service::start(place.command(&["run"]).envs(variables.iter().copied()).env("POLL_INTERVAL", "1s"))
}

#[test]
fn each_change_is_told_once_over_restarts_too() {
    let (place, board) = (Place::new(), Board::new());
    let variables = [("NOTIFY_URL", board.url.as_str())];
    let mut service = serve(&place, &variables);
    place.push_text("two-riders.md", "---\nname: two-riders\n---\nText.\n");
    until("the held skill is told", || board.holds(&[("held", "two-riders")]));
    until("it is remembered", || remembers(&place, "held/two-riders"));
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));

    let service = serve(&place, &variables);
    until("it serves again", || service.is_ready());
    place.push_text("three-riders.md", "---\nname: three-riders\n---\nText.\n");
    until("only the new one is told", || board.holds(&[("held", "two-riders"), ("held", "three-riders")]));
    place.push("two-riders.md", "Rides.");
    let all = [("held", "two-riders"), ("held", "three-riders"), ("mended", "two-riders")];
    until("the mended one is told", || board.holds(&all));
    let log: Vec<String> = service.log.try_iter().collect();
    assert!(log.iter().all(|line| !line.contains("s3cret")), "{log:?}");
}

/// Whether it is remembered that something was told: a service that ends before tells it again.
pub(crate) fn remembers(place: &Place, what: &str) -> bool {
    holds(&place.state.join("notices.json"), what)
}

/// Makes a commit without any file; the commit before it.
fn push_nothing(place: &Place) -> git2::Oid {
    let repo = git2::Repository::open(place.repo()).expect("a repository");
    let tree = repo.find_tree(repo.treebuilder(None).and_then(|empty| empty.write()).expect("a tree"));
    let before = repo.head().and_then(|head| head.peel_to_commit()).expect("a commit");
    let author = git2::Signature::now("a", "a@example.org").expect("a signature");
    repo.commit(Some("HEAD"), &author, &author, "c", &tree.expect("a tree"), &[&before]).expect("a commit");
    before.id()
}

#[test]
fn what_a_person_must_do_is_told_and_that_it_was_done() {
    let (place, board) = (Place::new(), Board::new());
    let policy = place.root.path().join("policy.toml");
    std::fs::write(&policy, "").expect("written");
    let installer =
        skill("installer.md", "Installs.") + "```sh\ncurl -LsSf https://example.org/i.sh | sh\n```\n";
    place.push_text("installer.md", &installer);
    let policied = ("POLICY_FILE", policy.to_str().expect("text"));
    let service = serve(&place, &[("NOTIFY_URL", &board.url), policied]);
    until("it is served", || place.served("installer.md").exists());
    let mut told: Vec<(&str, &str)> = Vec::new();
    let mut tells = |news: &[(&'static str, &'static str)]| {
        told.extend(news);
        service.signal(Signal::HUP);
        until(&format!("{news:?} is told"), || board.holds(&told));
    };
    let rule = "[[severity]]\nrule = \"pipe-to-shell\"\nseverity = \"critical\"\n";
    std::fs::write(&policy, rule).expect("written");
    tells(&[("condemned", "installer"), ("held", "installer")]);
    std::fs::write(&policy, "").expect("written");
    tells(&[("mended", "installer"), ("mended", "installer")]);

    let repo = git2::Repository::open(place.repo()).expect("a repository");
    let branch = repo.head().expect("a branch").name().expect("UTF-8").to_owned();
    repo.set_head("refs/heads/nowhere").expect("set");
    tells(&[("stalled", "")]);
    repo.set_head(&branch).expect("set");
    tells(&[("mended", "")]);

    let before = push_nothing(&place);
    tells(&[("guarded", "")]);
    repo.reference(&branch, before, true, "back").expect("set");
    tells(&[("mended", "")]);
    assert!(place.served("installer.md").exists());
}

#[test]
fn a_program_that_never_ends_holds_up_no_pass() {
    let place = Place::new();
    let service = serve(&place, &[("ON_APPLIED", "/bin/sleep 1000"), ("ON_APPLIED_TIMEOUT", "10m")]);
    for (number, file) in ["a.md", "b.md", "c.md"].into_iter().enumerate() {
        place.push(file, "Another one.");
        service.signal(Signal::HUP);
        until(&format!("{number} are served"), || place.served(file).exists());
    }
    assert_eq!(failures(&service), [] as [Value; 0]);
}

#[test]
fn a_program_is_told_what_was_applied_and_its_failure_is_on_record_and_holds_up_nothing() {
    let place = Place::new();
    let told = place.root.path().join("told");
    let script = place.root.path().join("tell.sh");
    std::fs::write(&script, format!("cat >{0}.new && mv {0}.new {0}\n", told.display())).expect("written");
    let command = format!("/bin/sh {}", script.display());
    let service = serve(&place, &[("ON_APPLIED", &command)]);
    until("the program is told", || told.exists());
    let report: Value = serde_json::from_slice(&std::fs::read(&told).expect("a report")).expect("JSON");
    assert_eq!(
        (&report["outcome"], &report["changes"][0]["skill"]),
        (&json!("applied"), &json!("golden-horde"))
    );
    drop(service);

    let service = serve(&place, &[("ON_APPLIED", "/nowhere/tell")]);
    place.push("horde-swarm.md", "Many at once.");
    until("it is served all the same", || place.served("horde-swarm.md").exists());
    let failed = "skill_sync_told_total{what=\"on_applied\",result=\"failed\"} 1\n";
    until("the failure is counted", || service.get("/metrics").1.contains(failed));
    let error = service.logged("error")["error"].as_str().expect("text").to_owned();
    assert!(error.starts_with("ON_APPLIED cannot be started"), "{error}");
    until("the failure is on record", || failures(&service).len() == 1);
    drop(service);

    let service = serve(&place, &[("ON_APPLIED", "/bin/sleep 1000"), ("ON_APPLIED_TIMEOUT", "1s")]);
    place.push("two-riders.md", "Rides.");
    until("that it was late is on record", || failures(&service).len() == 2);
    drop(service);

    let noisy = place.root.path().join("noisy.sh");
    std::fs::write(&noisy, "echo a secret of its own >&2; exit 3\n").expect("written");
    let command = format!("/bin/sh {}", noisy.display());
    let service = serve(&place, &[("ON_APPLIED", &command)]);
    place.push("two-riders.md", "Rides again.");
    until("this one is on record too", || failures(&service).len() == 3);
    let [ended, late, unstarted] = failures(&service).try_into().expect("three");
    assert_eq!(ended["body"]["error"], "ON_APPLIED ended with exit status: 3");
    assert!(late["body"]["error"].as_str().expect("text").contains("did not end within 1 s"), "{late}");
    assert!(unstarted["body"]["error"].as_str().expect("text").contains("No such file"), "{unstarted}");
    for failure in [ended, late, unstarted] {
        assert_eq!(failure["actor"], "on_applied");
        let (status, report) = service.get(&format!("/passes/{}", failure["pass"]));
        let report: Value = serde_json::from_str(&report).expect("a report");
        assert_eq!((status, &report["outcome"]), (200, &json!("applied")));
    }
    assert!(place.ask(&["audit", "verify"]).status.success());
}

/// The failures of programs that are on record, the newest first.
fn failures(service: &Service) -> Vec<Value> {
    let records: Vec<Value> = serde_json::from_str(&service.get("/audit").1).expect("records");
    records.into_iter().filter(|record| record["kind"] == "hook_failed").collect()
}
