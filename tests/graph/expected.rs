//! What the records say must be in the graph, by number, told from the exported audit and from nothing that
//! the projector is made of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::place::Place;
use crate::server::Server;

/// Nodes by label, and relationships by type: their keys, each once.
#[derive(Default)]
struct Expected {
    nodes: BTreeMap<&'static str, BTreeSet<String>>,
    links: BTreeMap<&'static str, BTreeSet<String>>,
}

#[allow(clippy::needless_pass_by_value, reason = "keys are made where they are named")]
impl Expected {
    fn node(&mut self, label: &'static str, key: impl ToString) {
        self.nodes.entry(label).or_default().insert(key.to_string());
    }

    fn link(&mut self, kind: &'static str, from: impl ToString, to: impl ToString) {
        self.links.entry(kind).or_default().insert(format!("{} -> {}", from.to_string(), to.to_string()));
    }

    fn version(&mut self, skill: &str, key: &str) -> String {
        let version = format!("{skill}@{key}");
        self.node("SkillVersion", &version);
        self.node("Skill", skill);
        self.link("VERSION_OF", &version, skill);
        version
    }

    fn commit(&mut self, kind: &'static str, from: impl ToString, commit: &Value) {
        if let Some(commit) = commit.as_str() {
            self.node("Commit", commit);
            self.link(kind, from, commit);
        }
    }

    fn person(&mut self, kind: &'static str, actor: String, commit: &Value) {
        self.node("Actor", &actor);
        self.commit(kind, actor, commit);
    }

    fn add(&mut self, record: &Value) {
        let (seq, body) = (&record["seq"], &record["body"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.node("Event", seq);
        self.node("Environment", "");
        self.link("IN", seq, "environment");
        self.node("Actor", text(&record["actor"]));
        self.link("BY", seq, text(&record["actor"]));
        if record["pass"].is_u64() {
            self.node("Pass", &record["pass"]);
            self.link("EMITTED", &record["pass"], seq);
        }
        let skill = text(&body["skill"]);
        let of_commit = format!("commit:{}", body["revision"].as_str().unwrap_or("unknown"));
        match record["kind"].as_str().unwrap() {
            "pass" => {
                self.commit("TARGET", &record["pass"], &body["revision"]);
                for (who, how) in [("committer", "COMMITTED"), ("author", "AUTHORED")] {
                    if body["commit"][who].is_object() {
                        self.person(how, format!("git {}", body["commit"][who]["email"]), &body["revision"]);
                    }
                }
            }
            "changed" => {
                let kind = match body["action"].as_str().unwrap() {
                    "add" => "ADDED",
                    "update" => "UPDATED",
                    "remove" => "REMOVED",
                    "restore" => "RESTORED",
                    "adopt" => "ADOPTED",
                    other => panic!("the action {other}"),
                };
                let digest = body["version"].as_str().or(body["was"].as_str()).unwrap_or(&of_commit);
                let version = self.version(&skill, digest);
                self.link(kind, seq, version);
                self.commit("AT", seq, &body["revision"]);
            }
            "held" => {
                let version = self.version(&skill, &of_commit);
                self.link("HELD", seq, &version);
                self.node("Finding", seq);
                self.link("IN", format!("finding {seq}"), version);
                self.node("Rule", text(&body["rule"]));
                self.link("BREAKS", seq, text(&body["rule"]));
            }
            "released" => {
                self.node("Skill", &skill);
                self.link("RELEASED", seq, skill);
            }
            "drift" if !skill.is_empty() => {
                self.node("Skill", &skill);
                self.link("DRIFTED", seq, skill);
            }
            "confirmed" => self.commit("CONFIRMED", seq, &body["commit"]),
            "pinned" => self.commit("ROLLED_BACK", seq, &body["commit"]),
            "pushed" => {
                self.commit("AT", seq, &body["commit"]);
                self.person("PUSHED", format!("push {}", body["login"]), &body["commit"]);
            }
            _ => {}
        }
    }
}

/// The chain of a place: it is in every hash, and in the id of each node.
pub(crate) fn chain(place: &Place) -> String {
    place.ends(&["audit", "anchor", "-o", "json"], 0).json()["chain"].as_str().unwrap().to_owned()
}

/// The records of a place, as they are exported.
pub(crate) fn records(place: &Place) -> Vec<Value> {
    let exported = place.ends(&["audit", "export"], 0).stdout;
    exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The graph is what the records of a place say: the same numbers of nodes and relationships, and every
/// record as it is.
pub(crate) fn assert_projected(server: &Server, place: &Place) {
    let mut expected = Expected::default();
    records(place).iter().for_each(|record| expected.add(record));
    let chain = chain(place);
    let of_chain = [("chain", chain.as_str())];
    let rows = |cypher| server.ask(cypher, &of_chain, &["of", "n"]);
    let found = |rows: Vec<Vec<Value>>| -> BTreeMap<String, u64> {
        rows.into_iter().map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_u64().unwrap())).collect()
    };
    let counted = |sets: &BTreeMap<&'static str, BTreeSet<String>>| -> BTreeMap<String, u64> {
        sets.iter().map(|(of, set)| ((*of).to_owned(), set.len() as u64)).collect()
    };
    let nodes = rows("MATCH (n {chain: $chain}) RETURN labels(n)[0] AS of, count(*) AS n");
    assert_eq!(found(nodes), counted(&expected.nodes), "nodes");
    let links = rows("MATCH (a {chain: $chain})-[r]->() RETURN type(r) AS of, count(*) AS n");
    assert_eq!(found(links), counted(&expected.links), "relationships");
    let verified = server.run(place, &["audit", "verify", "--neo4j", "-o", "json"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    assert_eq!(verified.json()["neo4j"]["different"], 0);
}
