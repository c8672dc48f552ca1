//! `status`: what is served. A service that runs knows the most of it; without one, or where it does
//! not answer, the record is read.

use std::process::ExitCode;
use std::time::Duration;

use hyper::{Method, StatusCode};
use reconciler::record::Record;
use reconciler::source::Reference;
use reconciler::status::{Status, StatusFacts};

use super::{Context, Done, Failure, service};
use crate::cli::Output;
use crate::graph::Projection;

/// How long the service may take: what is asked for is at hand.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints the status.
pub(crate) fn run(context: &Context, output: Output) -> Done {
    let status = match service::ask(context, Method::GET, "/status", PATIENCE)? {
        Ok(answer) if answer.status == StatusCode::OK => service::read(answer)?,
        _ => recorded(context)?,
    };
    context.print(output.format, &status)?;
    Ok(ExitCode::SUCCESS)
}

fn recorded(context: &Context) -> Result<Status, Failure> {
    let record = context.record()?;
    Status::read(&record, &facts(context, &record)?).map_err(Failure::record)
}

/// What the settings say is followed; what was applied last, where they do not say it.
fn facts(context: &Context, record: &Record) -> Result<StatusFacts, Failure> {
    let (settings, state) = (&context.settings, context.state()?);
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
        failing: None,
        projection: settings.neo4j.as_ref().map(|_| Projection::load(&state).facts()),
    })
}
