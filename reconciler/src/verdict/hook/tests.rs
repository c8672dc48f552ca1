use super::*;
use crate::finding::Severity;
use crate::options::{Judging, Selection};
use crate::tree::Skills;
use crate::verdict::rules::testing::skill;
use crate::verdict::{Judged, Law, MemoryCache, judge};

/// A judge that is a shell script; it gets nothing but a path to find programs.
fn hook(script: &str, timeout: Duration) -> Hook {
    Hook {
        command: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
        environment: vec![("PATH".into(), "/usr/bin:/bin".into()), ("JUDGE_KEY".into(), "k".into())],
        timeout,
    }
}

fn law(script: &str, timeout: Duration, holds_unsure: bool) -> Law {
    let judging = Judging { strict: false, block: Some(Severity::Critical) };
    Law::new(judging).with_judge(Some(hook(script, timeout)), holds_unsure)
}

fn judged(law: &Law, cache: &mut MemoryCache, names: &[&str]) -> Judged {
    let directory = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::create_dir(directory.path().join(name)).unwrap();
        std::fs::write(directory.path().join(name).join("SKILL.md"), skill(name)).unwrap();
    }
    let (desired, content) = crate::desired::from_directory(directory.path(), &Selection::default()).unwrap();
    judge(&desired, &content, &Skills::new(), law, cache).unwrap()
}

fn rules(judged: &Judged) -> Vec<(String, String)> {
    let findings = judged.findings().into_values().flatten();
    findings.map(|finding| (finding.rule, finding.message)).collect()
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_judge_holds_a_skill_with_its_reason() {
    let script = r#"cat >/dev/null; echo '{"verdict": "hold", "reason": "it flatters"}'"#;
    let judged = judged(&law(script, LONG, false), &mut MemoryCache::default(), &["a"]);
    assert_eq!(judged.held[0].finding.rule, "judge-hold");
    assert!(judged.held[0].finding.message.contains("it flatters"));
}

#[test]
fn it_is_shown_the_files_and_sees_no_variable_but_its_own() {
    let script = r#"grep -q '"text":"---.nname: a.ndescription: Does what a does' || exit 3
        test "$(env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD= | sort | tr '\n' ' ')" = "JUDGE_KEY=k PATH=/usr/bin:/bin " || exit 4
        echo '{"verdict": "accept"}'"#;
    let judged = judged(&law(script, LONG, false), &mut MemoryCache::default(), &["a"]);
    assert_eq!(rules(&judged), []);
}

#[test]
fn it_is_asked_once_for_what_does_not_change() {
    let directory = tempfile::tempdir().unwrap();
    let counter = directory.path().join("asked");
    let script = format!(
        "cat >/dev/null; echo x >> {}; echo '{{\"verdict\": \"unsure\", \"reason\": \"odd\"}}'",
        counter.display()
    );
    let (law, mut cache) = (law(&script, LONG, false), MemoryCache::default());
    for _ in 0..3 {
        let judged = judged(&law, &mut cache, &["a"]);
        assert_eq!(rules(&judged)[0].0, "judge-unsure");
        assert!(judged.held.is_empty());
    }
    assert_eq!(std::fs::read_to_string(&counter).unwrap(), "x\n");
}

#[test]
fn what_is_unsure_holds_where_the_operator_wants_that() {
    let script = "cat >/dev/null; echo '{\"verdict\": \"unsure\"}'";
    let judged = judged(&law(script, LONG, true), &mut MemoryCache::default(), &["a"]);
    assert_eq!(judged.held[0].finding.rule, "judge-unsure");
}

#[test]
fn a_judge_that_fails_is_unsure_is_asked_again_and_is_not_waited_for_for_ever() {
    let soon = Duration::from_millis(300);
    for (script, said) in [
        ("exit 7", "it ended with exit status: 7"),
        ("echo nonsense", "its answer cannot be read"),
        ("sleep 600", "it did not answer within"),
        ("sleep 600 & echo '{\"verdict\": \"accept\"}'", "it did not answer within"),
    ] {
        let (law, mut cache) = (law(script, soon, false), MemoryCache::default());
        let found = rules(&judged(&law, &mut cache, &["a"]));
        assert!(found[0].0 == "judge-failed" && found[0].1.contains(said), "{script}: {found:?}");
        assert!(judged(&law, &mut cache, &["a"]).held.is_empty());
    }
    let many = ["a", "b", "c", "d", "e"];
    let found = rules(&judged(&law("exit 1", soon, false), &mut MemoryCache::default(), &many));
    let unasked = found.iter().filter(|(_, message)| message.contains("it was not asked"));
    assert_eq!((found.len(), unasked.count()), (5, 2));
}

#[test]
fn its_variables_are_never_shown() {
    let shown = format!("{:?}", hook("true", LONG));
    assert!(!shown.contains("JUDGE_KEY") && shown.contains("/bin/sh"), "{shown}");
}
