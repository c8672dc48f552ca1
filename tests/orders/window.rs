//! Sync windows: what git changed waits for them, drift does not, and `--force` is on record.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::place::{Place, until};

/// Closed at every minute.
const CLOSED: (&str, &str) = ("SYNC_WINDOW", "deny * * * * * Europe/Berlin for 2m");

/// Not closed now: the day that it closes is a 29th of February.
const OPEN: (&str, &str) = ("SYNC_WINDOW", "deny 0 0 29 2 * for 1m");

#[test]
fn a_closed_window_holds_what_git_changed_and_puts_drift_right() {
    let (place, first) = Place::with(&["a", "b"]);
    place.run_with(&["once"], &[OPEN]);
    assert!(place.serves("a", "one"));
    place.write("a", "two");
    let waiting = place.commit();
    place.edit("b", "drifted");

    let closed = place.run_with(&["once", "-o", "json"], &[CLOSED]);
    let (report, error) = (closed.json(), closed.error());
    assert_eq!((closed.code, &report["outcome"]), (5, &"suspended".into()), "{closed:?}");
    assert_eq!((&report["revision"], &report["applied_revision"]), (&waiting.into(), &first.into()));
    assert!(error.contains("closed by the sync window `deny * * * * * Europe/Berlin for 2m`"), "{error}");
    assert!(error.contains("1 skill would change") && error.contains("`--force`"), "{error}");
    assert!(place.serves("a", "one") && place.serves("b", "one"), "drift is put right all the same");
    assert_eq!(place.ends(&["drift", "show", "2-1"], 0).stdout, "drifted");
    let (status, reason, message) = place.condition("Suspended");
    assert_eq!((status.as_str(), reason.as_str()), ("True", "SyncWindow"));
    assert!(message.contains("1 skill would change"), "{message}");
    assert_eq!(place.condition("Ready").0, "True");

    place.once(0);
    assert!(place.serves("a", "two"));
    assert_eq!(place.condition("Suspended").0, "False");
}

#[test]
fn outside_the_allowed_windows_it_waits_and_says_until_when() {
    let (place, _) = Place::with(&["a"]);
    let rarely = [("SYNC_WINDOW", "allow 0 9 29 2 * for 1h")];
    let closed = place.run_with(&["once", "-o", "json"], &rarely);
    assert!(closed.code == 5 && place.served("a").is_none(), "{closed:?}");
    assert!(
        closed.error().starts_with("no sync window is open until 2028-02-29T09:00:00.000Z: "),
        "{closed:?}"
    );
    let always = [("SYNC_WINDOW", "allow * * * * * for 2m")];
    assert_eq!(place.run_with(&["once"], &always).code, 0);
}

#[test]
fn force_lets_one_pass_through_and_is_recorded_with_who_and_why() {
    let (place, _) = Place::with(&["a"]);
    let forced = place.run_with(&["once", "--force", "--reason", "a fix", "-o", "json"], &[CLOSED]);
    assert_eq!((forced.code, place.serves("a", "one")), (0, true), "{forced:?}");
    let record = place.audit("forced");
    assert_eq!((&record["actor"], &record["body"]["reason"]), (&Place::actor().into(), &"a fix".into()));
    place.write("a", "two");
    place.commit();
    assert_eq!(place.run_with(&["once"], &[CLOSED]).code, 5, "it was for one pass");
    let idle = place.run(&["once", "--reason", "why"]);
    assert!(idle.code == 2 && idle.stderr.contains("--force"), "{idle:?}");
}

#[test]
fn a_rollback_waits_for_its_window_too_and_goes_through_by_force() {
    let (place, _) = Place::with(&["a"]);
    place.once(0);
    place.write("a", "two");
    place.commit();
    place.once(0);
    let waits = place.run_with(&["rollback", "HEAD~1", "--reason", "two loops", "-o", "json"], &[CLOSED]);
    assert!(waits.code == 5 && place.serves("a", "two"), "{waits:?}");
    assert_eq!(place.audit("pinned")["body"]["reason"], "two loops");
    assert!(place.condition("Pinned").2.contains("(two loops)"));
    let through = place.run_with(&["rollback", "HEAD~1", "--force"], &[CLOSED]);
    assert!(through.code == 0 && place.serves("a", "one"), "{through:?}");
    place.ends(&["resume", "--reason", "mended"], 0);
    assert_eq!(place.audit("resumed")["body"]["reason"], "mended");
}

