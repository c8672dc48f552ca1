//! What only time makes news: a service under a clock that the story sets.

use super::telling::{Board, remembers};
use super::*;

/// A clock that runs as the machine's does, so much later as its file says.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn set(&self, offset: &str) {
        let staged = self.file.with_extension("new");
        std::fs::write(&staged, offset).expect("written");
        std::fs::rename(&staged, &self.file).expect("in place");
    }

    /// The same command under this clock; deadlines and intervals go by the machine's. None where there is no
    /// `faketime`.
    fn under(&self, command: &Command) -> Option<Command> {
        if !Path::new("/usr/bin/faketime").exists() {
            let required = std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_some_and(|value| value == "1");
            assert!(!required, "skipped: an hour of failures, because there is no faketime");
            println!("skipped: an hour of failures, because there is no faketime");
            return None;
        }
        // The program `faketime` would stand between us and the service, and takes no file of offsets.
        let mut shifted = Command::new(command.get_program());
        shifted
            .env_clear()
            .args(command.get_args())
            .current_dir(command.get_current_dir().expect("one"))
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketimeMT.so.1")
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .envs(["FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC"].map(|name| (name, "1")));
        Some(shifted)
    }
}

/// A git server that always fails by itself.
fn failing_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/skills.git", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

/// How many passes have failed.
fn failed(service: &Service) -> u64 {
    let page = service.get("/metrics").1;
    let of = |line: &&str| line.starts_with("skill_sync_passes_total") && line.contains("outcome=\"failed\"");
    page.lines()
        .filter(of)
        .map(|line| line.rsplit(' ').next().expect("a number").parse::<u64>().expect("one"))
        .sum()
}

#[test]
fn that_passes_have_failed_for_an_hour_is_told_once_and_when_it_is_over() {
    let (place, board) = (Place::new(), Board::new());
    let clock = Clock { file: place.root.path().join("clock") };
    clock.set("+0");
    let repository = failing_server();
    let mut command = place.command(&["run"]);
    command.env("NOTIFY_URL", &board.url);
    let Some(mut failing) = clock.under(command.env("SKILLS_REPO", &repository)) else { return };
    let mut service = Service::start(&mut failing);
    let pass = |service: &Service| {
        let before = failed(service);
        service.signal(Signal::HUP);
        until("another pass has failed", || failed(service) > before);
    };
    until("it is noted since when", || remembers(&place, "\"failing_since\":\""));
    clock.set("+59m");
    pass(&service);
    clock.set("+61m");
    pass(&service);
    until("it is told", || board.holds(&[("failing", "")]));
    until("it is remembered", || remembers(&place, "failing/"));
    clock.set("+10h");
    pass(&service);
    pass(&service);
    end(&mut service);

    let mut whole = clock.under(command.env("SKILLS_REPO", place.repo())).expect("as before");
    let mut service = Service::start(&mut whole);
    until("it is over", || board.holds(&[("failing", ""), ("mended", "")]));
    end(&mut service);
}

/// In order, so that the clock takes what it shares with it.
fn end(service: &mut Service) {
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));
}
