//! Stories of the queue and the clock. The reconciler is a script: what is told here is when passes
//! run and who hears of them, not what they do.

use std::sync::mpsc as blocking;

use reconciler::ids::PassId;
use reconciler::orders::{Actor, Confirmation, Suspension};
use reconciler::report::{Remedy, StagesMs};

use super::*;

/// A report of a pass that came to `outcome`; one that failed has no revision.
pub(crate) fn report(trigger: Trigger, outcome: Outcome) -> PassReport {
    let revision = (outcome != Outcome::Failed).then(|| "c".repeat(40).parse().expect("an id"));
    PassReport {
        pass: PassId(1),
        trigger,
        outcome,
        revision,
        applied_revision: revision,
        started_at: Timestamp::from_millis(1_700_000_000_000),
        duration_ms: 5,
        stages_ms: StagesMs::default(),
        changes: Vec::new(),
        held: Vec::new(),
        warnings: Vec::new(),
        exceptions: Vec::new(),
        condemned: Vec::new(),
        planted: None,
        quarantined: Vec::new(),
        overwritten: Vec::new(),
        unowned: Vec::new(),
        error: None,
        signer: None,
        note: None,
        retry_after: None,
        opens_at: None,
    }
}

/// Passes that wait at a gate until the story lets them end, with the outcome that it says.
pub(crate) struct Script {
    began: mpsc::UnboundedSender<Trigger>,
    looks: mpsc::UnboundedSender<()>,
    gate: blocking::Receiver<Step>,
    remembered: mpsc::UnboundedSender<(Vec<Delivered>, CommitId)>,
    noted: mpsc::UnboundedSender<HookFailure>,
    passes: u64,
    /// The next pass needs nothing of the server: in these stories that is what `resume` brings.
    offline: bool,
}

enum Step {
    End(Outcome, Option<Duration>),
    UntilCancelled,
    Panic,
}

impl Reconciler for Script {
    fn pass(&mut self, trigger: Trigger, cancel: &Cancel, at: &mut dyn FnMut(CommitId)) -> Passed {
        self.passes += 1;
        self.began.send(trigger).expect("the story listens");
        let (outcome, retry_after) = match self.gate.recv().expect("the story goes on") {
            Step::End(outcome, retry_after) => (outcome, retry_after),
            Step::UntilCancelled => {
                while !cancel.is_cancelled() {
                    std::thread::yield_now();
                }
                (Outcome::Failed, None)
            }
            Step::Panic => panic!("the script says so"),
        };
        let report = PassReport { pass: PassId(self.passes), retry_after, ..report(trigger, outcome) };
        report.revision.into_iter().for_each(at);
        let served = Served { revision: report.revision, ..Served::default() };
        Passed { report, served: Arc::new(served), audit_records: 0 }
    }

    fn command(&mut self, command: &Command, word: Word) -> Result<Orders, OrderError> {
        let Word { actor, reason, .. } = word;
        match command {
            Command::Reconcile => Ok(Orders::default()),
            Command::Rollback { revision } => Err(OrderError::Malformed { text: revision.clone() }),
            Command::Confirm { .. } => {
                let (commit, at) = ("c".repeat(40).parse().expect("an id"), Timestamp::from_millis(0));
                Ok(Orders {
                    confirmed: Some(Confirmation { commit, actor, at, reason }),
                    ..Orders::default()
                })
            }
            Command::Suspend { .. } => {
                let at = Timestamp::from_millis(0);
                let suspended = Suspension { actor, at, until: None, reason };
                Ok(Orders { suspended: Some(suspended), ..Orders::default() })
            }
            Command::Resume => {
                self.offline = true;
                Ok(Orders::default())
            }
            Command::Reproject { .. } => Ok(Orders::default()),
        }
    }

    fn asks_server(&mut self) -> bool {
        !std::mem::take(&mut self.offline)
    }

    fn look(&mut self, cancel: &Cancel) -> Result<Diff, NoDiff> {
        self.looks.send(()).expect("the story listens");
        let remedy = match self.gate.recv().expect("the story goes on") {
            Step::End(outcome, _) if outcome.is_converged() => {
                let (changes, held, kept, warnings, unowned) = Default::default();
                return Ok(Diff { revision: None, guard: None, changes, held, kept, warnings, unowned });
            }
            Step::End(Outcome::Guarded, _) => Remedy::Confirm,
            Step::End(..) => Remedy::Retry(None),
            Step::UntilCancelled => {
                while !cancel.is_cancelled() {
                    std::thread::yield_now();
                }
                Remedy::Retry(None)
            }
            Step::Panic => panic!("the script says so"),
        };
        Err(NoDiff::Ended { remedy, error: "the script says so".to_owned() })
    }

