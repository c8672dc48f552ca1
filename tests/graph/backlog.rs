//! A backlog of 100,000 records, and a server that is killed in the middle of it.

use std::time::Instant;

use crate::expected::{assert_projected, chain};
use crate::fill::{RECORDS, fill};
use crate::place::Place;
use crate::server::{Mode, server, until, variables};

#[test]
fn a_hundred_thousand_records_arrive_though_the_server_is_killed_among_them() {
    let Some(mut server) = server() else { return };
    let (place, commit) = Place::with(&["a"]);
    place.once(0);
    fill(&place, &commit);
    let total = RECORDS + 3;
    let chain = chain(&place);
    let there = |server: &crate::server::Server| {
        server.number("MATCH (e:Event {chain: $chain}) RETURN count(e) AS n", &[("chain", &chain)])
    };

    let uri = server.uri();
    let mut running = place.command(&["audit", "project"]).envs(variables(&uri)).spawn().unwrap();
    until("some of it is there", || there(&server) > 1_000);
    server.crash();
    assert!(!running.wait().unwrap().success(), "it was killed in the middle");
    server.start(Mode::Writable);
    let left = there(&server);
    assert!(left >= 1_000 && left < total && left % 500 == 0, "whole batches: {left}");

    let began = Instant::now();
    let sent = server.project(&place).json()["sent"].as_u64().unwrap();
    let rate = u128::from(sent) * 1_000 / began.elapsed().as_millis().max(1);
    println!("{sent} records in {:.1} s: {rate} a second", began.elapsed().as_secs_f64());
    assert_eq!(sent, total - left);
    assert_projected(&server, &place);
}
