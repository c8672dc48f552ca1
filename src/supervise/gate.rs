//! When the agent may start: the volume holds what was served.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reconciler::observed::{Found, Trust, look_at};
use tokio::sync::watch::Receiver;

use super::lifeline::SERVED;
use crate::daemon::{Served, View};
use crate::render;

/// How long the first pass may take before the agent starts on what the volume held before it: the
/// newest skills are worth a moment, and a forge that does not answer is not the agent's outage.
const FIRST_PASS: Duration = Duration::from_secs(10);

/// Tells the parent, once, that the agent may start.
pub(crate) async fn announce(views: Receiver<View>, target: PathBuf) {
    if opened(views, target).await
        && let Err(error) = render::print(format_args!("{SERVED}\n"))
    {
        tracing::error!(%error, "the agent cannot be started: its parent does not listen");
    }
}

/// Waits until the volume equals what was served; false where the service ends before.
async fn opened(mut views: Receiver<View>, target: PathBuf) -> bool {
    let patience = tokio::time::sleep(FIRST_PASS);
    tokio::pin!(patience);
    loop {
        let (served, is_settled) = {
            let view = views.borrow_and_update();
            (Arc::clone(&view.served), view.begun > 0 && view.running.is_none())
        };
        if (is_settled || patience.is_elapsed()) && equals(target.clone(), served).await {
            return true;
        }
        tokio::select! {
            changed = views.changed() => if changed.is_err() { return false },
            () = &mut patience, if !patience.is_elapsed() => {}
        }
    }
}

async fn equals(target: PathBuf, served: Arc<Served>) -> bool {
    let looked = tokio::task::spawn_blocking(move || holds(&target, &served));
    looked.await.unwrap_or(false)
}

/// Whether each file of each served skill is on the volume with its bytes. What cannot be read is not.
fn holds(target: &Path, served: &Served) -> bool {
    if served.revision.is_none() {
        return false;
    }
    let files: BTreeMap<_, _> = served.skills.values().flat_map(|version| &version.files).collect();
    let asked = files.iter().map(|(path, file)| ((*path).clone(), file.size)).collect();
    let Ok(observed) = look_at(target, &asked, &served.known, Trust::Cache) else { return false };
    files.iter().all(|(path, file)| {
        matches!(observed.at(path), Some(Found::File { digest, .. }) if *digest == Some(file.digest))
    })
}
