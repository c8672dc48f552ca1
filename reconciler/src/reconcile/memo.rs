//! What one pass leaves for the next: where neither the commit nor the volume is another, a pass does
//! nothing twice.
//!
//! All of it is a cache. It is keyed by what it was made of, and a pass without it comes to the same.

use std::sync::Arc;

use super::pass::{Pass, timed};
use super::verdicts::Layered;
use super::{Engine, PassError};
use crate::desired::Objects;
use crate::ids::CommitId;
use crate::observed::{Asked, StatCache};
use crate::options::OnCondemned;
use crate::record::Findings;
use crate::tree::{AcceptedTree, Skills, are_same};
use crate::verdict::{self, Judged};

/// What judging a commit came to, with what the rules said of each skill.
#[derive(Debug)]
pub(super) struct Ruling {
    pub(super) judged: Judged,
    pub(super) findings: Findings,
}

/// What was kept of the last pass.
#[derive(Default)]
pub(super) struct Memo {
    ruling: Option<Ruled>,
    asked: Option<Looked>,
}

/// A ruling, and all that it depends on: the commit, the rules, and what was served.
struct Ruled {
    commit: CommitId,
    rules: String,
    served: Arc<Skills>,
    ruling: Arc<Ruling>,
}

/// What was asked for, and what it was made of.
struct Looked {
    wanted: Arc<Skills>,
    owned: Arc<Skills>,
    known: Arc<StatCache>,
    asked: Arc<Asked>,
}

impl Memo {
    fn ruling(&self, commit: CommitId, rules: &str, served: &Arc<Skills>) -> Option<Arc<Ruling>> {
        let ruled = self.ruling.as_ref()?;
        let same = ruled.commit == commit && ruled.rules == rules && Arc::ptr_eq(&ruled.served, served);
        same.then(|| Arc::clone(&ruled.ruling))
    }

    /// Forgets what was asked for.
    pub(super) fn forget_asked(&mut self) {
        self.asked = None;
    }
}

impl Engine {
    /// Judges a commit, or remembers what that came to.
    ///
    /// What an operator's policy or judge says depends on the hour: with one of them nothing is kept.
    pub(super) fn rule(&mut self, pass: &mut Pass, commit: CommitId) -> Result<Arc<Ruling>, PassError> {
        let known = self.memo.ruling(commit, self.law.fingerprint(), &self.inventory.skills);
        if let Some(ruling) = known {
            return Ok(ruling);
        }
        let ruling = Arc::new(self.rule_anew(pass, commit)?);
        let lasts = self.options.policy.is_none() && self.options.judge.is_none();
        self.memo.ruling = (lasts && !ruling.judged.accepted.skills().is_empty()).then(|| Ruled {
            commit,
            rules: self.law.fingerprint().to_owned(),
            served: Arc::clone(&self.inventory.skills),
            ruling: Arc::clone(&ruling),
        });
        Ok(ruling)
    }

    fn rule_anew(&mut self, pass: &mut Pass, commit: CommitId) -> Result<Ruling, PassError> {
        let Pass { stages, orders, .. } = pass;
        let desired = timed(&mut stages.desired, || self.desired(orders, commit))?;
        timed(&mut stages.judge, || {
            let (served, law) = (&self.inventory.skills, &self.law);
            let mut cache = Layered::new(&mut self.verdicts, &mut self.record);
            let objects = Objects::of(self.mirror.git(), self.options.source.limits.max_object_bytes);
            let mut judged = verdict::judge(&desired, &objects, served, law, &mut cache)?;
            if self.options.on_condemned == OnCondemned::Remove {
                judged.take_off_condemned();
            }
            // What is served as it was accepted is known by its pointer from here on.
            if are_same(judged.accepted.skills(), served) {
                judged.accepted = AcceptedTree::vouch(Arc::clone(served));
            }
            let findings = judged.findings();
            judged.verdicts = Vec::new();
            Ok(Ruling { judged, findings })
        })
    }

    /// Every path that is wanted or ours.
    pub(super) fn asked(&mut self, wanted: &Arc<Skills>) -> Arc<Asked> {
        let (owned, known) = (&self.inventory.skills, &self.inventory.known);
        let same = |made: &&Looked| {
            Arc::ptr_eq(&made.wanted, wanted)
                && Arc::ptr_eq(&made.owned, owned)
                && Arc::ptr_eq(&made.known, known)
        };
        if let Some(made) = self.memo.asked.as_ref().filter(same) {
            return Arc::clone(&made.asked);
        }
        let asked = Arc::new(Asked::new(wanted, owned, known));
        let (wanted, owned, known) = (Arc::clone(wanted), Arc::clone(owned), Arc::clone(known));
        self.memo.asked = Some(Looked { wanted, owned, known, asked: Arc::clone(&asked) });
        asked
    }
}
