//! What a person sees who runs the service on a terminal.

use std::fs::File;
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::*;

/// A terminal, and what was written on it so far.
struct Terminal {
    stderr: Option<File>,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    fn open() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("UTF-8");
        let stderr = File::options().read(true).write(true).open(name).expect("opened");
        let (mut master, screen) = (File::from(master), Arc::<Mutex<String>>::default());
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(read @ 1..) = master.read(&mut bytes) {
                shown.lock().expect("no panic").push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        Self { stderr: Some(stderr), screen }
    }

    fn screen(&self) -> String {
        self.screen.lock().expect("no panic").replace("\r\n", "\n")
    }

    fn shows(&self, line: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.screen().lines().any(|shown| shown == line) {
            assert!(Instant::now() < end, "not shown: {line}\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_person_is_told_where_everything_is_and_what_happens() {
    let place = Place::new();
    place.push("horde-swarm.md", "Many at once.");
    let mut terminal = Terminal::open();
    let mut command = place.command(&["run", "--repo", "repo/."]);
    command.env_remove("LOG_FORMAT").env_remove("LOG_LEVEL").env_remove("SKILLS_REPO").env("TERM", "dumb");
    let stderr = terminal.stderr.take().expect("once");
    let child = command.stderr(stderr).spawn().expect("it starts");
    drop(command);
    let (_, log) = mpsc::channel();
    let mut service = Service { child, address: ([127, 0, 0, 1], 0).into(), log };

    terminal.shows(&format!("skill-sync follows {} at HEAD", place.repo().display()));
    let target = place.root.path().join("skills");
    terminal.shows(&format!("  skills    {}", target.display()));
    terminal.shows("  try       edit a skill there and watch it come back, or ask:");
    let head = git2::Repository::open(place.repo()).expect("a repository");
    let head = head.head().and_then(|head| head.peel_to_commit()).expect("a commit").id().to_string();
    terminal.shows(&format!("applied {}: 2 added (golden-horde, horde-swarm)", &head[..12]));

    let screen = terminal.screen();
    let status = screen.lines().find_map(|line| line.trim().split_once(" status ")).expect("a command");
    let pasted = format!("{} status {} -o json", status.0, status.1);
    let output = Command::new("sh").env_clear().args(["-c", &pasted]).output().expect("a shell");
    assert!(json_of(&output)["next_pass_at"].is_string(), "it asks this very service: {pasted}");

    std::fs::write(place.served("golden-horde.md"), "theirs").expect("written");
    terminal.shows("restored golden-horde: the volume drifted");
    place.push("broken.md", "Twice.\ndescription: Twice.");
    service.signal(Signal::HUP);
    until("what is held is shown", || terminal.screen().contains("\nheld broken: broken.md:"));
    assert!(
        !terminal.screen().contains("outcome="),
        "no line of the log says it again: {}",
        terminal.screen()
    );
    service.signal(Signal::TERM);
    assert_eq!(service.ended(), Some(0));
}
