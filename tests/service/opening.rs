//! An engine that cannot be opened is not the service's end: it says why, and heals by itself.

use std::os::unix::fs::MetadataExt as _;

use super::*;

impl Place {
    /// A service that looks every second.
    fn serve_often(&self) -> Service {
        Service::start(self.command(&["run"]).env("POLL_INTERVAL", "1s"))
    }

    /// Serves the first revision and ends in order.
    fn served_before() -> Self {
        let place = Self::new();
        let mut service = place.serve();
        until("the first revision is served", || service.is_ready());
        service.signal(Signal::TERM);
        assert_eq!(service.ended(), Some(0));
        place
    }

    fn database(&self) -> PathBuf {
        self.state.join("state.db")
    }
}

impl Service {
    fn condition(&self, kind: &str) -> Value {
        let (status, body) = self.get("/status");
        assert_eq!(status, 200, "{body}");
        let status: Value = serde_json::from_str(&body).expect("a status");
        let all = status["conditions"].as_array().expect("conditions").clone();
        all.into_iter().find(|condition| condition["type"] == kind).expect("one of each kind")
    }

    /// What a service without an engine says of itself, everywhere.
    fn is_stalled_by(&self, why: &str) {
        until("a pass said why", || self.condition("Stalled")["status"] == "True");
        for kind in ["Stalled", "Ready"] {
            let message = self.condition(kind)["message"].to_string();
            assert!(message.contains(why), "{kind}: {message}");
        }
        assert_eq!(self.condition("Ready")["status"], "False");
        assert_eq!((self.get("/livez").0, self.get("/readyz").0), (200, 503));
        let counted = |page: &str| {
            let line = page
                .lines()
                .find(|line| line.contains(r#"outcome="stalled",trigger="poll""#))
                .expect("a line");
            line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()).expect("a number")
        };
        until("the poll tries again", || counted(&self.get("/metrics").1) > 0);
    }

    fn heals(&mut self) {
        until("it serves again", || self.is_ready());
        until("the status says so", || self.condition("Ready")["status"] == "True");
        assert_eq!(self.condition("Stalled")["status"], "False");
        self.signal(Signal::TERM);
        assert_eq!(self.ended(), Some(0));
    }
}

#[test]
fn a_corrupt_database_stalls_the_service_until_the_good_one_is_back() {
    for (damage, why) in [(0..200, "not a database"), (4_096..20_000, "is damaged")] {
        let place = Place::served_before();
        let good = std::fs::read(place.database()).expect("read");
        let mut bad = good.clone();
        let end = damage.end.min(bad.len());
        bad[damage.start..end].fill(b'?');
        std::fs::write(place.database(), bad).expect("written");

        let once = place.ask(&["once"]);
        assert_eq!(once.status.code(), Some(5), "{}", String::from_utf8_lossy(&once.stderr));
        let mut service = place.serve_often();
        service.is_stalled_by(why);
        assert!(holds(&place.served("golden-horde.md"), "Leads a horde."), "nothing is touched");

        std::fs::write(place.database(), good).expect("written");
        service.heals();
    }
}

#[test]
fn a_newer_database_stalls_the_service_until_the_older_one_is_back() {
    let place = Place::served_before();
    let format = |format: Option<u32>| {
        let db = rusqlite::Connection::open(place.database()).expect("a database");
        let was = db.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a number");
        if let Some(format) = format {
            db.pragma_update(None, "user_version", format).expect("written");
        }
        was
    };
    let known: u32 = format(Some(9_999));
    assert_eq!(place.ask(&["once"]).status.code(), Some(5));
    let mut service = place.serve_often();
    service.is_stalled_by("has format 9999");
    format(Some(known));
    service.heals();
}

#[test]
fn a_mirror_that_is_none_is_told_over_a_record_that_says_all_is_well() {
    let place = Place::served_before();
    let (mirror, aside) = (place.state.join("repo.git"), place.root.path().join("aside.git"));
    std::fs::rename(&mirror, &aside).expect("renamed");
    std::fs::write(&mirror, "no repository").expect("written");
    let mut service = place.serve_often();
    until("a pass said why", || service.condition("Ready")["status"] == "False");
    let message = service.condition("Ready")["message"].to_string();
    assert!(message.contains("repo.git"), "{message}");
    assert_eq!(service.get("/livez").0, 200);
    std::fs::remove_file(&mirror).expect("removed");
    std::fs::rename(&aside, &mirror).expect("renamed");
    service.heals();
}

#[test]
fn a_state_directory_that_is_none_is_waited_for() {
    let place = Place::new();
    std::fs::write(&place.state, "in the way").expect("written");
    let mut service = place.serve_often();
    service.is_stalled_by("is a file, not a directory");
    std::fs::remove_file(&place.state).expect("removed");
    until("it serves", || service.is_ready());
    until("its socket is there", || place.state.join("control.sock").exists());
    assert_eq!(place.ask(&["reconcile", "--wait"]).status.code(), Some(0), "the command line reaches it");
    service.heals();
}

#[test]
fn without_its_volume_it_makes_nothing_and_serves_once_it_is_mounted() {
    let place = Place::new();
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev()).ok();
    let volume = tempfile::tempdir_in("/dev/shm").ok();
    let Some(volume) = volume.filter(|volume| device(volume.path()) != device(Path::new("/"))) else {
        println!("skipped: /dev/shm is no other file system than the root's");
        return;
    };
    if device(place.root.path()) != device(Path::new("/")) {
        println!("skipped: the temporary directory is not on the root file system");
        return;
    }
    let mount = place.root.path().join("volume");
    let command = |verb| {
        let mut command = place.command(&[verb]);
        command.env("REQUIRE_MOUNT", "true").env("POLL_INTERVAL", "1s");
        command.env("SKILLS_DIR", mount.join("skills")).env_remove("STATE_DIR");
        command
    };
    let mut service = Service::start(&mut command("run"));
    service.is_stalled_by("REQUIRE_MOUNT");
    let once = command("once").output().expect("it starts");
    let text = String::from_utf8_lossy(&once.stderr).into_owned();
    assert_eq!(once.status.code(), Some(5), "{text}");
    assert!(text.contains("mount the volume, or set REQUIRE_MOUNT=false"), "{text}");
    let names =
        std::fs::read_dir(place.root.path()).expect("listed").map(|entry| entry.expect("one").file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["repo"], "nothing was made");

    std::os::unix::fs::symlink(volume.path(), &mount).expect("mounted, as far as a path can tell");
    until("it serves", || service.is_ready());
    assert!(holds(&volume.path().join("skills/golden-horde.md"), "Leads a horde."));
    let diff = command("diff").output().expect("it starts");
    assert_eq!(diff.status.code(), Some(0), "{}", String::from_utf8_lossy(&diff.stderr));
    service.heals();
}
