//! The projector beside the service: woken by passes, patient with a server that is away.

use std::path::PathBuf;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reconciler::reconcile::DATABASE;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{GraphError, Projection, Projector};
use crate::config::Neo4j;
use crate::daemon::{StateDir, View};
use crate::metrics::Metrics;

/// How often an idle server is asked whether it still has what it had: a wiped one is filled again.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// The first pause after a failure.
const SHORTEST: Duration = Duration::from_secs(1);

/// The longest: a server that is back is found within it.
const LONGEST: Duration = Duration::from_secs(30);

/// Everything that the projector of a service needs.
pub(crate) struct Task {
    /// The settings of the server.
    pub settings: Neo4j,
    /// Names the target.
    pub environment: String,
    /// Where the record is.
    pub state: watch::Receiver<StateDir>,
    /// What passes leave: each may have written records.
    pub view: watch::Receiver<View>,
    /// Shows how far it is behind.
    pub metrics: Metrics,
    /// Shows how it is.
    pub projection: watch::Sender<Projection>,
}

impl Task {
    /// Projects until the service ends.
    pub(crate) async fn run(mut self) {
        let Some(mut state) = self.opened().await else { return };
        self.projection.send_replace(Projection::load(&state));
        self.metrics.projected(self.projection.borrow().seq);
        let mut projector = self.projector(&state);
        let (mut pauses, mut greeted) = (pauses(), false);
        loop {
            let (projection, metrics) = (&self.projection, &self.metrics);
            let mut news = |cursor: super::Cursor| {
                metrics.projected(cursor.seq);
                projection.send_modify(|projection| projection.seq = cursor.seq);
            };
            let caught_up = projector.catch_up(&mut news).await;
            let goes_on = match caught_up {
                Ok(progress) => {
                    pauses = self::pauses();
                    self.reached(&state, progress.records, std::mem::replace(&mut greeted, true));
                    self.wait_for_records(&projector, progress.records).await
                }
                Err(error) => {
                    self.failed(&state, &error);
                    let pause = pauses.next().filter(|_| !error.needs_a_person()).unwrap_or(LONGEST);
                    self.pause(pause, matches!(error, GraphError::Forked { .. })).await
                }
            };
            if !goes_on {
                return;
            }
            // A volume that was mounted later has a state directory of its own.
            if let Some(now) = self.opened().await.filter(|now| *now != state) {
                projector = self.projector(&now);
                state = now;
            }
        }
    }

    fn projector(&self, state: &std::path::Path) -> Projector {
        Projector::new(self.settings.clone(), self.environment.clone(), state.join(DATABASE))
    }

    /// The state directory, once it is open; none where the service ends before.
    async fn opened(&mut self) -> Option<PathBuf> {
        let open = self.state.wait_for(|state| matches!(state, StateDir::Open(_))).await.ok()?;
        open.path().cloned()
    }

    fn reached(&self, state: &std::path::Path, records: u64, greeted: bool) {
        let mut news = !greeted;
        self.projection.send_modify(|projection| news |= projection.reached(records));
        self.projection.borrow().keep(state);
        if news {
            info!(records, "Neo4j has every record of the audit");
        }
    }

    fn failed(&self, state: &std::path::Path, error: &GraphError) {
        let mut news = false;
        self.projection.send_modify(|projection| news = projection.failed(error));
        if news {
            let word = error.word();
            let error = reconciler::report::error_text(error).escape_debug().to_string();
            warn!(state = word, error, "Neo4j is behind; passes go on, and it is tried again");
            self.projection.borrow().keep(state);
        }
    }

    /// Waits until there is more than `records`, or for a heartbeat; false where the service ends.
    async fn wait_for_records(&mut self, projector: &Projector, records: u64) -> bool {
        let heartbeat = tokio::time::Instant::now() + HEARTBEAT;
        loop {
            tokio::select! {
                changed = self.view.changed() => match changed {
                    Ok(()) if projector.last().await.is_ok_and(|last| last == records) => {}
                    Ok(()) => return true,
                    Err(_) => return false,
                },
                () = tokio::time::sleep_until(heartbeat) => return true,
            }
        }
    }

    /// Waits for a time; a fork also for the next pass, which follows an operator's word.
    async fn pause(&mut self, pause: Duration, forked: bool) -> bool {
        let passes = async {
            match forked {
                true => self.view.changed().await.is_ok(),
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            goes_on = passes => goes_on,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    let growing = ExponentialBuilder::new().with_min_delay(SHORTEST).with_max_delay(LONGEST).with_jitter();
    growing.without_max_times().build()
}
