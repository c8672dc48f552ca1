//! A forge that says everything at once: 10,000 signed deliveries over 64 connections to the real service.
//! How long an answer takes, whether one is lost, how many passes they bring, and what memory it takes.
//!
//! `cargo bench --bench webhooks`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that fails must say so")]
#![allow(clippy::print_stdout, reason = "its figures are what a bench is for")]

#[path = "world/origin.rs"]
mod origin;
#[path = "world/service.rs"]
mod service;

use std::io::BufReader;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use origin::Origin;
use service::{Service, deliver, delivery};

const DELIVERIES: usize = 10_000;
const CONNECTIONS: usize = 64;
const SKILLS: usize = 1_000;

fn main() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let repository = scratch.path().join("origin.git");
    let origin = Origin::create(&repository, SKILLS);
    let service = Service::start(scratch.path(), &repository);
    service.until("the first revision", || service.get("/readyz").starts_with("HTTP/1.1 200"));
    let (passes, before) = (service.metric("skill_sync_passes_total"), service.memory("VmRSS"));
    origin.change(0);

    let began = Instant::now();
    let mut times = deliver_all(&service, &repository);
    let took = began.elapsed();
    times.sort();
    let at = |share: usize| times[times.len() * share / 1000 - 1].as_secs_f64() * 1e3;
    let brought = service.settled() - passes;
    let accepted = service.metric("skill_sync_webhooks_total{result=\"accepted\"}");
    println!("{DELIVERIES} signed deliveries over {CONNECTIONS} connections in {:.2} s", took.as_secs_f64());
    println!("answered        {} with 202; counted as accepted: {accepted}", times.len());
    println!("answer in ms    p50 {:.2}  p99 {:.2}  p99.9 {:.2}", at(500), at(990), at(999));
    println!("passes          {brought}");
    println!(
        "memory in KiB   before {before}, after {}, most {}",
        service.memory("VmRSS"),
        service.memory("VmHWM")
    );
    assert_eq!((times.len(), accepted), (DELIVERIES, DELIVERIES), "a delivery was lost");
}

/// Sends all deliveries; how long each took from the first byte sent to the answer.
fn deliver_all(service: &Service, repository: &Path) -> Vec<Duration> {
    let next = AtomicUsize::new(0);
    let connection = || {
        let mut stream = TcpStream::connect(service.address).expect("a connection");
        let mut reader = BufReader::new(stream.try_clone().expect("its other half"));
        let mut times = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= DELIVERIES {
                return times;
            }
            let request = delivery(repository, &format!("delivery-{number}"));
            times.push(deliver(&mut stream, &mut reader, &request));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a connection's thread")).collect()
    })
}
