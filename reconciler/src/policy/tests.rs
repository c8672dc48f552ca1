use std::path::Path;

use super::*;
use crate::finding::Class;
use crate::verdict::Law;

fn policy(text: &str) -> Policy {
    Policy::parse(Path::new("/etc/policy.toml"), text).unwrap()
}

fn fault(text: &str) -> String {
    let parsed = Policy::parse(Path::new("/etc/policy.toml"), text);
    parsed.and_then(|policy| policy.check(&rules::handbook())).unwrap_err().to_string()
}

fn finding(rule: &str, severity: Severity) -> Finding {
    Finding {
        rule: rule.into(),
        severity,
        class: Class::Risky,
        path: "a/SKILL.md".into(),
        line: Some(3),
        column: None,
        message: String::new(),
        help: String::new(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const EXCEPTION: &str = "[[exception]]\nrule = \"pipe-to-shell\"\nskill = \"team/*\"\nreason = \"reviewed by Ada\"\nuntil = 2030-05-31\n";

#[test]
fn an_exception_takes_its_finding_away_until_its_last_day_is_over() {
    let policy = policy(EXCEPTION);
    let findings = [finding("pipe-to-shell", Severity::High), finding("bom", Severity::Low)];
    let ruled = |skill: &str, now: &str| policy.rule(&SkillId::new(skill), &findings, at(now));
    let last_day = ruled("team/a", "2030-05-31T23:59:59Z").unwrap();
    let rules: Vec<&str> = last_day.findings.iter().map(|finding| &*finding.rule).collect();
    assert_eq!(rules, ["bom"]);
    let excepted = &last_day.excepted[0];
    assert_eq!((&*excepted.rule, &*excepted.reason), ("pipe-to-shell", "reviewed by Ada"));
    assert_eq!((excepted.line, excepted.until.as_deref()), (Some(3), Some("2030-05-31")));
    assert!(ruled("team/a", "2030-06-01T00:00:00Z").is_none(), "it counts no more");
    assert!(ruled("other", "2030-05-01T00:00:00Z").is_none(), "it is for another skill");
}

#[test]
fn the_end_of_an_exception_is_warned_of_for_a_week_and_afterwards() {
    let policy = policy(EXCEPTION);
    let warned = |now: &str| policy.warnings(at(now)).first().map(|warning| warning.message.clone());
    assert_eq!(warned("2030-05-24T23:59:59Z"), None);
    let soon = warned("2030-05-25T00:00:00Z").unwrap();
    assert_eq!(soon, "the exception of `pipe-to-shell` for `team/*` ends with 2030-05-31");
    let over = warned("2030-06-01T00:00:00Z").unwrap();
    assert_eq!(over, "the exception of `pipe-to-shell` for `team/*` ended with 2030-05-31");
    assert_eq!(policy.warnings(at("2030-06-01T00:00:00Z"))[0].line, Some(2));
}

#[test]
fn a_severity_is_another_one_and_an_exception_without_an_end_stays() {
    let policy = policy(
        "[[severity]]\nrule = \"pipe-to-shell\"\nseverity = \"critical\"\n\
         [[exception]]\nrule = \"bom\"\nskill = \"**\"\nreason = \"a tool writes it\"\n",
    );
    let findings = [finding("pipe-to-shell", Severity::High), finding("bom", Severity::Low)];
    let ruled = policy.rule(&SkillId::new("a"), &findings, Timestamp::now()).unwrap();
    assert_eq!(ruled.findings.len(), 1);
    assert_eq!(ruled.findings[0].severity, Severity::Critical);
    assert_eq!(ruled.excepted[0].until, None);
    assert!(policy.warnings(Timestamp::now()).is_empty());
}

#[test]
fn a_skill_is_denied_by_its_id_or_by_the_bytes_of_a_file() {
    let digest = Digest::of(b"bytes");
    let policy = policy(&format!(
        "[[deny]]\nskill = \"evil*\"\nreason = \"incident 7\"\n[[deny]]\ndigest = \"{digest}\"\nreason = \"known\"\n"
    ));
    let other = Digest::of(b"other");
    let denies = |skill: &str, digests: &[Digest]| {
        policy.denies(&SkillId::new(skill), |denied| digests.contains(denied)).map(str::to_owned)
    };
    assert_eq!(denies("evil-twin", &[]).as_deref(), Some("incident 7"));
    assert_eq!(denies("good", &[other, digest]).as_deref(), Some("known"));
    assert_eq!(denies("good", &[other]), None);
}

#[test]
fn each_fault_has_its_line_and_says_what_to_do() {
    let cases = [
        ("[[exception]]\nrule = \n", "/etc/policy.toml:2: the policy is no TOML, so nothing changes: "),
        ("\n[[except]]\n", "/etc/policy.toml:2: the policy has an unknown key `except`"),
        (
            "[[deny]]\nskill = \"a\"\nreason = \"r\"\nuntil = 2030-01-01\n",
            "/etc/policy.toml:4: the policy has an unknown key `until`, so nothing changes; [[deny]] takes `skill`, `digest`, `reason`",
        ),
        (
            "[[exception]]\nskill = \"a\"\nreason = \"r\"\n",
            "/etc/policy.toml:1: the policy's [[exception]] has no `rule`",
        ),
        ("[[deny]]\nreason = \"r\"\n", "/etc/policy.toml:1: the policy's [[deny]] has no `skill`"),
        (
            "[[exception]]\nrule = \"bom\"\nskill = \"a\"\nreason = \"\"\n",
            "/etc/policy.toml:4: the policy's `reason` must be a text that is not empty",
        ),
        (
            "[[exception]]\nrule = \"bom\"\nskill = \"a\"\nreason = \"r\"\nuntil = \"2030-02-31\"\n",
            "/etc/policy.toml:5: the policy's `until` must be a day such as 2030-12-31",
        ),
        (
            "[[severity]]\nrule = \"bom\"\nseverity = \"fatal\"\n",
            "/etc/policy.toml:3: the policy's `severity` must be low, medium, high or critical",
        ),
        (
            "[[deny]]\ndigest = \"12\"\nreason = \"r\"\n",
            "/etc/policy.toml:2: the policy's `digest` must be the SHA-256",
        ),
        (
            "[[deny]]\nskill = \"a[\"\nreason = \"r\"\n",
            "/etc/policy.toml:2: the policy's `skill` must be a glob",
        ),
        ("exception = 1\n", "/etc/policy.toml:1: the policy's `exception` must be a list of tables"),
        (
            "[[severity]]\nrule = \"pipe-to-shel\"\nseverity = \"low\"\n",
            "/etc/policy.toml:2: the policy names the rule `pipe-to-shel`, which does not exist, so nothing changes; did you mean `pipe-to-shell`?",
        ),
        (
            "[[exception]]\nrule = \"path-invalid\"\nskill = \"a\"\nreason = \"r\"\n",
            "/etc/policy.toml:2: the policy names the rule `path-invalid`, which is about the form of a skill",
        ),
    ];
    for (text, expected) in cases {
        let said = fault(text);
        assert!(said.starts_with(expected), "{text}: {said}");
    }
}

#[test]
fn a_law_keeps_what_it_had_where_the_policy_breaks_and_takes_yara_rules_in() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.toml");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let judging = crate::options::Judging { strict: false, block: None };
    let missing = Law::new(judging).renew(Some(&file)).unwrap_err().to_string();
    assert!(
        missing.contains("cannot be read, so nothing changes: put it back, or unset POLICY_FILE"),
        "{missing}"
    );

    write("policy.toml", EXCEPTION);
    let mut law = Law::new(judging);
    law.renew(Some(&file)).unwrap();
    let plain = law.fingerprint().to_owned();
    assert_eq!(plain, Law::new(judging).fingerprint(), "exceptions judge nothing again");

    write(
        "policy.toml",
        "yara = [\"house.yar\"]\n[[severity]]\nrule = \"operator/house-rule\"\nseverity = \"low\"\n",
    );
    write("house.yar", "rule house_rule {\n strings: $a = \"x\n condition: $a }\n");
    let broken = law.renew(Some(&file)).unwrap_err();
    let said = crate::report::error_text(&broken);
    assert!(said.contains("cannot be used, so nothing changes") && said.contains("house.yar"), "{said}");
    assert!(said.contains(":2:"), "the line is named: {said}");
    assert_eq!(law.fingerprint(), plain, "the law is as it was");

    write("house.yar", "rule house_rule {\n strings: $a = \"forbidden word\"\n condition: $a }\n");
    law.renew(Some(&file)).unwrap();
    assert_ne!(law.fingerprint(), plain);
    assert!(law.handbook().iter().any(|rule| rule.id == "operator/house-rule"));
    assert!(law.scanner().unwrap().rule("operator/house-rule").is_some());
}
