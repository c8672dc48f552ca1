//! The projection of the audit into Neo4j: SQLite is the truth, and what is there follows it.
//!
//! ```text
//! survey ─▶ standing ─▶ batch ─▶ batch ─▶ … ─▶ wait for a pass, or a minute
//! what is   ours or     up to 500 records, one transaction each,
//! there     forked      which checks first that nobody moved the cursor
//! ```
//!
//! A task of its own: no pass waits for it and none fails for it. The cursor is what the server says, so
//! that a server that was wiped or restored is filled again from where it stands. What is there and is not
//! a part of our chain is evidence: it is told, and never overwritten without an operator's word, which is
//! a record itself.
//!
//! Everything is written by `MERGE` on unique ids within explicit transactions: a statement that is sent
//! twice changes nothing, and a `COMMIT` whose answer was lost is found done by the next survey. Every node
//! carries the id of its chain, so that several environments share a database without meeting.

use std::path::PathBuf;

use reconciler::record::{Checkpoint, Evidence, Record};
use tracing::{info, warn};

mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod rows;
mod schema;
mod server;
mod standing;
mod state;
mod task;
mod verify;

pub(crate) use error::GraphError;
pub(crate) use state::Projection;
pub(crate) use task::Task;
#[cfg(test)]
pub(crate) use verify::Difference;
pub(crate) use verify::{Projected, verify};

use crate::config::Neo4j;
use rows::Rows;
use server::{Batch, Server};
use standing::{Ours, Standing};

/// How many records go into one transaction: more of them is no faster, and less is lost with a cut.
const BATCH: usize = 500;

/// Where the projection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cursor {
    /// The last record that is there, with all before it; 0 for none.
    pub seq: u64,
    /// The hash of it; zeros for none.
    pub hash: [u8; 32],
}

/// What bringing the projection up to date came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Progress {
    /// The last record that is there.
    pub records: u64,
    /// How many of them this run sent.
    pub sent: u64,
}

/// Brings one chain into one server.
pub(crate) struct Projector {
    settings: Neo4j,
    environment: String,
    database: PathBuf,
    link: Option<(Server, Cursor)>,
}

impl Projector {
    /// Projects the record in `database` under the name of an environment.
    pub(crate) fn new(settings: Neo4j, environment: String, database: PathBuf) -> Self {
        Self { settings, environment, database, link: None }
    }

    /// Sends everything that is missing, and tells `news` where it stands after each step.
    ///
    /// # Errors
    /// [`GraphError`] says what is wrong and what to do; the next call begins with a new survey.
    pub(crate) async fn catch_up(
        &mut self,
        news: &mut (dyn FnMut(Cursor) + Send),
    ) -> Result<Progress, GraphError> {
        let caught_up = self.send_missing(news).await;
        if caught_up.is_err() {
            // Whatever went wrong, the connection may hold half an exchange.
            self.link = None;
        }
        caught_up
    }

    async fn send_missing(&mut self, news: &mut (dyn FnMut(Cursor) + Send)) -> Result<Progress, GraphError> {
        let (server, mut cursor) = match self.held().await? {
            Some(held) => held,
            None => self.survey().await?,
        };
        news(cursor);
        let mut sent = 0;
        loop {
            let after = cursor.seq;
            let (chain, records) = self
                .read(move |record| Ok((record.anchor()?.chain, record.audit_after(after, BATCH)?)))
                .await?;
            let Some(last) = records.last() else { break };
            let next = Cursor { seq: last.seq, hash: *last.hash.as_bytes() };
            let rows = Rows::of(&chain, &self.environment, &records);
            self.write(&server, Batch { chain: &chain, cursor, rows }).await?;
            sent += records.len() as u64;
            cursor = next;
            news(cursor);
        }
        self.link = Some((server, cursor));
        Ok(Progress { records: cursor.seq, sent })
    }

    /// The connection of the last call, where the server still has what it had then.
    async fn held(&mut self) -> Result<Option<(Server, Cursor)>, GraphError> {
        let Some((server, cursor)) = self.link.take() else { return Ok(None) };
        let holds = server.holds(&self.chain().await?, cursor).await?;
        Ok(holds.then_some((server, cursor)))
    }

    /// Writes a batch, unless an operator's word is needed.
    async fn write(&self, server: &Server, batch: Batch<'_>) -> Result<(), GraphError> {
        let chain = batch.chain;
        match server.write(batch).await {
            Err(GraphError::Forked { evidence, .. }) => {
                let (last, given_up) =
                    self.read(|record| Ok((record.anchor()?.seq, record.given_up()?))).await?;
                if given_up != Some(evidence) {
                    return Err(GraphError::Forked { evidence, last });
                }
                self.forget(server, chain, evidence).await?;
                Err(GraphError::Moved { uri: server.uri() })
            }
            written => written,
        }
    }

    /// Deletes what an operator gave up.
    async fn forget(&self, server: &Server, chain: &str, evidence: Evidence) -> Result<(), GraphError> {
        warn!(seq = evidence.seq, "the projection is made again, as an operator said");
        server.forget(chain).await
    }

    /// The number of our last record.
    pub(crate) async fn last(&self) -> Result<u64, GraphError> {
        self.read(|record| Ok(record.anchor()?.seq)).await
    }

    /// Connects, makes the schema, and finds where what is there stands to what is ours.
    async fn survey(&self) -> Result<(Server, Cursor), GraphError> {
        let server = Server::connect(&self.settings).await?;
        schema::ensure(&server).await?;
        let chain = self.chain().await?;
        let theirs = server.survey(&chain).await?;
        let seqs = [theirs.last, theirs.contiguous].map(|end| end.map(|end| end.seq));
        let ours = self
            .read(move |record| Ours::read(record, &seqs.into_iter().flatten().collect::<Vec<_>>()))
            .await?;
        let cursor = match standing::compare(&ours, &theirs) {
            Standing::Follows(cursor) => cursor,
            Standing::Forked(evidence) if ours.given_up == Some(evidence) => {
                self.forget(&server, &chain, evidence).await?;
                Cursor {
                    seq: ours.checkpoint.map_or(0, |checkpoint| checkpoint.through),
                    ..Cursor::default()
                }
            }
            Standing::Forked(evidence) => return Err(GraphError::Forked { evidence, last: ours.last }),
        };
        if let Some(Checkpoint { through, .. }) = ours.checkpoint
            && theirs.first.is_some_and(|first| first <= through)
        {
            server.prune(&chain, through).await?;
            info!(through, "the projection let go of what the record let go of");
        }
        Ok((server, cursor))
    }

    async fn chain(&self) -> Result<String, GraphError> {
        self.read(|record| Ok(record.anchor()?.chain)).await
    }

    /// Reads the record off the asynchronous threads; it is opened for each look, as every reader does.
    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Record) -> Result<T, reconciler::record::RecordError> + Send + 'static,
    ) -> Result<T, GraphError> {
        let path = self.database.clone();
        let read = tokio::task::spawn_blocking(move || look(&Record::open_read_only(&path)?)).await;
        Ok(read.map_err(|_| GraphError::GivenUp)??)
    }
}
