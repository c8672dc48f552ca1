use super::RULES;
use crate::scan::rule::Detect;
use crate::scan::{Example, Scanner, Subject, SubjectFile};

fn rules_hit(scanner: &Scanner, example: &Example) -> Vec<String> {
    let file = SubjectFile {
        path: example.path.to_owned(),
        executable: false,
        entry: example.path == "SKILL.md",
        size: u64::try_from(example.text.len()).unwrap(),
        read: Box::new(|| Ok(example.text.as_bytes().to_vec())),
    };
    let sights = scanner.sights_for_tests(&Subject { files: vec![file] });
    sights.into_iter().filter(|(_, quoted)| !quoted).map(|(rule, _)| rule).collect()
}

#[test]
fn every_rule_hits_its_own_examples_and_spares_the_others() {
    let scanner = Scanner::new().unwrap();
    let mut wrong = Vec::new();
    for rule in RULES {
        for example in rule.hits.iter().filter(|e| !rules_hit(&scanner, e).iter().any(|id| id == rule.id)) {
            wrong.push(format!(
                "{} misses {:?}; saw {:?}",
                rule.id,
                example.text,
                rules_hit(&scanner, example)
            ));
        }
        for example in rule.misses.iter().filter(|e| rules_hit(&scanner, e).iter().any(|id| id == rule.id)) {
            wrong.push(format!("{} hits {:?}", rule.id, example.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_its_reasons_and_its_examples() {
    for rule in RULES {
        let texts = [rule.title, rule.says, rule.looks_for, rule.why, rule.help];
        assert!(texts.iter().all(|text| !text.is_empty()), "{}", rule.id);
        let looks_alone = !matches!(rule.detect, Detect::Engine);
        assert!(!looks_alone || !rule.hits.is_empty() && !rule.misses.is_empty(), "{}", rule.id);
        assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", rule.id);
    }
}

#[test]
fn a_combination_names_rules_that_exist() {
    let known = |id: &str| RULES.iter().any(|rule| rule.id == id);
    for rule in RULES {
        match rule.detect {
            Detect::Together { parts, .. } => {
                assert!(parts.iter().flat_map(|p| p.iter()).all(|id| known(id)), "{}", rule.id);
            }
            Detect::Refines { rule: base, .. } => assert!(known(base), "{}", rule.id),
            _ => {}
        }
    }
}
