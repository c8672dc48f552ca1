//! The agent: started through a process of ours that takes its user, binds itself to the parent, and
//! becomes the command.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::{
    Pid, Signal, getgroups, getpid, getppid, kill_process, kill_process_group,
    set_parent_process_death_signal,
};

use super::ended::{CANNOT_RUN, NOT_FOUND};
use super::{Plan, environment, pid, signals, user};

/// Says why the agent could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    /// There is no such command.
    #[error("the command `{}` was not found; check its spelling and PATH, or give its whole path", command.display())]
    NotFound {
        /// The command.
        command: PathBuf,
    },
    /// The command exists and cannot be run.
    #[error("cannot run the command `{}`; check that CHILD_USER may execute it, and the program that its first line names", command.display())]
    CannotRun {
        /// The command.
        command: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// We may not become that user.
    #[error(
        "cannot start the agent as CHILD_USER {uid}:{gid}: only root may start a process as somebody else; run skill-sync as root, or unset CHILD_USER"
    )]
    MayNot {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
        /// Why not.
        source: io::Error,
    },
    /// That user cannot exist here.
    #[error(
        "cannot start the agent as CHILD_USER {uid}:{gid}: this container has no such user or group (its user namespace does not map them); choose others"
    )]
    NoSuchUser {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
        /// Why not.
        source: io::Error,
    },
    /// The process that should become the agent is not what it must be.
    #[error("the agent is not started: {what}")]
    NotOurs {
        /// What is wrong.
        what: &'static str,
    },
    /// The system starts no process.
    #[error("cannot start a process for the agent; check the limits of processes and memory")]
    System {
        /// Why not.
        source: io::Error,
    },
}

impl AgentError {
    /// What to exit with: what a shell would, where the command is to blame.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => NOT_FOUND,
            Self::CannotRun { .. } => CANNOT_RUN,
            Self::MayNot { .. } | Self::NoSuchUser { .. } => 2,
            Self::NotOurs { .. } | Self::System { .. } => 1,
        }
    }

    fn starting(user: Option<(u32, u32)>) -> impl FnOnce(io::Error) -> Self {
        move |source| match (user, source.kind()) {
            (Some((uid, gid)), io::ErrorKind::PermissionDenied) => Self::MayNot { uid, gid, source },
            (Some((uid, gid)), io::ErrorKind::InvalidInput) => Self::NoSuchUser { uid, gid, source },
            _ => Self::System { source },
        }
    }
}

/// An agent that was started.
#[derive(Debug)]
pub(super) struct Agent {
    pid: Pid,
    name: String,
    started: Instant,
}

impl Agent {
    /// Starts it in a process group of its own, so that all of it can be ended.
    ///
    /// # Errors
    /// Where it may not be started so. That the command itself cannot be run is what its process
    /// says, and ends with.
    pub(super) fn start(plan: &Plan) -> Result<Self, AgentError> {
        let child = command(plan).spawn().map_err(AgentError::starting(plan.user))?;
        let pid = pid(child.id()).ok_or(AgentError::NotOurs { what: "its process has no number" })?;
        let name = plan.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { pid, name, started: Instant::now() })
    }

    /// Its process.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Its command, for the log.
    pub(super) fn name(&self) -> String {
        self.name.escape_debug().to_string()
    }

    /// Since when it runs.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) {
        if let Err(error) = kill_process(self.pid, signal) {
            tracing::warn!(signal = signals::name(signal), %error, "the agent did not get a signal");
        }
    }

    /// Sends a signal to whatever it left running in its process group.
    pub(super) fn end_group(&self, signal: Signal) {
        // A group that is gone has ended.
        let _ = kill_process_group(self.pid, signal);
    }
}

fn command(plan: &Plan) -> Command {
    let mut command = Command::new(&plan.program);
    let parent = getpid().as_raw_nonzero().to_string();
    command.arg0("skill-sync").arg(plan.agent).args(["--parent", &parent]);
    if let Some((_, gid)) = plan.user {
        command.args(["--group", &gid.to_string()]);
    }
    command.arg("--").args(&plan.command);
    environment::scrub(&mut command, &plan.env);
    command.process_group(0);
    if io::stdin().is_terminal() {
        // A process group in the background that reads from a terminal is stopped.
        command.stdin(Stdio::null());
    }
    if let Some((uid, gid)) = plan.user {
        let home = user::home(uid);
        if home.is_none() {
            tracing::warn!("CHILD_USER {uid} has no name on this system: programs that ask for theirs fail");
        }
        // The groups that we are in are dropped with the user.
        command.uid(uid).gid(gid).env("HOME", home.unwrap_or_else(|| PathBuf::from("/")));
    }
    command
}

/// Becomes the command. The parent-death signal is set here, since a change of user clears it, and
/// survives becoming another program.
///
/// # Errors
/// Always: who is still here did not become it.
pub(crate) fn exec(parent: u32, group: Option<u32>, command: &[OsString]) -> Result<Infallible, AgentError> {
    bind_to(parent)?;
    check_groups(group)?;
    let (program, arguments) =
        command.split_first().ok_or(AgentError::NotOurs { what: "it has no command" })?;
    let source = Command::new(program).args(arguments).exec();
    let command = PathBuf::from(program);
    Err(match source.kind() {
        io::ErrorKind::NotFound if !Path::new(program).exists() => AgentError::NotFound { command },
        _ => AgentError::CannotRun { command, source },
    })
}

fn bind_to(parent: u32) -> Result<(), AgentError> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| AgentError::System { source: error.into() })?;
    if getppid() != pid(parent) {
        return Err(AgentError::NotOurs { what: "its parent is gone" });
    }
    Ok(())
}

/// Who may change its user by a capability alone, and is not root, keeps the groups of before.
fn check_groups(group: Option<u32>) -> Result<(), AgentError> {
    let Some(group) = group else { return Ok(()) };
    let groups = getgroups().map_err(|error| AgentError::System { source: error.into() })?;
    match groups.iter().all(|found| found.as_raw() == group) {
        true => Ok(()),
        false => Err(AgentError::NotOurs { what: "it is still in groups of ours; run skill-sync as root" }),
    }
}

/// Where a command is found: by its path, or by its name in the directories of `search`. A file of
/// that name that nobody may execute is passed over, as the system does.
pub(crate) fn find(program: &OsStr, search: &OsStr) -> Option<PathBuf> {
    let is_program = |path: &Path| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let path = Path::new(program);
    if path.components().count() > 1 || path.is_absolute() {
        return path.exists().then(|| path.to_owned());
    }
    std::env::split_paths(search).map(|directory| directory.join(path)).find(|path| is_program(path))
}
