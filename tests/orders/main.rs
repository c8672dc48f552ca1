//! What operators order, as a process: confirm, suspend, rollback, resume, and what drifted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's way to fail")]

mod confirm;
mod drift;
mod place;
mod rollback;
mod state;
mod suspend;
