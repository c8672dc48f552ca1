//! Records → nodes and relationships, as values: what is written, what is counted, and what is compared.
//!
//! The id of each node begins with the id of its chain. Only what a record says is in the graph: a node is
//! there because a record names it, and writing records again makes the same graph.

use std::collections::{BTreeMap, HashSet};

use reconciler::record::AuditRecord;
use serde_json::{Map, Value, json};

/// The labels of the nodes that records make.
pub(super) const LABELS: [&str; 10] = [
    "Event",
    "Environment",
    "Actor",
    "Pass",
    "Commit",
    "Skill",
    "SkillVersion",
    "Finding",
    "Rule",
    "SkillSync",
];

/// A kind of relationship: the label that it comes from, its type, and the label that it goes to.
pub(super) type Link = (&'static str, &'static str, &'static str);

/// A node without its label: its properties, the id among them.
pub(super) type Node = Map<String, Value>;

/// The nodes by label, and the relationships by kind, from id to id. Each is there once.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) nodes: BTreeMap<&'static str, BTreeMap<String, Node>>,
    pub(super) links: BTreeMap<Link, HashSet<(String, String)>>,
}

/// What is common to all records of a batch.
struct Origin<'a> {
    chain: &'a str,
    environment: &'a str,
}

impl Rows {
    /// The graph of these records.
    pub(super) fn of(chain: &str, environment: &str, records: &[AuditRecord]) -> Self {
        let (mut rows, origin) = (Self::default(), Origin { chain, environment });
        records.iter().for_each(|record| rows.add(&origin, record));
        rows
    }

    fn add(&mut self, origin: &Origin<'_>, record: &AuditRecord) {
        let body: Value = serde_json::from_str(&record.body).unwrap_or_default();
        let event = self.event(origin, record, &body);
        let place = self.node(origin, "Environment", None, json!({ "name": origin.environment }));
        self.link(("Event", "IN", "Environment"), &event, &place);
        let actor = self.actor(origin, &record.actor, kind_of(&record.actor), &record.actor, None);
        self.link(("Event", "BY", "Actor"), &event, &actor);
        let pass = record
            .pass
            .map(|pass| self.node(origin, "Pass", Some(&pass.to_string()), json!({ "number": pass })));
        if let Some(pass) = &pass {
            self.link(("Pass", "EMITTED", "Event"), pass, &event);
        }
        match record.kind.as_str() {
            "pass" => self.pass(origin, record, &body, pass.as_deref()),
            "changed" => self.changed(origin, &body, &event),
            "held" => self.held(origin, record, &body, &event),
            "released" => self.link_skill(origin, &body, ("Event", "RELEASED", "Skill"), &event),
            "drift" => self.link_skill(origin, &body, ("Event", "DRIFTED", "Skill"), &event),
            "confirmed" => {
                self.link_commit(origin, &body["commit"], ("Event", "CONFIRMED", "Commit"), &event);
            }
            "pinned" => self.link_commit(origin, &body["commit"], ("Event", "ROLLED_BACK", "Commit"), &event),
            "pushed" => self.pushed(origin, &body, &event),
            _ => {}
        }
    }

    /// The record itself, with what the questions ask for beside its fields.
    fn event(&mut self, origin: &Origin<'_>, record: &AuditRecord, body: &Value) -> String {
        let mut properties = json!({
            "seq": record.seq, "at": record.at.millis(), "time": record.at, "pass": record.pass,
            "kind": record.kind, "actor": record.actor, "body": record.body,
            "prev_hash": record.prev_hash, "hash": record.hash,
        });
        const TEXTS: [&str; 15] = [
            "skill", "action", "why", "path", "revision", "version", "was", "rule", "message", "outcome",
            "trigger", "error", "sha256", "commit", "reason",
        ];
        for name in TEXTS {
            if let Some(text) = body[name].as_str() {
                properties[name] = text.into();
            }
        }
        for (list, field) in [("paths", "path"), ("sha256s", "to")] {
            let values: Vec<&Value> = body["files"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|file| &file[field])
                .filter(|v| v.is_string())
                .collect();
            if !values.is_empty() {
                properties[list] = json!(values);
            }
        }
        self.node(origin, "Event", Some(&record.seq.to_string()), properties)
    }

    fn pass(&mut self, origin: &Origin<'_>, record: &AuditRecord, body: &Value, pass: Option<&str>) {
        let Some(id) = pass else { return };
        let told = json!({
            "number": record.pass, "at": record.at.millis(), "time": record.at, "outcome": body["outcome"],
            "trigger": body["trigger"], "error": body["error"],
        });
        self.node(origin, "Pass", record.pass.map(|pass| pass.to_string()).as_deref(), told);
        self.link_commit(origin, &body["revision"], ("Pass", "TARGET", "Commit"), id);
        for (who, how) in [("committer", "COMMITTED"), ("author", "AUTHORED")] {
            let person = &body["commit"][who];
            if let Some(email) = person["email"].as_str() {
                let name = person["name"].as_str().unwrap_or(email);
                let actor = self.actor(origin, &format!("git:{email}"), "git", name, Some(email));
                self.link_commit(origin, &body["revision"], ("Actor", how, "Commit"), &actor);
            }
        }
        if let (Some(name), Some(key)) = (body["signer"]["name"].as_str(), body["signer"]["key"].as_str()) {
            let actor = self.actor(origin, &format!("key:{key}"), "key", name, None);
            self.link_commit(origin, &body["revision"], ("Actor", "SIGNED", "Commit"), &actor);
        }
    }

