//! The service's heart: all triggers in one queue, one pass at a time, and when to look again.
//!
//! select → event → handle → wait. It never ends because a pass failed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reconciler::cancel::Cancel;
use reconciler::ids::{CommitId, Timestamp};
use reconciler::orders::{Command, OrderError, Orders, Word};
use reconciler::record::HookFailure;
use reconciler::report::{Diff, Outcome, PassReport};
use reconciler::trigger::{Queue, Trigger};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{debug, error, info, warn};

use crate::metrics::Metrics;
use crate::render::service::News;

mod engine;
mod errands;
mod looks;
mod news;
mod opening;
mod orders;
mod schedule;
pub(crate) mod signals;
#[cfg(test)]
pub(crate) mod tests;
mod view;

pub(crate) use engine::Passes;
pub(crate) use looks::NoDiff;
pub(crate) use news::Voice;
pub(crate) use opening::{Opening, StateDir, state_beside};
pub(crate) use orders::{CommandError, Delivered, Handle, Stopped, Taken};
pub(crate) use schedule::Intervals;
pub(crate) use view::{Served, View};

use errands::{Done, Errands};
use looks::{Looked, Looks};
use orders::{Given, Order};
use schedule::Schedule;

/// How long a running pass has to reach a safe point after the service was asked to stop.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(10);

/// How many orders may wait for the daemon to look at them: it never does anything long in between.
const ORDERS: usize = 256;

/// How many delivery ids may wait for a fetch; the oldest go, and their redelivery brings a pass.
const DELIVERIES: usize = 1_024;

/// What the daemon drives: the engine, and in tests a script that is driven the same way.
pub(crate) trait Reconciler: Send + 'static {
    /// Runs one pass to its end, or to the next safe point once `cancel` asks; `at` hears of the commit that it
    /// looks at.
    fn pass(&mut self, trigger: Trigger, cancel: &Cancel, at: &mut dyn FnMut(CommitId)) -> Passed;

    /// Takes an operator's order, durably: the next pass heeds it.
    fn command(&mut self, command: &Command, word: Word) -> Result<Orders, OrderError>;

    /// Whether the next pass asks the repository's server for something.
    fn asks_server(&mut self) -> bool;

    /// Looks at what a pass would do, and changes nothing; ends early once `cancel` asks.
    fn look(&mut self, cancel: &Cancel) -> Result<Diff, NoDiff>;

    /// Puts on record, durably, that a program of the operator's failed.
    fn note(&mut self, failure: &HookFailure);

    /// Remembers, durably, the webhook deliveries that caused a fetch which succeeded, and who is said to have
    /// pushed the revision that it brought.
    fn remember(&mut self, deliveries: &[Delivered], revision: CommitId);
}

/// What a pass leaves for the service.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    /// Its report.
    pub report: PassReport,
    /// What the volume holds now; the same `Arc` as before where nothing changed.
    pub served: Arc<Served>,
    /// How many records the audit holds.
    pub audit_records: u64,
}

/// How the daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Asked to stop, with no pass running any more.
    Clean,
    /// Asked to stop, while a pass still ran: it is left to the recovery of the next start. Whoever
    /// owns the runtime must not wait for it.
    PassAbandoned,
}

/// The daemon: owns the reconciler between passes, and lends it to one blocking thread for each.
pub(crate) struct Daemon<R> {
    reconciler: Option<R>,
    running: Option<Job<R>>,
    looks: Looks<R>,
    /// Errands that are done while no pass is due.
    errand: Option<JoinHandle<Box<Done<R>>>>,
    next: Asked,
    queue: Queue,
    schedule: Schedule,
    orders: mpsc::Receiver<Order>,
    view: watch::Sender<View>,
    metrics: Metrics,
    voice: Voice,
    cancel: Cancel,
    /// Until when the repository's server asked us to stay away.
    paused_until: Option<Instant>,
    grace_ends: Option<Instant>,
}

struct Job<R> {
    task: JoinHandle<Box<Ended<R>>>,
    asked: Asked,
}

/// A pass that ended, and the reconciler back from it; none where it panicked.
struct Ended<R> {
    reconciler: R,
    passed: Option<Passed>,
}

/// Who waits for a pass.
#[derive(Default)]
struct Asked {
    waiters: Vec<oneshot::Sender<Arc<PassReport>>>,
    deliveries: Vec<Delivered>,
    errands: Errands,
}

enum Event<R> {
    Order(Option<Order>),
    Ended(Option<Box<Ended<R>>>),
    Looked(Option<Box<Looked<R>>>),
    Done(Option<Box<Done<R>>>),
    Time,
}

