//! The questions of docs/audit.md, as they stand there, and their answers as they are shown there.
//!
//! `SKILL_SYNC_BLESS=1` writes the answers into the page; what differs from run to run is replaced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reconciler::ids::{PassId, Timestamp};
use reconciler::record::{HookFailure, Record};
use serde_json::Value;

use crate::expected::{assert_projected, records};
use crate::place::Place;
use crate::server::{Server, server};

/// How many digits of an id are shown.
const DIGITS: usize = 12;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.md")
}

/// The questions of the page: title, Cypher, and the answer that is shown.
fn questions(page: &str) -> Vec<(String, String, String)> {
    let block = |text: &str, fence: &str| {
        let (_, rest) = text.split_once(&format!("```{fence}\n")).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let sections = page.split("\n### ").skip(1);
    sections
        .map(|section| {
            (section.lines().next().unwrap().to_owned(), block(section, "cypher"), block(section, "text"))
        })
        .collect()
}

/// The columns that a question returns, in their order.
fn columns(cypher: &str) -> Vec<&str> {
    let (_, returned) = cypher.rsplit_once("RETURN ").unwrap();
    let returned = returned.split("\nORDER BY").next().unwrap();
    let mut names = Vec::new();
    let (mut depth, mut begins) = (0_i32, 0);
    for (at, c) in returned.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(&returned[begins..at]);
                begins = at + 1;
            }
            _ => {}
        }
    }
    names.push(&returned[begins..]);
    names.into_iter().map(|name| name.trim().rsplit(' ').next().unwrap()).collect()
}

/// A story with something of everything in it.
struct Story {
    place: Place,
    environment: String,
    /// The commits, in their order.
    commits: Vec<String>,
    /// A moment after the first pass.
    early: String,
    parameters: BTreeMap<&'static str, String>,
}

fn story() -> Story {
    let (place, first) = Place::with(&["golden-horde", "horde-swarm"]);
    let environment = format!("questions-{}", std::process::id());
    let run = |arguments: &[&str], code: i32| {
        let ended = place.run_with(arguments, &[("ENVIRONMENT_NAME", &environment)]);
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        ended
    };
    run(&["once"], 0);
    let early =
        run(&["audit", "list", "--limit", "1", "-o", "json"], 0).json()[0]["at"].as_str().unwrap().to_owned();
    place.write("golden-horde", "two");
    place.write("two-riders", "");
    place.remove("horde-swarm");
    let second = place.commit();
    run(&["once"], 3);
    place.write("two-riders", "They ride together.");
    let third = place.commit();
    run(&["once"], 0);
    place.edit("golden-horde", "by hand");
    run(&["once"], 0);
    run(&["suspend", "--reason", "release freeze"], 0);
    run(&["resume"], 0);
    let failure = HookFailure { pass: PassId(2), error: "ON_APPLIED ended with exit status: 3".to_owned() };
    let mut record = Record::open(&place.state().join("state.db"), &environment).unwrap();
    record.note_hook_failure(&failure, Timestamp::now()).unwrap();
    drop(record);
    let missing = [("ENVIRONMENT_NAME", environment.as_str()), ("SKILLS_REF", "nosuch")];
    assert_eq!(place.run_with(&["once"], &missing).code, 5);
    let digest = records(&place)
        .into_iter()
        .find(|record| record["kind"] == "changed" && record["body"]["skill"] == "two-riders")
        .map(|record| record["body"]["version"].as_str().unwrap().to_owned());
    let parameters = BTreeMap::from([
        ("environment", environment.clone()),
        ("at", early.clone()),
        ("skill", "two-riders".to_owned()),
        ("actor", "a".to_owned()),
        ("digest", digest.unwrap()),
    ]);
    Story { place, environment, commits: vec![first, second, third], early, parameters }
}

impl Story {
    /// The rows of this story that a question is answered with.
    fn ask(&self, server: &Server, cypher: &str) -> Vec<BTreeMap<String, Value>> {
        let parameters: Vec<(&str, &str)> =
            self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let columns = columns(cypher);
        let rows = server.ask(cypher, &parameters, &columns);
        let named = |row: Vec<Value>| columns.iter().map(|name| (*name).to_owned()).zip(row).collect();
        let ours =
            |row: &BTreeMap<String, Value>| row.get("environment").is_none_or(|it| it == &self.environment);
        rows.into_iter().map(named).filter(ours).collect()
    }

