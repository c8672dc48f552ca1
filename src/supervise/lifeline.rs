//! The service's side of what it shares with its parent.

use std::io::stdin;

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};

/// What the service says once the agent may start.
pub(super) const SERVED: &str = "served";

/// What the parent says of the agent, before its number.
pub(super) const AGENT: &str = "agent";

/// Holds on to the parent from here on: when it is gone the agent is ended with all that it started,
/// and this service as if somebody had asked it to.
///
/// The kernel ends the agent's own process with the parent; only somebody who is left can end the
/// agent's children.
///
/// # Errors
/// Where the system gives no thread.
pub(crate) fn hold() -> std::io::Result<()> {
    let listen = || {
        let lines = stdin().lines().map_while(Result::ok);
        let agent = lines.filter_map(|line| agent(&line)).last();
        tracing::error!("the parent of service and agent is gone: both end");
        if let Some(agent) = agent {
            // A group that is gone has ended.
            let _ = kill_process_group(agent, Signal::KILL);
        }
        // To oneself this is always allowed.
        let _ = kill_process(getpid(), Signal::TERM);
    };
    std::thread::Builder::new().name("lifeline".to_owned()).spawn(listen).map(drop)
}

fn agent(line: &str) -> Option<Pid> {
    line.strip_prefix(AGENT)?.trim().parse().ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_known_by_its_number() {
        assert_eq!(agent("agent 42"), Pid::from_raw(42));
        for line in ["agent", "agent x", "agent 0", "42"] {
            assert_eq!(agent(line), None, "{line}");
        }
    }
}
