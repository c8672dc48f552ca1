//! What has been told: a file in the state directory, replaced whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use reconciler::ids::Timestamp;
use reconciler::report::Outcome;
use serde::{Deserialize, Serialize};

use super::Matters;

/// What has been told, and since when passes fail.
#[derive(Debug, Default)]
pub(super) struct Memory {
    file: Option<PathBuf>,
    stored: Stored,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Stored {
    told: Matters,
    failing_since: Option<Timestamp>,
}

impl Memory {
    /// What has been told.
    pub(super) fn told(&self) -> &Matters {
        &self.stored.told
    }

    /// Since when passes fail.
    pub(super) fn failing_since(&self) -> Option<Timestamp> {
        self.stored.failing_since
    }

    /// Reads the file once it is known where it is. What was told before that, in this process, counts
    /// too. One that cannot be read is as good as none: something may be told twice.
    pub(super) fn load(&mut self, file: Option<PathBuf>) {
        if file.is_none() || self.file == file {
            return;
        }
        self.file = file;
        let Some(path) = &self.file else { return };
        let read = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice::<Stored>(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Stored::default()),
            Err(error) => Err(error),
        };
        match read {
            Ok(read) => {
                let ours = std::mem::take(&mut self.stored);
                self.stored = Stored {
                    told: read.told.into_iter().chain(ours.told).collect(),
                    failing_since: read.failing_since.or(ours.failing_since),
                };
            }
            Err(error) => {
                tracing::warn!(%error, "what notices were sent cannot be read; some may come twice");
            }
        }
    }

    /// Notes whether passes fail, and since when.
    pub(super) fn failing(&mut self, outcome: Outcome, now: Timestamp) {
        let since = match outcome {
            Outcome::Failed => Some(self.stored.failing_since.unwrap_or(now)),
            // A suspended pass says nothing of it; every other one reached its end.
            Outcome::Suspended => self.stored.failing_since,
            _ => None,
        };
        self.store(Stored { failing_since: since, ..self.stored.clone() });
    }

    /// Remembers what has been told.
    pub(super) fn keep(&mut self, told: Matters) {
        self.store(Stored { told, ..self.stored.clone() });
    }

    fn store(&mut self, stored: Stored) {
        if stored == self.stored {
            return;
        }
        self.stored = stored;
        if let Some(file) = &self.file
            && let Err(error) = replace(file, &self.stored)
        {
            tracing::warn!(%error, "what notices were sent cannot be remembered; after a restart some may come twice");
        }
    }
}

fn replace(file: &Path, stored: &Stored) -> io::Result<()> {
    let staged = file.with_extension("json.new");
    let mut writing = File::create(&staged)?;
    writing.write_all(&serde_json::to_vec(stored)?)?;
    writing.sync_all()?;
    fs::rename(&staged, file)
}
