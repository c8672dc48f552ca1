//! The audit without a graph: traced, exported, anchored, and let go of.

use crate::expected::records;
use crate::place::Place;
use crate::server::until;

fn place() -> (Place, Vec<String>) {
    let (place, first) = Place::with(&["a", "b"]);
    place.once(0);
    place.write("a", "two");
    let second = place.commit();
    place.once(0);
    (place, vec![first, second])
}

#[test]
fn a_trace_says_which_commit_pass_and_person_put_a_file_there() {
    let (place, commits) = place();
    let absolute = place.path("skills").join("a.md");
    for path in ["a.md", "./a.md", "a", absolute.to_str().unwrap()] {
        let trace = place.ends(&["trace", path, "-o", "json"], 0).json();
        assert_eq!(trace["put"]["revision"], commits[1].as_str(), "{path}");
        assert_eq!((&trace["put"]["action"], &trace["put"]["pass"]), (&"update".into(), &2.into()));
        assert_eq!((&trace["trigger"], &trace["put"]["actor"]), (&"manual".into(), &"skill-sync".into()));
        assert_eq!(trace["commit"]["committer"]["email"], "a@example.org");
    }
    assert_eq!(
        place.ends(&["trace", "b.md", "-o", "json"], 0).json()["put"]["revision"],
        commits[0].as_str()
    );
    place.edit("b", "by hand");
    place.once(0);
    let text = place.ends(&["trace", "b.md"], 0).stdout;
    for line in ["b.md is served", "committer a <a@example.org>", "restored  by pass 3", &commits[0]] {
        assert!(text.contains(line), "`{line}` is not in: {text}");
    }
    let drifted = place.audit("drift");
    assert_eq!((&drifted["actor"], &drifted["body"]["path"]), (&"volume".into(), &"b.md".into()));

    place.remove("b");
    place.commit();
    place.once(0);
    assert!(place.ends(&["trace", "b"], 0).stdout.contains("b is not served any more"));
    let nothing = place.run(&["trace", "../etc/passwd"]);
    assert_eq!(nothing.code, 1);
    assert!(nothing.stderr.contains("nothing on record put `../etc/passwd` on the volume"), "{nothing:?}");
}

#[test]
fn an_export_holds_every_record_in_either_form() {
    let (place, _) = place();
    let all = records(&place);
    let numbers: Vec<u64> = all.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
    assert!(all[1..].iter().zip(&all).all(|(record, before)| record["prev_hash"] == before["hash"]));
    let newer = place.ends(&["audit", "export", "--after", "3"], 0).stdout;
    assert_eq!(newer.lines().count(), all.len() - 3);
    let csv = place.ends(&["audit", "export", "-o", "csv"], 0).stdout;
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines[0], "seq,at,pass,kind,actor,body,prev_hash,hash");
    assert_eq!(lines.len(), all.len() + 2, "a head, the records, and the end");
    assert!(lines[2].contains(",changed,skill-sync,\"{\"\"action\"\":\"\"add\"\""), "{}", lines[2]);
}

#[test]
fn an_anchor_tells_that_the_end_was_cut_off() {
    let (place, _) = place();
    let file = place.path("anchor");
    let path = file.to_str().unwrap();
    let verify = |code: i32| place.ends(&["audit", "verify", "--anchor", path], code);
    for arguments in [["audit", "anchor", "-o", "text"], ["audit", "anchor", "-o", "json"]] {
        std::fs::write(&file, place.ends(&arguments, 0).stdout).unwrap();
        assert!(verify(0).stdout.starts_with("whole: "));
    }
    place.write("b", "two");
    place.commit();
    place.once(0);
    verify(0);
    std::fs::write(&file, place.ends(&["audit", "anchor"], 0).stdout).unwrap();
    let database = rusqlite::Connection::open(place.state().join("state.db")).unwrap();
    let cut =
        "DROP TRIGGER audit_is_not_deleted; DELETE FROM audit WHERE seq > (SELECT max(seq) - 2 FROM audit)";
    database.execute_batch(cut).unwrap();
    place.ends(&["audit", "verify"], 0);
    let told = verify(1).stdout;
    assert!(told.starts_with("broken: record ") && told.contains("the anchor was taken at record"), "{told}");

    std::fs::write(&file, "no anchor").unwrap();
    assert!(verify(2).stderr.contains("holds no anchor"));
    std::fs::remove_file(&file).unwrap();
    assert!(verify(2).stderr.contains("cannot read the anchor"));
}

#[test]
fn old_records_go_and_the_chain_is_verified_from_the_checkpoint_on() {
    let (place, _) = place();
    let file = place.path("anchor");
    std::fs::write(&file, place.ends(&["audit", "anchor"], 0).stdout).unwrap();
    until("a checkpoint", || {
        place.run_with(&["once"], &[("AUDIT_KEEP", "1s")]);
        records(&place)[0]["kind"] == "checkpoint"
    });
    let told = place.ends(&["audit", "verify"], 0).stdout;
    assert!(told.contains("which a checkpoint signed off"), "{told}");
    let whole = place.ends(&["audit", "verify", "-o", "json"], 0).json();
    assert_eq!(whole["pruned"].as_u64().unwrap() + 1, records(&place)[0]["seq"].as_u64().unwrap());
    let old = place.ends(&["audit", "verify", "--anchor", file.to_str().unwrap()], 2);
    assert!(old.stderr.contains("compare with a newer anchor"), "{old:?}");
    let gone = place.run(&["trace", "a.md"]);
    assert_eq!(gone.code, 1);
    assert!(gone.stderr.contains("what was before it is let go of"), "{gone:?}");
}
