//! What is asked of each forge's API, and what its refusals mean. GitHub and GitLab are small servers here
//! that keep what they are sent; Gitea is real, in `tests/forge`.

use std::time::Duration;

use serde_json::json;

use super::call::{CommitStatus, State, Wanted};
use super::*;
use crate::web::testing::{Seen, serve};

fn api(forge: Forge, base: &str) -> Api {
    Api {
        forge,
        base: Address::parse(base, false).expect("an address"),
        repository: "team/agents/skills".to_owned(),
        token: Secret::Value("t0ken".to_owned()),
        web: Web::new(Route::default()),
    }
}

fn wanted() -> Wanted {
    let url = "https://skills.example/webhook/x".to_owned();
    Wanted { url, secret: "0123456789abcdef".to_owned() }
}

fn status(state: State) -> CommitStatus {
    CommitStatus {
        revision: "1".repeat(40),
        state,
        description: "9 skills, 1 updated".to_owned(),
        context: "skill-sync/test".to_owned(),
    }
}

fn lines(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(Seen::line).collect()
}

#[test]
fn github_is_asked_as_its_documents_say() {
    let hook = r#"{"id": 7, "active": true, "config": {"url": "https://skills.example/webhook/x"}}"#;
    let sent = r#"[{"delivered_at": "2026-11-27T10:00:00Z", "event": "push", "status": "OK", "status_code": 202},
                   {"delivered_at": "2026-11-27T09:00:00Z", "event": "ping", "status": "timed out", "status_code": 0}]"#;
    let list = format!("[{hook}]");
    let (base, served) = serve(&[
        ("200 OK", "", list.as_str()),
        ("201 Created", "", hook),
        ("200 OK", "", hook),
        ("200 OK", "", sent),
        ("201 Created", "", "{}"),
    ]);
    let api = api(Forge::Github, &base);
    assert_eq!(api.hooks().expect("hooks")[0].url, wanted().url);
    api.create(&wanted()).expect("created");
    api.update(7, &wanted()).expect("updated");
    let deliveries = api.deliveries(7).expect("told").expect("some");
    assert_eq!((deliveries[0].answer.as_str(), deliveries[1].answer.as_str()), ("202", "timed out"));
    api.set_status(&status(State::Failure)).expect("set");
    let seen = served.join().expect("served");
    let one = "/repos/team/agents/skills";
    assert_eq!(
        lines(&seen),
        [
            format!("GET {one}/hooks?per_page=100"),
            format!("POST {one}/hooks"),
            format!("PATCH {one}/hooks/7"),
            format!("GET {one}/hooks/7/deliveries?per_page=10"),
            format!("POST {one}/statuses/{}", "1".repeat(40)),
        ]
    );
    assert!(seen.iter().all(|seen| seen.header("authorization") == Some("Bearer t0ken")));
    assert_eq!(seen[1].body["events"], json!(["push"]));
    assert_eq!(seen[1].body["config"]["content_type"], "json");
    assert_eq!(seen[2].body["config"]["secret"], "0123456789abcdef");
    let expected =
        json!({ "state": "failure", "context": "skill-sync/test", "description": "9 skills, 1 updated" });
    assert_eq!(seen[4].body, expected);
}

