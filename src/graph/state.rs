//! How the projection is, for the status, the metrics and the next start.

use std::fs;
use std::path::Path;

use reconciler::ids::Timestamp;
use reconciler::record::Evidence;
use reconciler::status::ProjectionFacts;
use serde::{Deserialize, Serialize};

use super::GraphError;

/// The file of the state directory that keeps it, for who asks while no service runs.
const STATE: &str = "neo4j.json";

/// How the projection is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Projection {
    /// The last record that is known to be there.
    pub seq: u64,
    /// Since when it is so.
    pub since: Timestamp,
    /// A word for what is wrong; none where nothing is.
    #[serde(default)]
    pub word: Option<String>,
    /// What is wrong, and what to do.
    #[serde(default)]
    pub error: Option<String>,
    /// What is there and disagrees.
    #[serde(default)]
    pub forked: Option<Evidence>,
}

impl Default for Projection {
    fn default() -> Self {
        Self { seq: 0, since: Timestamp::now(), word: None, error: None, forked: None }
    }
}

impl Projection {
    /// What was kept of it; as nothing was known yet, where nothing can be read.
    pub(crate) fn load(state: &Path) -> Self {
        let text = fs::read(state.join(STATE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Keeps it. That it cannot be kept costs a number in the status of a stopped service.
    pub(crate) fn keep(&self, state: &Path) {
        let path = state.join(STATE);
        let making = path.with_extension("json.new");
        let written =
            serde_json::to_vec(self).map_err(std::io::Error::other).and_then(|text| fs::write(&making, text));
        if let Err(error) = written.and_then(|()| fs::rename(&making, &path)) {
            tracing::debug!(%error, "{} could not be written", path.display());
        }
    }

    /// Records are there up to this one, and nothing is wrong. Says whether that is news.
    pub(crate) fn reached(&mut self, seq: u64) -> bool {
        let news = self.word.is_some();
        if news {
            *self = Self { seq, ..Self::default() };
        }
        self.seq = seq;
        news
    }

    /// Something is wrong. Says whether that is news.
    pub(crate) fn failed(&mut self, error: &GraphError) -> bool {
        let word = error.word();
        let news = self.word.as_deref() != Some(word);
        if news {
            self.since = Timestamp::now();
        }
        self.word = Some(word.to_owned());
        self.error = Some(reconciler::report::error_text(error));
        self.forked = match error {
            GraphError::Forked { evidence, .. } => Some(*evidence),
            _ => None,
        };
        news
    }

    /// What the status is told.
    pub(crate) fn facts(&self) -> ProjectionFacts {
        let forked = self.forked.is_some();
        ProjectionFacts { seq: self.seq, since: self.since, error: self.error.clone(), forked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_of_state_is_news_and_begins_a_time() {
        let mut projection = Projection { since: Timestamp::from_millis(1), ..Projection::default() };
        assert!(!projection.reached(5), "it was well before");
        let away = |text: &str| GraphError::NotNeo4j { uri: text.to_owned() };
        assert!(projection.failed(&away("a")));
        let since = projection.since;
        assert!(since > Timestamp::from_millis(1));
        assert!(!projection.failed(&away("b")), "the same again");
        assert_eq!((projection.since, projection.seq), (since, 5));
        assert!(projection.error.as_ref().is_some_and(|text| text.contains("at b")), "the newest is told");
        assert!(projection.failed(&GraphError::Refused { uri: "a".into() }));
        assert!(projection.reached(7) && projection.error.is_none());
    }

    #[test]
    fn it_is_kept_and_read_again() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(Projection::load(directory.path()).seq, 0, "nothing is known yet");
        let kept = Projection { seq: 9, word: Some("away".into()), ..Projection::default() };
        kept.keep(directory.path());
        assert_eq!(Projection::load(directory.path()), kept);
    }
}
