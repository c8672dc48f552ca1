//! Sync windows: the times at which git's changes may reach the volume (`SYNC_WINDOW`).
//!
//! A window is a schedule in cron's syntax, with a time zone, and how long each lasts. While a `deny` window
//! lasts nothing may; where there are `allow` windows, only while one of them lasts. The rules are those of
//! Argo CD's sync windows.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};

use crate::ids::{CommitId, Timestamp};
use crate::orders::Waits;

/// How many openings and endings are looked at for the moment at which all is open again: enough for
/// weeks of windows that open every few minutes.
const BOUNDARIES: usize = 2_000;

/// The longest that a window may last: a schedule comes round within a year.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// What a window means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Changes wait for it.
    Allow,
    /// Changes wait for its end.
    Deny,
}

/// One window.
#[derive(Debug, Clone)]
struct Window {
    text: String,
    kind: Kind,
    begins: Crontab,
    lasts: Duration,
}

/// All windows of one target; without any all times are open.
#[derive(Debug, Clone, Default)]
pub struct Windows(Vec<Window>);

impl PartialEq for Windows {
    /// A window is what its text says.
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|window| &window.text).eq(other.0.iter().map(|window| &window.text))
    }
}

impl Eq for Windows {}

/// What is wrong with a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} in `{window}`")]
pub struct WindowError {
    window: String,
    what: &'static str,
}

impl FromStr for Windows {
    type Err = WindowError;

    /// Reads windows that are separated by `;` or line breaks, each
    /// `allow|deny MINUTE HOUR DAY MONTH WEEKDAY [ZONE] for DURATION`; without a zone it is UTC.
    fn from_str(text: &str) -> Result<Self, WindowError> {
        let texts = text.split([';', '\n']).map(str::trim).filter(|text| !text.is_empty());
        texts.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let wrong = |what| WindowError { window: text.to_owned(), what };
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let kind = match kind {
            "allow" => Kind::Allow,
            "deny" => Kind::Deny,
            _ => return Err(wrong("neither `allow` nor `deny` is the first word")),
        };
        let (begins, lasts) =
            rest.rsplit_once(" for ").ok_or_else(|| wrong("there is no ` for DURATION` at the end"))?;
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let begins = cronexpr::parse_crontab_with(begins.trim(), options).map_err(|_| {
            wrong("there is no schedule of five fields (minute, hour, day, month, weekday) and a time zone")
        })?;
        let lasts = humantime::parse_duration(lasts.trim()).ok().filter(|lasts| !lasts.is_zero());
        let lasts = lasts.filter(|lasts| *lasts <= LONGEST);
        let lasts = lasts.ok_or_else(|| wrong("the duration is none, or over a year"))?;
        Ok(Self { text: text.to_owned(), kind, begins, lasts })
    }
}

impl Window {
    /// The first beginning after a moment.
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = MakeTimestamp::from_millisecond(i64::try_from(after.millis()).ok()?).ok()?;
        let next = self.begins.find_next(after).ok()?;
        u64::try_from(next.timestamp().as_millisecond()).ok().map(Timestamp::from_millis)
    }

    fn lasts_ms(&self) -> u64 {
        u64::try_from(self.lasts.as_millis()).unwrap_or(u64::MAX)
    }

    /// The end of the earliest of its times that a moment is in; none where it is in none.
    fn ends(&self, at: Timestamp) -> Option<Timestamp> {
        let before = Timestamp::from_millis(at.millis().saturating_sub(self.lasts_ms()));
        let began = self.next(before).filter(|began| *began <= at)?;
        Some(Timestamp::from_millis(began.millis() + self.lasts_ms()))
    }
}

impl Windows {
    /// What keeps changes away at a moment; none where nothing does.
    pub fn closed(&self, at: Timestamp) -> Option<Closed> {
        let by = self.closing(at)?;
        let by = by.map(|window| window.text.clone());
        Some(Closed { by, until: self.opens(at) })
    }

    /// The `deny` window that lasts, or that no `allow` window does; none where it is open.
    fn closing(&self, at: Timestamp) -> Option<Option<&Window>> {
        let lasting =
            |kind| self.0.iter().find(move |window| window.kind == kind && window.ends(at).is_some());
        let has_allowed = self.0.iter().any(|window| window.kind == Kind::Allow);
        match lasting(Kind::Deny) {
            Some(window) => Some(Some(window)),
            None => (has_allowed && lasting(Kind::Allow).is_none()).then_some(None),
        }
    }

    /// The first moment from which on it is open.
    fn opens(&self, from: Timestamp) -> Option<Timestamp> {
        let mut at = from;
        for _ in 0..BOUNDARIES {
            let boundaries = self.0.iter().flat_map(|window| [window.next(at), window.ends(at)]);
            at = boundaries.flatten().min()?;
            if self.closing(at).is_none() {
                return Some(at);
            }
        }
        None
    }
}

/// Why changes wait, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The `deny` window; none where it is that no `allow` window is open.
    by: Option<String>,
    /// When it opens; none where that is too far away to be told.
    pub until: Option<Timestamp>,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            Some(window) => write!(f, "closed by the sync window `{window}`")?,
            None => write!(f, "no sync window is open")?,
        }
        match self.until {
            Some(until) => write!(f, " until {until}"),
            None => write!(f, ", and none will be in the time that can be told"),
        }
    }
}