impl<R: Reconciler> Daemon<R> {
    /// A daemon that serves what `served` says, and the handle that reaches it.
    pub(crate) fn new(
        reconciler: R,
        served: Arc<Served>,
        intervals: Intervals,
        (metrics, voice): (Metrics, Voice),
        cancel: Cancel,
    ) -> (Self, Handle) {
        let (sender, orders) = mpsc::channel(ORDERS);
        let (view, seen) = watch::channel(View::new(served));
        let daemon = Self {
            reconciler: Some(reconciler),
            running: None,
            looks: Looks::new(),
            errand: None,
            next: Asked::default(),
            queue: Queue::new(),
            schedule: Schedule::new(intervals, now()),
            orders,
            view,
            metrics,
            voice,
            cancel,
            paused_until: None,
            grace_ends: None,
        };
        (daemon, Handle::new(sender, seen))
    }

    /// Runs passes until it is asked to stop; the first one at once.
    pub(crate) async fn run(mut self) -> End {
        self.queue.push(Trigger::Start);
        loop {
            if self.grace_ends.is_none() {
                self.start_if_due();
            }
            let event = self.wait().await;
            if let Some(end) = self.handle(event) {
                return end;
            }
        }
    }

    async fn wait(&mut self) -> Event<R> {
        let wake = self.wake_at().map(tokio::time::Instant::from_std);
        let time = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            order = self.orders.recv() => Event::Order(order),
            ended = ended(&mut self.running) => Event::Ended(ended),
            looked = self.looks.ended() => Event::Looked(looked),
            done = done(&mut self.errand) => Event::Done(done),
            () = time => Event::Time,
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        match self.grace_ends {
            Some(ends) => Some(ends),
            None if self.is_busy() => None,
            None => [self.queue.due(now()), self.schedule.next()].into_iter().flatten().min(),
        }
    }

    fn is_busy(&self) -> bool {
        self.running.is_some() || self.looks.is_running() || self.errand.is_some()
    }

    fn handle(&mut self, event: Event<R>) -> Option<End> {
        match event {
            Event::Order(Some(Order::Stop) | None) => return self.stop(),
            Event::Order(Some(order)) => self.take_order(order),
            Event::Ended(ended) => {
                self.finish(ended);
                return self.grace_ends.map(|_| End::Clean);
            }
            Event::Looked(looked) => {
                self.reconciler = self.looks.finish(looked);
                return self.grace_ends.map(|_| End::Clean);
            }
            Event::Done(done) => {
                self.go_on_after(done);
                return self.grace_ends.map(|_| End::Clean);
            }
            Event::Time if self.grace_ends.is_some() => {
                warn!("what runs did not end in {} s; the next start settles it", STOP_GRACE.as_secs());
                return Some(End::PassAbandoned);
            }
            Event::Time => self.schedule.due(now()).for_each(|trigger| self.queue.push(trigger)),
        }
        None
    }

    fn take_order(&mut self, order: Order) {
        match order {
            Order::Trigger(trigger) => self.push(trigger),
            Order::Pass { trigger, answer } => {
                self.push(trigger);
                self.next.waiters.push(answer);
            }
            Order::Command(Given { command, word, taken, answer }) => {
                self.push(Trigger::Manual);
                self.next.waiters.push(answer);
                self.next.errands.commands.push((command, word, taken));
            }
            Order::Note(failure) => self.next.errands.failures.push(failure),
            Order::Look(asker) => self.looks.ask(asker),
            Order::Delivery(delivered) => {
                self.queue.push(Trigger::Webhook);
                if self.next.deliveries.len() == DELIVERIES {
                    self.next.deliveries.remove(0);
                }
                self.next.deliveries.push(delivered);
            }
            Order::Stop => {}
        }
    }

    /// A pass that a person waits for is not delayed by a look.
    fn push(&mut self, trigger: Trigger) {
        self.queue.push(trigger);
        if trigger.is_asked_for() {
            self.looks.give_way();
        }
    }

    /// The first request ends the running pass at a safe point, the second ends everything at once.
    fn stop(&mut self) -> Option<End> {
        self.cancel.cancel();
        self.looks.give_way();
        match (self.is_busy(), self.grace_ends) {
            (false, _) => Some(End::Clean),
            (true, Some(_)) => Some(End::PassAbandoned),
            (true, None) => {
                info!("asked to stop: what runs ends at its next safe point");
                self.grace_ends = Some(now() + STOP_GRACE);
                None
            }
        }
    }

