//! While it is suspended a target is looked at and left alone.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::place::{Place, contents, until};

#[test]
fn a_suspended_target_says_what_waits_and_changes_nothing_until_it_is_resumed() {
    let (place, _) = Place::with(&["a", "b"]);
    place.once(0);
    let said = place.ends(&["suspend", "--reason", "incident 4711"], 0).stdout;
    assert!(said.starts_with(&format!("suspended by {} at ", Place::actor())), "{said}");
    assert!(
        said.ends_with("until `skill-sync resume` (incident 4711); passes look and change nothing\n"),
        "{said}"
    );

    place.write("a", "two");
    place.write("c", "one");
    let waiting = place.commit();
    place.edit("b", "drifted");
    let before = contents(&place.path("skills"));
    let looked = place.once(5);
    let report = looked.json();
    assert_eq!((&report["outcome"], &report["changes"]), (&"suspended".into(), &serde_json::json!([])));
    let waits = format!("(incident 4711): 3 skills would change at {}; until then", &waiting[..12]);
    assert!(looked.error().contains(&waits), "{looked:?}");
    assert!(looked.error().ends_with("nothing is changed and drift is not put right"), "{looked:?}");
    assert_eq!(before, contents(&place.path("skills")));
    let (is, reason, message) = place.condition("Suspended");
    assert_eq!((&*is, &*reason, message), ("True", "Suspended", looked.error()));
    assert_eq!(place.condition("Ready").0, "True", "what is served is as ready as it was");

    let resumed = place.ends(&["resume", "-o", "json"], 0).json();
    assert_eq!(resumed["changes"].as_array().map(Vec::len), Some(3));
    assert!(place.serves("a", "two") && place.serves("b", "one") && place.serves("c", "one"));
    assert_eq!(place.condition("Suspended").1, "NotSuspended");
    let (suspended, resumed) = (place.audit("suspended"), place.audit("resumed"));
    assert_eq!(
        (&suspended["actor"], &suspended["body"]["reason"]),
        (&Place::actor().into(), &"incident 4711".into())
    );
    assert_eq!((&resumed["actor"], &resumed["body"]["suspended"]), (&Place::actor().into(), &true.into()));
}

#[test]
fn a_guard_is_told_while_suspended_and_still_stands_afterwards() {
    let (place, _) = Place::with(&["a", "b", "c", "d", "e"]);
    place.once(0);
    place.ends(&["suspend"], 0);
    ["a", "b", "c", "d"].iter().for_each(|name| place.remove(name));
    let waiting = place.commit();
    let looked = place.once(5);
    assert!(looked.error().contains("the change would remove 4 of 5 skills"), "{looked:?}");
    place.ends(&["resume"], 4);
    place.ends(&["confirm", &waiting], 0);
}

#[test]
fn a_time_limit_ends_a_suspension_by_itself() {
    let (place, _) = Place::with(&["a"]);
    place.once(0);
    let json = place.ends(&["suspend", "--for", "1s", "-o", "json"], 0).json();
    let until_then = json["suspended"]["until"].as_str().unwrap().to_owned();
    place.write("a", "two");
    place.commit();
    assert!(place.run(&["status"]).stdout.contains(&format!("until {until_then}")));
    until("the time is over", || place.condition("Suspended").0 == "False");
    place.once(0);
    assert!(place.serves("a", "two"));
    let resumed = place.audit("resumed");
    assert_eq!((&resumed["actor"], &resumed["body"]["over"]), (&"skill-sync".into(), &true.into()));
    let wrong = place.run(&["suspend", "--for", "soon"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("not a duration such as `90s`"), "{wrong:?}");
}

#[test]
fn a_running_service_takes_orders_and_a_restart_forgets_none() {
    let (place, first) = Place::with(&["a"]);
    let service = place.serve(&[]);
    place.write("a", "two");
    place.commit();
    assert_eq!(place.run(&["reconcile", "--wait"]).code, 0);
    place.ends(&["suspend", "--for", "2h", "--reason", "look\u{1b}[31m"], 0);
    place.write("a", "three");
    place.commit();
    assert_eq!(place.run(&["reconcile", "--wait"]).code, 5);
    drop(service);
    let service = {
        let log = std::fs::File::create(place.path("log")).unwrap();
        let child = place.command(&["run"]).stderr(log).spawn().unwrap();
        Kill(child)
    };
    until("the service is back", || place.run(&["reconcile", "--wait"]).code == 5);
    assert!(place.serves("a", "two"));
    let status = place.run(&["status"]).stdout;
    assert!(status.contains("look\\u{1b}[31m"), "foreign text is escaped: {status}");

    let back = place.ends(&["rollback", &first[..9], "-o", "json"], 0).json();
    assert_eq!((&back["outcome"], place.serves("a", "one")), (&"applied".into(), true));
    assert_eq!(place.condition("Suspended").0, "False", "a rollback ends a suspension");
    place.ends(&["resume"], 0);
    assert!(place.serves("a", "three"));
    let refused = place.ends(&["rollback", "HEAD~9"], 2);
    assert!(refused.stderr.contains("HEAD~9 is before the first revision on record: 2 were"), "{refused:?}");
    drop(service);
}

struct Kill(std::process::Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn orders_over_http_need_the_token_and_are_recorded_as_the_api() {
    let (place, first) = Place::with(&["a"]);
    let service = place.serve(&[("API_TOKEN", "a-token-of-ours")]);
    let address = service.address();
    let post = |path: &str, token: Option<&str>, body: &str| {
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = body.len();
        let mut stream = TcpStream::connect(&address).expect("a connection");
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{token}");
        write!(stream, "{head}content-length: {length}\r\n\r\n{body}").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok()).expect("a status");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        (status, serde_json::from_str::<serde_json::Value>(body).unwrap_or_default())
    };
    let token = Some("a-token-of-ours");
    for path in ["/confirm", "/suspend", "/resume", "/rollback"] {
        assert_eq!(post(path, None, "{}").0, 401, "{path}");
        assert_eq!(post(path, Some("wrong"), "{}").0, 403, "{path}");
        assert_eq!(post(path, token, "{\"x\": 1}").0, 400, "{path}");
    }
    let (status, body) = post("/suspend", token, r#"{"for": "2h", "reason": "demo"}"#);
    assert_eq!((status, &body["suspended"]["actor"]), (200, &"api".into()), "{body}");
    assert_eq!(post("/suspend", token, r#"{"for": "soon"}"#).0, 400);
    assert_eq!(post("/resume", token, "").0, 202);
    let (status, body) = post("/rollback?wait=true", token, r#"{"revision": "HEAD"}"#);
    assert_eq!((status, &body["outcome"]), (200, &"in_sync".into()), "{body}");
    assert_eq!(post("/rollback", token, r#"{"revision": "main"}"#).0, 400);
    assert_eq!(post("/rollback", token, r#"{"revision": "pass:99"}"#).0, 404);
    let (status, body) = post("/confirm", token, &format!(r#"{{"revision": "{}"}}"#, &first[..7]));
    assert_eq!((status, &body["revision"]), (202, &first.into()), "{body}");
    let long = "x".repeat(301);
    let (status, body) = post("/suspend", token, &format!(r#"{{"reason": "{long}"}}"#));
    assert_eq!((status, &body["detail"]), (400, &"the reason has 301 characters; 300 is the most".into()));
    for kind in ["suspended", "resumed", "pinned", "confirmed"] {
        assert_eq!(place.audit(kind)["actor"], "api", "{kind}");
    }
}
