//! What the projection costs: records a second into a real Neo4j, and what the projector beside the service
//! adds to a pass and to the memory of the process.
//!
//! `cargo bench --bench graph`; it needs what scripts/neo4j needs (Java 17 and Maven).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that fails must say so")]
#![allow(clippy::print_stdout, reason = "its figures are what a bench is for")]

use std::time::Instant;

#[path = "../tests/graph/fill.rs"]
#[allow(dead_code, reason = "the stories of the graph use more of it")]
mod fill;
#[path = "../tests/orders/place.rs"]
#[allow(dead_code, reason = "the stories of orders use more of it")]
mod place;
#[path = "../tests/graph/server.rs"]
#[allow(dead_code, reason = "the stories of the graph use more of it")]
mod server;

use place::Place;
use server::{until, variables};

/// How many passes that change something are timed.
const PASSES: usize = 50;

fn main() {
    let Some(server) = server::server() else { return };
    let (place, commit) = Place::with(&["a"]);
    place.once(0);
    fill::fill(&place, &commit);
    let began = Instant::now();
    let sent = server.project(&place).json()["sent"].as_u64().expect("a number");
    let took = began.elapsed().as_secs_f64();
    println!("backlog: {sent} records in {took:.1} s, {:.0} a second", sent as f64 / took);

    let without = service(&[]);
    let uri = server.uri();
    let with = service(&variables(&uri));
    println!("{:<22}{:>14}{:>14}", "", "pass, ms", "RSS, KiB");
    for (name, (pass, memory)) in [("without Neo4j", without), ("with the projector", with)] {
        println!("{name:<22}{pass:>14.1}{memory:>14}");
    }
}

/// The median of passes that change a skill, by their own report, and the memory after them.
fn service(variables: &[(&str, &str)]) -> (f64, u64) {
    let (place, _) = Place::with(&["a"]);
    let service = place.serve(variables);
    let pass = |number: usize| {
        place.write("a", &format!("text {number}"));
        place.commit();
        let report = place.ends(&["reconcile", "--wait", "-o", "json"], 0).json();
        report["duration_ms"].as_f64().expect("a number")
    };
    let mut times: Vec<f64> = (0..PASSES).map(pass).collect();
    times.sort_by(f64::total_cmp);
    if !variables.is_empty() {
        let neo4j = || place.ends(&["status", "-o", "json"], 0).json()["audit"]["neo4j"]["state"].clone();
        until("Neo4j has every record", || neo4j() == "ok");
    }
    (times[PASSES / 2], service.memory())
}
