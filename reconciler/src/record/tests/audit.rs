use rusqlite::{Connection, params};

use super::*;

/// A record with some history, and a connection of somebody who owns the file.
fn tampered(how: &str) -> Verified {
    let mut place = Place::new();
    for n in 1..=3 {
        place.serve(skills([("a", &n.to_string())], commit(n)), commit(n));
    }
    assert!(matches!(place.record.verify(), Ok(Verified::Whole { records: 7, .. })));
    let thief = Connection::open(place.path()).unwrap();
    let drop_triggers = "DROP TRIGGER audit_is_not_updated; DROP TRIGGER audit_is_not_deleted; DROP TRIGGER audit_has_no_gap;";
    thief.execute_batch(drop_triggers).unwrap();
    thief.execute_batch(how).unwrap();
    place.record.verify().unwrap()
}

fn broken(seq: u64, why: Break) -> Verified {
    Verified::Broken { seq, why }
}

#[test]
fn the_first_record_names_chain_environment_and_version() {
    let place = Place::new();
    let first = &place.record.audit_after(0, 10).unwrap()[0];
    assert_eq!((first.seq, first.kind.as_str(), first.actor.as_str()), (1, "opened", CONTROLLER));
    assert_eq!(first.prev_hash, Digest::from([0; 32]));
    let json = serde_json::to_value(first).unwrap();
    assert_eq!(json["body"]["environment"], "test");
    assert_eq!(json["body"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["body"]["chain"].as_str().unwrap().len(), 32);
    let other = Place::new();
    assert_ne!(other.record.audit_after(0, 10).unwrap()[0].hash, first.hash, "chains must differ");
}

#[test]
fn the_database_itself_refuses_to_edit_the_audit() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    let hand = Connection::open(place.path()).unwrap();
    for sql in [
        "UPDATE audit SET body = '{}' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 3",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2",
        "INSERT INTO audit VALUES (9, 1, 1, 'pass', 'me', '{}', x'', x'')",
    ] {
        let error = hand.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("the audit is append-only"), "{sql}: {error}");
    }
    assert!(matches!(place.record.verify(), Ok(Verified::Whole { records: 3, .. })));
}

#[test]
fn every_edit_of_a_record_is_found() {
    let edits = [
        "body = replace(body, 'a/SKILL.md', 'b/SKILL.md')",
        "at = at + 1",
        "pass = 9",
        "pass = NULL",
        "kind = 'pass'",
        "actor = 'me'",
    ];
    for edit in edits {
        let found = tampered(&format!("UPDATE audit SET {edit} WHERE seq = 4"));
        assert_eq!(found, broken(4, Break::Hash), "{edit}");
    }
    let unreadable = tampered("UPDATE audit SET hash = x'00' WHERE seq = 4");
    assert_eq!(unreadable, broken(4, Break::Unreadable("hash")));
    let text = "its hash is not that of its content: the record was changed after it was written";
    assert_eq!(Break::Hash.to_string(), text);
}

#[test]
fn a_record_that_is_missing_exchanged_or_put_in_is_found() {
    let gap = tampered("DELETE FROM audit WHERE seq = 4");
    assert_eq!(gap, broken(4, Break::Gap { expected: 4, found: 5 }));
    let first = tampered("DELETE FROM audit WHERE seq = 1");
    assert_eq!(first, broken(1, Break::Gap { expected: 1, found: 2 }));
    let closed = tampered("DELETE FROM audit WHERE seq = 4; UPDATE audit SET seq = seq - 1 WHERE seq > 4");
    assert_eq!(closed, broken(4, Break::Chain));
    let swapped = tampered(
        "UPDATE audit SET seq = 99 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 5;
         UPDATE audit SET seq = 5 WHERE seq = 99",
    );
    assert_eq!(swapped, broken(4, Break::Chain));
    let before = tampered(
        "INSERT INTO audit SELECT 0, at, pass, kind, actor, body, prev_hash, hash FROM audit WHERE seq = 1",
    );
    assert_eq!(before, broken(1, Break::Gap { expected: 1, found: 0 }));
    assert_eq!(tampered("DELETE FROM audit"), broken(1, Break::Empty));
    let other_chain = tampered("UPDATE meta SET chain = lower(hex(randomblob(16)))");
    assert_eq!(other_chain, broken(1, Break::Hash));
    let text = Break::Gap { expected: 4, found: 5 }.to_string();
    assert_eq!(text, "record 4 is missing: the next one is 5");
}

