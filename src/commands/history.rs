//! `history`: the passes, the newest first.

use std::process::ExitCode;

use reconciler::ids::PassId;

use super::{Context, Done, Failure};
use crate::cli::History;

/// Prints a page of the history.
pub(crate) fn run(context: &Context, history: &History) -> Done {
    let page = history.page;
    let rows = context.record()?.passes(page.limit(), page.before.map(PassId)).map_err(Failure::record)?;
    context.print(history.output.format, rows.as_slice())?;
    Ok(ExitCode::SUCCESS)
}
