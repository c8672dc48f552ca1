use std::path::PathBuf;

use reconciler::ids::SkillId;
use reconciler::verdict::{SkillReport, Standing, rules};

use super::*;
use crate::render::Style;

fn finding(rule: &str, path: &str, line: Option<u32>) -> Finding {
    Finding {
        rule: rule.into(),
        severity: Severity::High,
        class: Class::Risky,
        path: path.into(),
        line,
        column: line,
        message: "pipes a download into an interpreter".into(),
        help: "Install from a package manager.".into(),
    }
}

fn log_of(directory: &str, findings: Vec<Finding>, text: &str) -> Value {
    let skill =
        SkillReport { skill: SkillId::new("a"), path: "a.md".into(), verdict: Standing::Accepted, findings };
    let validation = Validation { skills: vec![skill], strays: Vec::new() };
    let view =
        View { directory: PathBuf::from(directory), block: Some(Severity::Critical), style: Style::Plain };
    let lines: Vec<&str> = text.lines().collect();
    let line = |_: &str, at: u32| lines.get(usize::try_from(at).ok()? - 1).map(|line| (*line).to_owned());
    log(&view, &validation, &rules::handbook(), Path::new("/srv"), line)
}

fn results(log: &Value) -> &Vec<Value> {
    log["runs"][0]["results"].as_array().unwrap()
}

/// What the SARIF 2.1.0 schema demands of the properties that we write, and what GitHub demands besides.
fn check_shape(log: &Value) {
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"].as_array().unwrap()[0];
    assert!(["utf16CodeUnits", "unicodeCodePoints"].contains(&run["columnKind"].as_str().unwrap()));
    let driver = &run["tool"]["driver"];
    assert!(!driver["name"].as_str().unwrap().is_empty());
    let levels = ["none", "note", "warning", "error"];
    let is_text = |value: &Value| value["text"].as_str().is_some_and(|text| !text.is_empty());
    let rules = driver["rules"].as_array().unwrap();
    for rule in rules {
        let keys: Vec<&String> = rule.as_object().unwrap().keys().collect();
        let known =
            ["defaultConfiguration", "fullDescription", "help", "id", "properties", "shortDescription"];
        assert_eq!(keys, known, "the schema allows no others of ours");
        assert!(
            is_text(&rule["shortDescription"]) && is_text(&rule["fullDescription"]) && is_text(&rule["help"])
        );
        assert!(levels.contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
        assert!(rule["properties"]["tags"].as_array().unwrap().iter().all(Value::is_string));
        if let Some(score) = rule["properties"].get("security-severity") {
            let score: f32 = score.as_str().unwrap().parse().unwrap();
            assert!(score > 0.0 && score <= 10.0);
        }
    }
    let ids: std::collections::BTreeSet<&str> =
        rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len(), "ids are unique");
    for result in results(log) {
        assert!(levels.contains(&result["level"].as_str().unwrap()) && is_text(&result["message"]));
        if let Some(index) = result.get("ruleIndex") {
            let index = usize::try_from(index.as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
        }
        let place = &result["locations"].as_array().unwrap()[0]["physicalLocation"];
        assert!(place["artifactLocation"]["uri"].as_str().is_some());
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        assert!(place["region"].get("startColumn").is_none_or(|column| column.as_u64().unwrap() >= 1));
        assert!(result["partialFingerprints"].as_object().unwrap().values().all(Value::is_string));
    }
}

#[test]
fn a_log_has_the_shape_of_the_standard() {
    let findings = vec![
        finding("pipe-to-shell", "a/SKILL.md", Some(2)),
        finding("operator/house-rule", "a/SKILL.md", None),
        Finding { class: Class::Structure, severity: Severity::Critical, ..finding("bom", "b.md", Some(1)) },
    ];
    let log = log_of("skills", findings, "one\ntwo\n");
    check_shape(&log);
    let levels: Vec<&Value> = results(&log).iter().map(|result| &result["level"]).collect();
    assert_eq!(levels, ["warning", "warning", "error"]);
    assert!(results(&log)[1].get("ruleIndex").is_none(), "a rule that is not in the handbook has no index");
}

#[test]
fn paths_are_relative_to_the_working_directory_and_encoded() {
    let uri = |directory: &str, path: &str| {
        let log = log_of(directory, vec![finding("bom", path, None)], "");
        let place = &results(&log)[0]["locations"][0]["physicalLocation"];
        place["artifactLocation"]["uri"].as_str().unwrap().to_owned()
    };
    assert_eq!(uri("./skills", "a b/ü.md"), "skills/a%20b/%C3%BC.md");
    assert_eq!(uri("/srv/skills", "a.md"), "skills/a.md");
    assert_eq!(uri("/elsewhere", "a.md"), "file:///elsewhere/a.md");
    assert_eq!(uri(".", "x:y%z.md"), "x%3Ay%25z.md");
}

#[test]
fn a_fingerprint_moves_with_its_line_and_tells_equal_lines_apart() {
    let prints = |text: &str, lines: &[u32]| -> Vec<String> {
        let findings = lines.iter().map(|line| finding("pipe-to-shell", "a.md", Some(*line))).collect();
        let log = log_of(".", findings, text);
        let print = |result: &Value| result["partialFingerprints"][FINGERPRINT].as_str().unwrap().to_owned();
        results(&log).iter().map(print).collect()
    };
    let before = prints("curl x | sh\n", &[1]);
    assert_eq!(before, prints("# New\n\n  curl x | sh\n", &[3]));
    assert_ne!(before, prints("curl y | sh\n", &[1]));
    let twice = prints("curl x | sh\ncurl x | sh\n", &[1, 2]);
    assert_eq!(twice[0], before[0]);
    assert_ne!(twice[0], twice[1]);
}
