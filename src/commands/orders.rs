//! `confirm`, `rollback`, `resume` and `suspend`: given to the running service where there is one, and
//! to the engine here where there is none.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use hyper::{Method, StatusCode};
use reconciler::cancel::Cancel;
use reconciler::orders::{Actor, Command, OrderError, Suspension};
use reconciler::report::PassReport;
use reconciler::trigger::Trigger;
use serde_json::{Value, json};

use super::reconcile::report;
use super::service::{self, PATIENCE, patience_for_a_pass, refused};
use super::{Context, Done, Failure, USAGE};
use crate::cli::{Format, Output};
use crate::control::{Answer, AskError};
use crate::render;

/// Gives an order whose pass is waited for; exits as that pass.
pub(crate) fn run(context: &Context, command: &Command, output: Output) -> Done {
    match ask(context, command, patience_for_a_pass(context))? {
        Some(answer) if answer.status == StatusCode::OK => report(context, answer, output),
        Some(answer) => Err(not_taken(&answer)),
        None => {
            let report = here(context, command)?;
            context.print(output.format, &report)?;
            Ok(ExitCode::from(report.outcome.exit_code()))
        }
    }
}

/// Suspends; there is nothing to wait for.
pub(crate) fn suspend(
    context: &Context,
    lasting: Option<Duration>,
    reason: Option<String>,
    output: Output,
) -> Done {
    let command = Command::Suspend { lasting, reason };
    // A pass that runs is not interrupted: the order is taken when it has ended.
    let patience = context.settings.timing.pass_timeout + PATIENCE;
    let suspended: Option<Suspension> = match ask(context, &command, patience)? {
        Some(mut answer) if answer.status == StatusCode::OK => {
            let suspended = serde_json::from_value(answer.body["suspended"].take());
            suspended.context("the service's answer is not understood; is it of another version?")?
        }
        Some(answer) => return Err(not_taken(&answer)),
        None => engine(context)?.command(&command, actor()).map_err(wrong)?.suspended,
    };
    let printed = match (output.format, &suspended) {
        (Format::Json, _) => render::print_json(&json!({ "suspended": suspended })),
        (Format::Text, Some(suspension)) => render::print(render::Text(suspension, context.style)),
        (Format::Text, None) => Ok(()),
    };
    printed.context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// Records an order that no answer but its taking is waited for; says whether a running service took it.
pub(super) fn order(context: &Context, command: &Command) -> Result<bool, Failure> {
    let patience = context.settings.timing.pass_timeout + PATIENCE;
    match ask(context, command, patience)? {
        Some(answer) if answer.status.is_success() => Ok(true),
        Some(answer) => Err(not_taken(&answer)),
        None => engine(context)?.command(command, actor()).map(|_| false).map_err(wrong),
    }
}

/// Asks the running service; none where none runs.
fn ask(context: &Context, command: &Command, patience: Duration) -> Result<Option<Answer>, Failure> {
    let (path, body) = request(command);
    match service::send(context, Method::POST, path, Some(&body), patience)? {
        Ok(answer) => Ok(Some(answer)),
        Err(AskError::NotRunning { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn request(command: &Command) -> (&'static str, Value) {
    match command {
        Command::Confirm { revision } => ("/confirm?wait=true", json!({ "revision": revision })),
        Command::Rollback { revision } => ("/rollback?wait=true", json!({ "revision": revision })),
        Command::Resume => ("/resume?wait=true", json!({})),
        Command::Reproject { evidence } => ("/audit/project", json!(evidence)),
        Command::Suspend { lasting, reason } => {
            let lasting = lasting.map(|lasting| humantime::format_duration(lasting).to_string());
            ("/suspend", json!({ "for": lasting, "reason": reason }))
        }
    }
}

/// The same without a service: the order is recorded, and then a pass heeds it.
fn here(context: &Context, command: &Command) -> Result<PassReport, Failure> {
    let mut engine = engine(context)?;
    engine.command(command, actor()).map_err(wrong)?;
    let progress = context.progress();
    Ok(engine.pass(Trigger::Manual, &Cancel::new(), &mut |seen| progress.update(seen)))
}

fn engine(context: &Context) -> Result<reconciler::reconcile::Engine, Failure> {
    if context.settings.repository.is_none() {
        let error =
            anyhow!("no service runs for this target, and SKILLS_REPO, which a pass needs, is not set");
        return Err(Failure::new(USAGE, error));
    }
    context.engine()
}

pub(super) fn actor() -> Actor {
    Actor::cli(rustix::process::getuid().as_raw())
}

/// An order that names nothing is wrong usage; a record that does not answer is another thing.
fn wrong(error: OrderError) -> Failure {
    let code = if error.is_wrong() { USAGE } else { error.remedy().outcome().exit_code() };
    Failure::new(code, error)
}

fn not_taken(answer: &Answer) -> Failure {
    let failure = refused(answer);
    if answer.status.is_client_error() { failure.code(USAGE) } else { failure }
}
