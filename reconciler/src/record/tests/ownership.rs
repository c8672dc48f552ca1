use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::observed::{Known, Stamp};
use crate::verdict::{ContentKey, JudgeCache, JudgedSkill};

fn stamp(content: &str, ino: u64) -> Known {
    let size = content.len() as u64;
    let stamp = Stamp { dev: u64::MAX, ino, size, mtime_ns: -5, ctime_ns: i64::MAX };
    Known { stamp, digest: Digest::of(content.as_bytes()), read_at_ns: 9 }
}

fn known(of: &[(&str, Known)]) -> StatCache {
    of.iter().map(|(path, known)| (path.parse().unwrap(), *known)).collect()
}

/// A pass that changes nothing and learnt these stamps.
fn look(place: &mut Place, known: &StatCache) {
    let report = report(place.begin(), Outcome::InSync, place.tick());
    let inventory = &place.served;
    let end = End {
        report: &report,
        plan: None,
        inventory,
        known,
        findings: None,
        applied: None,
        left: None,
        commit: None,
    };
    place.record.finish(&end).unwrap();
}

#[test]
fn the_inventory_reads_back_whole() {
    let mut place = Place::new();
    let (id, mut version) = skill("tools", commit(1), &["entry", "a", "b"]);
    let script = Arc::get_mut(&mut version).unwrap();
    script.files.values_mut().last().unwrap().mode = FileMode::Executable;
    script.name = None;
    place.serve(Skills::from([(id, version)]), commit(1));
    place.restart();
    assert_eq!(*place.record.inventory().unwrap().skills, place.served);
}

#[test]
fn stamps_are_kept_while_the_bytes_are_those_that_were_published() {
    let mut place = Place::new();
    place.serve(skills([("a", "1"), ("b", "1")], commit(1)), commit(1));
    let seen = known(&[("a/SKILL.md", stamp("1", 7)), ("b/SKILL.md", stamp("drifted", 8))]);
    look(&mut place, &seen);
    place.restart();
    let stored = place.record.inventory().unwrap().known;
    assert_eq!(*stored, known(&[("a/SKILL.md", stamp("1", 7))]), "what drifted is about to be put right");
    let moved = known(&[("a/SKILL.md", stamp("1", 9)), ("b/SKILL.md", stamp("1", 8))]);
    look(&mut place, &moved);
    assert_eq!(*place.record.inventory().unwrap().known, moved);
    let mut next = skills([("a", "2")], commit(2));
    next.insert(SkillId::new("b"), Arc::clone(&place.served[&SkillId::new("b")]));
    place.serve(next, commit(2));
    assert_eq!(*place.record.inventory().unwrap().known, known(&[("b/SKILL.md", stamp("1", 8))]));
}