    fn changed(&mut self, origin: &Origin<'_>, body: &Value, event: &str) {
        let how = match body["action"].as_str() {
            Some("add") => "ADDED",
            Some("update") => "UPDATED",
            Some("remove") => "REMOVED",
            Some("restore") => "RESTORED",
            _ => "ADOPTED",
        };
        let (Some(skill), digest) =
            (body["skill"].as_str(), body["version"].as_str().or(body["was"].as_str()))
        else {
            return;
        };
        let key = digest.map_or_else(|| of_commit(body), str::to_owned);
        let version = self.version(origin, skill, &key, json!({ "skill": skill, "digest": digest }));
        self.link(("Event", how, "SkillVersion"), event, &version);
        self.link_commit(origin, &body["revision"], ("Event", "AT", "Commit"), event);
    }

    /// What was held is known by its commit: it was never served, and no digest of it is on record.
    fn held(&mut self, origin: &Origin<'_>, record: &AuditRecord, body: &Value, event: &str) {
        let (Some(skill), Some(rule)) = (body["skill"].as_str(), body["rule"].as_str()) else { return };
        let held = json!({ "skill": skill, "revision": body["revision"] });
        let version = self.version(origin, skill, &of_commit(body), held);
        self.link(("Event", "HELD", "SkillVersion"), event, &version);
        let seen = json!({
            "seq": record.seq, "rule": rule, "path": body["path"], "line": body["line"], "message": body["message"],
        });
        let finding = self.node(origin, "Finding", Some(&record.seq.to_string()), seen);
        self.link(("Finding", "IN", "SkillVersion"), &finding, &version);
        let rule = self.node(origin, "Rule", Some(rule), json!({ "rule": rule }));
        self.link(("Finding", "BREAKS", "Rule"), &finding, &rule);
    }

    fn pushed(&mut self, origin: &Origin<'_>, body: &Value, event: &str) {
        self.link_commit(origin, &body["commit"], ("Event", "AT", "Commit"), event);
        let name = body["login"].as_str().or(body["name"].as_str());
        let Some(name) = name else { return };
        let actor = self.actor(origin, &format!("push:{name}"), "pusher", name, None);
        self.link_commit(origin, &body["commit"], ("Actor", "PUSHED", "Commit"), &actor);
    }

    fn version(&mut self, origin: &Origin<'_>, skill: &str, key: &str, properties: Value) -> String {
        let version = self.node(origin, "SkillVersion", Some(&format!("{skill}@{key}")), properties);
        let skill = self.node(origin, "Skill", Some(skill), json!({ "name": skill }));
        self.link(("SkillVersion", "VERSION_OF", "Skill"), &version, &skill);
        version
    }

    fn link_skill(&mut self, origin: &Origin<'_>, body: &Value, link: Link, from: &str) {
        if let Some(skill) = body["skill"].as_str() {
            let skill = self.node(origin, "Skill", Some(skill), json!({ "name": skill }));
            self.link(link, from, &skill);
        }
    }

    fn link_commit(&mut self, origin: &Origin<'_>, commit: &Value, link: Link, from: &str) {
        if let Some(commit) = commit.as_str() {
            let commit = self.node(origin, "Commit", Some(commit), json!({ "commit": commit }));
            self.link(link, from, &commit);
        }
    }

    /// What a forge or a commit says of a person is a claim.
    fn actor(
        &mut self,
        origin: &Origin<'_>,
        key: &str,
        kind: &str,
        name: &str,
        email: Option<&str>,
    ) -> String {
        let claimed = matches!(kind, "git" | "pusher");
        let mut properties = json!({ "name": name, "kind": kind, "claimed": claimed });
        if let Some(email) = email {
            properties["email"] = email.into();
        }
        self.node(origin, "Actor", Some(key), properties)
    }

    /// A node; what is said of it later is added to it.
    fn node(
        &mut self,
        origin: &Origin<'_>,
        label: &'static str,
        key: Option<&str>,
        properties: Value,
    ) -> String {
        let id = key.map_or_else(|| origin.chain.to_owned(), |key| format!("{}:{key}", origin.chain));
        let nodes = self.nodes.entry(label).or_default();
        let node = nodes.entry(id.clone()).or_insert_with(|| {
            let common = json!({ "id": id, "chain": origin.chain, "environment": origin.environment });
            into_map(common)
        });
        node.extend(into_map(properties).into_iter().filter(|(_, value)| !value.is_null()));
        id
    }

