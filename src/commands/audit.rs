//! `audit list` and `audit verify`: the record that nobody can edit unseen.

use std::process::ExitCode;

use reconciler::record::Verified;

use super::{Context, Done, Failure, USAGE};
use crate::cli::{Audit, Output, Page};

/// Runs one of the two.
pub(crate) fn run(context: &Context, audit: &Audit) -> Done {
    match audit {
        Audit::List { page, output } => list(context, *page, *output),
        Audit::Verify(output) => verify(context, *output),
    }
}

fn list(context: &Context, page: Page, output: Output) -> Done {
    let records = context.record()?.audit(page.limit(), page.before).map_err(Failure::record)?;
    context.print(output.format, records.as_slice())?;
    Ok(ExitCode::SUCCESS)
}

/// Exits 1 only for a chain that is broken: that it could not be read is another thing.
fn verify(context: &Context, output: Output) -> Done {
    let cannot_tell = |failure: Failure| failure.code(USAGE);
    let record = context.record().map_err(cannot_tell)?;
    let verified = record.verify().map_err(|error| cannot_tell(Failure::record(error)))?;
    context.print(output.format, &verified)?;
    Ok(match verified {
        Verified::Whole { .. } => ExitCode::SUCCESS,
        Verified::Broken { .. } => ExitCode::from(1),
    })
}
