//! `confirm`, `rollback`, `resume` and `suspend`: given to the running service where there is one, and
//! to the engine here where there is none.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use hyper::{Method, StatusCode};
use reconciler::cancel::Cancel;
pub(super) use reconciler::orders::Command;
use reconciler::orders::{Actor, OrderError, Orders, Suspension, Word};
use reconciler::reconcile::Engine;
use reconciler::report::PassReport;
use reconciler::trigger::Trigger;
use serde_json::{Value, json};

use super::reconcile::report;
use super::service::{self, PATIENCE, patience_for_a_pass, refused};
use super::{Context, Done, Failure, USAGE};
use crate::cli::{Format, Output, Said};
use crate::control::{Answer, AskError};
use crate::render;

/// Gives an order whose pass is waited for; exits as that pass.
pub(crate) fn run(context: &Context, command: &Command, said: Said, output: Output) -> Done {
    match ask(context, command, &said, patience_for_a_pass(context))? {
        Some(answer) if answer.status == StatusCode::OK => report(context, answer, output),
        Some(answer) => Err(not_taken(&answer)),
        None => {
            let report = here(context, command, said)?;
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
    let (command, said) = (Command::Suspend { lasting }, Said { force: false, reason });
    // A pass that runs is not interrupted: the order is taken when it has ended.
    let patience = context.settings.timing.pass_timeout + PATIENCE;
    let suspended: Option<Suspension> = match ask(context, &command, &said, patience)? {
        Some(mut answer) if answer.status == StatusCode::OK => {
            let suspended = serde_json::from_value(answer.body["suspended"].take());
            suspended.context("the service's answer is not understood; is it of another version?")?
        }
        Some(answer) => return Err(not_taken(&answer)),
        None => give(&mut engine(context)?, &command, said)?.suspended,
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
    let said = Said { force: false, reason: None };
    match ask(context, command, &said, patience)? {
        Some(answer) if answer.status.is_success() => Ok(true),
        Some(answer) => Err(not_taken(&answer)),
        None => give(&mut engine(context)?, command, said).map(|_| false),
    }
}

/// Asks the running service; none where none runs.
fn ask(
    context: &Context,
    command: &Command,
    said: &Said,
    patience: Duration,
) -> Result<Option<Answer>, Failure> {
    let (path, mut body) = request(command);
    body["reason"] = json!(said.reason);
    let wait = !matches!(command, Command::Reproject { .. });
    let path = &format!("{path}?wait={wait}&force={}", said.force);
    match service::send(context, Method::POST, path, Some(&body), patience)? {
        Ok(answer) => Ok(Some(answer)),
        Err(AskError::NotRunning { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn request(command: &Command) -> (&'static str, Value) {
    match command {
        Command::Reconcile => ("/reconcile", json!({})),
        Command::Confirm { revision } => ("/confirm", json!({ "revision": revision })),
        Command::Rollback { revision } => ("/rollback", json!({ "revision": revision })),
        Command::Resume => ("/resume", json!({})),
        Command::Reproject { evidence } => ("/audit/project", json!(evidence)),
        Command::Suspend { lasting } => {
            let lasting = lasting.map(|lasting| humantime::format_duration(lasting).to_string());
            ("/suspend", json!({ "for": lasting }))
        }
    }
}

/// The same without a service: the order is recorded, and then a pass heeds it.
fn here(context: &Context, command: &Command, said: Said) -> Result<PassReport, Failure> {
    let mut engine = engine(context)?;
    give(&mut engine, command, said)?;
    let progress = context.progress();
    Ok(engine.pass(Trigger::Manual, &Cancel::new(), &mut |reached| progress.follow(reached)))
}

/// Gives an order to an engine of our own.
pub(super) fn give(engine: &mut Engine, command: &Command, said: Said) -> Result<Orders, Failure> {
    let Said { force, reason } = said;
    engine.command(command, Word { actor: actor(), reason, force }).map_err(wrong)
}

fn engine(context: &Context) -> Result<Engine, Failure> {
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
