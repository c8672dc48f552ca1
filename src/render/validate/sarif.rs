//! The verdicts as SARIF 2.1.0 (OASIS), in the subset that GitHub code scanning reads.

use std::collections::HashMap;
use std::path::Path;

use reconciler::finding::{Class, Finding, Severity};
use reconciler::ids::Digest;
use reconciler::scan::{RuleMeta, mask};
use serde_json::{Value, json};

use super::{Validation, View, Weight};

/// The name of our fingerprint; another way to compute it has another name.
const FINGERPRINT: &str = "skillSyncFinding/v1";

/// The log of one run. `rules` are all that may be named, `here` is the working directory, which paths
/// are relative to, and `line` reads a line of a file below the directory by its number from 1.
pub(crate) fn log(
    view: &View,
    validation: &Validation,
    rules: &[RuleMeta],
    here: &Path,
    line: impl Fn(&str, u32) -> Option<String>,
) -> Value {
    let index: HashMap<&str, usize> = rules.iter().enumerate().map(|(at, rule)| (&*rule.id, at)).collect();
    let mut seen: HashMap<String, u32> = HashMap::new();
    let results: Vec<Value> = validation
        .findings()
        .map(|finding| {
            let uri = uri(view, here, finding);
            let source = finding.line.and_then(|at| line(&finding.path, at));
            let print = fingerprint(finding, &uri, source.as_deref(), &mut seen);
            result(view, finding, &uri, &print, index.get(finding.rule.as_str()).copied())
        })
        .collect();
    let driver = json!({
        "name": "skill-sync",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": rules.iter().map(|rule| descriptor(view, rule)).collect::<Vec<_>>(),
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn descriptor(view: &View, rule: &RuleMeta) -> Value {
    let holds = match rule.class {
        Class::Structure => rule.severity == Severity::Critical,
        _ => view.block.is_some_and(|lowest| rule.severity >= lowest),
    };
    let mut properties = json!({
        "tags": [rule.class.to_string()],
        "precision": "high",
        "problem.severity": if holds { "error" } else { "warning" },
    });
    // Only what concerns security has a score: GitHub shows the others as errors and warnings.
    if rule.class != Class::Structure {
        properties["security-severity"] = json!(score(rule.severity));
        properties["tags"] = json!([rule.class.to_string(), "security"]);
    }
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.looks_for},
        "help": {"text": format!("{} {}", rule.why, rule.help), "markdown": rule.page()},
        "defaultConfiguration": {"level": if holds { "error" } else { default_level(rule.severity) }},
        "properties": properties,
    })
}

/// The middle of each of GitHub's bands.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

fn default_level(severity: Severity) -> &'static str {
    if severity == Severity::Low { "note" } else { "warning" }
}

fn result(view: &View, finding: &Finding, uri: &str, print: &str, index: Option<usize>) -> Value {
    let level = match view.weight(finding) {
        Weight::Error => "error",
        Weight::Warning => "warning",
        Weight::Note => "note",
    };
    let mut region = json!({"startLine": finding.line.unwrap_or(1)});
    if let Some(column) = finding.column {
        region["startColumn"] = json!(column);
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level,
        "message": {"text": super::terminal(&format!("{}. {}", finding.message, finding.help))},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri},
            "region": region,
        }}],
        "partialFingerprints": {FINGERPRINT: print},
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    result
}

/// What stays the same when a finding moves with its line: rule, file, the line's text, and which of
/// several equal ones it is.
fn fingerprint(
    finding: &Finding,
    uri: &str,
    source: Option<&str>,
    seen: &mut HashMap<String, u32>,
) -> String {
    let text = source.map_or_else(|| finding.message.clone(), |source| mask(source.trim()));
    let what = format!("{}\0{uri}\0{text}", finding.rule);
    let number = seen.entry(what.clone()).and_modify(|number| *number += 1).or_insert(0);
    Digest::of(format!("{what}\0{number}").as_bytes()).to_string()
}

/// The path as a reference relative to the working directory; one outside of it is absolute.
fn uri(view: &View, here: &Path, finding: &Finding) -> String {
    let path = view.directory.join(&finding.path);
    let inside = path.strip_prefix(here).unwrap_or(&path);
    let inside = inside.strip_prefix(".").unwrap_or(inside);
    let scheme = if inside.is_absolute() { "file://" } else { "" };
    format!("{scheme}{}", encoded(&inside.to_string_lossy()))
}

/// Percent-encodes all that is not unreserved in a path (RFC 3986).
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests;
