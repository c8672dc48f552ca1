//! One server: every call has a deadline, every write is an explicit transaction, and every error says
//! what to do.

use std::path::Path;
use std::time::Duration;

use neo4rs::{BoltType, ConfigBuilder, Graph, Query, Row, Txn, query};
use reconciler::ids::Digest;
use reconciler::record::Evidence;
use serde_json::Value;

use super::Cursor;
use super::error::GraphError;
use super::rows::{LABELS, Link, Node, Rows};
use super::standing::Theirs;
use crate::config::Neo4j;

/// How long the server may take to say who it is (20 s): it is asked for nothing else yet.
const GREETING: Duration = Duration::from_secs(20);

/// How long it may take for a batch, or to look over what it has (60 s): minutes under load are no answer.
const ANSWER: Duration = Duration::from_secs(60);

/// How many nodes are deleted in one transaction: the server holds all of it in memory.
const DELETED: i64 = 2_000;

/// The user where NEO4J_USER is not set: the one that a new server has.
const USER: &str = "neo4j";

/// A server that has answered.
pub(super) struct Server {
    graph: Graph,
    uri: String,
    database: Option<String>,
}

/// What is written in one transaction: the rows of the records between two cursors.
pub(super) struct Batch<'a> {
    pub(super) chain: &'a str,
    pub(super) cursor: Cursor,
    pub(super) rows: Rows,
}

/// How a transaction of ours ends early.
enum Cut {
    Driver(neo4rs::Error),
    /// What the batch goes on from is there no more.
    Moved,
    /// A record is there under a number of ours, and it is another one.
    Differs(Evidence),
}

impl From<neo4rs::Error> for Cut {
    fn from(error: neo4rs::Error) -> Self {
        Self::Driver(error)
    }
}

impl Server {
    /// Connects, and hears that the database is there.
    pub(super) async fn connect(settings: &Neo4j) -> Result<Self, GraphError> {
        let uri = settings.uri.clone();
        let password =
            settings.password.as_ref().map(|password| password.read()).transpose()?.unwrap_or_default();
        let mut config = ConfigBuilder::default()
            .uri(&uri)
            .user(settings.user.as_deref().unwrap_or(USER))
            .password(password)
            .max_connections(2)
            // It is the limit of each single answer too.
            .connection_timeout(ANSWER);
        if let Some(database) = &settings.database {
            config = config.db(database.as_str());
        }
        if let Some(ca) = &settings.ca {
            check_ca(ca)?;
            config = config.with_client_certificate(ca);
        }
        let database = settings.database.clone();
        let graph = config.build().and_then(Graph::connect);
        let graph = graph.map_err(|error| told(&uri, database.as_deref(), "take a connection", error))?;
        let server = Self { graph, uri, database };
        server.greet().await?;
        Ok(server)
    }

    /// Hears which version it is.
    async fn greet(&self) -> Result<(), GraphError> {
        let asked = query("CALL dbms.components() YIELD versions RETURN versions[0] AS version");
        let rows = self.within("say who it is", GREETING, self.all(asked)).await?;
        let version: Option<String> = rows.first().and_then(|row| row.get("version").ok());
        match version.as_deref().is_some_and(is_too_old) {
            true => Err(GraphError::TooOld { uri: self.uri() }),
            false => Ok(()),
        }
    }

    pub(super) fn uri(&self) -> String {
        self.uri.clone()
    }

    /// Runs one statement in a transaction of its own.
    pub(super) async fn run(&self, doing: &'static str, statement: Query) -> Result<(), GraphError> {
        let call = async {
            let mut txn = self.graph.start_txn().await?;
            txn.run(statement).await?;
            Ok(txn.commit().await?)
        };
        self.within(doing, ANSWER, call).await
    }

    /// Asks for rows.
    pub(super) async fn rows(&self, doing: &'static str, statement: Query) -> Result<Vec<Row>, GraphError> {
        self.within(doing, ANSWER, self.all(statement)).await
    }

