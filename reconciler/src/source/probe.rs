//! Asking a remote whether there is anything new, without a process and without an object: one bounded
//! request of ours. Whatever the answer is, it can only spare a fetch that would bring nothing.

use std::time::{Duration, Instant};

use super::fetch::{self, Fetched};
use super::http::{Bounds, Session};
use super::refs::{self, Named};
use super::{Limits, Mirror, Source};
use crate::record::AppliedSource;

/// How long the question may take (5 s); a slower server is asked by the fetch, which waits longer.
const MAX_TIME: Duration = Duration::from_secs(5);

/// The most that an answer may have (64 KiB), in bytes: it names a reference or two.
const MAX_ANSWER: u64 = 64 << 10;

/// Remembers what the last fetch brought, and whether the remote can be asked like this.
#[derive(Debug, Default)]
pub struct Probe {
    last: Option<Fetched>,
    /// It answered, and not in protocol v2: it is not asked again.
    is_odd: bool,
}

impl Probe {
    /// Takes what was applied last for what was fetched last, until a fetch says better: the mirror knows.
    pub fn of(applied: Option<&AppliedSource>) -> Self {
        let last = applied.map(|applied| Fetched {
            commit: applied.commit,
            reference: applied.reference.clone(),
            tag: None,
            redirected_to: None,
        });
        Self { last, is_odd: false }
    }

    /// Remembers what a fetch brought.
    pub fn brought(&mut self, fetched: &Fetched) {
        self.last = Some(fetched.clone());
    }

    /// What the last fetch brought, where the remote still names the same commit by the same reference
    /// and the mirror has it. None for anything else, errors included: then a fetch says what it is.
    pub fn unchanged(&mut self, source: &Source, mirror: &Mirror) -> Option<Fetched> {
        let last = self.last.clone().filter(|last| last.redirected_to.is_none())?;
        // A tag may become another object that names the same commit, and that may matter.
        if last.reference.starts_with("refs/tags/") {
            return None;
        }
        if mirror.tip() != Some(last.commit) {
            return None;
        }
        let named = match source.url.path() {
            Some(path) => refs::on_disk(&source.reference, path),
            None => self.ask(source),
        }?;
        (named == Named { name: last.reference.clone(), commit: last.commit }).then_some(last)
    }

    /// The same limits with what is left of them for a fetch, where a question has taken of them.
    pub fn left(limits: Limits, asked: Instant) -> Limits {
        let taken = Duration::from_secs(asked.elapsed().as_secs());
        Limits { fetch_timeout: limits.fetch_timeout.saturating_sub(taken), ..limits }
    }

    fn ask(&mut self, source: &Source) -> Option<Named> {
        let url = source.url.http().filter(|_| !self.is_odd)?;
        let question = refs::question(&source.reference)?;
        let authorization = fetch::authorization(source).ok()?;
        let timeout = MAX_TIME.min(source.limits.fetch_timeout / 2);
        let session =
            Session::new(url, &source.route, authorization, Bounds { timeout, max_bytes: MAX_ANSWER });
        let answer = session.ok()?.ask_v2(&question).ok()?;
        let named = refs::answered(&source.reference, &answer);
        self.is_odd = named.is_none();
        named
    }
}
