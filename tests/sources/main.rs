//! Where skills come from, as the process that people run: who signed them, secrets that are rotated under
//! a service, and configurations that are not ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's way to fail, and to say that it was skipped"
)]

mod place;
mod reached;
mod signed;
