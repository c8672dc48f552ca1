//! Looks at what a pass would do: work for the reconciler that is no pass. It begins when no pass is
//! due, gives way to one that somebody waits for, and ends when nobody waits for its answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use reconciler::cancel::Cancel;
use reconciler::report::{Diff, Remedy};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Reconciler, Stopped};

/// Says why there is no answer to what a pass would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoDiff {
    /// A pass would have ended there, too.
    #[error("{error}")]
    Ended {
        /// Who must act.
        remedy: Remedy,
        /// The error and its causes.
        error: String,
    },
    /// The forge asked us not to come before then.
    #[error("the repository's server asked us to wait for another {} s; ask again then", left.as_secs())]
    Paused {
        /// How long that still is.
        left: Duration,
    },
    /// The service ends.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What a look answers, to everyone who waits for it.
pub(super) type Answer = Result<Arc<Diff>, NoDiff>;

/// Who waits for a look.
pub(super) type Asker = oneshot::Sender<Answer>;

/// Those who wait, and the look that runs: one for all who asked before it began.
pub(super) struct Looks<R> {
    waiting: Vec<Asker>,
    running: Option<Look<R>>,
}

struct Look<R> {
    task: JoinHandle<Box<Looked<R>>>,
    cancel: Cancel,
    askers: Vec<Asker>,
}

/// A look that ended, and the reconciler back from it.
pub(super) struct Looked<R> {
    reconciler: R,
    found: Result<Diff, NoDiff>,
}

impl<R: Reconciler> Looks<R> {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::new(), running: None }
    }

    /// Remembers somebody who asks.
    pub(super) fn ask(&mut self, asker: Asker) {
        self.waiting.push(asker);
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Looks for those who wait; the reconciler comes back where there is nobody.
    pub(super) fn start(&mut self, mut reconciler: R) -> Option<R> {
        self.waiting.retain(|asker| !asker.is_closed());
        if self.waiting.is_empty() {
            return Some(reconciler);
        }
        let (askers, cancel) = (std::mem::take(&mut self.waiting), Cancel::new());
        let asked = cancel.clone();
        let task = tokio::task::spawn_blocking(move || {
            let found = look(&mut reconciler, &asked);
            Box::new(Looked { reconciler, found })
        });
        self.running = Some(Look { task, cancel, askers });
        None
    }

    /// Ends the running look early: who waits for it is answered by the next one.
    pub(super) fn give_way(&self) {
        if let Some(look) = &self.running {
            look.cancel.cancel();
        }
    }

    /// Tells everyone who waits that there will be no look now.
    pub(super) fn refuse(&mut self, why: &NoDiff) {
        for asker in self.waiting.drain(..) {
            // Whoever hung up needs no answer.
            drop(asker.send(Err(why.clone())));
        }
    }

    /// Waits for the running look's end, and stops it once nobody waits for it any more.
    pub(super) async fn ended(&mut self) -> Option<Box<Looked<R>>> {
        let Some(look) = &mut self.running else { return std::future::pending().await };
        if !look.cancel.is_cancelled() {
            let all_gone = async {
                for asker in &mut look.askers {
                    asker.closed().await;
                }
            };
            tokio::select! {
                biased;
                ended = &mut look.task => return ended.ok(),
                () = all_gone => look.cancel.cancel(),
            }
        }
        (&mut look.task).await.ok()
    }

    /// Answers with what was found; one that gave way is looked for again.
    pub(super) fn finish(&mut self, looked: Option<Box<Looked<R>>>) -> Option<R> {
        let Look { cancel, askers, .. } = self.running.take()?;
        let Looked { reconciler, found } = *looked?;
        if found.is_err() && cancel.is_cancelled() {
            self.waiting.splice(0..0, askers);
            return Some(reconciler);
        }
        let answer = found.map(Arc::new);
        for asker in askers {
            // Whoever hung up needs no answer.
            drop(asker.send(answer.clone()));
        }
        Some(reconciler)
    }
}

/// A panic is a fault of ours, and not the service's end.
fn look<R: Reconciler>(reconciler: &mut R, cancel: &Cancel) -> Result<Diff, NoDiff> {
    std::panic::catch_unwind(AssertUnwindSafe(|| reconciler.look(cancel))).unwrap_or_else(|_| {
        tracing::error!("a look at what a pass would do panicked; this is a fault of skill-sync");
        let error = "a fault of skill-sync ended it; the log says more".to_owned();
        Err(NoDiff::Ended { remedy: Remedy::Retry(None), error })
    })
}