/// Ends a pass that found its window closed: what is served stays what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{closed}: {waits}; until then git's changes wait and drift is put right; `--force` lets one pass through"
)]
pub struct WindowClosed {
    /// Why.
    pub closed: Closed,
    /// What waits.
    pub waits: Waits,
}

impl WindowClosed {
    pub(crate) fn new(closed: Closed, commit: CommitId, count: usize) -> Self {
        Self { closed, waits: Waits::Skills { commit, count } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let time = humantime::parse_rfc3339(text).unwrap();
        let since = time.duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
    }

    /// Until when a moment is closed; `open` where it is not.
    fn told(windows: &str, moment: &str) -> String {
        let closed = windows.parse::<Windows>().unwrap().closed(at(moment));
        closed.map_or("open".to_owned(), |closed| {
            closed.until.map_or("for good".to_owned(), |until| until.to_string())
        })
    }

    #[test]
    fn without_a_window_it_is_open() {
        assert_eq!(told("", "2026-11-27T22:00:00Z"), "open");
        assert_eq!(told(" ;\n", "2026-11-27T22:00:00Z"), "open");
    }

    #[test]
    fn a_deny_window_closes_from_its_beginning_to_its_end() {
        let night = "deny 0 22 * * * for 8h";
        assert_eq!(told(night, "2026-11-27T21:59:59Z"), "open");
        assert_eq!(told(night, "2026-11-27T22:00:00Z"), "2026-11-28T06:00:00.000Z");
        assert_eq!(told(night, "2026-11-28T05:59:59Z"), "2026-11-28T06:00:00.000Z");
        assert_eq!(told(night, "2026-11-28T06:00:00Z"), "open");
    }

    #[test]
    fn outside_every_allow_window_it_is_closed() {
        let office = "allow 0 9 * * mon-fri for 8h";
        assert_eq!(told(office, "2026-11-27T12:00:00Z"), "open");
        assert_eq!(told(office, "2026-11-27T17:00:00Z"), "2026-11-30T09:00:00.000Z");
        let both = format!("{office}\ndeny 0 9 30 11 * for 2h");
        assert_eq!(told(&both, "2026-11-27T17:00:00Z"), "2026-11-30T11:00:00.000Z");
        assert_eq!(told(&both, "2026-11-30T10:00:00Z"), "2026-11-30T11:00:00.000Z");
    }

    #[test]
    fn a_window_keeps_to_its_time_zone_over_the_change_to_summer_time() {
        let night = "deny 0 22 * * * Europe/Berlin for 1h";
        assert_eq!(told(night, "2026-03-28T21:30:00Z"), "2026-03-28T22:00:00.000Z");
        assert_eq!(told(night, "2026-03-29T20:30:00Z"), "2026-03-29T21:00:00.000Z");
        assert_eq!(told(night, "2026-03-29T21:30:00Z"), "open");
        // 02:30 does not exist on that day; the window is at the hour that took its place.
        assert_eq!(told("deny 30 2 * * * Europe/Berlin for 10m", "2026-03-29T00:00:00Z"), "open");
    }

    #[test]
    fn windows_that_follow_each_other_open_at_the_end_of_the_last() {
        let chain = "deny 0 20 * * * for 2h; deny 30 21 * * * for 2h";
        assert_eq!(told(chain, "2026-11-27T20:00:00Z"), "2026-11-27T23:30:00.000Z");
        assert_eq!(told("deny * * * * * for 2m", "2026-11-27T20:00:00Z"), "for good");
    }

    #[test]
    fn a_closed_window_says_which_and_until_when() {
        let windows: Windows = "deny 0 22 * * fri for 8h".parse().unwrap();
        let closed = windows.closed(at("2026-11-27T23:00:00Z")).unwrap();
        let told = "closed by the sync window `deny 0 22 * * fri for 8h` until 2026-11-28T06:00:00.000Z";
        assert_eq!(closed.to_string(), told);
        let commit = "a".repeat(40).parse().unwrap();
        let error = WindowClosed::new(closed, commit, 1).to_string();
        assert!(error.starts_with(told) && error.contains("1 skill would change at aaaaaaaaaaaa"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_window_is_said() {
        for (text, what) in [
            ("never 0 22 * * * for 8h", "neither `allow` nor `deny`"),
            ("deny", "` for DURATION`"),
            ("deny 0 22 * * *", "` for DURATION`"),
            ("deny 0 22 * * for 8h", "five fields"),
            ("deny 61 22 * * * for 8h", "five fields"),
            ("deny 0 22 * * * Nowhere/Land for 8h", "time zone"),
            ("deny 0 22 * * * for 0s", "the duration is none"),
            ("deny 0 22 * * * for 2years", "over a year"),
            ("deny 0 22 * * * for soon", "the duration is none"),
        ] {
            let error = text.parse::<Windows>().unwrap_err().to_string();
            assert!(error.contains(what) && error.contains(text), "{error}");
        }
    }
}
