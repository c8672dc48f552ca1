use super::*;
use crate::apply::KeptKind;

#[test]
fn a_pass_that_dies_before_its_intent_leaves_nothing() {
    let mut place = Place::new();
    assert_eq!(place.begin(), PassId(1));
    assert_eq!(place.begin(), PassId(2), "numbers grow within a process");
    place.restart();
    assert!(place.record.interrupted().unwrap().is_none());
    assert_eq!(place.record.passes(10, None).unwrap(), []);
    assert_eq!(place.kinds(), ["opened"]);
}

#[test]
fn a_pass_that_dies_after_its_intent_is_found_and_finished() {
    let mut place = Place::new();
    place.serve(skills([("a", "1"), ("gone", "1"), ("same", "1")], commit(1)), commit(1));
    let mut next = skills([("a", "2"), ("new", "2")], commit(2));
    next.insert(SkillId::new("same"), Arc::clone(&place.served[&SkillId::new("same")]));
    let change = plan(&place.served, next.clone());
    let pass = place.begin();
    place.record.intend(pass, &source(commit(2)), &change, &place.served, &[]).unwrap();
    place.restart();

    let settling = place.begin();
    assert_eq!(settling, PassId(3));
    let row = &place.record.passes(1, None).unwrap()[0];
    assert_eq!((row.first, row.outcome, row.revision), (PassId(2), None, Some(commit(2))));
    assert_eq!(serde_json::to_value(row).unwrap()["outcome"], "interrupted");
    let intent = place.record.interrupted().unwrap().unwrap();
    assert_eq!((intent.pass, &intent.applied), (PassId(2), &source(commit(2))));
    assert_eq!(**intent.next.skills(), next);
    assert_eq!(*place.record.inventory().unwrap().skills, place.served, "not before it is settled");

    let at = place.tick();
    let known = StatCache::new();
    // The volume was found to hold all of it already: a plan without a change of a file.
    let nothing_left = Plan { next: Arc::new(next.clone()), ..Plan::default() };
    let settled = Settled {
        pass: settling,
        at,
        intent: &intent,
        plan: &nothing_left,
        inventory: &place.served,
        known: &known,
    };
    place.record.settled(&settled).unwrap();
    assert!(place.record.interrupted().unwrap().is_none());
    assert_eq!(*place.record.inventory().unwrap().skills, next);
    assert_eq!(place.record.last_applied().unwrap(), Some(source(commit(2))));
    let recorded = place.record.audit(4, None).unwrap();
    let kinds: Vec<_> = recorded.iter().map(|record| record.kind.as_str()).collect();
    assert_eq!(kinds, ["settled", "changed", "changed", "changed"]);
    assert!(recorded[0].body.contains(r#""interrupted":2"#), "{}", recorded[0].body);
    let updated = recorded.iter().find(|record| record.body.contains(r#""skill":"a""#)).unwrap();
    assert!(updated.body.contains(&Digest::of(b"1").to_string()), "{}", updated.body);
    assert!(updated.body.contains(&Digest::of(b"2").to_string()), "{}", updated.body);
    assert!(matches!(place.record.verify(), Ok(Verified::Whole { .. })));

    place.restart();
    assert_eq!(place.begin(), PassId(4), "the number of a pass that settled another is not given again");
    let rows = |place: &Place| -> Vec<_> {
        place.record.passes(10, None).unwrap().iter().map(|row| (row.first.0, row.outcome)).collect()
    };
    assert_eq!(rows(&place)[..2], [(3, None), (2, None)], "it died before its end");
    let report = report(settling, Outcome::InSync, place.tick());
    let end = End {
        report: &report,
        plan: None,
        inventory: &place.served,
        known: &known,
        findings: None,
        applied: None,
        left: None,
        commit: None,
    };
    place.record.finish(&end).unwrap();
    assert_eq!(rows(&place)[..2], [(3, Some(Outcome::InSync)), (2, None)], "one row, at its end");
}

#[test]
fn a_pass_that_fails_after_its_intent_leaves_it_to_the_next() {
    let mut place = Place::new();
    let change = plan(&Skills::new(), skills([("a", "1")], commit(1)));
    let pass = place.begin();
    place.record.intend(pass, &source(commit(1)), &change, &Skills::new(), &[]).unwrap();
    let mut report = report(pass, Outcome::Failed, place.tick());
    report.revision = Some(commit(1));
    report.error = Some("no space left on device".into());
    let end = End {
        report: &report,
        plan: None,
        inventory: &Skills::new(),
        known: &StatCache::new(),
        findings: None,
        applied: None,
        left: None,
        commit: None,
    };
    place.record.finish(&end).unwrap();
    assert_eq!(place.begin(), PassId(2));
    let rows = place.record.passes(10, None).unwrap();
    assert_eq!(rows.len(), 1, "a failed pass is not an interrupted one");
    assert_eq!(rows[0].outcome, Some(Outcome::Failed));
    assert_eq!(place.record.interrupted().unwrap().unwrap().pass, pass);
    assert_eq!(*place.record.inventory().unwrap().skills, Skills::new());
}

#[test]
fn a_second_intent_takes_the_place_of_one_that_was_not_finished() {
    let mut place = Place::new();
    let first = plan(&Skills::new(), skills([("a", "1"), ("b", "1")], commit(1)));
    let pass = place.begin();
    place.record.intend(pass, &source(commit(1)), &first, &Skills::new(), &[]).unwrap();
    place.restart();
    let second = plan(&Skills::new(), skills([("a", "1")], commit(1)));
    let pass = place.begin();
    place.record.intend(pass, &source(commit(1)), &second, &Skills::new(), &[]).unwrap();
    place.restart();
    let intent = place.record.interrupted().unwrap().unwrap();
    assert_eq!((intent.pass, intent.next.skills()), (PassId(2), &second.next));
    place.begin();
    let rows = place.record.passes(10, None).unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (row.first.0, row.outcome)).collect();
    assert_eq!(rows, [(2, None), (1, None)]);
}

fn kept(id: &str, path: &str, size: u64, at: Timestamp, kind: KeptKind) -> Kept {
    let (path, digest) = (path.parse().unwrap(), Some(Digest::of(id.as_bytes())));
    Kept { id: id.into(), path, kind, size, digest, at, mtime: Some(at), uid: 1000 }
}

#[test]
fn kept_bytes_are_on_record_before_they_are_replaced() {
    let mut place = Place::new();
    let change = plan(&Skills::new(), skills([("a", "1"), ("b", "1")], commit(1)));
    let blob = KeptKind::Blob(file("x").blob);
    let all = [
        kept("1", "a/SKILL.md", 10, place.tick(), blob.clone()),
        kept("2", "a", 20, place.tick(), KeptKind::Aside("displaced/2".into())),
        kept("3", "b/SKILL.md", 30, place.tick(), KeptKind::Link(file("y").blob)),
        kept("4", "elsewhere", 0, place.tick(), KeptKind::Nothing),
    ];
    let pass = place.begin();
    place.record.intend(pass, &source(commit(1)), &change, &Skills::new(), &all).unwrap();
    place.restart();
    let drifted = place.record.kept().unwrap();
    let ids: Vec<_> = drifted.iter().map(|kept| (kept.id.as_str(), kept.kind.clone())).collect();
    assert_eq!(ids[3], ("1", blob));
    assert_eq!(ids[2], ("2", KeptKind::Aside("displaced/2".into())));
    assert_eq!(ids[1], ("3", KeptKind::Link(file("y").blob)));
    let skills: Vec<_> = drifted.iter().map(|kept| kept.skill.as_ref().map(SkillId::as_str)).collect();
    assert_eq!(skills, [None, Some("b"), Some("a"), Some("a")]);
    assert_eq!(place.kinds(), ["opened", "drift", "drift", "drift", "drift"]);
    let json = serde_json::to_value(&drifted[3]).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["at", "id", "pass", "path", "sha256", "size", "skill"]);

    // Room for 30 and 0 bytes: the oldest two go, on record.
    let gone = place.record.kept_beyond(30, Timestamp::from_millis(0)).unwrap();
    assert_eq!(gone.iter().map(|kept| kept.id.as_str()).collect::<Vec<_>>(), ["2", "1"]);
    let at = place.tick();
    place.record.forget_kept(&gone, pass, at).unwrap();
    assert_eq!(place.record.kept_beyond(30, Timestamp::from_millis(0)).unwrap(), []);
    assert_eq!(place.record.kept().unwrap().len(), 2);
    assert_eq!(place.kinds()[5..], ["dropped", "dropped"]);
}
