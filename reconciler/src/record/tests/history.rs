use super::*;

fn rows(place: &Place) -> Vec<(u64, u64, u64, String)> {
    let outcome = |row: &PassRow| row.outcome.map_or(INTERRUPTED.into(), |outcome| outcome.to_string());
    let rows = place.record.passes(100, None).unwrap();
    rows.iter().map(|row| (row.first.0, row.last.0, row.count, outcome(row))).collect()
}

#[test]
fn passes_in_sync_share_a_row_and_add_no_audit_record() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    let recorded = place.kinds();
    assert_eq!(recorded, ["opened", "changed", "pass"]);
    for revision in [1, 1, 2] {
        place.pass(Outcome::InSync, |report| report.revision = Some(commit(revision)));
    }
    assert_eq!(rows(&place), [(2, 4, 3, "in_sync".into()), (1, 1, 1, "applied".into())]);
    assert_eq!(place.kinds(), recorded);
    place.restart();
    let last = place.pass(Outcome::InSync, |report| report.revision = Some(commit(2)));
    assert_eq!(last.pass, PassId(5));
    assert_eq!(rows(&place)[0], (2, 5, 4, "in_sync".into()));
    assert_eq!(place.record.pass(PassId(3)).unwrap(), Some(last));
    assert_eq!(place.record.pass(PassId(6)).unwrap(), None);
    assert_eq!(place.record.pass(PassId(0)).unwrap(), None);
}

