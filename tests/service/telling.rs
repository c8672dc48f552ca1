//! Who is told what a pass came to: a team by notices, a program of the operator's by a report.

use std::sync::Mutex;

use super::*;

/// A place that notices are posted to.
struct Board {
    url: String,
    posts: std::sync::Arc<Mutex<Vec<Value>>>,
}

impl Board {
    fn new() -> Self {
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

    fn holds(&self, expected: &[(&str, &str)]) -> bool {
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
fn serve(place: &Place, variables: &[(&str, &str)]) -> Service {
    Service::start(place.command(&["run"]).envs(variables.iter().copied()).env("POLL_INTERVAL", "1s"))
}

#[test]
fn each_change_is_told_once_over_restarts_too() {
    let (place, board) = (Place::new(), Board::new());
    let variables = [("NOTIFY_URL", board.url.as_str())];
    let mut service = serve(&place, &variables);
    place.push_text("two-riders.md", "---\nname: two-riders\n---\nText.\n");
    until("the held skill is told", || board.holds(&[("held", "two-riders")]));
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

#[test]
fn a_program_is_told_what_was_applied_and_its_failure_holds_up_nothing() {
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
}
