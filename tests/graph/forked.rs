//! What is there is behind, has holes, or is another chain.

use crate::expected::{assert_projected, chain};
use crate::place::Place;
use crate::server::{Server, server, until, variables};

fn place() -> Place {
    let (place, _) = Place::with(&["a", "b"]);
    place.once(0);
    change(&place, "two");
    place
}

fn change(place: &Place, text: &str) {
    place.write("a", text);
    place.commit();
    place.once(0);
}

fn by_hand(server: &Server, place: &Place, cypher: &str) {
    server.by_hand(cypher, &[("chain", &chain(place))]);
}

#[test]
fn a_server_restored_from_a_backup_or_wiped_is_filled_from_where_it_stands() {
    let Some(mut server) = server() else { return };
    let place = place();
    server.project(&place);
    by_hand(&server, &place, "MATCH (e:Event {chain: $chain}) WHERE e.seq > 3 DETACH DELETE e");
    let sent = server.project(&place).json();
    assert_eq!(sent["sent"].as_u64().unwrap(), sent["records"].as_u64().unwrap() - 3, "from there on");
    assert_projected(&server, &place);
    by_hand(&server, &place, "MATCH (e:Event {chain: $chain}) WHERE e.seq IN [1, 2, 4] DETACH DELETE e");
    server.project(&place);
    assert_projected(&server, &place);
    server.wipe();
    server.project(&place);
    assert_projected(&server, &place);
}

#[test]
fn what_is_ahead_or_differs_is_evidence_until_an_operator_gives_it_up() {
    let Some(server) = server() else { return };
    let place = place();
    let backup = place.path("backup.db");
    let database = place.state().join("state.db");
    std::fs::copy(&database, &backup).unwrap();
    change(&place, "three");
    server.project(&place);
    // Somebody restores the state directory: what the server has is the future.
    std::fs::copy(&backup, &database).unwrap();
    let forked = |what: &str| {
        let ended = server.run(&place, &["audit", "project"]);
        assert_eq!(ended.code, 5, "{what}: {ended:?}");
        assert!(ended.stderr.contains("Nothing there is overwritten"), "{ended:?}");
        let status = server.run(&place, &["status", "-o", "json"]).json();
        let conditions = status["conditions"].as_array().unwrap();
        let one = conditions.iter().find(|condition| condition["type"] == "AuditForked").unwrap().clone();
        assert_eq!((&one["status"], &one["reason"]), (&"True".into(), &"Forked".into()), "{what}");
        let verified = server.run(&place, &["audit", "verify", "--neo4j"]);
        assert_eq!(verified.code, 1, "{verified:?}");
        verified.stdout
    };
    assert!(forked("ahead").contains("is there and not in this record"));
    // It goes on by itself, and becomes another chain. The volume is newer: that waits for a word.
    place.once(4);
    let head = server.ask(
        "MATCH (e:Event {chain: $chain}) RETURN e.hash AS n ORDER BY e.seq DESC LIMIT 1",
        &[("chain", &chain(&place))],
        &["n"],
    );
    forked("differs");
    let hash = head[0][0].as_str().unwrap();
    let rebuilt = server.run(&place, &["audit", "project", "--rebuild", "-o", "json"]);
    assert_eq!(rebuilt.code, 0, "{rebuilt:?}");
    let order = place.audit("reprojected");
    assert_eq!((&order["actor"], &order["body"]["hash"]), (&Place::actor().into(), &hash.into()));
    assert_projected(&server, &place);
    let status = server.run(&place, &["status", "-o", "json"]).json();
    assert_eq!(status["audit"]["neo4j"]["state"], "ok");
}

#[test]
fn a_running_service_makes_the_projection_again_once_it_is_told_to() {
    let Some(server) = server() else { return };
    let place = place();
    server.project(&place);
    by_hand(
        &server,
        &place,
        "MATCH (e:Event {chain: $chain, seq: 1}) CREATE (:Event {id: 'x', chain: $chain, seq: 99, hash: e.hash})",
    );
    let uri = server.uri();
    let _service = place.serve(&variables(&uri));
    let status = || place.ends(&["status", "-o", "json"], 0).json();
    let forked = || {
        let status = status();
        let mut conditions = status["conditions"].as_array().unwrap().iter();
        conditions.any(|condition| condition["type"] == "AuditForked" && condition["status"] == "True")
    };
    until("the service tells of the fork", forked);

    let told = server.run(&place, &["audit", "project", "--rebuild"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.stdout.starts_with("ordered: the running service"), "{told:?}");
    until("the service made it again", || status()["audit"]["neo4j"]["state"] == "ok" && !forked());
    let order = place.audit("reprojected");
    assert_eq!(order["actor"], Place::actor());
    assert_projected(&server, &place);
}

#[test]
fn every_change_by_hand_is_found_and_named() {
    let Some(server) = server() else { return };
    let place = place();
    server.project(&place);
    let differs = |what: &str| {
        let ended = server.run(&place, &["audit", "verify", "--neo4j"]);
        assert_eq!(ended.code, 1, "{what}: {ended:?}");
        assert!(ended.stdout.starts_with("whole: "), "the chain is whole: {ended:?}");
        assert!(ended.stdout.contains(what), "`{what}` is not in: {}", ended.stdout);
    };
    by_hand(&server, &place, "MATCH (e:Event {chain: $chain, seq: 2}) SET e.body = '{}'");
    differs("record 2 has another body there");
    by_hand(&server, &place, "MATCH (e:Event {chain: $chain, seq: 3}) DETACH DELETE e");
    differs("record 3 is missing there");
    by_hand(
        &server,
        &place,
        "MATCH (e:Event {chain: $chain, seq: 1}) CREATE (:Event {id: 'x', chain: $chain, seq: 99})",
    );
    differs("record 99 is there and not in this record");
    by_hand(&server, &place, "MATCH (n:Skill {chain: $chain, name: 'b'}) DETACH DELETE n");
    differs("Skill: 1 there, and the records make 2");
}

#[test]
fn the_projection_follows_what_the_record_lets_go_of() {
    let Some(server) = server() else { return };
    let place = place();
    server.project(&place);
    let mut number = 0;
    until("a checkpoint", || {
        number += 1;
        place.write("a", &format!("more {number}"));
        place.commit();
        place.run_with(&["once"], &[("AUDIT_KEEP", "1s")]);
        place.ends(&["audit", "export"], 0).stdout.contains("\"kind\":\"checkpoint\"")
    });
    place.ends(&["audit", "verify"], 0);
    server.project(&place);
    let first = crate::expected::records(&place)[0]["seq"].as_u64().unwrap();
    assert!(first > 1);
    let there =
        server.number("MATCH (e:Event {chain: $chain}) RETURN min(e.seq) AS n", &[("chain", &chain(&place))]);
    assert_eq!(there, first);
    let verified = server.run(&place, &["audit", "verify", "--neo4j"]);
    assert_eq!(verified.code, 0, "{verified:?}");
}
