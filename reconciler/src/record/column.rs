//! Reading our own types out of columns.

use rusqlite::Row;
use serde::de::DeserializeOwned;

use super::error::Fault;
use crate::ids::{CommitId, PassId, Timestamp};

/// A number that is never negative.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, Fault> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

/// The number of a pass.
pub(super) fn pass(row: &Row<'_>, column: usize) -> Result<PassId, Fault> {
    unsigned(row, column).map(PassId)
}

/// A moment.
pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, Fault> {
    unsigned(row, column).map(Timestamp::from_millis)
}

/// A commit, where there is one.
pub(super) fn commit(row: &Row<'_>, column: usize) -> Result<Option<CommitId>, Fault> {
    Ok(row.get_ref(column)?.as_str_or_null()?.map(str::parse).transpose()?)
}

/// A variant of one of our enums, by the word that JSON has for it.
pub(super) fn word<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, Fault> {
    let word = row.get_ref(column)?.as_str()?;
    serde_json::from_value(word.into()).map_err(|error| Fault::Odd(error.to_string()))
}
