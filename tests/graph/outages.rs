//! A service, and a server that comes and goes: no pass waits, every record arrives.

use serde_json::Value;

use crate::expected::assert_projected;
use crate::place::Place;
use crate::server::{Mode, server, until, variables};

fn neo4j(place: &Place) -> Value {
    place.ends(&["status", "-o", "json"], 0).json()["audit"]["neo4j"].clone()
}

fn pass(place: &Place, text: &str) {
    place.write("a", text);
    place.commit();
    place.ends(&["reconcile", "--wait"], 0);
}

fn until_ok(place: &Place) {
    until("Neo4j has every record", || neo4j(place)["state"] == "ok");
}

fn until_behind(place: &Place) {
    until("Neo4j is behind", || neo4j(place)["behind"].as_u64().is_some_and(|behind| behind > 0));
}

#[test]
fn a_server_that_is_away_killed_stopped_or_wiped_costs_no_pass_and_no_record() {
    let Some(mut server) = server() else { return };
    let (place, _) = Place::with(&["a", "b"]);
    let uri = server.uri();
    server.crash();
    let service = place.serve(&variables(&uri));
    until_behind(&place);
    assert!(neo4j(&place)["since"].is_string() && neo4j(&place)["error"].is_string(), "{}", neo4j(&place));
    let metrics = http_get(&service.address(), "/metrics");
    assert!(!metrics.contains("\nskill_sync_neo4j_behind 0\n"), "{metrics}");

    server.start(Mode::Writable);
    until_ok(&place);
    assert_projected(&server, &place);
    assert!(http_get(&service.address(), "/metrics").contains("\nskill_sync_neo4j_behind 0\n"));

    server.crash();
    pass(&place, "while it is dead");
    until_behind(&place);
    server.start(Mode::Writable);
    until_ok(&place);
    assert_projected(&server, &place);

    server.freeze();
    pass(&place, "while it is stopped");
    until_behind(&place);
    server.proceed();
    until_ok(&place);
    assert_projected(&server, &place);

    server.stop();
    server.start(Mode::Writable);
    pass(&place, "after a restart");
    until_ok(&place);

    server.wipe();
    pass(&place, "after it was wiped");
    until_ok(&place);
    assert_projected(&server, &place);

    let log = service.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<String> = lines
        .filter_map(|line| {
            Some((line["message"].as_str()?.to_owned(), line["state"].as_str().map(str::to_owned)))
        })
        .filter(|(message, _)| message.starts_with("Neo4j"))
        .map(|(message, state)| state.unwrap_or(message))
        .collect();
    assert!(told.iter().filter(|state| *state == "away").count() >= 2, "{told:?}");
    assert!(told.windows(2).all(|two| two[0] != two[1]), "the same was told twice: {told:?}");
    assert!(log.contains("the audit ends at"), "no anchor in the log");
}

fn http_get(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
