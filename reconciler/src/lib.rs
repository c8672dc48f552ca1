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

pub mod apply;
pub mod cancel;
pub mod desired;
pub mod drift;
pub mod finding;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod guard;
pub mod ids;
pub mod observed;
pub mod options;
pub mod orders;
pub mod path;
pub mod plan;
pub mod policy;
pub mod rebuild;
pub mod reconcile;
pub mod record;
pub mod report;
pub mod scan;
pub mod skill;
pub mod source;
pub mod status;
pub mod target;
pub mod tree;
pub mod trigger;
pub mod verdict;
mod volume;
pub mod window;
