//! Why a pass runs, and when the next one may: one queue for every trigger, without content.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Why a pass runs. A trigger carries no content: it only brings the next pass forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// Somebody asked for it: the API, the control socket, the CLI.
    Manual,
    /// SIGHUP.
    Signal,
    /// The service started.
    Start,
    /// A forge said that something was pushed.
    Webhook,
    /// A file that we own changed on the volume.
    Watch,
    /// The poll interval has passed.
    Poll,
    /// The recheck interval has passed: a full look that trusts no stat cache.
    Recheck,
}

impl Trigger {
    /// All of them, for metrics that must show a zero.
    pub const ALL: [Self; 7] =
        [Self::Manual, Self::Signal, Self::Start, Self::Webhook, Self::Watch, Self::Poll, Self::Recheck];

    /// Whether a person waits for it: such a pass is never delayed for the sake of others.
    pub fn is_asked_for(self) -> bool {
        matches!(self, Self::Manual | Self::Signal | Self::Start)
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Poll => "poll",
            Self::Webhook => "webhook",
            Self::Manual => "manual",
            Self::Watch => "watch",
            Self::Signal => "signal",
            Self::Recheck => "recheck",
        })
    }
}

/// Under load, webhooks and watch events start at most one pass in this time; after as long a
/// quiet they start one at once.
pub const QUIET: Duration = Duration::from_secs(1);

/// The triggers that wait for the next pass, deduplicated: however many came, one pass serves them.
///
/// Passes are serial: [`Queue::take`] hands out the next one and [`Queue::done`] ends it. A trigger
/// that comes while a pass runs brings exactly one more.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: BTreeSet<Trigger>,
    running: bool,
    last_start: Option<Instant>,
    not_before: Option<Instant>,
}

impl Queue {
    /// A queue that nothing waits in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers that a pass is wanted.
    pub fn push(&mut self, trigger: Trigger) {
        self.waiting.insert(trigger);
    }

    /// When the next pass may start; none while one runs or where nobody wants one.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let first = *self.waiting.first().filter(|_| !self.running)?;
        let spaced = match self.last_start {
            Some(started) if !first.is_asked_for() => (started + QUIET).max(now),
            _ => now,
        };
        // A server that said when to come back is obeyed by every trigger.
        Some(self.not_before.map_or(spaced, |pause| spaced.max(pause)))
    }

    /// Starts a pass, if one is due: it serves all that waited, under the name of the most urgent.
    pub fn take(&mut self, now: Instant) -> Option<Trigger> {
        if self.due(now)? > now {
            return None;
        }
        let served = std::mem::take(&mut self.waiting);
        self.running = true;
        self.last_start = Some(now);
        self.not_before = None;
        // A full look must not be lost in another's name.
        if served.contains(&Trigger::Recheck) { Some(Trigger::Recheck) } else { served.first().copied() }
    }

    /// Ends the pass that [`Queue::take`] started; `pause` is what the server asked us to wait.
    pub fn done(&mut self, now: Instant, pause: Option<Duration>) {
        self.running = false;
        self.not_before = pause.map(|pause| now + pause);
    }

    /// Lets the next pass start although the server asked us to wait: it asks the server for nothing.
    pub fn lift_pause(&mut self) {
        self.not_before = None;
    }

    /// Whether a pass runs.
    pub fn is_running(&self) -> bool {
        self.running
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn after_a_quiet_second_a_trigger_starts_a_pass_at_once() {
        let start = Instant::now();
        let mut queue = Queue::new();
        queue.push(Trigger::Webhook);
        assert_eq!(queue.take(start), Some(Trigger::Webhook));
        queue.done(start, None);
        queue.push(Trigger::Webhook);
        assert_eq!(queue.take(start + QUIET / 2), None);
        assert_eq!(queue.due(start + QUIET / 2), Some(start + QUIET));
        assert_eq!(queue.take(start + QUIET), Some(Trigger::Webhook));
    }

    #[test]
    fn a_manual_request_is_not_delayed_by_others() {
        let start = Instant::now();
        let mut queue = Queue::new();
        queue.push(Trigger::Webhook);
        queue.take(start);
        queue.done(start, None);
        queue.push(Trigger::Watch);
        queue.push(Trigger::Manual);
        assert_eq!(queue.take(start), Some(Trigger::Manual));
        assert_eq!(queue.due(start), None, "the pass served both");
    }

    #[test]
    fn no_trigger_shortens_what_the_server_asked_for() {
        let start = Instant::now();
        let mut queue = Queue::new();
        queue.push(Trigger::Poll);
        queue.take(start);
        queue.done(start, Some(Duration::from_secs(30)));
        queue.push(Trigger::Manual);
        assert_eq!(queue.take(start + Duration::from_secs(29)), None);
        assert_eq!(queue.take(start + Duration::from_secs(30)), Some(Trigger::Manual));
    }

    #[test]
    fn a_full_look_is_not_lost_in_anothers_name() {
        let mut queue = Queue::new();
        queue.push(Trigger::Manual);
        queue.push(Trigger::Recheck);
        assert_eq!(queue.take(Instant::now()), Some(Trigger::Recheck));
    }

    proptest! {
        /// Whatever comes in whichever order: passes never overlap, one pass serves every trigger
        /// that came before it, and each trigger is served by a pass that began after it.
        #[test]
        fn every_trigger_is_served_once_by_a_later_pass(
            events in prop::collection::vec((0u8..9, 0u64..700), 1..60)
        ) {
            let mut now = Instant::now();
            let mut queue = Queue::new();
            let mut waiting = false;
            for (event, after) in events {
                now += Duration::from_millis(after);
                match event {
                    0..=6 => {
                        queue.push(Trigger::ALL[usize::from(event)]);
                        waiting = true;
                    }
                    7 if !queue.is_running() => {
                        let taken = queue.take(now);
                        prop_assert!(waiting || taken.is_none());
                        if taken.is_some() {
                            waiting = false;
                        }
                    }
                    _ if queue.is_running() => {
                        prop_assert_eq!(queue.take(now), None);
                        queue.done(now, None);
                        prop_assert_eq!(queue.due(now).is_some(), waiting);
                    }
                    _ => {}
                }
            }
            if queue.is_running() {
                queue.done(now, None);
            }
            prop_assert_eq!(queue.take(now + QUIET).is_some(), waiting);
            prop_assert_eq!(queue.take(now + QUIET * 2), None);
        }
    }
}
