//! Fetching, against real repositories, a real git server and hostile ones, in real child processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows the tests, but not what they are made of"
)]

mod app;
mod bombs;
mod hostile;
mod http;
mod killed;
mod probe;
mod references;
mod route;
mod ssh;
mod tidy;
mod way;
mod world;
