use reconciler::finding::Held;
use reconciler::ids::SkillId;
use reconciler::report::{Condemned, Outcome, PassReport};
use reconciler::trigger::Trigger;
use serde_json::json;

use super::matter::{FAILING, Kind};
use super::message::Message;
use super::*;
use crate::web::testing::serve;

/// A report of a pass that changed nothing.
pub(crate) fn report(outcome: Outcome) -> PassReport {
    crate::daemon::tests::report(Trigger::Poll, outcome)
}

/// A flat skill that a rule holds.
pub(crate) fn held(skill: &str, rule: &str) -> Held {
    Held {
        skill: SkillId::new(skill),
        rule: rule.to_owned(),
        path: format!("{skill}.md"),
        line: Some(1),
        message: "there is no `description`".to_owned(),
        serving: None,
        since: Timestamp::from_millis(1_800_000_000_000),
    }
}

/// What passes, one after the other, give to tell.
fn told(reports: &[PassReport]) -> Vec<Vec<(Kind, String)>> {
    let (now, mut before) = (Timestamp::from_millis(1_800_000_000_000), Matters::new());
    let mut all = Vec::new();
    for report in reports {
        let after = standing(report, Some(now), now, &before);
        let news = news(&before, &after);
        all.push(news.into_iter().map(|m| (m.kind, m.skill.unwrap_or_default())).collect());
        before = after;
    }
    all
}

fn degraded(skills: &[(&str, &str)]) -> PassReport {
    let mut report = report(Outcome::Degraded);
    report.held = skills.iter().map(|(skill, rule)| held(skill, rule)).collect();
    report
}

fn of(kind: Kind, skill: &str) -> (Kind, String) {
    (kind, skill.to_owned())
}

#[test]
fn each_change_of_a_skill_is_told_once() {
    let passes = [
        degraded(&[("a", "description-missing")]),
        degraded(&[("a", "description-missing")]),
        degraded(&[("a", "description-missing"), ("b", "encoding")]),
        degraded(&[("a", "encoding")]),
        report(Outcome::InSync),
        report(Outcome::InSync),
    ];
    let expected = [
        vec![of(Kind::Held, "a")],
        vec![],
        vec![of(Kind::Held, "b")],
        vec![of(Kind::Held, "a"), of(Kind::Mended, "b")],
        vec![of(Kind::Mended, "a")],
        vec![],
    ];
    assert_eq!(told(&passes), expected);
}

#[test]
fn a_pass_that_did_not_converge_mends_no_skill() {
    let failed = report(Outcome::Failed);
    let passes = [degraded(&[("a", "encoding")]), failed, degraded(&[("a", "encoding")])];
    assert_eq!(told(&passes), [vec![of(Kind::Held, "a")], vec![], vec![]]);
}

#[test]
fn a_stall_a_guard_and_a_condemned_skill_begin_and_end() {
    let mut condemned = report(Outcome::InSync);
    condemned.condemned = vec![Condemned {
        skill: SkillId::new("c"),
        rule: "pipe-to-shell".to_owned(),
        path: "c.md".to_owned(),
        line: None,
        message: "m".to_owned(),
        serving: None,
    }];
    let mut other_guard = report(Outcome::Guarded);
    other_guard.revision = Some("2".repeat(40).parse().expect("an id"));
    let passes = [
        report(Outcome::Stalled),
        report(Outcome::Stalled),
        report(Outcome::Suspended),
        report(Outcome::Guarded),
        other_guard,
        condemned.clone(),
        condemned,
        report(Outcome::InSync),
    ];
    let expected = [
        vec![of(Kind::Stalled, "")],
        vec![],
        vec![],
        vec![of(Kind::Guarded, ""), of(Kind::Mended, "")],
        vec![of(Kind::Guarded, "")],
        vec![of(Kind::Condemned, "c"), of(Kind::Mended, "")],
        vec![],
        vec![of(Kind::Mended, "c")],
    ];
    assert_eq!(told(&passes), expected);
}

#[test]
fn passes_that_fail_are_told_after_an_hour_and_when_it_is_over() {
    let at = |millis: u128| Timestamp::from_millis(1_800_000_000_000 + u64::try_from(millis).expect("small"));
    let failed = report(Outcome::Failed);
    let none = Matters::new();
    let after = |millis| standing(&failed, Some(at(0)), at(millis), &none);
    assert!(news(&none, &after(FAILING.as_millis() - 1)).is_empty());
    let told = after(FAILING.as_millis());
    assert_eq!(news(&none, &told)[0].kind, Kind::Failing);
    let over = standing(&report(Outcome::InSync), None, at(FAILING.as_millis() + 1), &told);
    assert_eq!(news(&told, &over)[0].text, "passes succeed again");
}