#[test]
fn gitlab_is_asked_as_its_documents_say() {
    let hook = r#"{"id": 7, "url": "https://skills.example/webhook/x", "alert_status": "disabled"}"#;
    let sent =
        r#"[{"created_at": "2026-11-27T10:00:00Z", "trigger": "push_hooks", "response_status": "202"}]"#;
    let again = r#"{"message": "Cannot transition status via :run from :running"}"#;
    let list = format!("[{hook}]");
    let (base, served) = serve(&[
        ("200 OK", "", list.as_str()),
        ("201 Created", "", hook),
        ("200 OK", "", hook),
        ("200 OK", "", sent),
        ("201 Created", "", "{}"),
        ("400 Bad Request", "", again),
    ]);
    let api = api(Forge::Gitlab, &base);
    assert!(!api.hooks().expect("hooks")[0].active, "GitLab turned it off");
    api.create(&wanted()).expect("created");
    api.update(7, &wanted()).expect("updated");
    assert_eq!(api.deliveries(7).expect("told").expect("some")[0].answer, "202");
    api.set_status(&status(State::Failure)).expect("set");
    api.set_status(&status(State::Pending)).expect("it has that status already");
    let seen = served.join().expect("served");
    let one = "/projects/team%2Fagents%2Fskills";
    assert_eq!(
        lines(&seen)[..5],
        [
            format!("GET {one}/hooks?per_page=100"),
            format!("POST {one}/hooks"),
            format!("PUT {one}/hooks/7"),
            format!("GET {one}/hooks/7/events?per_page=10"),
            format!("POST {one}/statuses/{}", "1".repeat(40)),
        ]
    );
    assert!(seen.iter().all(|seen| seen.header("private-token") == Some("t0ken")));
    assert_eq!(
        (&seen[1].body["push_events"], &seen[1].body["tag_push_events"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(seen[4].body["state"], "failed");
}

#[test]
fn each_refusal_says_what_it_means_and_never_the_token() {
    let denied = r#"{"message": "Resource not accessible by personal access token"}"#;
    let invalid = r#"{"message": "Validation Failed", "errors": [{"message": "url is missing a scheme"}]}"#;
    let cases = [
        ("401 Unauthorized", "", "{}", "does not take FORGE_TOKEN (401)"),
        ("403 Forbidden", "", denied, "Resource not accessible"),
        ("403 Forbidden", "retry-after: 60\r\n", "{}", "asks us to wait (403)"),
        ("404 Not Found", "", "{}", "knows no `team/agents/skills` (404)"),
        ("422 Unprocessable", "", invalid, "url is missing a scheme"),
        ("429 Too Many", "retry-after: 60\r\n", "{}", "asks us to wait (429)"),
        ("502 Bad Gateway", "", "<html>", "has a fault (502)"),
        ("302 Found", "location: http://127.0.0.1:1/\r\n", "", "set FORGE_API"),
        ("200 OK", "", "<html>", "is not the API of github"),
    ];
    for (status, headers, body, says) in cases {
        let (base, served) = serve(&[(status, headers, body)]);
        let error = api(Forge::Github, &base).hooks().expect_err(status);
        served.join().expect("served");
        let text = reconciler::report::error_text(&error);
        assert!(text.contains(says) && !text.contains("t0ken"), "{text}");
        let asked = (!headers.is_empty() && headers.starts_with("retry")).then(|| Duration::from_secs(60));
        assert_eq!(error.pause(), asked, "{status}");
    }
}

#[test]
fn a_redirect_is_never_followed() {
    let (other, _never) = serve(&[("200 OK", "", "[]")]);
    let (base, served) = serve(&[("307 Temporary", format!("location: {other}/\r\n").as_str(), "")]);
    api(Forge::Github, &base).set_status(&status(State::Success)).expect_err("not followed");
    assert_eq!(served.join().expect("served").len(), 1);
}

#[test]
fn a_long_description_is_cut_for_the_forge() {
    let (base, served) = serve(&[("201 Created", "", "{}")]);
    let long = CommitStatus { description: "ä".repeat(1000), ..status(State::Failure) };
    api(Forge::Gitea, &base).set_status(&long).expect("set");
    let seen = served.join().expect("served");
    let shown = seen[0].body["description"].as_str().expect("text").to_owned();
    assert!(shown.chars().count() == 140 && shown.ends_with('…'), "{shown}");
    assert_eq!(seen[0].header("authorization"), Some("token t0ken"));
}

#[test]
fn why_there_is_no_api_to_ask_says_what_to_set() {
    let settings = ForgeSettings { token: Some(Secret::Value("t".to_owned())), ..ForgeSettings::default() };
    let ask = |settings: &ForgeSettings, url: &str| {
        let url = RepoUrl::parse(url).expect("an address");
        settings.api(&url, false, For::Status).expect_err("none").to_string()
    };
    assert!(ask(&settings, "/srv/skills").contains("directory of this machine"));
    assert!(ask(&settings, "https://git.example/o/r").contains("set FORGE to github, gitea"));
    assert!(ask(&settings, "https://bitbucket.org/o/r").contains("does not use the API of bitbucket"));
    let gitea = ForgeSettings { forge: Some(Forge::Gitea), ..settings };
    assert!(ask(&gitea, "http://git.example/o/r").contains("readable on the way"));
    let untold = ForgeSettings { token: None, ..gitea };
    assert!(ask(&untold, "https://git.example/o/r").contains("FORGE_TOKEN: not set"));
}
