//! What is kept, and for how long: overwritten bytes within `DRIFT_KEEP` and `DRIFT_MAX_BYTES`, records of
//! the audit within `AUDIT_KEEP`, and the revisions that a rollback may ask for.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use super::pass::Pass;
use super::{Engine, HISTORY, PassError};
use crate::apply::{ApplyError, DRIFT_REFS, KeptKind};
use crate::cancel::Cancel;
use crate::ids::Timestamp;
use crate::record::Drifted;

/// How long records of the audit wait at most for a checkpoint (a day).
const CHECKPOINTS: Duration = Duration::from_secs(24 * 60 * 60);

fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(now.millis().saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}

impl Engine {
    /// Lets go of what is kept too long or takes too much room, the oldest first. It is on record before
    /// it is gone; what a crash in between leaves takes room and nothing else.
    ///
    /// A failure costs room until the next pass, and is no reason to call this one failed.
    pub(super) fn retain(&mut self, pass: &Pass, changed: bool) {
        let done = self.drop_drift(pass, changed).and_then(|()| self.drop_history(changed));
        if let Err(error) = done.and_then(|()| self.drop_records(pass)) {
            tracing::warn!(error = crate::report::error_text(&error), "what is old could not be let go of");
        }
    }

    /// Tidies the mirror up between two passes, when nothing is needed that no reference keeps. What an
    /// interrupted pass intended is needed until it is settled.
    pub(super) fn tidy(&mut self, cancel: &Cancel) {
        let is_ours = self.target.as_ref().is_some_and(|target| target.locked().is_ok());
        if !is_ours || !matches!(self.record.interrupted(), Ok(None)) {
            return;
        }
        if let Err(error) = self.mirror.tidy(cancel) {
            tracing::warn!(error = crate::report::error_text(&error), "the mirror could not be tidied up");
        }
    }

    /// Lets go of old records of the audit. It waits until it is worth a checkpoint: a tenth of the time
    /// that records are kept, and at most a day.
    fn drop_records(&mut self, pass: &Pass) -> Result<(), PassError> {
        let Some(keep) = self.options.audit_keep else { return Ok(()) };
        let now = Timestamp::now();
        let patience = keep.saturating_add((keep / 10).min(CHECKPOINTS));
        let begins = self.record.audit_begins()?;
        if begins.is_some_and(|begins| begins < earlier(now, patience)) {
            self.record.prune_audit(earlier(now, keep), pass.id, now)?;
        }
        Ok(())
    }

    fn drop_drift(&mut self, pass: &Pass, changed: bool) -> Result<(), PassError> {
        let now = Timestamp::now();
        let oldest = earlier(now, self.options.drift_keep);
        if !changed && !self.record.keeps_older_than(oldest)? {
            return Ok(());
        }
        let gone = self.record.kept_beyond(self.options.drift_max_bytes, oldest)?;
        if gone.is_empty() {
            return Ok(());
        }
        self.record.forget_kept(&gone, pass.id, now)?;
        gone.iter().try_for_each(|drifted| self.let_go(drifted))?;
        Ok(self.mirror.sync()?)
    }

    fn let_go(&self, drifted: &Drifted) -> Result<(), PassError> {
        match &drifted.kind {
            KeptKind::Blob(_) | KeptKind::Link(_) => {
                Ok(self.mirror.drop_ref(&format!("{DRIFT_REFS}{}", drifted.id))?)
            }
            KeptKind::Aside(path) => {
                let path = self.options.state.join(path);
                let is_directory = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
                let gone = if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                match gone {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        let what = format!("remove `{}`", path.display());
                        Err(ApplyError::Io { what, source: error }.into())
                    }
                    _ => Ok(()),
                }
            }
            KeptKind::Nothing => Ok(()),
        }
    }

    /// Only what is on record as applied stays reachable by a rollback.
    fn drop_history(&self, changed: bool) -> Result<(), PassError> {
        if !changed {
            return Ok(());
        }
        let history: HashSet<String> =
            self.record.applied_history()?.iter().map(|commit| format!("{HISTORY}{commit}")).collect();
        let mut pinned = self.mirror.refs_below(HISTORY)?;
        pinned.retain(|name| !history.contains(name));
        pinned.iter().try_for_each(|name| self.mirror.drop_ref(name))?;
        Ok(())
    }
}
