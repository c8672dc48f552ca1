//! `diff`: what a pass would change. Where a service runs it is asked, since it holds the locks.

use std::process::ExitCode;

use anyhow::anyhow;
use hyper::Method;
use reconciler::cancel::Cancel;
use reconciler::report::Diff;

use super::{Context, Done, Failure, USAGE, service};
use crate::cli::Output;
use crate::control::AskError;

/// Prints the difference; exits 1 where something would change, and 2 where that cannot be told or waits
/// for `confirm`.
pub(crate) fn run(context: &Context, output: Output) -> Done {
    let diff = diff(context).map_err(|failure| failure.code(USAGE))?;
    context.print(output.format, &diff)?;
    match diff.guard {
        Some(guard) => Err(Failure::new(USAGE, anyhow!("a pass would be guarded: {guard}"))),
        None => Ok(ExitCode::from(u8::from(!diff.changes.is_empty()))),
    }
}

fn diff(context: &Context) -> Result<Diff, Failure> {
    match service::ask(context, Method::GET, "/diff", service::patience_for_a_pass(context))? {
        Err(AskError::NotRunning { .. }) => look(context),
        answer => service::read(answer?),
    }
}

/// Looks with an engine of our own. It makes the target to lock it, so one that was not there goes
/// again: a look leaves nothing on the target.
fn look(context: &Context) -> Result<Diff, Failure> {
    let target = &context.settings.target;
    let was_there = target.symlink_metadata().is_ok();
    let mut engine = context.engine()?;
    let progress = context.progress();
    let diff = engine.diff(&Cancel::new(), &mut |seen| progress.update(seen));
    drop(engine);
    if !was_there {
        // Only an empty directory goes; one that somebody has filled meanwhile is theirs.
        let _ = std::fs::remove_dir(target);
    }
    Ok(diff?)
}
