//! `reconcile`: asks the running service for a pass.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use hyper::{Method, StatusCode};
use reconciler::report::PassReport;
use serde_json::Value;

use super::{Context, Done, Failure};
use crate::cli::{Format, Output};
use crate::control::{Answer, Client};
use crate::render;

/// How long the service may take to say yes.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Asks for a pass; with `wait`, for its report, and exits as it ended.
pub(crate) fn run(context: &Context, wait: bool, output: Output) -> Done {
    let client = Client::new(&context.state()?);
    let (path, patience) = match wait {
        // The pass that runs now, and then ours.
        true => ("/reconcile?wait=true", context.settings.timing.pass_timeout * 2 + PATIENCE),
        false => ("/reconcile", PATIENCE),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start a thread to ask with")?;
    let answer = runtime.block_on(client.ask(Method::POST, path, patience))?;
    match answer.status {
        StatusCode::OK => report(context, answer.body, output),
        StatusCode::ACCEPTED => accepted(&answer.body, output.format),
        _ => Err(refused(&answer)),
    }
}

pub(super) fn report(context: &Context, body: Value, output: Output) -> Done {
    let report: PassReport = serde_json::from_value(body)
        .context("the service's report is not understood; is it of another version?")?;
    context.print(output.format, &report)?;
    Ok(ExitCode::from(report.outcome.exit_code()))
}

fn accepted(body: &Value, format: Format) -> Done {
    let printed = match format {
        Format::Text => {
            render::print("The service takes it up; `skill-sync status` shows what it comes to.\n")
        }
        Format::Json => render::print_json(body),
    };
    printed.context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn refused(answer: &Answer) -> Failure {
    let detail = answer.body["detail"].as_str().unwrap_or("it did not say why");
    Failure::from(anyhow!("the service answered {}: {detail}", answer.status))
}
