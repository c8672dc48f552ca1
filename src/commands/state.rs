//! `state rebuild`: a broken database or mirror is set aside and made again.

use std::process::ExitCode;

use reconciler::cancel::Cancel;
use reconciler::rebuild;

use super::{Context, Done, Failure};
use crate::cli::Output;

/// Rebuilds what is broken, with the locks of the target: a service that runs must be stopped first.
pub(crate) fn rebuild(context: &Context, output: Output) -> Done {
    let options = context.options()?;
    let progress = context.progress();
    let done = rebuild::rebuild(&options, &super::orders::actor(), &Cancel::new(), &mut |seen| {
        progress.update(seen);
    });
    drop(progress);
    let done = done.map_err(|error| Failure::new(error.remedy().outcome().exit_code(), error))?;
    context.print(output.format, &done)?;
    Ok(ExitCode::SUCCESS)
}
