//! `diff`: what a pass would change.

use std::process::ExitCode;

use reconciler::cancel::Cancel;

use super::{Context, Done, Failure, USAGE};
use crate::cli::Output;

/// Prints the difference; exits 1 where something would change, and 2 where that cannot be told.
pub(crate) fn run(context: &Context, output: Output) -> Done {
    let mut engine = context.engine().map_err(|failure| failure.code(USAGE))?;
    let progress = context.progress();
    let diff = engine.diff(&Cancel::new(), &mut |seen| progress.update(seen));
    drop(progress);
    let diff = diff.map_err(|error| Failure::new(USAGE, error))?;
    context.print(output.format, &diff)?;
    Ok(ExitCode::from(u8::from(!diff.changes.is_empty())))
}
