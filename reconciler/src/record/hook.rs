//! What became of the operator's programs that are told of passes: that one failed is on record.

use serde::Serialize;

use super::audit::{Appender, Kind, ON_APPLIED};
use super::{Record, RecordError};
use crate::ids::{PassId, Timestamp};

/// A program of the operator's that was to be told of a pass and failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookFailure {
    /// The pass.
    #[serde(skip)]
    pub pass: PassId,
    /// How it failed, in our words: what the program itself said may hold anything, and a record stays.
    pub error: String,
}

impl Record {
    /// Stores durably that `ON_APPLIED` failed. What the pass applied stays as it is.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn note_hook_failure(&mut self, failure: &HookFailure, at: Timestamp) -> Result<(), RecordError> {
        self.write(|tx| {
            let mut audit = Appender::new(tx, at, Some(failure.pass))?;
            audit.append_by(ON_APPLIED, Kind::HookFailed, failure)
        })
    }
}