#[test]
fn records_cut_off_at_the_end_show_in_the_count_and_the_head_only() {
    let cut = tampered("DELETE FROM audit WHERE seq > 4");
    assert!(matches!(cut, Verified::Whole { records: 4, .. }), "{cut:?}");
}

#[test]
fn the_encoding_of_a_record_is_the_documented_one() {
    let place = Place::new();
    let first = &place.record.audit_after(0, 1).unwrap()[0];
    let body: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    let fields: [&[u8]; 8] = [
        body["chain"].as_str().unwrap().as_bytes(),
        &1u64.to_be_bytes(),
        &first.at.millis().to_be_bytes(),
        b"",
        b"opened",
        b"skill-sync",
        first.body.as_bytes(),
        &[0; 32],
    ];
    let bytes: Vec<u8> =
        fields.iter().flat_map(|field| [&(field.len() as u64).to_be_bytes()[..], field].concat()).collect();
    assert_eq!(Digest::of(&bytes), first.hash);
    assert!(first.body.starts_with(r#"{"chain":""#) && !first.body.contains(' '), "{}", first.body);
}

#[test]
fn the_audit_is_paged_from_both_ends() {
    let mut place = Place::new();
    place.serve(skills([("a", "1"), ("b", "1")], commit(1)), commit(1));
    let numbers = |records: Vec<AuditRecord>| records.into_iter().map(|r| r.seq).collect::<Vec<_>>();
    assert_eq!(numbers(place.record.audit(2, None).unwrap()), [4, 3]);
    assert_eq!(numbers(place.record.audit(9, Some(3)).unwrap()), [2, 1]);
    assert_eq!(numbers(place.record.audit_after(2, 9).unwrap()), [3, 4]);
    assert_eq!(numbers(place.record.audit_after(4, 9).unwrap()), [0; 0]);
}

#[test]
fn what_was_edited_into_no_json_is_listed_as_it_is() {
    let place = Place::new();
    let hand = Connection::open(place.path()).unwrap();
    hand.execute_batch("DROP TRIGGER audit_is_not_updated").unwrap();
    hand.execute("UPDATE audit SET body = ?1", params!["{no json"]).unwrap();
    let json = serde_json::to_value(&place.record.audit(1, None).unwrap()[0]).unwrap();
    assert_eq!(json["body"], "{no json");
}

fn anchored(place: &Place) -> Anchor {
    place.record.anchor().unwrap()
}

#[test]
fn an_anchor_tells_what_was_cut_off_and_what_was_written_anew() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    let early = anchored(&place);
    assert_eq!((early.seq, early.chain.len()), (3, 32));
    place.serve(skills([("a", "2")], commit(2)), commit(2));
    let late = anchored(&place);
    for anchor in [&early, &late] {
        assert!(matches!(place.record.verify_from(anchor), Ok(Verified::Whole { records: 5, .. })));
    }
    let other = Anchor { hash: Digest::of(b"other"), ..early };
    assert_eq!(place.record.verify_from(&other).unwrap(), broken(3, Break::Anchored));
    let foreign = anchored(&Place::new());
    let found = place.record.verify_from(&foreign).unwrap();
    assert!(matches!(found, Verified::Broken { seq: 1, why: Break::OtherChain { .. } }), "{found:?}");

    let thief = Connection::open(place.path()).unwrap();
    thief.execute_batch("DROP TRIGGER audit_is_not_deleted; DELETE FROM audit WHERE seq > 3").unwrap();
    assert!(
        matches!(place.record.verify(), Ok(Verified::Whole { records: 3, .. })),
        "the chain alone is whole"
    );
    let cut = place.record.verify_from(&late).unwrap();
    assert_eq!(cut, broken(4, Break::Cut { anchored: 5, last: 3 }));
    let Verified::Broken { why, .. } = cut else { panic!() };
    assert!(why.to_string().contains("the anchor was taken at record 5, the chain ends at 3"), "{why}");
}

/// A record of seven records whose clock stands a second before the eighth.
fn old(place: &mut Place) -> Timestamp {
    for n in 1..=3 {
        place.serve(skills([("a", &n.to_string())], commit(n)), commit(n));
    }
    // The first was written by the system's clock, long after the stories' own.
    place.record.audit(1, None).unwrap()[0].at
}

#[test]
fn old_records_go_under_a_checkpoint_and_the_rest_is_verified_from_there() {
    let mut place = Place::new();
    let newest = old(&mut place);
    let head = place.record.audit_record(7).unwrap().unwrap().hash;
    let after = Timestamp::from_millis(place.record.audit_after(0, 1).unwrap()[0].at.millis() + 1);
    let pass = PassId(9);
    assert_eq!(place.record.prune_audit(Timestamp::from_millis(1), pass, newest).unwrap(), None);
    assert_eq!(place.record.checkpoint().unwrap(), None);
    let gone = place.record.prune_audit(after, pass, after).unwrap().unwrap();
    assert_eq!((gone.from, gone.through, gone.hash, gone.written), (1, 7, head, newest));
    assert_eq!(place.record.checkpoint().unwrap(), Some(gone));
    let left = place.record.audit_after(0, 10).unwrap();
    assert_eq!((left.len(), left[0].seq, left[0].prev_hash), (1, 8, head));
    assert_eq!(left[0].kind, "checkpoint");
    let whole = |found: Verified| matches!(found, Verified::Whole { pruned: Some(7), .. });
    assert!(whole(place.record.verify().unwrap()));
    place.serve(skills([("a", "4")], commit(4)), commit(4));
    assert!(matches!(place.record.verify(), Ok(Verified::Whole { records: 3, pruned: Some(7), .. })));
    place.restart();
    assert!(whole(place.record.verify().unwrap()), "after a restart too");
}

#[test]
fn checkpoints_alone_are_not_worth_another() {
    let mut place = Place::new();
    old(&mut place);
    let after = Timestamp::from_millis(place.record.audit_after(0, 1).unwrap()[0].at.millis() + 1);
    assert!(place.record.prune_audit(after, PassId(9), after).unwrap().is_some());
    let later = Timestamp::from_millis(after.millis() + 1);
    assert_eq!(place.record.prune_audit(later, PassId(10), later).unwrap(), None);
}

#[test]
fn only_what_a_checkpoint_covers_may_go() {
    let mut place = Place::new();
    old(&mut place);
    let after = Timestamp::from_millis(place.record.audit_after(0, 1).unwrap()[0].at.millis() + 1);
    place.record.prune_audit(after, PassId(9), after).unwrap().unwrap();
    place.serve(skills([("a", "4")], commit(4)), commit(4));
    let hand = Connection::open(place.path()).unwrap();
    let error = hand.execute("DELETE FROM audit WHERE seq = 8", []).unwrap_err().to_string();
    assert!(error.contains("the audit is append-only"), "{error}");
    hand.execute_batch("DROP TRIGGER audit_is_not_deleted; DELETE FROM audit WHERE seq = 8").unwrap();
    let found = place.record.verify().unwrap();
    assert_eq!(found, broken(1, Break::Gap { expected: 1, found: 9 }), "nothing signs off what is missing");
}

#[test]
fn that_a_program_of_the_operators_failed_is_a_record_of_the_chain() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    let failure = HookFailure { pass: PassId(1), error: "ON_APPLIED ended with exit status: 3".to_owned() };
    place.record.note_hook_failure(&failure, Timestamp::from_millis(7)).unwrap();
    let last = &place.record.audit(1, None).unwrap()[0];
    assert_eq!((last.kind.as_str(), last.actor.as_str()), ("hook_failed", ON_APPLIED));
    assert_eq!(
        (last.pass, last.body.as_str()),
        (Some(PassId(1)), r#"{"error":"ON_APPLIED ended with exit status: 3"}"#)
    );
    assert!(matches!(place.record.verify(), Ok(Verified::Whole { records: 4, .. })));
}
