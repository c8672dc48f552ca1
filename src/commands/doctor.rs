//! `doctor`: looks at everything that may keep skills from arriving, and changes nothing.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use hyper::Method;

use super::{Context, Done, OUR_PROGRAM, service};
use crate::cli::{Doctor, FETCH_CHILD};
use crate::config::Ambient;
use crate::control::AskError;
use crate::doctor::{self, Subject};

/// How long a running service may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints what was found; exits 0 where nothing is a problem.
pub(crate) fn run(context: &Context, ambient: &Ambient, asked: &Doctor) -> Done {
    let state = context.state()?;
    let fetcher = [OUR_PROGRAM, FETCH_CHILD].map(OsString::from);
    let consumer = asked.consumer.as_ref().map(|directory| ambient.directory.join(directory));
    let answer = service::ask(context, Method::GET, "/livez", PATIENCE)?;
    let diagnosis = doctor::examine(Subject {
        settings: &context.settings,
        state: &state,
        ambient,
        consumer: consumer.as_deref(),
        command: &asked.command,
        runs: !matches!(answer, Err(AskError::NotRunning { .. } | AskError::Unreachable { .. })),
        fetcher: &fetcher,
    });
    context.print(asked.output.format, &diagnosis)?;
    Ok(ExitCode::from(diagnosis.exit_code()))
}