    fn start_if_due(&mut self) {
        let Some(mut reconciler) = self.reconciler.take() else { return };
        let Some(trigger) = self.queue.take(now()) else {
            match std::mem::take(&mut self.next.errands) {
                none if none.is_empty() => self.reconciler = self.look_if_asked(reconciler),
                errands => self.errand = Some(errands.start(reconciler)),
            }
            return;
        };
        let mut asked = std::mem::take(&mut self.next);
        let errands = std::mem::take(&mut asked.errands);
        let deliveries = asked.deliveries.clone();
        let (cancel, view) = (self.cancel.clone(), self.view.clone());
        debug!(%trigger, "a pass begins");
        self.view.send_modify(|view| view.begin(now()));
        let task = tokio::task::spawn_blocking(move || {
            let passed = run_pass(&mut reconciler, trigger, (&cancel, &view), (&deliveries, errands));
            Box::new(Ended { reconciler, passed })
        });
        self.running = Some(Job { task, asked });
    }

    fn go_on_after(&mut self, done: Option<Box<Done<R>>>) {
        self.errand = None;
        let Some(done) = done else { return };
        let Done { reconciler, lifts_pause } = *done;
        self.reconciler = Some(reconciler);
        if lifts_pause {
            self.queue.lift_pause();
        }
        // Who follows the record has something to read.
        self.view.send_modify(|_| {});
    }

    fn look_if_asked(&mut self, reconciler: R) -> Option<R> {
        let left = self.paused_until.map(|until| until.saturating_duration_since(now()));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            self.looks.refuse(&NoDiff::Paused { left });
        }
        self.looks.start(reconciler)
    }

    fn finish(&mut self, ended: Option<Box<Ended<R>>>) {
        let asked = self.running.take().map(|job| job.asked).unwrap_or_default();
        let Some(ended) = ended else { return };
        let Ended { reconciler, passed } = *ended;
        self.reconciler = Some(reconciler);
        let outcome = passed.as_ref().map_or(Outcome::Failed, |passed| passed.report.outcome);
        let pause = passed.as_ref().and_then(|passed| passed.report.retry_after);
        // A pass that did not ask the server does not end what the server asked for.
        let left = self.paused_until.map(|until| until.saturating_duration_since(now()));
        let pause = pause.max(left.filter(|left| !left.is_zero()));
        let opens_at = passed.as_ref().and_then(|passed| passed.report.opens_at);
        let opens_in = opens_at.map(|opens| Duration::from_millis(opens.millis_since(Timestamp::now())));
        let pause = self.schedule.ended(now(), outcome, pause, opens_in);
        self.queue.done(now(), pause);
        self.paused_until = pause.map(|pause| now() + pause);
        let next_pass_at =
            Timestamp::from_millis(Timestamp::now().millis() + self.schedule.millis_left(now()));
        match passed {
            Some(passed) => self.publish(passed, asked, next_pass_at),
            None => self.view.send_modify(|view| view.give_up(next_pass_at)),
        }
    }

    fn publish(&mut self, passed: Passed, asked: Asked, next_pass_at: Timestamp) {
        let report = Arc::new(passed.report);
        self.metrics.passed(&report, &passed.served, passed.audit_records);
        let before = self.view.borrow().report.clone();
        let serving = passed.served.skills.len();
        self.voice.tell(&News { before: before.as_deref(), report: &report, serving });
        self.view.send_modify(|view| view.end(Arc::clone(&report), passed.served, next_pass_at));
        for waiter in asked.waiters {
            // Whoever hung up needs no answer.
            drop(waiter.send(Arc::clone(&report)));
        }
    }
}

async fn ended<R>(running: &mut Option<Job<R>>) -> Option<Box<Ended<R>>> {
    match running {
        Some(job) => (&mut job.task).await.ok(),
        None => std::future::pending().await,
    }
}

async fn done<R>(errand: &mut Option<JoinHandle<Box<Done<R>>>>) -> Option<Box<Done<R>>> {
    match errand {
        Some(task) => task.await.ok(),
        None => std::future::pending().await,
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// One pass on its thread. A panic in it is a fault of ours, and not the agent's outage: it is a
/// failed pass, and the next one settles what it left as after a crash.
fn run_pass<R: Reconciler>(
    reconciler: &mut R,
    trigger: Trigger,
    (cancel, view): (&Cancel, &watch::Sender<View>),
    (deliveries, errands): (&[Delivered], Errands),
) -> Option<Passed> {
    let work = AssertUnwindSafe(|| {
        errands.run(reconciler);
        let passed = reconciler.pass(trigger, cancel, &mut |commit| {
            view.send_if_modified(|view| view.come_to(commit));
        });
        // A report without a revision is one whose fetch failed: a redelivery must work then.
        if let Some(revision) = passed.report.revision.filter(|_| !deliveries.is_empty()) {
            reconciler.remember(deliveries, revision);
        }
        passed
    });
    match std::panic::catch_unwind(work) {
        Ok(passed) => Some(passed),
        Err(_) => {
            error!(%trigger, "a pass panicked; this is a fault of skill-sync, and the next pass settles it");
            None
        }
    }
}
