//! When the agent may start: the volume holds what was served.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reconciler::observed::{Asked, Found, StatCache, Trust, look_at};
use reconciler::reconcile::{DATABASE, MIRROR};
use reconciler::record::Record;
use reconciler::source::holds_served;
use reconciler::tree::Skills;
use tokio::sync::watch::Receiver;

use super::lifeline::SERVED;
use crate::daemon::{Served, StateDir, View};
use crate::render;

/// How long the first pass may take before the agent starts on what the volume held before it: the
/// newest skills are worth a moment, and a forge that does not answer is not the agent's outage.
const FIRST_PASS: Duration = Duration::from_secs(10);

/// Where the skills and the state are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The target.
    pub target: PathBuf,
    /// The state directory, as far as it is known.
    pub state: Receiver<StateDir>,
}

/// Tells the parent, once, that the agent may start.
pub(crate) async fn announce(views: Receiver<View>, place: Place) {
    if opened(views, place).await
        && let Err(error) = render::print(format_args!("{SERVED}\n"))
    {
        tracing::error!(%error, "the agent cannot be started: its parent does not listen");
    }
}

/// Waits until the volume equals what was served; false where the service ends before.
async fn opened(mut views: Receiver<View>, place: Place) -> bool {
    let patience = tokio::time::sleep(FIRST_PASS);
    tokio::pin!(patience);
    loop {
        let (served, is_settled) = {
            let view = views.borrow_and_update();
            (Arc::clone(&view.served), view.begun > 0 && view.running.is_none())
        };
        if (is_settled || patience.is_elapsed()) && equals(place.clone(), served).await {
            return true;
        }
        tokio::select! {
            changed = views.changed() => if changed.is_err() { return false },
            () = &mut patience, if !patience.is_elapsed() => {}
        }
    }
}

async fn equals(place: Place, served: Arc<Served>) -> bool {
    tokio::task::spawn_blocking(move || place.equals(&served)).await.unwrap_or(false)
}

impl Place {
    /// Whether the volume holds what was served. Where the engine cannot be opened the record alone, or
    /// the mirror alone, still knows what that is; what no one of them vouches for is not served.
    fn equals(&self, served: &Served) -> bool {
        if served.revision.is_some() {
            return self.holds(&served.skills, &served.known);
        }
        let Some(state) = self.state.borrow().path().cloned() else { return false };
        self.equals_record(&state.join(DATABASE)) || holds_served(&state.join(MIRROR), &self.target)
    }

    fn equals_record(&self, database: &Path) -> bool {
        let Ok(record) = Record::open_read_only(database) else { return false };
        let (Ok(Some(_)), Ok(inventory)) = (record.last_applied(), record.inventory()) else { return false };
        self.holds(&inventory.skills, &inventory.known)
    }

    /// Whether each file of each skill is on the volume with its bytes. What cannot be read is not.
    fn holds(&self, skills: &Skills, known: &StatCache) -> bool {
        let asked = Arc::new(Asked::new(skills, skills, known));
        let Ok(observed) = look_at(&self.target, &asked, known, Trust::Cache) else { return false };
        if observed.is_as_left() {
            return true;
        }
        skills.values().flat_map(|version| &version.files).all(|(path, file)| {
            matches!(observed.at(path), Some(Found::File { digest, .. }) if *digest == Some(file.digest))
        })
    }
}
