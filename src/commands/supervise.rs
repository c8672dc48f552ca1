//! `run -- CMD`: the service beside the agent, and the agent's own process on its way to the command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Context, Done, Failure, OUR_PROGRAM};
use crate::cli::{AGENT_CHILD, SERVICE_CHILD};
use crate::config::{Flags, find_setting};
use crate::supervise::{self, AgentError, Plan, SuperviseError};

/// Runs service and agent, and ends as the agent does.
pub(crate) fn run(context: &Context, command: Vec<OsString>) -> Done {
    check(context, &command)?;
    let child = &context.settings.child;
    let plan = Plan {
        program: PathBuf::from(OUR_PROGRAM),
        service: service_arguments(&context.flags),
        agent: AGENT_CHILD,
        command,
        user: child.user,
        env: child.env.clone(),
    };
    // The parent-death signal comes when the thread ends that started the child: this one is the
    // process's first, and starts both.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the parent of service and agent")?;
    match runtime.block_on(supervise::run(plan)) {
        Ok(ended) => Ok(ended.exit_code()),
        Err(SuperviseError::Agent(error)) => Err(Failure::new(error.exit_code(), error)),
        Err(error) => Err(error.into()),
    }
}

/// A misspelt command is told before the first fetch and not after it; one that comes with the skills
/// is not there yet.
fn check(context: &Context, command: &[OsString]) -> Result<(), Failure> {
    let Some(program) = command.first() else { return Ok(()) };
    let comes_later = Path::new(program).starts_with(&context.settings.target);
    if comes_later || supervise::find(program, &context.search).is_some() {
        return Ok(());
    }
    let error = AgentError::NotFound { command: PathBuf::from(program) };
    Err(Failure::new(error.exit_code(), error))
}

/// The same flags for the service; what the environment says it reads there itself.
fn service_arguments(flags: &Flags) -> Vec<OsString> {
    let flag = |(variable, value): (&&'static str, &OsString)| {
        let mut argument = OsString::from("--");
        argument.push(find_setting(variable)?.flag?);
        argument.push("=");
        argument.push(value);
        Some(argument)
    };
    std::iter::once(OsString::from(SERVICE_CHILD)).chain(flags.0.iter().filter_map(flag)).collect()
}

/// Becomes the agent, in the process that its parent made for it.
pub(crate) fn become_agent(parent: u32, group: Option<u32>, command: &[OsString]) -> Done {
    match supervise::exec(parent, group, command) {
        Ok(never) => match never {},
        Err(error) => Err(Failure::new(error.exit_code(), error)),
    }
}
