//! When to look again: the poll with jitter, the recheck, and the backoff after a transient failure.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use reconciler::report::Outcome;
use reconciler::trigger::Trigger;

/// The first pause after a transient failure; it doubles up to the poll interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest that a server may keep us away, in case it asks for a year (one hour, or the poll
/// interval where that is longer).
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// How long after a sync window opened a pass begins at most, so that a fleet with the same window does not
/// ask its server in step.
const OPENING: Duration = Duration::from_secs(3);

/// How often to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intervals {
    /// At the repository (`POLL_INTERVAL`), give or take a tenth.
    pub poll: Duration,
    /// At the bytes of the volume without trusting the stat cache (`RECHECK_INTERVAL`).
    pub recheck: Duration,
}

/// When the next poll and the next recheck are.
#[derive(Debug)]
pub(super) struct Schedule {
    intervals: Intervals,
    backoff: Option<ExponentialBackoff>,
    next_poll: Instant,
    next_recheck: Instant,
}

impl Schedule {
    pub(super) fn new(intervals: Intervals, now: Instant) -> Self {
        Self {
            intervals,
            backoff: None,
            next_poll: now + jittered(intervals.poll),
            next_recheck: now + intervals.recheck,
        }
    }

    /// When it wants a pass next.
    pub(super) fn next(&self) -> Option<Instant> {
        Some(self.next_poll.min(self.next_recheck))
    }

    /// Milliseconds until then.
    pub(super) fn millis_left(&self, now: Instant) -> u64 {
        let left = self.next_poll.min(self.next_recheck).saturating_duration_since(now);
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    /// What is due: each is asked for once, and again after its interval.
    pub(super) fn due(&mut self, now: Instant) -> impl Iterator<Item = Trigger> + use<> {
        let poll = (self.next_poll <= now).then_some(Trigger::Poll);
        let recheck = (self.next_recheck <= now).then_some(Trigger::Recheck);
        if poll.is_some() {
            self.next_poll = now + jittered(self.intervals.poll);
        }
        if recheck.is_some() {
            self.next_recheck = now + self.intervals.recheck;
        }
        poll.into_iter().chain(recheck)
    }

    /// Plans on from a pass that ended; says how long no trigger may bring the next one.
    ///
    /// Only what may heal by itself is tried again early. Stalled and guarded passes stay with the
    /// poll: a rotated token heals by itself too. What waits for a sync window goes on when that opens.
    pub(super) fn ended(
        &mut self,
        now: Instant,
        outcome: Outcome,
        retry_after: Option<Duration>,
        opens_in: Option<Duration>,
    ) -> Option<Duration> {
        let pause = retry_after.map(|asked| asked.min(LONGEST_PAUSE.max(self.intervals.poll)));
        let wait = match outcome {
            Outcome::Failed => self.retry_in(),
            _ => {
                self.backoff = None;
                jittered(self.intervals.poll)
            }
        };
        let wait = opens_in.map_or(wait, |opens| wait.min(opens + OPENING.mul_f64(share())));
        self.next_poll = now + wait.max(pause.unwrap_or_default());
        pause
    }

    fn retry_in(&mut self) -> Duration {
        let longest = self.intervals.poll;
        let backoff = self.backoff.get_or_insert_with(|| {
            ExponentialBuilder::new()
                .with_min_delay(FIRST_RETRY.min(longest))
                .with_max_delay(longest)
                .with_factor(2.0)
                .without_max_times()
                .build()
        });
        // The cap is ours as well: the builder may give more than its own maximum.
        jittered(backoff.next().unwrap_or(longest).min(longest))
    }
}

/// Up to a tenth more or less, so that a fleet does not ask its server in step.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * share())
}

/// A random share, from none to all.
fn share() -> f64 {
    // The standard library's only source of randomness: the seed of a new hash map.
    let random = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(u32::MAX);
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn schedule(now: Instant) -> Schedule {
        Schedule::new(Intervals { poll: 5 * MINUTE, recheck: 60 * MINUTE }, now)
    }

    fn near(actual: Duration, wanted: Duration) -> bool {
        actual >= wanted.mul_f64(0.9) && actual <= wanted.mul_f64(1.1)
    }

    #[test]
    fn a_poll_is_a_tenth_early_or_late_at_most_and_not_always_the_same() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let interval = jittered(5 * MINUTE);
            assert!(near(interval, 5 * MINUTE), "{interval:?}");
            seen.insert(interval);
        }
        assert!(seen.len() > 1);
    }

    #[test]
    fn transient_failures_back_off_from_a_second_to_the_poll_interval() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(schedule.ended(now, Outcome::Failed, None, None), None);
            let wait = schedule.next_poll - now;
            assert!(near(wait, Duration::from_secs(seconds)), "{wait:?} is not near {seconds} s");
        }
        schedule.ended(now, Outcome::InSync, None, None);
        schedule.ended(now, Outcome::Failed, None, None);
        assert!(near(schedule.next_poll - now, FIRST_RETRY), "a success starts it anew");
    }

    #[test]
    fn a_stalled_or_guarded_pass_stays_with_the_poll() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        for outcome in [Outcome::Stalled, Outcome::Guarded, Outcome::Suspended] {
            schedule.ended(now, outcome, None, None);
            assert!(near(schedule.next_poll - now, 5 * MINUTE));
        }
    }

    #[test]
    fn what_the_server_asks_for_is_a_floor_up_to_an_hour() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        let asked = Duration::from_secs(90);
        assert_eq!(schedule.ended(now, Outcome::Failed, Some(asked), None), Some(asked));
        assert_eq!(schedule.next_poll - now, asked);
        let year = Duration::from_secs(31_536_000);
        assert_eq!(schedule.ended(now, Outcome::Failed, Some(year), None), Some(LONGEST_PAUSE));
    }

    #[test]
    fn what_waits_for_a_sync_window_goes_on_as_it_opens() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        schedule.ended(now, Outcome::Suspended, None, Some(MINUTE));
        let wait = schedule.next_poll - now;
        assert!(wait >= MINUTE && wait <= MINUTE + OPENING, "{wait:?}");
        schedule.ended(now, Outcome::Suspended, None, Some(60 * MINUTE));
        assert!(near(schedule.next_poll - now, 5 * MINUTE), "a poll comes first, and looks again");
        let asked = 2 * MINUTE;
        schedule.ended(now, Outcome::Suspended, Some(asked), Some(MINUTE));
        assert_eq!(schedule.next_poll - now, asked, "the server's word goes before it");
    }

    #[test]
    fn a_recheck_comes_after_its_interval_however_many_polls_there_were() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        schedule.ended(now + 59 * MINUTE, Outcome::InSync, None, None);
        assert_eq!(schedule.due(now + 60 * MINUTE).collect::<Vec<_>>(), [Trigger::Recheck]);
        assert_eq!(schedule.due(now + 61 * MINUTE).count(), 0);
    }
}
