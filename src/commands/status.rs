//! `status`: what is served, read from the record beside a service or without one.

use std::process::ExitCode;

use reconciler::record::Record;
use reconciler::source::Reference;
use reconciler::status::{Status, StatusFacts};

use super::{Context, Done, Failure};
use crate::cli::Output;

/// Prints the status.
pub(crate) fn run(context: &Context, output: Output) -> Done {
    let record = context.record()?;
    let status = Status::read(&record, &facts(context, &record)?).map_err(Failure::record)?;
    context.print(output.format, &status)?;
    Ok(ExitCode::SUCCESS)
}

/// What the settings say is followed; what was applied last, where they do not say it.
fn facts(context: &Context, record: &Record) -> Result<StatusFacts, Failure> {
    let settings = &context.settings;
    let named = Some(&settings.reference).filter(|named| **named != Reference::Head).map(ToString::to_string);
    let (repo, reference) = record
        .last_applied()
        .map_err(Failure::record)?
        .map(|applied| (applied.repo, applied.reference))
        .unzip();
    Ok(StatusFacts {
        environment: settings.environment.clone(),
        repo: settings.repository.as_ref().map(ToString::to_string).or(repo).unwrap_or_default(),
        reference: named.or(reference).unwrap_or_else(|| Reference::Head.to_string()),
        reconciling: None,
        next_pass_at: None,
    })
}
