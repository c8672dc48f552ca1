//! The engine of skill-sync: one pass that makes a directory equal to a git commit.
//!
//! ```text
//! trigger ─▶ source ─▶ desired ─▶ verdict ─▶ plan ─▶ apply ─▶ record
//! why now    fetch     what git   may it     what to  do it    what
//!            a commit  says       enter?     change            happened
//!                        observed ───────────▲  (what the volume holds)
//! ```
//!
//! Synchronous; it never prints and never reads the environment. [`reconcile`] is the map: one pass
//! on one screen.

pub mod cancel;
pub mod finding;
pub mod ids;
pub mod observed;
pub mod options;
pub mod path;
pub mod plan;
pub mod report;
pub mod scan;
pub mod source;
pub mod tree;
pub mod trigger;
