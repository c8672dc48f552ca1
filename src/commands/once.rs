//! `once`: one pass and its report.

use std::process::ExitCode;

use reconciler::cancel::Cancel;
use reconciler::trigger::Trigger;

use super::{Context, Done, orders};
use crate::cli::{Force, Output, Said};

/// Runs one pass; exits as it ended.
pub(crate) fn run(context: &Context, force: Force, output: Output) -> Done {
    let mut engine = context.engine()?;
    if force.force {
        let Force { force, reason } = force;
        orders::give(&mut engine, &orders::Command::Reconcile, Said { force, reason })?;
    }
    let progress = context.progress();
    let report = engine.pass(Trigger::Manual, &Cancel::new(), &mut |reached| progress.follow(reached));
    drop(progress);
    context.print(output.format, &report)?;
    Ok(ExitCode::from(report.outcome.exit_code()))
}
