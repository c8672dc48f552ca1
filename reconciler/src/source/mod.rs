//! The source: a commit of a repository, fetched into a bare mirror of ours.

pub mod mirror;

/// Where the skills come from.
#[derive(Debug, Clone)]
pub struct Source;
