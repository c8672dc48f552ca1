//! The standing orders: what operators told this target, and what that makes of a pass.
//!
//! An order outlives the process. A confirmation stands until a pass converges, a suspension until its
//! time is over or `resume`, a pin until `resume`. All of it is values; [`crate::reconcile`] heeds them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, PassId, Timestamp};
use crate::reconcile::OpenError;
use crate::record::{Evidence, RecordError};
use crate::report::Remedy;
use crate::source::MirrorError;

/// The fewest digits by which a commit is named.
const FEWEST_DIGITS: usize = 4;

/// How many characters a reason has at most.
const LONGEST_REASON: usize = 300;

/// Who gave an order, as the audit has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// Somebody who showed the token of the API.
    pub fn api() -> Self {
        Self("api".to_owned())
    }

    /// A user of this machine, on the command line or the control socket.
    pub fn cli(uid: u32) -> Self {
        Self(format!("cli:{uid}"))
    }

    /// The actor as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who gives an order, why, and whether a closed sync window is to let its pass through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Who.
    pub actor: Actor,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// The next pass goes through a closed sync window.
    pub force: bool,
}

impl From<Actor> for Word {
    fn from(actor: Actor) -> Self {
        Self { actor, reason: None, force: false }
    }
}

/// What an operator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A pass, and nothing beyond it.
    Reconcile,
    /// The commit that waits may be applied.
    Confirm {
        /// It, or the first digits of it.
        revision: String,
    },
    /// Passes change nothing from here on.
    Suspend {
        /// For how long; until `resume` where it is not said.
        lasting: Option<Duration>,
    },
    /// Suspension and pin are over.
    Resume,
    /// A revision is served again, and stays.
    Rollback {
        /// Which one: see [`Named`].
        revision: String,
    },
    /// The projection of the audit is made again over what disagrees there.
    Reproject {
        /// What is given up: exactly this.
        evidence: Evidence,
    },
}

/// A word for one commit: every guard lets that one through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The commit.
    pub commit: CommitId,
    /// Who said so.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A word for one pass: no sync window keeps it from changing the volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forced {
    /// Who said so.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

/// Passes look and change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Who said so.
    pub actor: Actor,
    /// Since when.
    pub at: Timestamp,
    /// Until when; until `resume` where there is no limit.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
}

impl fmt::Display for Suspension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "suspended by {} at {}", self.actor, self.at)?;
        match self.until {
            Some(until) => write!(f, " until {until}")?,
            None => write!(f, " until `skill-sync resume`")?,
        }
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}

/// A revision that is served whatever the source follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The revision.
    pub commit: CommitId,
    /// Who said so.
    pub actor: Actor,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (commit, Self { actor, at, .. }) = (self.commit.short(), self);
        write!(f, "pinned to {commit} by {actor} at {at} until `skill-sync resume`")?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}

/// Volume and record are of different times: one of them comes from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The pass that the sentinel on the volume names.
    pub found: PassId,
    /// The last pass of the record where the volume is newer; where it is older, the pass that it named.
    pub known: PassId,
}

/// Everything that stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orders {
    /// A commit that the guards let through.
    pub confirmed: Option<Confirmation>,
    /// Passes change nothing.
    pub suspended: Option<Suspension>,
    /// What is served whatever the source follows.
    pub pinned: Option<Pin>,
    /// The next pass goes through a closed sync window.
    pub forced: Option<Forced>,
    /// Volume and record are of different times, and nobody has said yet that this is right.
    pub restored: Option<Restored>,
}

impl Orders {
    /// Whether an operator's word is there for this very commit.
    pub fn confirms(&self, commit: CommitId) -> bool {
        self.confirmed.as_ref().is_some_and(|confirmed| confirmed.commit == commit)
    }

    /// Whether this very commit was asked for by a rollback.
    pub fn pins(&self, commit: CommitId) -> bool {
        self.pinned.as_ref().is_some_and(|pin| pin.commit == commit)
    }

    /// The suspension, where its time is not over.
    pub fn suspension(&self, now: Timestamp) -> Option<&Suspension> {
        self.suspended.as_ref().filter(|suspension| suspension.until.is_none_or(|until| now < until))
    }
}

/// What a pinned pass saw of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It follows this commit now.
    Commit {
        /// The name that is followed.
        reference: String,
        /// The commit.
        commit: CommitId,
    },
    /// It could not be reached.
    Unreachable(String),
}

