//! A soak: commits, edits of the volume, kills, storms of webhooks, suspensions and rollbacks, in an order
//! that only a seed knows, against a model of what must be true. After every step the volume equals the
//! model; in the end the audit verifies, every overwritten byte is kept, and neither memory nor descriptors
//! have grown.
//!
//! `SKILL_SYNC_SOAK` is its length in seconds (10 without it; `.ci/run --long` takes ten minutes, an hour is
//! for a night), `SKILL_SYNC_SOAK_SEED` the seed of a run that is to be seen again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's way to fail, and to say what it did"
)]

mod model;
mod place;
mod random;
mod service;
mod steps;
mod storm;

use std::time::{Duration, Instant};

use steps::Soak;

/// How long it takes where nobody says.
const SHORT: Duration = Duration::from_secs(10);

/// From this length on a storm has as many deliveries as the largest that was ever asked for.
const LONG: Duration = Duration::from_secs(300);

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

#[test]
fn the_volume_equals_the_model_whatever_happens() {
    let length = number("SKILL_SYNC_SOAK").map_or(SHORT, Duration::from_secs);
    let clock = || u64::from(std::process::id()) ^ reconciler::ids::Timestamp::now().millis();
    let seed = number("SKILL_SYNC_SOAK_SEED").unwrap_or_else(clock);
    println!("SKILL_SYNC_SOAK_SEED={seed} SKILL_SYNC_SOAK={}", length.as_secs());
    let deliveries = if length >= LONG { 10_000 } else { 500 };
    let mut soak = Soak::new(seed, deliveries);
    let end = Instant::now() + length;
    while Instant::now() < end {
        soak.step();
    }
    soak.end();
    println!("{}", soak.tally());
}