#[test]
fn the_same_failure_is_counted_and_recorded_once() {
    let mut place = Place::new();
    let fail = |place: &mut Place, outcome, error: &str| {
        place.pass(outcome, |report| report.error = Some(error.into()));
    };
    for _ in 0..3 {
        fail(&mut place, Outcome::Failed, "no route to host");
    }
    assert_eq!(rows(&place), [(1, 3, 3, "failed".into())]);
    fail(&mut place, Outcome::Failed, "timed out");
    fail(&mut place, Outcome::Stalled, "wrong token");
    fail(&mut place, Outcome::Stalled, "wrong token");
    place.pass(Outcome::InSync, |report| report.revision = Some(commit(1)));
    let rows: Vec<_> = rows(&place).into_iter().map(|row| (row.2, row.3)).collect();
    let expected = [(1, "in_sync"), (2, "stalled"), (1, "failed"), (3, "failed")];
    assert_eq!(rows, expected.map(|(count, outcome)| (count, outcome.to_owned())));
    assert_eq!(place.kinds(), ["opened", "pass", "pass", "pass", "pass"]);
    let newest = &place.record.audit(1, None).unwrap()[0];
    assert!(newest.body.contains(r#""outcome":"in_sync""#), "{}", newest.body);
}

#[test]
fn a_guarded_change_is_refused_on_record_once() {
    let mut place = Place::new();
    for _ in 0..2 {
        place.pass(Outcome::Guarded, |report| {
            report.revision = Some(commit(3));
            report.error = Some("too many would go".into());
        });
    }
    assert_eq!(place.kinds(), ["opened", "refused", "pass"]);
    assert_eq!(place.record.last_applied().unwrap(), None, "nothing was applied");
}

#[test]
fn a_pass_that_changes_something_is_told_whole() {
    let mut place = Place::new();
    let report = place.serve(skills([("a", "1"), ("b", "1")], commit(1)), commit(1));
    assert_eq!(place.record.pass(report.pass).unwrap(), Some(report));
    assert_eq!(place.record.last_applied().unwrap(), Some(source(commit(1))));
    place.serve(skills([("a", "2")], commit(2)), commit(2));
    assert_eq!(place.kinds(), ["opened", "changed", "changed", "pass", "changed", "changed", "pass"]);
    let audit = place.record.audit(3, None).unwrap();
    let (pass, updated) = (&audit[0], &audit[2]);
    let counts = r#""counts":{"added":0,"adopted":0,"held":0,"removed":1,"restored":0,"updated":1}"#;
    assert!(pass.body.contains(counts), "{}", pass.body);
    assert_eq!(pass.pass, Some(PassId(2)));
    let change = format!(r#""from":"{}","path":"a/SKILL.md","to":"{}""#, Digest::of(b"1"), Digest::of(b"2"));
    assert!(updated.body.contains(&change), "{}", updated.body);
    assert!(updated.body.contains(&format!(r#""revision":"{}""#, commit(2))), "{}", updated.body);
}

#[test]
fn the_history_is_paged_from_the_newest() {
    let mut place = Place::new();
    for n in 1..=5 {
        place.serve(skills([("a", &n.to_string())], commit(n)), commit(n));
    }
    let page = |before| {
        let rows = place.record.passes(2, before).unwrap();
        rows.iter().map(|row| row.first.0).collect::<Vec<_>>()
    };
    assert_eq!(page(None), [5, 4]);
    assert_eq!(page(Some(PassId(4))), [3, 2]);
    assert_eq!(page(Some(PassId(2))), [1]);
    let json = serde_json::to_value(&place.record.passes(1, None).unwrap()[0]).unwrap();
    assert_eq!(json["outcome"], "applied");
}

#[test]
fn the_history_keeps_its_newest_ten_thousand_rows_and_goes_on_counting() {
    let mut place = Place::new();
    let filler = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10050)
         INSERT INTO passes (first, last, count, started_at, last_at, duration_ms, trigger, changes, held)
         SELECT i, i, 1, i, i, 0, 'poll', 0, 0 FROM n";
    place.record.db.execute(filler, []).unwrap();
    let report = place.serve(skills([("a", "1")], commit(1)), commit(1));
    assert_eq!(report.pass, PassId(10_051));
    let rows = place.record.passes(20_000, None).unwrap();
    assert_eq!((rows.len(), rows.last().unwrap().first), (10_000, PassId(52)));
}

#[test]
fn a_hold_keeps_its_beginning_until_its_reason_changes() {
    let mut place = Place::new();
    let hold = |place: &mut Place, rules: &[&str]| {
        let now = place.tick();
        let held: Vec<_> = rules.iter().map(|rule| held(&format!("skill-{rule}"), rule, now)).collect();
        place.pass(Outcome::Degraded, |report| {
            report.revision = Some(commit(1));
            report.held = held;
        });
        now
    };
    let first = hold(&mut place, &["x"]);
    hold(&mut place, &["x"]);
    assert_eq!(place.kinds(), ["opened", "held", "pass"]);
    let since = place.record.held_since().unwrap();
    assert_eq!(since[&SkillId::new("skill-x")], (hold_key("x", "skill-x/SKILL.md"), first));
    // Another skill joins: the first keeps its beginning.
    let second = hold(&mut place, &["x", "y"]);
    let since: Vec<_> = place.record.held().unwrap().iter().map(|held| held.since).collect();
    assert_eq!(since, [first, second]);
    // Another rule holds it: that is another hold.
    let third = place.tick();
    place.pass(Outcome::Degraded, |report| {
        report.revision = Some(commit(1));
        report.held = vec![held("skill-x", "other", third)];
    });
    assert_eq!(place.record.held().unwrap(), [held("skill-x", "other", third)]);
    let kinds = ["opened", "held", "pass", "held", "pass", "held", "released", "pass"];
    assert_eq!(place.kinds(), kinds);
    // A pass that could not judge knows nothing of it.
    place.pass(Outcome::Failed, |report| report.error = Some("no network".into()));
    assert_eq!(place.record.held().unwrap().len(), 1);
    place.pass(Outcome::InSync, |report| report.revision = Some(commit(2)));
    assert_eq!(place.record.held().unwrap(), []);
    assert_eq!(place.kinds().iter().filter(|kind| *kind == "released").count(), 2);
}

#[test]
fn findings_are_those_of_the_last_judgement() {
    let mut place = Place::new();
    let mut judge = |findings: &Findings| {
        let pass = place.begin();
        let report = report(pass, Outcome::InSync, place.tick());
        let (inventory, known) = (&Skills::new(), &StatCache::new());
        let end = End {
            report: &report,
            plan: None,
            inventory,
            known,
            findings: Some(findings),
            applied: None,
            left: None,
            commit: None,
        };
        place.record.finish(&end).unwrap();
        place.record.findings().unwrap()
    };
    let first = Findings::from([(SkillId::new("a"), vec![finding("x")]), (SkillId::new("b"), vec![])]);
    assert_eq!(judge(&first), Findings::from([(SkillId::new("a"), vec![finding("x")])]));
    let second = Findings::from([(SkillId::new("b"), vec![finding("y"), finding("x")])]);
    assert_eq!(judge(&second), second);
    assert_eq!(judge(&second), second);
    assert_eq!(judge(&Findings::new()), Findings::new());
}

#[test]
fn deliveries_are_remembered_and_bounded() {
    let mut place = Place::new();
    let now = place.tick();
    place.record.remember_deliveries(&["one".into(), "two".into()], now).unwrap();
    place.record.remember_deliveries(&["one".into()], now).unwrap();
    place.restart();
    assert!(place.record.delivery_seen("one").unwrap() && !place.record.delivery_seen("three").unwrap());
    let flood: Vec<String> = (0..10_000).map(|n| format!("d{n}")).collect();
    place.record.remember_deliveries(&flood, now).unwrap();
    assert!(!place.record.delivery_seen("two").unwrap() && place.record.delivery_seen("d0").unwrap());
    let later = Timestamp::from_millis(now.millis() + 31 * 24 * 3600 * 1000);
    place.record.remember_deliveries(&["late".into()], later).unwrap();
    assert!(!place.record.delivery_seen("d9999").unwrap() && place.record.delivery_seen("late").unwrap());
}
