//! What a Rust predicate says of a document.

use std::ops::Range;

/// A place that a predicate points at, and what it saw there where the place does not say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) span: Range<usize>,
    pub(super) seen: Option<String>,
}
