//! What the engine is asked to write between two passes: an operator's order, or that a program of theirs failed.

use std::panic::AssertUnwindSafe;

use reconciler::orders::{Command, OrderError, Orders, Word};
use reconciler::record::HookFailure;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::Reconciler;

/// An operator's order without the one who waits for its pass.
pub(super) type Commanded = (Command, Word, oneshot::Sender<Result<Orders, OrderError>>);

/// What is done before the next pass begins, and at once where none is due.
#[derive(Default)]
pub(super) struct Errands {
    pub(super) commands: Vec<Commanded>,
    pub(super) failures: Vec<HookFailure>,
}

/// Errands that were done, and the reconciler back from it.
pub(super) struct Done<R> {
    pub(super) reconciler: R,
    /// Whether the pass that an order wants can be had although the server asked us to stay away.
    pub(super) lifts_pause: bool,
}

impl Errands {
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.failures.is_empty()
    }

    /// Gives the engine all of it.
    pub(super) fn run<R: Reconciler>(self, reconciler: &mut R) {
        self.failures.iter().for_each(|failure| reconciler.note(failure));
        for (command, word, taken) in self.commands {
            info!(actor = %word.actor, ?command, force = word.force, "an order");
            // Whoever hung up has given it all the same.
            drop(taken.send(reconciler.command(&command, word)));
        }
    }

    /// Runs them at once, on a thread of their own, although the next pass may have to wait for the server's
    /// word: an order is for us, and a pass that needs nothing of the server follows it.
    pub(super) fn start<R: Reconciler>(self, mut reconciler: R) -> JoinHandle<Box<Done<R>>> {
        tokio::task::spawn_blocking(move || {
            let ordered = !self.commands.is_empty();
            let work = AssertUnwindSafe(|| {
                self.run(&mut reconciler);
                ordered && !reconciler.asks_server()
            });
            let lifts_pause = std::panic::catch_unwind(work).unwrap_or_else(|_| {
                error!("what was to be done between two passes panicked; this is a fault of skill-sync");
                false
            });
            Box::new(Done { reconciler, lifts_pause })
        })
    }
}
