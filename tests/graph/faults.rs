//! What is wrong from the start is told, each in its own words, with what to do and without a secret.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::expected::{assert_projected, chain};
use crate::place::{Ended, Place};
use crate::server::{Mode, run_at, server, variables};

fn place() -> Place {
    let (place, _) = Place::with(&["a", "b"]);
    place.once(0);
    place
}

fn says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, code, "{ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "`{word}` is not in: {}", ended.stderr);
    }
}

/// Answers each connection with these bytes, and nothing more.
fn answers(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("bolt://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 20]);
            let _ = stream.write_all(bytes);
        }
    });
    uri
}

#[test]
fn the_first_connect_makes_the_graph_and_the_second_finds_it_made() {
    let Some(server) = server() else { return };
    let place = place();
    let first = server.project(&place).json();
    let records = first["records"].as_u64().unwrap();
    assert_eq!(first["sent"], records);
    assert_projected(&server, &place);
    let again = server.project(&place).json();
    assert_eq!((again["records"].as_u64(), again["sent"].as_u64()), (Some(records), Some(0)));
    let version = "MATCH (n:SkillSync {id: 'schema'}) RETURN n.version AS n";
    assert_eq!(server.number(version, &[]), 1);
}

#[test]
fn what_is_set_wrong_is_named_with_what_to_do() {
    let Some(server) = server() else { return };
    let place = place();
    let project = ["audit", "project"];
    let with = |name, value| {
        let mut all = variables(Box::leak(server.uri().into_boxed_str())).to_vec();
        all.retain(|(known, _)| *known != name);
        all.push((name, value));
        place.run_with(&project, &all)
    };
    let wrong = with("NEO4J_PASSWORD", "hunter2-hunter2");
    says(&wrong, 5, &["does not let us in", "NEO4J_USER and NEO4J_PASSWORD"]);
    assert!(!wrong.stderr.contains("hunter2"), "{wrong:?}");
    says(&with("NEO4J_DATABASE", "nosuch"), 5, &["has no database `nosuch`", "NEO4J_DATABASE"]);
    says(&with("NEO4J_URI", "http://127.0.0.1:7474"), 2, &["NEO4J_URI", "a URI such as"]);
    says(&place.run(&project), 2, &["NEO4J_URI is not set"]);
    let nobody = format!("bolt://127.0.0.1:{}", crate::server::free_port());
    says(&run_at(&place, &project, &nobody), 1, &["cannot be reached", "check NEO4J_URI"]);
    let web = answers(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    says(&run_at(&place, &project, &web), 5, &["is no Neo4j", "Bolt port"]);
    let old = answers(&[0, 0, 0, 0]);
    says(&run_at(&place, &project, &old), 5, &["is too old", "4.4 or later"]);
    let status = server.run(&place, &["status", "-o", "json"]).json();
    assert_eq!(status["audit"]["neo4j"]["state"], "behind");
    assert!(status["audit"]["neo4j"]["error"].as_str().unwrap().contains("is too old"), "{status}");
    server.project(&place);
    assert_projected(&server, &place);
}

#[test]
fn a_server_that_takes_no_writes_says_so_and_is_filled_when_it_does() {
    let Some(mut server) = server() else { return };
    let place = place();
    server.start(Mode::ReadOnly);
    says(&server.run(&place, &["audit", "project"]), 5, &["is read-only", "make it writable"]);
    server.start(Mode::Writable);
    server.project(&place);
    assert_projected(&server, &place);
}

#[test]
fn an_index_in_the_way_of_a_constraint_is_named_and_left_to_its_owner() {
    let Some(server) = server() else { return };
    let place = place();
    server.project(&place);
    server.by_hand("DROP CONSTRAINT skill_sync_rule_id", &[]);
    server.by_hand("CREATE INDEX somebodys FOR (n:Rule) ON (n.id)", &[]);
    says(&server.run(&place, &["audit", "project"]), 5, &["ids of Rule must be unique", "drop it"]);
    assert_eq!(
        server.number("SHOW INDEXES YIELD name WHERE name = 'somebodys' RETURN count(*) AS n", &[]),
        1
    );
    server.by_hand("DROP INDEX somebodys", &[]);
    server.by_hand("CREATE CONSTRAINT skill_sync_rule_id FOR (n:Other) REQUIRE n.id IS UNIQUE", &[]);
    says(&server.run(&place, &["audit", "project"]), 5, &["`skill_sync_rule_id` is taken"]);
    server.by_hand("DROP CONSTRAINT skill_sync_rule_id", &[]);
    server.by_hand("CREATE CONSTRAINT of_another_name FOR (n:Rule) REQUIRE n.id IS UNIQUE", &[]);
    server.project(&place);
    assert_projected(&server, &place);
    server.by_hand("DROP CONSTRAINT of_another_name", &[]);
    server.project(&place);
    let ours = "SHOW CONSTRAINTS YIELD name WHERE name = 'skill_sync_rule_id' RETURN count(*) AS n";
    assert_eq!(server.number(ours, &[]), 1);
}

#[test]
fn a_graph_of_a_newer_version_is_left_alone() {
    let Some(server) = server() else { return };
    let place = place();
    server.project(&place);
    server.by_hand("MATCH (n:SkillSync) SET n.version = 9", &[]);
    place.write("a", "two");
    place.commit();
    place.once(0);
    let refused = server.run(&place, &["audit", "project"]);
    server.by_hand("MATCH (n:SkillSync) SET n.version = 1", &[]);
    says(&refused, 5, &["schema version 9", "knows 1", "run the newer one"]);
    server.project(&place);
    assert_projected(&server, &place);
}

#[test]
fn environments_share_a_database_and_never_meet() {
    let Some(server) = server() else { return };
    let (one, two) = (place(), place());
    server.project(&one);
    let before =
        server.ask("MATCH (n {chain: $chain}) RETURN count(n) AS n", &[("chain", &chain(&one))], &["n"]);
    server.project(&two);
    let across = "MATCH (a)-[r]-(b) WHERE a.chain <> b.chain RETURN count(r) AS n";
    assert_eq!(server.number(across, &[]), 0);
    let after =
        server.ask("MATCH (n {chain: $chain}) RETURN count(n) AS n", &[("chain", &chain(&one))], &["n"]);
    assert_eq!(before, after);
    assert_projected(&server, &one);
    assert_projected(&server, &two);
}
