//! `once`: one pass and its report.

use std::process::ExitCode;

use reconciler::cancel::Cancel;
use reconciler::trigger::Trigger;

use super::{Context, Done};
use crate::cli::Output;

/// Runs one pass; exits as it ended.
pub(crate) fn run(context: &Context, output: Output) -> Done {
    let mut engine = context.engine()?;
    let progress = context.progress();
    let report = engine.pass(Trigger::Manual, &Cancel::new(), &mut |seen| progress.update(seen));
    drop(progress);
    context.print(output.format, &report)?;
    Ok(ExitCode::from(report.outcome.exit_code()))
}
