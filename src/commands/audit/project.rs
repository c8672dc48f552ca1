//! `audit project` and `audit verify --neo4j`: the projection, asked for by hand.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use reconciler::orders::Command;
use reconciler::reconcile::DATABASE;
use serde_json::json;
use tokio::runtime::Runtime;

use super::super::orders;
use super::{Context, Done, Failure, USAGE};
use crate::cli::{Format, Output};
use crate::graph::{self, GraphError, Progress, Projected, Projection, Projector};
use crate::render;

/// Brings the projection up to date, from here: a service that runs may do the same beside it.
pub(super) fn run(context: &Context, rebuild: bool, output: Output) -> Done {
    let (runtime, mut projector) = (runtime()?, projector(context)?);
    let state = context.state()?;
    let mut kept = Projection::load(&state);
    let progress = match runtime.block_on(projector.catch_up(&mut |_| {})) {
        Err(GraphError::Forked { evidence, .. }) if rebuild => {
            if orders::order(context, &Command::Reproject { evidence })? {
                return ordered(output);
            }
            runtime.block_on(again(&mut projector))
        }
        caught_up => caught_up,
    };
    match progress {
        Ok(progress) => {
            kept.reached(progress.records);
            kept.keep(&state);
            context.print(output.format, &progress)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            kept.failed(&error);
            kept.keep(&state);
            Err(Failure::new(if error.needs_a_person() { 5 } else { 1 }, error))
        }
    }
}

/// A service does it from here on: two that delete and write at once would only be in each other's way.
fn ordered(output: Output) -> Done {
    let printed = match output.format {
        Format::Json => render::print_json(&json!({ "ordered": true })),
        Format::Text => render::print(
            "ordered: the running service makes the projection again; `skill-sync status` says how far it is\n",
        ),
    };
    printed.context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// Where a record in the middle was what disagreed, it is given up by the first call and sent by the second.
async fn again(projector: &mut Projector) -> Result<Progress, GraphError> {
    match projector.catch_up(&mut |_| {}).await {
        Err(GraphError::Moved { .. }) => projector.catch_up(&mut |_| {}).await,
        caught_up => caught_up,
    }
}

/// Compares the projection with the record.
pub(super) fn verify(context: &Context) -> Result<Projected, Failure> {
    let (runtime, projector) = (runtime()?, projector(context)?);
    Ok(runtime.block_on(graph::verify(&projector))?)
}

fn projector(context: &Context) -> Result<Projector, Failure> {
    let settings = &context.settings;
    let neo4j = settings.neo4j.clone().ok_or_else(|| {
        Failure::new(
            USAGE,
            anyhow!("NEO4J_URI is not set, and nothing is projected without it; set it, or give --neo4j-uri"),
        )
    })?;
    Ok(Projector::new(neo4j, settings.environment.clone(), context.state()?.join(DATABASE)))
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("cannot start a thread to ask with")?)
}