/// What a pinned pass says of itself: what is served, and what waits.
pub fn pinned_note(pin: &Pin, seen: Option<&Seen>) -> String {
    match seen {
        None => pin.to_string(),
        Some(Seen::Commit { reference, commit }) if *commit == pin.commit => {
            format!("{pin}; {reference} is at the same commit")
        }
        Some(Seen::Commit { reference, commit }) => {
            format!("{pin}; {reference} is at {}, which waits", commit.short())
        }
        Some(Seen::Unreachable(why)) => format!("{pin}; what waits is not known: {why}"),
    }
}

/// What waits for a suspension to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// This commit would change so many skills; drift among them.
    Skills {
        /// The commit.
        commit: CommitId,
        /// How many.
        count: usize,
    },
    /// It would not be applied either: why.
    Refused(String),
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skills { commit, count: 0 } => write!(f, "nothing would change at {}", commit.short()),
            Self::Skills { commit, count: 1 } => write!(f, "1 skill would change at {}", commit.short()),
            Self::Skills { commit, count } => write!(f, "{count} skills would change at {}", commit.short()),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

/// Ends a pass that was only to look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{suspension}: {waits}; until then nothing is changed and drift is not put right")]
pub struct Suspended {
    /// What suspends it.
    pub suspension: Suspension,
    /// What waits.
    pub waits: Waits,
}

/// How an operator names a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// So many revisions before the one that is applied: `HEAD~1`.
    Back(usize),
    /// What was applied after a pass: `pass:12`.
    Pass(PassId),
    /// A commit, by all or the first digits of its id.
    Digits(String),
    /// A bare number: a pass, and where it is long enough perhaps the first digits of a commit. What is on
    /// record decides.
    Number {
        /// As a pass.
        pass: PassId,
        /// As the first digits of a commit, where there are enough.
        digits: Option<String>,
    },
}

impl FromStr for Named {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        let malformed = || OrderError::Malformed { text: text.to_owned() };
        let text = text.trim();
        if let Some(back) = text.strip_prefix("HEAD") {
            let back = match back {
                "" => Some(0),
                "^" | "~" => Some(1),
                back => back.strip_prefix('~').and_then(|number| number.parse().ok()),
            };
            return back.map(Self::Back).ok_or_else(malformed);
        }
        if let Some(pass) = text.strip_prefix("pass:") {
            return pass.parse().map(|pass| Self::Pass(PassId(pass))).map_err(|_| malformed());
        }
        match text.parse() {
            Ok(pass) => Ok(Self::Number { pass: PassId(pass), digits: digits(text) }),
            Err(_) => digits(text).map(Self::Digits).ok_or_else(malformed),
        }
    }
}

/// The first digits of a commit id, in lower case, where a text is that.
pub fn digits(text: &str) -> Option<String> {
    let is_id = (FEWEST_DIGITS..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| text.to_ascii_lowercase())
}

/// Whether a reason is short enough to stand on every report.
pub(crate) fn check_reason(reason: Option<&str>) -> Result<(), OrderError> {
    match reason.map(|reason| reason.chars().count()) {
        Some(length) if length > LONGEST_REASON => Err(OrderError::LongReason { length }),
        _ => Ok(()),
    }
}

