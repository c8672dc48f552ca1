//! `diff`: what a pass would change. Where a service runs it is asked, since it holds the locks.

use std::process::ExitCode;

use anyhow::anyhow;
use hyper::Method;
use reconciler::cancel::Cancel;
use reconciler::reconcile::Looker;
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

/// Looks with an engine of our own, which makes neither target nor state directory.
fn look(context: &Context) -> Result<Diff, Failure> {
    let mut looker = Looker::open(context.options()?, &context.temporary, &Cancel::new())
        .map_err(|error| Failure::new(error.remedy().outcome().exit_code(), error))?;
    let progress = context.progress();
    Ok(looker.diff(&Cancel::new(), &mut |seen| progress.update(seen))?)
}
