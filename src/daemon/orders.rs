//! How the rest of the service reaches the daemon.

use std::sync::Arc;

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
    /// Somebody asks what a pass would do.
    Look(Asker),
    /// A webhook came, under this delivery id where it had one.
    Delivery(Option<String>),
    /// The service ends.
    Stop,
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

    /// Brings the next pass forward for a webhook; its id is remembered once the fetch succeeded.
    ///
    /// # Errors
    /// [`Stopped`] once the service ends.
    pub(crate) async fn deliver(&self, id: Option<String>) -> Result<(), Stopped> {
        self.order(Order::Delivery(id)).await
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
