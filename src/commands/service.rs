//! The running service, asked over its control socket.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use hyper::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Context, Failure};
use crate::control::{Answer, AskError, Client};

/// How long the service may take to say yes.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How long the answer may take that waits for a pass: the one that runs now, and then ours.
pub(super) fn patience_for_a_pass(context: &Context) -> Duration {
    context.settings.timing.pass_timeout * 2 + PATIENCE
}

/// Asks the service of this state directory; the inner error says whether there is one.
pub(super) fn ask(
    context: &Context,
    method: Method,
    path: &str,
    patience: Duration,
) -> Result<Result<Answer, AskError>, Failure> {
    send(context, method, path, None, patience)
}

/// The same with a body.
pub(super) fn send(
    context: &Context,
    method: Method,
    path: &str,
    body: Option<&Value>,
    patience: Duration,
) -> Result<Result<Answer, AskError>, Failure> {
    let client = Client::new(&context.state()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start a thread to ask with")?;
    Ok(runtime.block_on(client.send(method, path, body, patience)))
}

/// Reads what the service answered.
pub(super) fn read<T: DeserializeOwned>(answer: Answer) -> Result<T, Failure> {
    if answer.status != StatusCode::OK {
        return Err(refused(&answer));
    }
    Ok(serde_json::from_value(answer.body)
        .context("the service's answer is not understood; is it of another version?")?)
}

/// What the service says where it does not do what it was asked for.
pub(super) fn refused(answer: &Answer) -> Failure {
    let detail = answer.body["detail"].as_str().unwrap_or("it did not say why");
    Failure::from(anyhow!("the service answered {}: {detail}", answer.status))
}