    fn note(&mut self, failure: &HookFailure) {
        self.noted.send(failure.clone()).expect("the story listens");
    }

    fn remember(&mut self, deliveries: &[Delivered], revision: CommitId) {
        self.remembered.send((deliveries.to_vec(), revision)).expect("the story listens");
    }
}

/// A daemon that runs, and everything that a story holds of it.
pub(crate) struct Story {
    pub(crate) handle: Handle,
    began: mpsc::UnboundedReceiver<Trigger>,
    looks: mpsc::UnboundedReceiver<()>,
    gate: blocking::Sender<Step>,
    remembered: mpsc::UnboundedReceiver<(Vec<Delivered>, CommitId)>,
    noted: mpsc::UnboundedReceiver<HookFailure>,
    daemon: JoinHandle<End>,
}

const POLL: Duration = Duration::from_secs(300);

impl Story {
    pub(crate) fn begin() -> Self {
        let (began_to, began) = mpsc::unbounded_channel();
        let (looks_to, looks) = mpsc::unbounded_channel();
        let (gate, gate_from) = blocking::channel();
        let (remembered_to, remembered) = mpsc::unbounded_channel();
        let (noted_to, noted) = mpsc::unbounded_channel();
        let script = Script {
            began: began_to,
            looks: looks_to,
            gate: gate_from,
            remembered: remembered_to,
            noted: noted_to,
            passes: 0,
            offline: false,
        };
        let intervals = Intervals { poll: POLL, recheck: POLL * 12 };
        let told = (Metrics::new(), Voice::Log);
        let (daemon, handle) = Daemon::new(script, Arc::default(), intervals, told, Cancel::new());
        Self { handle, began, looks, gate, remembered, noted, daemon: tokio::spawn(daemon.run()) }
    }

    /// Waits for the next pass to begin.
    pub(crate) async fn next(&mut self) -> Trigger {
        self.began.recv().await.expect("a pass")
    }

    /// Asks what a pass would do, and waits until somebody looks.
    async fn ask(&mut self) -> JoinHandle<Result<Arc<Diff>, NoDiff>> {
        let handle = self.handle.clone();
        let asked = tokio::spawn(async move { handle.diff().await });
        self.looks.recv().await.expect("a look");
        asked
    }

    fn step(&self, step: Step) {
        self.gate.send(step).expect("something waits");
    }

    fn nothing_runs(&mut self) -> bool {
        self.began.try_recv().is_err()
    }

    /// Lets the running pass end, and waits until the daemon has taken note.
    pub(crate) async fn end(&mut self, outcome: Outcome) {
        self.end_with(Step::End(outcome, None)).await;
    }