    /// Asks for at most one row.
    pub(super) async fn one(&self, doing: &'static str, statement: Query) -> Result<Option<Row>, GraphError> {
        Ok(self.rows(doing, statement).await?.into_iter().next())
    }

    async fn all(&self, statement: Query) -> Result<Vec<Row>, Cut> {
        let mut txn = self.graph.start_txn().await?;
        let rows = fetch(&mut txn, statement).await?;
        txn.commit().await?;
        Ok(rows)
    }

    async fn within<T>(
        &self,
        doing: &'static str,
        limit: Duration,
        call: impl Future<Output = Result<T, Cut>>,
    ) -> Result<T, GraphError> {
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Cut::Driver(error))) => Err(told(&self.uri, self.database.as_deref(), doing, error)),
            Ok(Err(Cut::Moved)) => Err(GraphError::Moved { uri: self.uri() }),
            Ok(Err(Cut::Differs(evidence))) => Err(GraphError::Forked { evidence, last: evidence.seq }),
            Err(_) => Err(GraphError::TooSlow { uri: self.uri(), doing, waited: limit }),
        }
    }

    /// Whether what a cursor says is still there.
    pub(super) async fn holds(&self, chain: &str, cursor: Cursor) -> Result<bool, GraphError> {
        let call = async {
            let mut txn = self.graph.start_txn().await?;
            let holds = is_there(&mut txn, chain, cursor).await?;
            txn.commit().await?;
            Ok(holds)
        };
        self.within("find the last record", ANSWER, call).await
    }

    /// What there is of a chain.
    pub(super) async fn survey(&self, chain: &str) -> Result<Theirs, GraphError> {
        const EXTENT: &str = "MATCH (e:Event {chain: $chain})
            RETURN count(e) AS records, min(e.seq) AS first, max(e.seq) AS last";
        const GAP: &str = "MATCH (e:Event {chain: $chain})
            WHERE NOT EXISTS { MATCH (:Event {chain: $chain, seq: e.seq + 1}) } RETURN min(e.seq) AS seq";
        let doing = "say what it has";
        let of_chain = |statement| query(statement).param("chain", chain);
        let Some(extent) = self.one(doing, of_chain(EXTENT)).await? else { return Ok(Theirs::default()) };
        let (Some(first), Some(last)) = (number(&extent, "first"), number(&extent, "last")) else {
            return Ok(Theirs::default());
        };
        let whole = number(&extent, "records") == Some(last - first + 1);
        let end = match whole {
            true => Some(last),
            false => self.one(doing, of_chain(GAP)).await?.and_then(|row| number(&row, "seq")),
        };
        let (contiguous, last) = (self.end(chain, end.unwrap_or(first)).await?, self.end(chain, last).await?);
        Ok(Theirs { first: Some(first), contiguous, last })
    }

    async fn end(&self, chain: &str, seq: u64) -> Result<Option<Evidence>, GraphError> {
        let asked = query("MATCH (e:Event {chain: $chain, seq: $seq}) RETURN e.hash AS hash LIMIT 1");
        let asked = asked.param("chain", chain).param("seq", seq.cast_signed());
        let row = self.one("say which record it has last", asked).await?;
        Ok(row.map(|row| Evidence { seq, hash: hash(&row, "hash") }))
    }

    /// Writes a batch, whole or not at all.
    pub(super) async fn write(&self, batch: Batch<'_>) -> Result<(), GraphError> {
        let call = async {
            let mut txn = self.graph.start_txn().await?;
            if batch.cursor.hash != [0; 32] && !is_there(&mut txn, batch.chain, batch.cursor).await? {
                return Err(Cut::Moved);
            }
            let Rows { mut nodes, links } = batch.rows;
            for label in LABELS {
                if let Some(nodes) = nodes.remove(label) {
                    write_nodes(&mut txn, label, nodes.into_values()).await?;
                }
            }
            for (link, ends) in links {
                write_links(&mut txn, link, ends).await?;
            }
            Ok(txn.commit().await?)
        };
        self.within("write records", ANSWER, call).await
    }

    /// Deletes everything of a chain.
    pub(super) async fn forget(&self, chain: &str) -> Result<(), GraphError> {
        for label in LABELS {
            self.delete(&format!("MATCH (n:{label} {{chain: $chain}})"), chain, 0).await?;
        }
        Ok(())
    }

    /// Deletes the records up to a number, and what no record names any more.
    pub(super) async fn prune(&self, chain: &str, through: u64) -> Result<(), GraphError> {
        const GONE: [&str; 8] = [
            "MATCH (n:Event {chain: $chain}) WHERE n.seq <= $through",
            "MATCH (n:Finding {chain: $chain}) WHERE n.seq <= $through",
            "MATCH (n:Pass {chain: $chain}) WHERE NOT (n)-[:EMITTED]->()",
            "MATCH (n:Commit {chain: $chain}) WHERE NOT (n)<-[:TARGET|AT|CONFIRMED|ROLLED_BACK]-()",
            "MATCH (n:SkillVersion {chain: $chain}) WHERE NOT (n)<--()",
            "MATCH (n:Skill {chain: $chain}) WHERE NOT (n)<--()",
            "MATCH (n:Rule {chain: $chain}) WHERE NOT (n)<--()",
            "MATCH (n:Actor {chain: $chain}) WHERE NOT (n)<-[:BY]-() AND NOT (n)-->()",
        ];
        for matched in GONE {
            self.delete(matched, chain, through).await?;
        }
        Ok(())
    }

    async fn delete(&self, matched: &str, chain: &str, through: u64) -> Result<(), GraphError> {
        loop {
            let statement =
                format!("{matched} WITH n LIMIT {DELETED} DETACH DELETE n RETURN count(*) AS gone");
            let statement = query(&statement).param("chain", chain).param("through", through.cast_signed());
            let row = self.one("delete records", statement).await?;
            if row.and_then(|row| number(&row, "gone")).unwrap_or_default() == 0 {
                return Ok(());
            }
        }
    }
}