#[test]
fn a_running_service_keeps_to_its_windows_and_is_forced_by_a_request() {
    let (place, _) = Place::with(&["a"]);
    let variables = [("SYNC_WINDOW", "deny * * * * * for 2m"), ("API_TOKEN", "a-token-of-ours")];
    let service = place.serve_with(5, &variables);
    assert_eq!(place.served("a"), None);
    assert_eq!(place.run(&["reconcile", "--wait", "--force", "--reason", "go on"]).code, 0);
    assert!(place.serves("a", "one"));
    assert_eq!(place.audit("forced")["body"]["reason"], "go on");
    place.write("a", "two");
    place.commit();
    let (status, body) = service.post("/reconcile?wait=true", "");
    assert_eq!((status, &body["outcome"]), (200, &"suspended".into()), "{body}");
    let (status, body) = service.post("/reconcile?wait=true&force=true&reason=over+http", "");
    assert_eq!((status, &body["outcome"]), (200, &"applied".into()), "{body}");
    let record = place.audit("forced");
    assert_eq!((&record["actor"], &record["body"]["reason"]), (&"api".into(), &"over http".into()));
    let (status, _) = service.post("/resume?force=true", r#"{"reason": "and so"}"#);
    assert_eq!(status, 202);
    assert_eq!(service.post("/reconcile?force=perhaps", "").0, 400);
}

#[test]
fn a_window_that_is_not_one_stops_the_start_with_what_was_expected() {
    let (place, _) = Place::with(&["a"]);
    let wrong = place.run_with(&["once"], &[("SYNC_WINDOW", "deny 0 22 * * Europe/Berlin for 8h")]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    for part in ["SYNC_WINDOW", "deny 0 18 * * FRI Europe/Berlin for 60h", "five fields"] {
        assert!(wrong.stderr.contains(part), "{part}: {wrong:?}");
    }
}

#[test]
fn diff_shows_a_guard_and_what_would_follow_its_confirmation() {
    let skills: Vec<String> = (0..6).map(|n| format!("skill-{n}")).collect();
    let names: Vec<&str> = skills.iter().map(String::as_str).collect();
    let (place, _) = Place::with(&names);
    place.once(0);
    names[1..].iter().for_each(|name| place.remove(name));
    let waiting = place.commit();
    let diff = place.ends(&["diff", "-o", "json"], 2);
    let (json, changes) = (diff.json(), diff.json()["changes"].as_array().unwrap().len());
    assert_eq!((changes, &json["revision"]), (5, &waiting.clone().into()), "{json}");
    assert!(json["guard"].as_str().unwrap().contains(&format!("confirm revision {waiting}")), "{json}");
    let text = place.ends(&["diff"], 2);
    assert!(text.stdout.starts_with("would apply once confirmed"), "{text:?}");
    assert!(text.stderr.contains("a pass would be guarded"), "{text:?}");
    place.once(4);
    place.ends(&["confirm", &waiting, "--reason", "meant"], 0);
    assert_eq!(place.audit("confirmed")["body"]["reason"], "meant");
}

/// A window that is closed now, and opens in so many seconds.
fn closed_for(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that goes").as_secs();
    let (minute, hour, lasts) = (now / 60 % 60, now / 3_600 % 24, now % 60 + seconds);
    format!("deny {minute} {hour} * * * for {lasts}s")
}

#[test]
fn a_service_goes_on_as_its_window_opens_and_waits_for_no_poll() {
    // On a machine that is too busy the window may open before the first pass: then it is a longer one.
    for seconds in [5, 20, 60] {
        let (place, _) = Place::with(&["a"]);
        let _service = place.start(&[("SYNC_WINDOW", &closed_for(seconds)), ("POLL_INTERVAL", "6h")]);
        until("the window opens", || place.serves("a", "one"));
        let passes = place.ends(&["history", "-o", "json"], 0).json();
        let first = passes.as_array().and_then(|rows| rows.last()).expect("a pass").clone();
        if first["outcome"] == "suspended" {
            return;
        }
    }
    panic!("no pass met a closed window");
}