#[test]
fn one_changed_file_writes_a_few_rows_however_many_there_are() {
    let mut place = Place::new();
    let many: Skills = (0..500).map(|n| skill(&format!("skill-{n}"), commit(1), &["1", "2", "3"])).collect();
    place.serve(many.clone(), commit(1));
    let written = |place: &Place| {
        place.record.db.query_one("SELECT total_changes()", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = written(&place);
    let mut next = many;
    next.extend([skill("skill-7", commit(2), &["1", "2", "changed"])]);
    place.serve(next, commit(2));
    let rows = written(&place) - before;
    assert!(rows <= 12, "{rows} rows");
    let before = written(&place);
    place.pass(Outcome::InSync, |report| {
        report.revision = Some(commit(2));
        report.applied_revision = Some(commit(2));
    });
    place.pass(Outcome::InSync, |report| {
        report.revision = Some(commit(2));
        report.applied_revision = Some(commit(2));
    });
    let rows = written(&place) - before;
    assert_eq!(rows, 2, "a pass that changed nothing is one row");
}

#[test]
fn a_file_may_go_from_one_skill_to_another() {
    let mut place = Place::new();
    let path = |text: &str| text.parse::<TreePath>().unwrap();
    let version = |entry: &str, files: &[&str]| {
        let files = files.iter().map(|name| (path(name), file("same"))).collect();
        Arc::new(SkillVersion { revision: commit(1), entry: path(entry), name: None, files })
    };
    for (owner, other) in [("a", "z"), ("z", "a")] {
        let both = |extra_owner: &str| -> Skills {
            ["a", "z"]
                .into_iter()
                .map(|id| {
                    let entry = format!("{id}.md");
                    let mut files = vec![entry.as_str()];
                    if id == extra_owner {
                        files.push("shared.txt");
                    }
                    (SkillId::new(id), version(&entry, &files))
                })
                .collect()
        };
        place.serve(both(owner), commit(1));
        place.serve(both(other), commit(1));
        assert_eq!(*place.record.inventory().unwrap().skills, place.served);
    }
}

fn judged(rule: &str) -> Arc<JudgedSkill> {
    let files = [("SKILL.md".parse().unwrap(), file("x"))].into_iter().collect();
    Arc::new(JudgedSkill {
        fronted: true,
        name: Some("x".into()),
        files,
        findings: vec![finding(rule)],
        ..JudgedSkill::default()
    })
}

fn key(number: u64) -> ContentKey {
    format!("{number:064x}").parse().unwrap()
}

#[test]
fn verdicts_are_remembered_by_content_and_rules() {
    let mut place = Place::new();
    place.record.put(&key(1), "rules-1", &judged("a"));
    assert_eq!(place.record.get(&key(1), "rules-1"), Some(judged("a")), "at once");
    assert_eq!(place.record.get(&key(1), "rules-2"), None);
    place.pass(Outcome::InSync, |_| {});
    place.restart();
    assert_eq!(place.record.get(&key(1), "rules-1"), Some(judged("a")), "after a restart");
    // The fourth rule set lets go of the first.
    for rules in ["rules-2", "rules-3", "rules-4"] {
        assert_eq!(place.record.get(&key(1), "rules-1"), Some(judged("a")));
        place.record.put(&key(1), rules, &judged(rules));
        place.pass(Outcome::InSync, |_| {});
    }
    assert_eq!(place.record.get(&key(1), "rules-1"), None);
    assert_eq!(place.record.get(&key(1), "rules-2"), Some(judged("rules-2")));
}

#[test]
fn the_verdict_cache_is_bounded() {
    let mut place = Place::new();
    for n in 0..20_050 {
        place.record.put(&key(n), "rules", &judged("a"));
    }
    place.pass(Outcome::InSync, |_| {});
    let count: i64 =
        place.record.db.query_one("SELECT count(*) FROM verdicts", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 20_000);
}

/// What one pass wants: a content for some of a few skills, and whether it dies after its intent.
fn passes() -> impl Strategy<Value = Vec<(BTreeMap<u8, Vec<u8>>, bool)>> {
    let wanted = prop::collection::btree_map(0u8..6, prop::collection::vec(0u8..4, 1..4), 0..6);
    prop::collection::vec((wanted, any::<bool>()), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is served in whichever order, and whenever the process dies: the inventory is what
    /// the last finished pass served, an intent is what the last unfinished one wanted, and the audit
    /// is whole.
    #[test]
    fn the_record_is_what_the_passes_did(passes in passes()) {
        let mut place = Place::new();
        for (number, (wanted, dies)) in (1..).zip(passes) {
            let next: Skills = wanted.iter().map(|(name, contents)| {
                let contents: Vec<String> = contents.iter().map(u8::to_string).collect();
                let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
                skill(&format!("s{name}"), commit(number), &contents)
            }).collect();
            if dies {
                let (pass, change) = (place.begin(), plan(&place.served, next));
                place.record.intend(pass, &source(commit(number)), &change, &place.served, &[]).unwrap();
                place.restart();
                let intent = place.record.interrupted().unwrap().unwrap();
                prop_assert_eq!(intent.next.skills(), &change.next);
            } else {
                place.serve(next, commit(number));
                prop_assert!(place.record.interrupted().unwrap().is_none());
            }
            prop_assert_eq!(&*place.record.inventory().unwrap().skills, &place.served);
            let verified = place.record.verify().unwrap();
            prop_assert!(matches!(verified, Verified::Whole { .. }), "{:?}", verified);
        }
    }
}