    fn link(&mut self, link: Link, from: &str, to: &str) {
        self.links.entry(link).or_default().insert((from.to_owned(), to.to_owned()));
    }
}

fn into_map(value: Value) -> Node {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// What an actor of the record is.
fn kind_of(actor: &str) -> &'static str {
    match actor {
        "skill-sync" => "controller",
        "volume" => "volume",
        "webhook" => "webhook",
        "on_applied" => "hook",
        "api" => "api",
        _ if actor.starts_with("cli:") => "cli",
        _ => "other",
    }
}

fn of_commit(body: &Value) -> String {
    format!("commit:{}", body["revision"].as_str().unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use reconciler::ids::{Digest, PassId, Timestamp};

    use super::*;

    fn record(seq: u64, kind: &str, body: &Value) -> AuditRecord {
        AuditRecord {
            seq,
            at: Timestamp::from_millis(1_700_000_000_000),
            pass: Some(PassId(3)),
            kind: kind.to_owned(),
            actor: "skill-sync".to_owned(),
            body: body.to_string(),
            prev_hash: Digest::of(b"1"),
            hash: Digest::of(b"2"),
        }
    }

    fn counts(rows: &Rows) -> (Vec<(&'static str, usize)>, usize) {
        let nodes = rows.nodes.iter().map(|(label, nodes)| (*label, nodes.len())).collect();
        (nodes, rows.links.values().map(HashSet::len).sum())
    }

    #[test]
    fn a_change_makes_a_version_of_a_skill_at_a_commit() {
        let (commit, digest) = ("c".repeat(40), "d".repeat(64));
        let files = json!([{ "path": "a/SKILL.md", "action": "add", "from": null, "to": "e".repeat(64) }]);
        let body = json!({ "skill": "a", "action": "add", "why": "new in git", "revision": commit,
                           "version": digest, "was": null, "files": files });
        let rows = Rows::of("chain", "prod", &[record(2, "changed", &body)]);
        let expected = [
            ("Actor", 1),
            ("Commit", 1),
            ("Environment", 1),
            ("Event", 1),
            ("Pass", 1),
            ("Skill", 1),
            ("SkillVersion", 1),
        ];
        assert_eq!(counts(&rows), (expected.to_vec(), 6));
        let version = &rows.nodes["SkillVersion"][&format!("chain:a@{digest}")];
        assert_eq!(
            (&version["digest"], &version["chain"], &version["environment"]),
            (&json!(digest), &json!("chain"), &json!("prod"))
        );
        assert!(rows.links.contains_key(&("Event", "ADDED", "SkillVersion")));
        let event = &rows.nodes["Event"]["chain:2"];
        assert_eq!((&event["paths"], &event["revision"]), (&json!(["a/SKILL.md"]), &json!(commit)));
    }

    #[test]
    fn the_same_records_again_make_the_same_graph() {
        let held = json!({ "skill": "b", "rule": "description-missing", "path": "b.md", "line": 1, "message": "m",
                           "serving": null, "revision": "c".repeat(40) });
        let people = json!({ "committer": { "name": "Ada", "email": "ada@example.org" },
                             "author": { "name": "Ada", "email": "ada@example.org" } });
        let pass = json!({ "outcome": "degraded", "trigger": "poll", "revision": "c".repeat(40), "commit": people,
                           "signer": { "name": "ada@example.org", "key": "SHA256:k" }, "error": null });
        let pushed = json!({ "commit": "c".repeat(40), "login": "ada", "name": "Ada", "delivery": "1" });
        let records = [record(2, "held", &held), record(3, "pass", &pass), record(4, "pushed", &pushed)];
        let once = Rows::of("chain", "prod", &records);
        let twice = Rows::of("chain", "prod", &[records.clone(), records].concat());
        assert_eq!(counts(&once), counts(&twice));
        assert_eq!(once.nodes["Pass"]["chain:3"]["outcome"], "degraded");
        assert_eq!(once.nodes["Actor"]["chain:push:ada"]["claimed"], true);
        assert_eq!(once.nodes["Actor"]["chain:key:SHA256:k"]["name"], "ada@example.org");
        assert_eq!(once.nodes["Actor"]["chain:skill-sync"]["claimed"], false);
        for link in
            [("Actor", "PUSHED", "Commit"), ("Actor", "COMMITTED", "Commit"), ("Finding", "BREAKS", "Rule")]
        {
            assert_eq!(once.links[&link].len(), 1, "{link:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_event_all_the_same() {
        let mut odd = record(2, "changed", &json!(null));
        odd.body = "{no json".to_owned();
        let rows = Rows::of("chain", "prod", &[odd]);
        assert_eq!(rows.nodes["Event"].len(), 1);
    }
}
