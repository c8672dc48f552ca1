//! The verdict: what may enter.

pub mod cache;
