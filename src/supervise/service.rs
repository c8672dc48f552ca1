//! The service as the parent's other child.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::unix::pipe::Receiver;

use super::lifeline::{AGENT, SERVED};
use super::{Ended, Plan, SuperviseError, pid, signals};

/// How long after its first end the service is started again; each further time takes twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A service that ran for as long was well: the pauses begin anew.
const WELL: Duration = Duration::from_secs(300);

/// The service, running or to be started again.
pub(super) struct Service {
    running: Option<Running>,
    started: Instant,
    pause: Duration,
    restart_at: Option<Instant>,
}

struct Running {
    pid: Pid,
    /// It ends when this closes: so it does not outlive us.
    lifeline: ChildStdin,
    /// What it tells us; none once it has closed it.
    told: Option<Lines<BufReader<Receiver>>>,
}

impl Service {
    /// Starts it.
    ///
    /// # Errors
    /// Where the system starts no process, or not this program.
    pub(super) fn start(plan: &Plan) -> Result<Self, SuperviseError> {
        let running = Running::start(plan)
            .map_err(|source| SuperviseError::Service { program: plan.program.clone(), source })?;
        Ok(Self { running: Some(running), started: Instant::now(), pause: FIRST_PAUSE, restart_at: None })
    }

    /// Waits until it says that a revision is served.
    pub(super) async fn served(&mut self) {
        while let Some(running) = &mut self.running
            && let Some(told) = &mut running.told
        {
            match told.next_line().await {
                Ok(Some(line)) if line == SERVED => return,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => running.told = None,
            }
        }
        std::future::pending::<()>().await;
    }

    /// Tells it which process the agent is.
    pub(super) fn tell(&mut self, agent: Pid) {
        let Some(running) = &mut self.running else { return };
        // A service that is gone is started again, and told then.
        let _ = writeln!(running.lifeline, "{AGENT} {}", agent.as_raw_nonzero());
    }

    /// Whether it is this process.
    pub(super) fn is(&self, pid: Pid) -> bool {
        self.running.as_ref().is_some_and(|running| running.pid == pid)
    }

    /// Whether it has not ended.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// It has ended.
    pub(super) fn ended(&mut self) {
        self.running = None;
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) {
        let Some(running) = &self.running else { return };
        if let Err(error) = kill_process(running.pid, signal) {
            tracing::warn!(signal = signals::name(signal), %error, "the service did not get a signal");
        }
    }

    /// When it is to be started again.
    pub(super) fn restart_at(&self) -> Option<Instant> {
        self.restart_at
    }

    /// It broke off beside an agent that runs: that one is left alone, and the service comes back.
    pub(super) fn restart_later(&mut self, ended: Ended) {
        if self.started.elapsed() >= WELL {
            self.pause = FIRST_PAUSE;
        }
        let seconds = self.pause.as_secs();
        tracing::error!(%ended, "the service ended; the agent goes on, and the service starts again in {seconds} s");
        self.restart_at = Some(Instant::now() + self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
    }

    /// Starts it again beside an agent that runs.
    pub(super) fn restart(&mut self, plan: &Plan, agent: Option<Pid>) {
        self.restart_at = None;
        self.started = Instant::now();
        match Running::start(plan) {
            Ok(running) => self.running = Some(running),
            Err(error) => {
                tracing::error!(%error, "the service cannot be started");
                self.restart_at = Some(Instant::now() + self.pause);
            }
        }
        if let Some(agent) = agent {
            self.tell(agent);
        }
    }
}

impl Running {
    /// In a process group of its own: a terminal's Ctrl-C is the parent's to pass on.
    fn start(plan: &Plan) -> std::io::Result<Self> {
        let mut child = Command::new(&plan.program)
            .arg0("skill-sync")
            .args(&plan.service)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let gone = || std::io::Error::other("it has no pipes, or no number");
        let (lifeline, told) = child.stdin.take().zip(child.stdout.take()).ok_or_else(gone)?;
        let told = Receiver::from_owned_fd(OwnedFd::from(told))?;
        let pid = pid(child.id()).ok_or_else(gone)?;
        Ok(Self { pid, lifeline, told: Some(BufReader::new(told).lines()) })
    }
}
