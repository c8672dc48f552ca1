use super::*;
use crate::orders::{Actor, Confirmation};
use crate::plan::{FileAction, FileChange, SkillAction, Why};

fn person(name: &str) -> Person {
    Person { name: name.into(), email: format!("{name}@example.org") }
}

#[test]
fn a_trace_names_commit_pass_and_actors() {
    let mut place = Place::new();
    let (commit1, commit2) = (commit(1), commit(2));
    place.serve(skills([("a", "1"), ("b", "1")], commit1), commit1);
    let claim = Claim {
        commit: commit2,
        name: Some("Ada".into()),
        login: Some("ada".into()),
        delivery: Some("7219adb0".into()),
    };
    let at = Timestamp::from_millis(5);
    place.record.note_push(&claim, at).unwrap();
    place.record.confirm(&Confirmation { commit: commit2, actor: Actor::cli(7), at, reason: None }).unwrap();
    let facts = CommitFacts { author: person("ada"), committer: person("bob"), signer: None };
    let mut next = place.served.clone();
    next.extend(skills([("a", "2")], commit2));
    let version = next[&SkillId::new("a")].digest();
    let served = place.serve_by(next, commit2, Some(&facts));

    let trace = place.record.trace("a/SKILL.md").unwrap().unwrap();
    assert_eq!(
        (trace.put.skill.as_str(), trace.put.action, trace.put.why),
        ("a", SkillAction::Update, Why::GitChanged)
    );
    assert_eq!((trace.put.pass, trace.put.revision), (Some(served.pass), Some(commit2)));
    assert_eq!(trace.put.file.as_ref().unwrap().to, Some(Digest::of(b"2")));
    assert_eq!(trace.put.version, Some(version));
    assert_eq!((trace.trigger, trace.outcome), (Some(Trigger::Poll), Some(Outcome::Applied)));
    assert_eq!((trace.commit, trace.pushed), (Some(facts), Some(claim)));
    let order = trace.order.unwrap();
    assert_eq!((order.kind.as_str(), order.actor.as_str()), ("confirmed", "cli:7"));
    assert_eq!(trace.restored, None);

    let other = place.record.trace("b").unwrap().unwrap();
    assert_eq!((other.put.revision, other.pushed, other.order), (Some(commit1), None, None));
    assert_eq!(place.record.trace("c").unwrap(), None);
}

#[test]
fn a_trace_tells_what_was_put_back_and_what_is_gone() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    let path = "a/SKILL.md".parse().unwrap();
    let (from, to) = (None, Some(Digest::of(b"1")));
    let files = vec![FileChange { path, action: FileAction::Update, from, to }];
    let (skill, action, why) = (SkillId::new("a"), SkillAction::Restore, Why::Drifted);
    let restored = place.restore(vec![SkillChange { skill, action, why, files, gains: Default::default() }]);
    let trace = place.record.trace("a").unwrap().unwrap();
    assert_eq!((trace.put.action, trace.put.pass), (SkillAction::Add, Some(PassId(1))));
    assert_eq!(trace.restored.unwrap().pass, Some(restored.pass));

    place.serve(Skills::new(), commit(2));
    let trace = place.record.trace("a/SKILL.md").unwrap().unwrap();
    assert_eq!((trace.put.action, trace.put.version, trace.restored), (SkillAction::Remove, None, None));
}
