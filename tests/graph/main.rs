//! The projection of the audit in a real Neo4j: whatever happens to the server, to the network between or to
//! what is there, in the end the graph is what the records say, and no pass was the worse for it.
//!
//! One server for all stories, one story at a time. Without Java and Maven they are skipped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's way to fail, and to say what was skipped or measured"
)]

mod backlog;
mod expected;
mod faults;
mod fill;
mod forked;
mod network;
mod outages;
#[path = "../orders/place.rs"]
#[allow(dead_code, reason = "the stories of orders use more of it")]
mod place;
mod questions;
mod server;
mod verbs;