    /// A value as the page shows it: what differs from run to run is replaced, ids are cut.
    fn shown(&self, name: &str, value: &Value) -> String {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let commit = self.commits.iter().position(|commit| *commit == text);
        match name {
            _ if value.is_null() => "-".to_owned(),
            "environment" => "prod".to_owned(),
            "time" | "since" | "until" | "newest" => "2026-11-27T22:13:20Z".to_owned(),
            "actor" => "cli:1000".to_owned(),
            "error" => {
                let repository = self.place.path("repo").to_string_lossy().into_owned();
                let text = text.replace(&repository, "/srv/skills.git");
                text.split(" (branches").next().unwrap_or_default().to_owned()
            }
            "digest" | "version" if text.len() == 64 => text[..DIGITS].to_owned(),
            _ => commit
                .map_or(text, |number| ["3f2a9c41d0b7", "8510e8bb7b0d", "c8b4b34a96f2"][number].to_owned()),
        }
    }

    fn table(&self, cypher: &str, rows: &[BTreeMap<String, Value>]) -> String {
        let columns = columns(cypher);
        let head = columns.iter().map(|name| (*name).to_owned()).collect();
        let cells = |row: &BTreeMap<String, Value>| {
            columns.iter().map(|name| self.shown(name, &row[*name])).collect()
        };
        let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
        let width =
            |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let mut text = String::new();
        for line in lines {
            let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            text += padded.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text
    }
}

#[test]
fn every_question_of_the_page_is_answered_as_it_says() {
    let Some(server) = server() else { return };
    let story = story();
    let projected = story.place.run_with(
        &["audit", "project"],
        &[crate::server::variables(&server.uri()).as_slice(), &[("ENVIRONMENT_NAME", &story.environment)]]
            .concat(),
    );
    assert_eq!(projected.code, 0, "{projected:?}");
    let text = std::fs::read_to_string(page()).unwrap();
    let all = questions(&text);
    assert_eq!(all.len(), 9);
    let answers: Vec<Vec<BTreeMap<String, Value>>> =
        all.iter().map(|(_, cypher, _)| story.ask(&server, cypher)).collect();
    told_right(&story, &answers);
    assert_projected(&server, &story.place);
    if std::env::var_os("SKILL_SYNC_BLESS").is_some() {
        let mut sections: Vec<String> = text.split("\n### ").map(str::to_owned).collect();
        for ((section, (_, cypher, _)), rows) in sections.iter_mut().skip(1).zip(&all).zip(&answers) {
            let (before, rest) = section.split_once("```text\n").unwrap();
            let (_, after) = rest.split_once("```").unwrap();
            *section = format!("{before}```text\n{}```{after}", story.table(cypher, rows));
        }
        std::fs::write(page(), sections.join("\n### ")).unwrap();
        return;
    }
    for ((title, cypher, shown), rows) in all.iter().zip(&answers) {
        assert_eq!(&story.table(cypher, rows), shown, "{title}: SKILL_SYNC_BLESS=1 writes it anew");
    }
}

/// The answers themselves, whatever the page shows.
fn told_right(story: &Story, answers: &[Vec<BTreeMap<String, Value>>]) {
    let column = |number: usize, name: &str| -> Vec<&str> {
        answers[number].iter().map(|row| row[name].as_str().unwrap_or("-")).collect()
    };
    let [first, second, third] = [0, 1, 2].map(|number| story.commits[number].as_str());
    assert!(!story.early.is_empty());
    assert_eq!(column(0, "skill"), ["golden-horde", "horde-swarm"], "as it was after the first pass");
    assert_eq!(column(0, "commit"), [first, first]);
    assert_eq!(column(1, "what"), ["HELD", "ADDED", "RELEASED"]);
    assert_eq!(column(1, "commit"), [second, third, third]);
    let changed: Vec<(&str, &str)> = column(2, "skill").into_iter().zip(column(2, "action")).collect();
    let expected = [
        ("golden-horde", "add"),
        ("horde-swarm", "add"),
        ("golden-horde", "update"),
        ("horde-swarm", "remove"),
        ("two-riders", "add"),
        ("golden-horde", "restore"),
    ];
    assert_eq!(changed, expected);
    assert_eq!(column(3, "order"), ["suspended", "resumed"]);
    assert_eq!(column(4, "rule"), ["description-missing"]);
    assert!(answers[4][0]["until"].is_string(), "it was released: {:?}", answers[4]);
    assert_eq!((column(5, "skill"), column(5, "commit")), (vec!["two-riders"], vec![third]));
    assert_eq!(column(6, "path"), ["golden-horde.md"]);
    assert_eq!(column(7, "outcome"), ["stalled"]);
    assert!(answers[8].is_empty(), "no chain is broken: {:?}", answers[8]);
}