/// Why an order was not taken. Nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It names nothing.
    #[error(
        "`{text}` names no revision: give a commit id or its first {FEWEST_DIGITS} or more digits, `HEAD~1` for \
         what was applied before, or `pass:12` for what was applied by a pass"
    )]
    Malformed {
        /// What was said.
        text: String,
    },
    /// A confirmation counts for one commit, so it must name one.
    #[error(
        "`{text}` is no commit id: give the revision that waits, or its first {FEWEST_DIGITS} or more digits"
    )]
    NoCommitId {
        /// What was said.
        text: String,
    },
    /// No commit has such an id.
    #[error("no commit that was fetched begins with `{digits}`; give all 40 digits of one that was not")]
    NoSuchCommit {
        /// The digits.
        digits: String,
    },
    /// Several have.
    #[error("more than one commit begins with `{digits}`; give more digits")]
    Ambiguous {
        /// The digits.
        digits: String,
    },
    /// A bare number is both.
    #[error("`{digits}` is a pass and begins a commit too; say `pass:{digits}`, or give more digits")]
    PassOrCommit {
        /// The number.
        digits: String,
    },
    /// A bare number is neither.
    #[error(
        "`{digits}` is no pass on record that applied something, and no commit that was fetched begins with \
         it; `skill-sync history` lists the passes and their revisions"
    )]
    NoSuchNumber {
        /// The number.
        digits: String,
    },
    /// The history does not go back so far.
    #[error(
        "HEAD~{back} is before the first revision on record: {known} {} applied before this one; name a \
         commit instead", if *.known == 1 { "was" } else { "were" }
    )]
    TooFarBack {
        /// How far it was to go.
        back: usize,
        /// How far it goes.
        known: usize,
    },
    /// No such pass, or one that had applied nothing.
    #[error(
        "pass {pass} is not on record, or nothing was applied then; `skill-sync history` lists the passes"
    )]
    NoSuchPass {
        /// The pass.
        pass: PassId,
    },
    /// A reason is one sentence.
    #[error("the reason has {length} characters; {LONGEST_REASON} is the most")]
    LongReason {
        /// How many it has.
        length: usize,
    },
    /// The state cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The record does not answer.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The mirror does not answer.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl OrderError {
    /// Whether the order itself is wrong: asking again brings the same answer.
    pub fn is_wrong(&self) -> bool {
        !matches!(self, Self::Open(_) | Self::Record(_) | Self::Mirror(_))
    }

    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Open(error) => error.remedy(),
            Self::Record(error) => error.remedy(),
            Self::Mirror(error) => error.remedy(),
            _ => Remedy::Person,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(digit: char) -> CommitId {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn suspension(until: Option<u64>) -> Suspension {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let until = until.map(Timestamp::from_millis);
        Suspension { actor: Actor::cli(0), at, until, reason: Some("demo".to_owned()) }
    }

    #[test]
    fn a_revision_is_named_by_commit_by_distance_or_by_pass() {
        let named = |text: &str| text.parse::<Named>().ok();
        assert_eq!(named("HEAD"), Some(Named::Back(0)));
        assert_eq!(named("HEAD^"), Some(Named::Back(1)));
        assert_eq!(named("HEAD~12"), Some(Named::Back(12)));
        assert_eq!(named("pass:1234567"), Some(Named::Pass(PassId(1_234_567))));
        assert_eq!(named("12"), Some(Named::Number { pass: PassId(12), digits: None }));
        let digits = Some("123456".to_owned());
        assert_eq!(named("123456"), Some(Named::Number { pass: PassId(123_456), digits }));
        assert_eq!(named(&"1".repeat(40)), Some(Named::Digits("1".repeat(40))));
        assert_eq!(named("AB12"), Some(Named::Digits("ab12".to_owned())));
        for wrong in ["", "abc", "HEAD~x", "HEAD@{1}", "pass:", "pass:-1", "main", "xyz12345"] {
            let error = wrong.parse::<Named>().unwrap_err();
            assert!(
                error.is_wrong() && error.to_string().starts_with(&format!("`{wrong}` names no")),
                "{error}"
            );
        }
        assert!("a".repeat(41).parse::<Named>().is_err());
    }

    #[test]
    fn a_suspension_ends_by_itself_when_its_time_is_over() {
        let orders = Orders { suspended: Some(suspension(Some(2_000))), ..Orders::default() };
        assert!(orders.suspension(Timestamp::from_millis(1_999)).is_some());
        assert!(orders.suspension(Timestamp::from_millis(2_000)).is_none());
        let orders = Orders { suspended: Some(suspension(None)), ..Orders::default() };
        assert!(orders.suspension(Timestamp::from_millis(u64::MAX)).is_some());
    }

    #[test]
    fn a_suspended_pass_says_who_why_until_when_and_what_waits() {
        let waits = Waits::Skills { commit: commit('a'), count: 2 };
        let suspended = Suspended { suspension: suspension(Some(1_700_000_060_000)), waits };
        assert_eq!(
            suspended.to_string(),
            "suspended by cli:0 at 2023-11-14T22:13:20.000Z until 2023-11-14T22:14:20.000Z (demo): 2 skills \
             would change at aaaaaaaaaaaa; until then nothing is changed and drift is not put right"
        );
    }

    #[test]
    fn a_pinned_pass_says_what_waits() {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let pin = Pin { commit: commit('a'), actor: Actor::api(), at, reason: None };
        let reference = "refs/heads/main".to_owned();
        let seen = Seen::Commit { reference: reference.clone(), commit: commit('b') };
        assert_eq!(
            pinned_note(&pin, Some(&seen)),
            "pinned to aaaaaaaaaaaa by api at 2023-11-14T22:13:20.000Z until `skill-sync resume`; \
             refs/heads/main is at bbbbbbbbbbbb, which waits"
        );
        let same = Seen::Commit { reference, commit: commit('a') };
        assert!(pinned_note(&pin, Some(&same)).ends_with("refs/heads/main is at the same commit"));
        let away = Seen::Unreachable("no route".to_owned());
        assert!(pinned_note(&pin, Some(&away)).ends_with("what waits is not known: no route"));
    }
}