    async fn end_with(&mut self, step: Step) {
        let begun = self.handle.view().begun;
        self.gate.send(step).expect("a pass waits");
        let mut view = self.handle.watch();
        let over = |view: &View| view.running.is_none() || view.begun > begun;
        view.wait_for(over).await.expect("the daemon runs");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_pass_starts_at_once_and_then_the_poll_goes_on() {
    let mut story = Story::begin();
    assert_eq!(story.next().await, Trigger::Start);
    let started = tokio::time::Instant::now();
    story.end(Outcome::Applied).await;
    assert!(story.handle.view().served.revision.is_some());
    assert_eq!(story.next().await, Trigger::Poll);
    let waited = started.elapsed();
    assert!(waited >= POLL.mul_f64(0.9) && waited <= POLL.mul_f64(1.1), "{waited:?}");
    story.end(Outcome::InSync).await;
}

#[tokio::test(start_paused = true)]
async fn stalled_and_guarded_passes_do_not_stop_the_poll() {
    let mut story = Story::begin();
    story.next().await;
    for outcome in [Outcome::Stalled, Outcome::Guarded] {
        story.end(outcome).await;
        assert_eq!(story.next().await, Trigger::Poll);
    }
    story.end(Outcome::InSync).await;
}

#[tokio::test(start_paused = true)]
async fn triggers_during_a_pass_bring_exactly_one_more() {
    let mut story = Story::begin();
    story.next().await;
    for trigger in [Trigger::Webhook, Trigger::Watch, Trigger::Signal, Trigger::Signal] {
        story.handle.trigger(trigger).await.expect("the daemon runs");
    }
    story.end(Outcome::InSync).await;
    assert_eq!(story.next().await, Trigger::Signal);
    let began = tokio::time::Instant::now();
    story.end(Outcome::InSync).await;
    assert_eq!(story.next().await, Trigger::Poll, "and no second one");
    assert!(began.elapsed() > POLL / 2);
    story.end(Outcome::InSync).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_answered_by_a_pass_that_began_after_the_request() {
    let mut story = Story::begin();
    story.next().await;
    let asked = tokio::spawn({
        let handle = story.handle.clone();
        async move { handle.pass(Trigger::Manual).await }
    });
    tokio::task::yield_now().await;
    story.end(Outcome::InSync).await;
    assert_eq!(story.next().await, Trigger::Manual);
    assert!(!asked.is_finished(), "the pass that ran already is no answer");
    story.end(Outcome::Applied).await;
    let report = asked.await.expect("no panic").expect("a report");
    assert_eq!((report.pass, report.outcome), (PassId(2), Outcome::Applied));
}

#[tokio::test(start_paused = true)]
async fn a_failed_pass_is_tried_again_soon_and_no_trigger_shortens_retry_after() {
    let mut story = Story::begin();
    story.next().await;
    let failed = tokio::time::Instant::now();
    story.end(Outcome::Failed).await;
    assert_eq!(story.next().await, Trigger::Poll);
    assert!(failed.elapsed() < Duration::from_secs(2), "the backoff begins at a second");

    let told = tokio::time::Instant::now();
    story.end_with(Step::End(Outcome::Failed, Some(Duration::from_secs(40)))).await;
    story.handle.trigger(Trigger::Manual).await.expect("the daemon runs");
    assert_eq!(story.next().await, Trigger::Manual);
    assert!(told.elapsed() >= Duration::from_secs(40), "{:?}", told.elapsed());
    story.end(Outcome::InSync).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_is_taken_while_the_server_asked_us_to_wait_and_its_pass_only_where_it_needs_no_server() {
    let mut story = Story::begin();
    story.next().await;
    let told = tokio::time::Instant::now();
    story.end_with(Step::End(Outcome::Failed, Some(Duration::from_secs(40)))).await;

    let word = || Word::from(Actor::api());
    let suspended = story.handle.command(Command::Suspend { lasting: None }, word()).await;
    assert!(suspended.is_ok_and(|taken| taken.orders.suspended.is_some()));
    assert!(told.elapsed() < Duration::from_secs(1) && story.nothing_runs(), "its pass waits");

    let resumed = story.handle.command(Command::Resume, word()).await;
    assert!(resumed.is_ok());
    assert_eq!(story.next().await, Trigger::Manual);
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    story.end(Outcome::Applied).await;

    story.handle.trigger(Trigger::Manual).await.expect("the daemon runs");
    assert_eq!(story.next().await, Trigger::Manual);
    assert!(told.elapsed() >= Duration::from_secs(40), "that pass did not end the pause");
    story.end(Outcome::InSync).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_program_failed_at_is_noted_when_no_pass_runs_and_brings_none() {
    let mut story = Story::begin();
    story.next().await;
    let failure = HookFailure { pass: PassId(1), error: "it failed".to_owned() };
    story.handle.note(failure.clone()).await.expect("the daemon runs");
    assert!(story.noted.try_recv().is_err(), "the engine is at work");
    let began = tokio::time::Instant::now();
    story.end(Outcome::Applied).await;
    assert_eq!(story.noted.recv().await.expect("noted"), failure);
    assert_eq!(story.next().await, Trigger::Poll);
    assert!(began.elapsed() > POLL / 2, "it is no reason for a pass");
    story.end(Outcome::InSync).await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_remembered_once_its_fetch_succeeded_and_not_before() {
    let mut story = Story::begin();
    story.next().await;
    story.end(Outcome::InSync).await;
    let one = Delivered { id: Some("one".to_owned()), claim: None };
    story.handle.deliver(one.clone()).await.expect("the daemon runs");
    assert_eq!(story.next().await, Trigger::Webhook);
    story.end(Outcome::Failed).await;
    assert!(story.remembered.try_recv().is_err(), "the fetch failed");

    story.handle.deliver(one.clone()).await.expect("the daemon runs");
    story.next().await;
    story.end(Outcome::Applied).await;
    assert_eq!(story.remembered.try_recv().expect("remembered").0, [one]);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_panics_is_a_failed_pass_and_the_service_goes_on() {
    let mut story = Story::begin();
    story.next().await;
    story.end_with(Step::Panic).await;
    assert_eq!(story.next().await, Trigger::Poll);
    story.end(Outcome::Applied).await;
    assert_eq!(story.handle.view().report.expect("a report").outcome, Outcome::Applied);
}

#[tokio::test(start_paused = true)]
async fn an_idle_service_stops_at_once() {
    let mut story = Story::begin();
    story.next().await;
    story.end(Outcome::InSync).await;
    story.handle.stop().await;
    assert_eq!(story.daemon.await.expect("no panic"), End::Clean);
    assert_eq!(story.handle.trigger(Trigger::Manual).await, Err(Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_running_pass_ends_at_its_safe_point_when_the_service_stops() {
    let mut story = Story::begin();
    story.next().await;
    story.handle.trigger(Trigger::Manual).await.expect("the daemon runs");
    story.gate.send(Step::UntilCancelled).expect("a pass waits");
    story.handle.stop().await;
    assert_eq!(story.daemon.await.expect("no panic"), End::Clean);
    assert!(story.began.try_recv().is_err(), "no further pass starts");
}

#[tokio::test]
async fn a_second_request_to_stop_does_not_wait_for_the_pass() {
    let mut story = Story::begin();
    story.next().await;
    story.handle.stop().await;
    story.handle.stop().await;
    assert_eq!((&mut story.daemon).await.expect("no panic"), End::PassAbandoned);
    story.gate.send(Step::End(Outcome::InSync, None)).expect("the pass ends for itself");
}

#[tokio::test(start_paused = true)]
async fn a_recheck_comes_after_its_interval() {
    let mut story = Story::begin();
    story.next().await;
    let started = tokio::time::Instant::now();
    loop {
        story.end(Outcome::InSync).await;
        if story.next().await == Trigger::Recheck {
            break;
        }
    }
    assert!(started.elapsed() >= POLL * 12 && started.elapsed() < POLL * 13);
    assert!(story.nothing_runs());
    story.end(Outcome::InSync).await;
}

#[tokio::test(start_paused = true)]
async fn a_look_is_no_pass_and_waits_for_the_one_that_runs() {
    let mut story = Story::begin();
    story.next().await;
    let handle = story.handle.clone();
    let asked = tokio::spawn(async move { handle.diff().await });
    tokio::task::yield_now().await;
    assert!(story.looks.try_recv().is_err(), "one at a time");
    story.end(Outcome::InSync).await;
    story.looks.recv().await.expect("a look");
    let begun = story.handle.view().begun;
    story.step(Step::End(Outcome::InSync, None));
    assert!(asked.await.expect("no panic").is_ok());
    assert_eq!((story.handle.view().begun, story.nothing_runs()), (begun, true));
}

#[tokio::test(start_paused = true)]
async fn a_look_gives_way_to_a_pass_that_somebody_waits_for_and_is_answered_after_it() {
    let mut story = Story::begin();
    story.next().await;
    story.end(Outcome::InSync).await;
    let asked = story.ask().await;
    story.step(Step::UntilCancelled);
    story.handle.trigger(Trigger::Manual).await.expect("the daemon runs");
    assert_eq!(story.next().await, Trigger::Manual);
    assert!(!asked.is_finished());
    story.end(Outcome::Applied).await;
    story.looks.recv().await.expect("it looks again");
    story.step(Step::End(Outcome::InSync, None));
    assert!(asked.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn a_look_ends_when_nobody_waits_for_it() {
    let mut story = Story::begin();
    story.next().await;
    story.end(Outcome::InSync).await;
    let asked = story.ask().await;
    asked.abort();
    story.step(Step::UntilCancelled);
    story.handle.trigger(Trigger::Webhook).await.expect("the daemon runs");
    assert_eq!(story.next().await, Trigger::Webhook);
    story.end(Outcome::InSync).await;
}

#[tokio::test(start_paused = true)]
async fn where_a_pass_would_end_a_look_says_so() {
    let mut story = Story::begin();
    story.next().await;
    story.end(Outcome::InSync).await;
    let asked = story.ask().await;
    story.step(Step::End(Outcome::Guarded, None));
    let Err(NoDiff::Ended { remedy, .. }) = asked.await.expect("no panic") else { panic!("no error") };
    assert_eq!(remedy, Remedy::Confirm);

    let asked = story.ask().await;
    story.step(Step::Panic);
    let error = asked.await.expect("no panic of the daemon").expect_err("it panicked");
    assert!(error.to_string().contains("a fault of skill-sync"), "{error}");

    let asked = story.ask().await;
    story.step(Step::UntilCancelled);
    story.handle.stop().await;
    assert_eq!(asked.await.expect("no panic"), Err(NoDiff::Stopped(Stopped)));
    assert_eq!(story.daemon.await.expect("no panic"), End::Clean);
}

#[tokio::test(start_paused = true)]
async fn no_look_goes_to_a_server_that_asked_us_to_wait() {
    let mut story = Story::begin();
    story.next().await;
    story.end_with(Step::End(Outcome::Failed, Some(Duration::from_secs(40)))).await;
    let error = story.handle.diff().await.expect_err("not before its time");
    assert!(matches!(error, NoDiff::Paused { .. }), "{error}");
    assert!(error.to_string().contains("asked us to wait"), "{error}");
}