/// The oldest version whose constraints and subqueries are those that we write: 4.4.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next(), numbers.next());
    matches!(version, (Some(major), minor) if (major, minor.unwrap_or_default()) < (4, 4))
}

/// What the driver says, in our words.
fn told(uri: &str, database: Option<&str>, doing: &'static str, error: neo4rs::Error) -> GraphError {
    use neo4rs::Error;
    let uri = uri.to_owned();
    match error {
        Error::AuthenticationError(_) => GraphError::Refused { uri },
        // A server that speaks none of the versions that were offered answers with zeros.
        Error::UnsupportedVersion(..) => GraphError::TooOld { uri },
        Error::ProtocolMismatch(_) => GraphError::NotNeo4j { uri },
        Error::Neo4j(error) => refusal(uri, database, doing, error.code(), error.message()),
        source @ Error::IOError { .. } if source.to_string().contains("certificate") => {
            GraphError::Untrusted { uri, source }
        }
        source @ (Error::IOError { .. } | Error::ConnectionError | Error::ConnectionTimedOut) => {
            GraphError::Away { uri, source }
        }
        source => GraphError::Driver { uri, doing, source },
    }
}

/// What the server says, in our words.
fn refusal(
    uri: String,
    database: Option<&str>,
    doing: &'static str,
    code: &str,
    message: &str,
) -> GraphError {
    match code {
        "Neo.ClientError.Database.DatabaseNotFound" => {
            GraphError::NoDatabase { uri, name: database.unwrap_or("neo4j").to_owned() }
        }
        "Neo.ClientError.Cluster.NotALeader" => GraphError::ReadOnly { uri },
        _ if code.contains("ReadOnly") => GraphError::ReadOnly { uri },
        _ if code.starts_with("Neo.ClientError.Security.") => GraphError::Refused { uri },
        _ => GraphError::Server { uri, doing, code: code.to_owned(), message: message.to_owned() },
    }
}

