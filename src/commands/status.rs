//! `status`: what is served, read from the record beside a service or without one.

use std::process::ExitCode;

use reconciler::record::Record;
use reconciler::status::{Status, StatusFacts};

use super::{Context, Done};
use crate::cli::Output;

/// Prints the status.
pub(crate) fn run(context: &Context, output: Output) -> Done {
    let record = context.record()?;
    let status = Status::read(&record, &facts(context, &record)?)?;
    context.print(output.format, &status)?;
    Ok(ExitCode::SUCCESS)
}

/// What the settings say is followed; what was applied last, where they do not say it.
fn facts(context: &Context, record: &Record) -> Result<StatusFacts, super::Failure> {
    let settings = &context.settings;
    let (repo, reference) = record.last_applied()?.map(|applied| (applied.repo, applied.reference)).unzip();
    Ok(StatusFacts {
        environment: settings.environment.clone(),
        repo: settings.repository.clone().or(repo).unwrap_or_default(),
        reference: settings.reference.clone().or(reference).unwrap_or_else(|| "HEAD".to_owned()),
        reconciling: None,
        next_pass_at: None,
    })
}