#[test]
fn what_was_told_is_not_told_again_by_the_next_process() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("notices.json");
    let now = Timestamp::from_millis(1_800_000_000_000);
    let mut memory = Memory::default();
    memory.load(Some(file.clone()));
    let after = standing(&degraded(&[("a", "encoding")]), None, now, memory.told());
    memory.failing(Outcome::Failed, now);
    memory.keep(after.clone());
    let mut next = Memory::default();
    next.load(Some(file.clone()));
    assert_eq!((next.told(), next.failing_since()), (&after, Some(now)));
    next.failing(Outcome::InSync, now);
    std::fs::write(&file, "{").expect("written");
    let mut broken = Memory::default();
    broken.load(Some(file));
    assert!(broken.told().is_empty(), "a broken file is as good as none");
}

fn about() -> About {
    About {
        environment: "production".to_owned(),
        repo: "https://github.com/acme/skills".to_owned(),
        reference: "main".to_owned(),
    }
}

fn message(reports: &PassReport) -> Message {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let after = standing(reports, None, now, &Matters::new());
    Message::new(&about(), reports, news(&Matters::new(), &after), now)
}

#[test]
fn every_form_says_what_is_held_and_lets_nobody_else_speak() {
    let mut hostile = degraded(&[("<!channel> *a* @everyone `x`\u{202e}", "encoding")]);
    hostile.held[0].message = "line one\n<https://evil.example|click>".to_owned();
    let message = message(&hostile);
    let slack = message.body(Form::Slack)["text"].as_str().expect("text").to_owned();
    assert!(!slack.contains('<') && !slack.contains('*') && !slack.contains('`'), "{slack}");
    assert!(slack.contains("&lt;!channel&gt;") && slack.contains("\\u{202e}"), "{slack}");
    assert_eq!(slack.lines().count(), 2, "{slack}");
    let discord = message.body(Form::Discord);
    assert_eq!(discord["allowed_mentions"], json!({ "parse": [] }));
    let content = discord["content"].as_str().expect("text");
    assert!(content.contains("\\@everyone") && content.contains("\\*a\\*"), "{content}");
    let object = message.body(Form::Json);
    assert_eq!(object["notices"][0]["kind"], "held");
    assert_eq!(object["notices"][0]["skill"], hostile.held[0].skill.as_str(), "raw in data");
    assert_eq!((&object["environment"], &object["pass"]), (&json!("production"), &json!(1)));
    assert!(object["text"].as_str().is_some_and(|text| !text.contains('\u{202e}')));
}

#[test]
fn a_text_stays_short_however_much_there_is_to_tell() {
    let many: Vec<String> = (0..500).map(|n| format!("skill-{n:03}")).collect();
    let held: Vec<(&str, &str)> = many.iter().map(|skill| (skill.as_str(), "encoding")).collect();
    let message = message(&degraded(&held));
    let text = message.body(Form::Slack)["text"].as_str().expect("text").to_owned();
    assert!(text.ends_with("and 480 more") && text.lines().count() == 22, "{text}");
    assert!(message.body(Form::Discord)["content"].as_str().expect("text").chars().count() <= 2000);
    assert_eq!(message.body(Form::Json)["notices"].as_array().map(Vec::len), Some(200));
}

fn notify(url: String) -> Notify {
    Notify { url: Secret::Value(url), form: None, insecure: false, route: Route::default() }
}

#[test]
fn a_notice_is_posted_as_json() {
    let (base, served) = serve(&[("200 OK", "", "ok")]);
    let notify = notify(format!("{base}/services/s3cret"));
    post::send(&notify, &message(&degraded(&[("a", "encoding")]))).expect("sent");
    let seen = served.join().expect("served");
    assert_eq!(seen[0].line(), "POST /services/s3cret");
    assert_eq!(seen[0].body["notices"][0]["skill"], "a");
}

#[test]
fn each_refusal_says_what_to_do_and_never_the_address() {
    let cases = [
        ("404 Not Found", "", "make a new one there"),
        ("301 Moved", "location: http://127.0.0.1:1/\r\n", "a redirect is not followed"),
        ("403 Forbidden", "", "does not take notices from here"),
        ("400 Bad Request", "", "NOTIFY_FORMAT"),
        ("503 Busy", "retry-after: 77\r\n", "cannot take the notice now (503)"),
    ];
    for (status, headers, says) in cases {
        let (base, served) = serve(&[(status, headers, "")]);
        let notify = notify(format!("{base}/services/s3cret"));
        let error = post::send(&notify, &message(&degraded(&[("a", "encoding")])));
        served.join().expect("served");
        let error = error.expect_err(status);
        let text = error_text(&error);
        assert!(text.contains(says) && !text.contains("s3cret") && !text.contains("127.0.0.1"), "{text}");
        let pause = status.starts_with("503").then_some(std::time::Duration::from_secs(77));
        assert_eq!(error.pause(), pause, "{status}");
    }
    let error = post::send(&notify("http://example.org/s3cret".into()), &message(&degraded(&[])));
    let text = error_text(&error.expect_err("anyone could listen"));
    assert!(
        text.contains("NOTIFY_URL") && text.contains("INSECURE_HTTP") && !text.contains("s3cret"),
        "{text}"
    );
}
