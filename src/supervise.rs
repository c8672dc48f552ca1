//! The agent as a child: one small process of ours is the parent of both the service and the agent.
//!
//! ```text
//! skill-sync run -- CMD        forwards signals, reaps whatever dies, and ends with CMD's status
//! ├── the service              says on its stdout when the agent may start
//! └── CMD                      in a process group of its own, without our settings
//! ```
//!
//! The parent runs no pass and opens no file: nothing that goes wrong with git, the volume or the
//! network can take the agent down with it, and a service that breaks off is started again beside it.
//! As process 1 it also inherits every orphan of the container, and it alone waits for processes.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{DumpableBehavior, Pid, Signal, set_dumpable_behavior};

mod agent;
mod ended;
mod environment;
mod gate;
mod lifeline;
mod service;
mod signals;
mod user;

pub(crate) use agent::{AgentError, exec, find};
pub(crate) use ended::Ended;
pub(crate) use gate::{Place, announce};
pub(crate) use lifeline::hold;
pub(crate) use user::has_name;

use agent::Agent;
use service::Service;
use signals::{Event, Signals};

/// How long the service has to end after the agent did. A pass has ten seconds to reach a safe point;
/// what is left undone then is settled by the next start.
const SERVICE_GRACE: Duration = Duration::from_secs(15);

/// An agent that lives for less has not really started.
const AT_ONCE: Duration = Duration::from_secs(2);

/// What is supervised, and how.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// This program.
    pub program: PathBuf,
    /// The arguments that make it the service.
    pub service: Vec<OsString>,
    /// The hidden verb that becomes the agent.
    pub agent: &'static str,
    /// The command and its arguments: never empty.
    pub command: Vec<OsString>,
    /// `CHILD_USER`.
    pub user: Option<(u32, u32)>,
    /// `CHILD_ENV`.
    pub env: Vec<String>,
}

/// Says why nothing could be supervised.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SuperviseError {
    /// The system refuses us what a parent needs.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The service cannot be started.
    #[error("cannot start the service as a process of its own; check that `{}` may be executed", program.display())]
    Service {
        /// This program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The agent cannot be started.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

impl SuperviseError {
    fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

/// Runs service and agent until both have ended: how the agent ended, or the service where it ended
/// before the agent was started.
///
/// # Errors
/// [`SuperviseError`] where one of them cannot be started; nothing runs any more then.
pub(crate) async fn run(plan: Plan) -> Result<Ended, SuperviseError> {
    // What we hold is not the agent's to read, whoever it runs as.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| SuperviseError::system("hide our memory from other processes")(error.into()))?;
    let signals = Signals::catch().map_err(SuperviseError::system("catch signals"))?;
    let service = Service::start(&plan)?;
    Supervisor { plan, signals, service, agent: None, stopping: false }.run().await
}

/// The parent.
struct Supervisor {
    plan: Plan,
    signals: Signals,
    service: Service,
    /// None before it is started.
    agent: Option<Agent>,
    /// Somebody asked us to end before the agent was started: it never will be.
    stopping: bool,
}

impl Supervisor {
    async fn run(mut self) -> Result<Ended, SuperviseError> {
        loop {
            let event = self.next().await;
            match event {
                Event::Signal(signal) => self.forward(signal),
                Event::Children => {
                    if let Some(ended) = self.reap() {
                        return Ok(self.finish(ended).await);
                    }
                }
                Event::Served => self.start_agent().await?,
                Event::Time => self.service.restart(&self.plan, self.agent.as_ref().map(Agent::pid)),
            }
        }
    }

    async fn next(&mut self) -> Event {
        let restart = self.service.restart_at().map(tokio::time::Instant::from_std);
        let time = async {
            match restart {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = self.signals.next() => event,
            () = self.service.served() => Event::Served,
            () = time => Event::Time,
        }
    }

    /// SIGHUP is ours, and the service's to act on: it would end a Node process. All others are the
    /// agent's once there is one.
    fn forward(&mut self, signal: Signal) {
        match &self.agent {
            Some(agent) if signal != Signal::HUP => agent.signal(signal),
            None if signal == Signal::USR1 || signal == Signal::USR2 => {
                tracing::info!(
                    signal = signals::name(signal),
                    "the agent has not started yet: nobody to tell"
                );
            }
            _ => {
                self.stopping |= signal != Signal::HUP;
                self.service.signal(signal);
            }
        }
    }

    /// Waits for every process that has ended, ours and the orphans of others. Gives how we end, once
    /// that is decided.
    fn reap(&mut self) -> Option<Ended> {
        let mut result = None;
        while let Some((pid, ended)) = ended::next() {
            if self.agent.as_ref().is_some_and(|agent| agent.pid() == pid) {
                result = Some(ended);
            } else if self.service.is(pid) {
                self.service.ended();
                match self.agent {
                    None => result = Some(ended),
                    Some(_) => self.service.restart_later(ended),
                }
            }
        }
        result
    }

    async fn start_agent(&mut self) -> Result<(), SuperviseError> {
        if self.stopping || self.agent.is_some() {
            return Ok(());
        }
        match Agent::start(&self.plan) {
            Ok(agent) => {
                tracing::info!(
                    pid = agent.pid().as_raw_nonzero().get(),
                    command = agent.name(),
                    "the agent is started"
                );
                self.service.tell(agent.pid());
                self.agent = Some(agent);
                Ok(())
            }
            Err(error) => {
                self.stop_service().await;
                Err(error.into())
            }
        }
    }

    /// Ends what is left once the agent, or the service before it, has ended.
    async fn finish(mut self, ended: Ended) -> Ended {
        let Some(agent) = self.agent.take() else { return ended };
        report(&agent, ended);
        agent.end_group(Signal::TERM);
        self.stop_service().await;
        agent.end_group(Signal::KILL);
        ended
    }

    /// Ends the service at a safe point of its pass; a second request from outside ends it at once.
    async fn stop_service(&mut self) {
        self.service.signal(Signal::TERM);
        let deadline = tokio::time::Instant::now() + SERVICE_GRACE;
        while self.service.is_running() {
            tokio::select! {
                event = self.signals.next() => match event {
                    Event::Signal(signal) => self.service.signal(signal),
                    _ => self.reap_rest(),
                },
                () = tokio::time::sleep_until(deadline) => {
                    tracing::warn!("the service did not end in {} s; the next start settles its pass", SERVICE_GRACE.as_secs());
                    self.service.signal(Signal::KILL);
                    return;
                }
            }
        }
    }

    fn reap_rest(&mut self) {
        while let Some((pid, _)) = ended::next() {
            if self.service.is(pid) {
                self.service.ended();
            }
        }
    }
}

fn report(agent: &Agent, ended: Ended) {
    let (command, lived) = (agent.name(), agent.started().elapsed());
    if lived < AT_ONCE && !ended.is_ours() {
        let ms = lived.as_millis();
        tracing::warn!(command, %ended, "the agent ended {ms} ms after its start; look at what it printed");
    } else {
        tracing::info!(command, %ended, "the agent ended");
    }
}

/// The process with this number.
fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}