/// The driver takes a file without certificates for one that trusts nobody.
fn check_ca(path: &Path) -> Result<(), GraphError> {
    let unusable = |why: String| GraphError::Ca { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    match String::from_utf8_lossy(&text).contains("-----BEGIN CERTIFICATE-----") {
        true => Ok(()),
        false => Err(unusable("it holds no certificate".to_owned())),
    }
}

async fn fetch(txn: &mut Txn, statement: Query) -> Result<Vec<Row>, Cut> {
    let mut stream = txn.execute(statement).await?;
    let mut rows = Vec::new();
    // After an error the stream may give rows that it had already read: the first error ends it.
    while let Some(row) = stream.next(txn.handle()).await? {
        rows.push(row);
    }
    Ok(rows)
}

async fn is_there(txn: &mut Txn, chain: &str, cursor: Cursor) -> Result<bool, Cut> {
    let asked = query("MATCH (e:Event {chain: $chain, seq: $seq}) RETURN e.hash AS hash LIMIT 1");
    let asked = asked.param("chain", chain).param("seq", cursor.seq.cast_signed());
    let rows = fetch(txn, asked).await?;
    Ok(rows.first().is_some_and(|row| *hash(row, "hash").as_bytes() == cursor.hash))
}

async fn write_nodes(txn: &mut Txn, label: &str, nodes: impl Iterator<Item = Node>) -> Result<(), Cut> {
    let rows = parameter(nodes.map(Value::Object))?;
    if label != "Event" {
        let statement = format!("UNWIND $rows AS r MERGE (n:{label} {{id: r.id}}) SET n += r");
        return Ok(txn.run(query(&statement).param("rows", rows)).await?);
    }
    // A record is written once; one that is there and is another is evidence.
    let statement = "UNWIND $rows AS r MERGE (n:Event {id: r.id}) ON CREATE SET n = r
        WITH n, r WHERE n.hash <> r.hash RETURN n.seq AS seq, n.hash AS hash ORDER BY seq LIMIT 1";
    match fetch(txn, query(statement).param("rows", rows)).await?.first() {
        Some(other) => {
            let seq = number(other, "seq").unwrap_or_default();
            Err(Cut::Differs(Evidence { seq, hash: hash(other, "hash") }))
        }
        None => Ok(()),
    }
}

async fn write_links(
    txn: &mut Txn,
    (from, kind, to): Link,
    ends: impl IntoIterator<Item = (String, String)>,
) -> Result<(), Cut> {
    let rows = parameter(ends.into_iter().map(|(a, b)| serde_json::json!({ "a": a, "b": b })))?;
    let statement = format!(
        "UNWIND $rows AS r MATCH (a:{from} {{id: r.a}}) MATCH (b:{to} {{id: r.b}}) MERGE (a)-[:{kind}]->(b)"
    );
    Ok(txn.run(query(&statement).param("rows", rows)).await?)
}

fn parameter(rows: impl Iterator<Item = Value>) -> Result<BoltType, Cut> {
    Ok(BoltType::try_from(Value::Array(rows.collect()))?)
}

/// A number that is never negative; none for null.
pub(super) fn number(row: &Row, column: &str) -> Option<u64> {
    row.get::<Option<i64>>(column).ok().flatten().and_then(|number| u64::try_from(number).ok())
}

/// A hash; one that nobody wrote compares as zeros, which no record has.
fn hash(row: &Row, column: &str) -> Digest {
    let text = row.get::<Option<String>>(column).ok().flatten();
    text.and_then(|text| text.parse().ok()).unwrap_or_else(|| Digest::from([0; 32]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_4_4_are_too_old() {
        for (version, too_old) in [
            ("3.5.35", true),
            ("4.0.0", true),
            ("4.3.24", true),
            ("4.4.0", false),
            ("5.26.30", false),
            ("2026.08.1", false),
            ("5", false),
            ("dev", false),
        ] {
            assert_eq!(is_too_old(version), too_old, "{version}");
        }
    }
}
