//! How the rest of the service reaches the daemon.

use std::sync::Arc;

use reconciler::orders::{Command, OrderError, Orders, Word};
use reconciler::record::{Claim, HookFailure};
use reconciler::report::{Diff, PassReport};
use reconciler::trigger::Trigger;
use tokio::sync::{mpsc, oneshot, watch};

use super::looks::Asker;
use super::{NoDiff, View};

/// What the daemon is told.
pub(super) enum Order {
    /// A pass is wanted.
    Trigger(Trigger),
    /// A pass is wanted, and somebody waits for its report.
    Pass {
        /// Why.
        trigger: Trigger,
        /// Who waits.
        answer: oneshot::Sender<Arc<PassReport>>,
    },
    /// An operator ordered something: it is taken before the next pass, which heeds it.
    Command(Given),
    /// A program of the operator's failed.
    Note(HookFailure),
    /// Somebody asks what a pass would do.
    Look(Asker),
    /// A webhook came.
    Delivery(Delivered),
    /// The service ends.
    Stop,
}

/// What is kept of a webhook until the pass that it brings has fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// The id of the delivery, where it had one.
    pub id: Option<String>,
    /// Who pushed what, where the forge says it.
    pub claim: Option<Claim>,
}

/// An operator's order on its way to the engine.
pub(super) struct Given {
    pub(super) command: Command,
    pub(super) word: Word,
    /// Hears whether it was taken, and what stands then.
    pub(super) taken: oneshot::Sender<Result<Orders, OrderError>>,
    /// Waits for the pass after it.
    pub(super) answer: oneshot::Sender<Arc<PassReport>>,
}

/// What came of an operator's order.
pub(crate) struct Taken {
    /// What stands now.
    pub orders: Orders,
    report: oneshot::Receiver<Arc<PassReport>>,
}

impl Taken {
    /// The report of the pass that heeds the order.
    ///
    /// # Errors
    /// [`Stopped`] where the service ends before that pass did, and where the pass gave no report.
    pub(crate) async fn report(self) -> Result<Arc<PassReport>, Stopped> {
        self.report.await.map_err(|_| Stopped)
    }
}

/// Why an operator's order was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The engine says no.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The service ends.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The service is stopping: no pass will answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the service is stopping; ask again when it runs")]
pub(crate) struct Stopped;

/// Reaches the daemon; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    orders: mpsc::Sender<Order>,
    view: watch::Receiver<View>,
}

impl Handle {
    pub(super) fn new(orders: mpsc::Sender<Order>, view: watch::Receiver<View>) -> Self {
        Self { orders, view }
    }

    /// The daemon as it is now.
    pub(crate) fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// Follows the daemon.
    pub(crate) fn watch(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Brings the next pass forward.
    ///
    /// # Errors
    /// [`Stopped`] once the service ends.
    pub(crate) async fn trigger(&self, trigger: Trigger) -> Result<(), Stopped> {
        self.order(Order::Trigger(trigger)).await
    }

    /// Brings the next pass forward for a webhook; its id is remembered once the fetch succeeded, and its
    /// claim is put on record where that fetch brought the commit that it names.
    ///
    /// # Errors
    /// [`Stopped`] once the service ends.
    pub(crate) async fn deliver(&self, delivered: Delivered) -> Result<(), Stopped> {
        self.order(Order::Delivery(delivered)).await
    }

    /// Puts on record that a program of the operator's failed, as soon as no pass runs.
    ///
    /// # Errors
    /// [`Stopped`] once the service ends.
    pub(crate) async fn note(&self, failure: HookFailure) -> Result<(), Stopped> {
        self.order(Order::Note(failure)).await
    }

    /// The report of a pass that began after this call.
    ///
    /// # Errors
    /// [`Stopped`] where the service ends before that pass did, and where the pass gave no report.
    pub(crate) async fn pass(&self, trigger: Trigger) -> Result<Arc<PassReport>, Stopped> {
        let (answer, report) = oneshot::channel();
        self.order(Order::Pass { trigger, answer }).await?;
        report.await.map_err(|_| Stopped)
    }

    /// Gives the engine an order, as soon as no pass runs; a pass that heeds it follows.
    ///
    /// # Errors
    /// What the engine says, and [`Stopped`] once the service ends.
    pub(crate) async fn command(&self, command: Command, word: Word) -> Result<Taken, CommandError> {
        let (taken, answered) = oneshot::channel();
        let (answer, report) = oneshot::channel();
        self.order(Order::Command(Given { command, word, taken, answer })).await?;
        let orders = answered.await.map_err(|_| Stopped)??;
        Ok(Taken { orders, report })
    }

    /// What a pass would do now, after a fetch; nothing is changed, and nothing is recorded. Whoever
    /// drops this future waits no more, and the work ends early.
    ///
    /// # Errors
    /// [`NoDiff`] says where a pass would have ended, or that the service ends.
    pub(crate) async fn diff(&self) -> Result<Arc<Diff>, NoDiff> {
        let (asker, answer) = oneshot::channel();
        self.order(Order::Look(asker)).await?;
        answer.await.map_err(|_| Stopped)?
    }

    /// Ends the service: the first time at the running pass's next safe point, then at once.
    pub(crate) async fn stop(&self) {
        // A daemon that is gone has stopped.
        let _ = self.order(Order::Stop).await;
    }

    async fn order(&self, order: Order) -> Result<(), Stopped> {
        self.orders.send(order).await.map_err(|_| Stopped)
    }
}
