//! What operators order, as a process: confirm, suspend, rollback, resume, and what drifted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's way to fail, and to say what it skipped"
)]

mod adopt;
mod at_once;
mod confirm;
mod drift;
mod look;
mod mount;
mod place;
mod rollback;
mod state;
mod suspend;
mod volume;
mod window;
