//! `reconcile`: asks the running service for a pass.

use std::process::ExitCode;

use anyhow::Context as _;
use hyper::{Method, StatusCode};
use reconciler::report::PassReport;
use serde_json::Value;

use super::service::{self, PATIENCE};
use super::{Context, Done};
use crate::cli::{Force, Format, Output};
use crate::control::Answer;
use crate::render;

/// Asks for a pass; with `wait`, for its report, and exits as it ended.
pub(crate) fn run(context: &Context, wait: bool, force: &Force, output: Output) -> Done {
    let patience = if wait { service::patience_for_a_pass(context) } else { PATIENCE };
    let answer = service::ask(context, Method::POST, &path(wait, force), patience)??;
    match answer.status {
        StatusCode::ACCEPTED => accepted(&answer.body, output.format),
        _ => report(context, answer, output),
    }
}

fn path(wait: bool, force: &Force) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("wait", &wait.to_string()).append_pair("force", &force.force.to_string());
    if let Some(reason) = &force.reason {
        query.append_pair("reason", reason);
    }
    format!("/reconcile?{}", query.finish())
}

pub(super) fn report(context: &Context, answer: Answer, output: Output) -> Done {
    let report: PassReport = service::read(answer)?;
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
