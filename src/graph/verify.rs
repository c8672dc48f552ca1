//! Whether what is there is what is ours: each record, field by field, and what records make, by number.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use neo4rs::{Row, query};
use reconciler::record::AuditRecord;
use serde::Serialize;

use super::rows::{Link, Rows};
use super::server::{Server, number};
use super::{GraphError, Projector};

/// How many records are compared at a time.
const PAGE: usize = 1_000;

/// How many differences are named; the rest is counted.
const NAMED: usize = 20;

/// How what is there compares.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Projected {
    /// How many records are there, as they are ours.
    pub same: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// How many there are.
    pub different: u64,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub(crate) enum Difference {
    /// A record is not there.
    Missing {
        /// Its number.
        seq: u64,
    },
    /// A record is there that is not ours.
    More {
        /// Its number.
        seq: u64,
    },
    /// A field of a record is another.
    Changed {
        /// Its number.
        seq: u64,
        /// The field.
        field: &'static str,
    },
    /// There are more or fewer of a kind of node or relationship than the records make.
    Count {
        /// Which.
        of: String,
        /// How many there must be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { seq } => write!(f, "record {seq} is missing there"),
            Self::More { seq } => write!(f, "record {seq} is there and not in this record"),
            Self::Changed { seq, field } => write!(f, "record {seq} has another {field} there"),
            Self::Count { of, expected, found } => {
                write!(f, "{of}: {found} there, and the records make {expected}")
            }
        }
    }
}

impl Projected {
    fn differs(&mut self, difference: Difference) {
        self.different += 1;
        if self.differences.len() < NAMED {
            self.differences.push(difference);
        }
    }
}

/// Compares the whole projection with the record; nothing is written.
///
/// # Errors
/// Where either cannot be read.
pub(crate) async fn verify(projector: &Projector) -> Result<Projected, GraphError> {
    let server = Server::connect(&projector.settings).await?;
    let chain = projector.chain().await?;
    let (mut found, mut made) = (Projected::default(), Made::default());
    let begins =
        projector.read(|record| record.checkpoint()).await?.map_or(0, |checkpoint| checkpoint.through);
    let mut theirs = Pages { server: &server, chain: &chain, after: None, page: Vec::new().into_iter() };
    let (mut after, mut next) = (begins, theirs.next().await?);
    loop {
        let records = projector.read(move |record| record.audit_after(after, PAGE)).await?;
        let Some(last) = records.last() else { break };
        after = last.seq;
        made.add(&Rows::of(&chain, &projector.environment, &records));
        for record in &records {
            while let Some(more) = next.take_if(|row| seq(row) < record.seq) {
                found.differs(Difference::More { seq: seq(&more) });
                next = theirs.next().await?;
            }
            match next.take_if(|row| seq(row) == record.seq) {
                Some(row) => {
                    compare(record, &row, &mut found);
                    next = theirs.next().await?;
                }
                None => found.differs(Difference::Missing { seq: record.seq }),
            }
        }
    }
    while let Some(more) = next {
        found.differs(Difference::More { seq: seq(&more) });
        next = theirs.next().await?;
    }
    // After a checkpoint what older records made is there for as long as newer ones name it.
    if begins == 0 {
        made.compare(&server, &chain, &mut found).await?;
    }
    Ok(found)
}

/// A record without a number that can be read comes before all.
fn seq(row: &Row) -> u64 {
    number(row, "seq").unwrap_or_default()
}

fn compare(ours: &AuditRecord, theirs: &Row, found: &mut Projected) {
    let text = |field: &str| theirs.get::<Option<String>>(field).ok().flatten();
    let pass = ours.pass.map(|pass| pass.0);
    let same = [
        ("at", number(theirs, "at") == Some(ours.at.millis())),
        ("pass", number(theirs, "pass") == pass),
        ("kind", text("kind").as_deref() == Some(&ours.kind)),
        ("actor", text("actor").as_deref() == Some(&ours.actor)),
        ("body", text("body").as_deref() == Some(&ours.body)),
        ("prev_hash", text("prev_hash") == Some(ours.prev_hash.to_string())),
        ("hash", text("hash") == Some(ours.hash.to_string())),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        Some((field, _)) => found.differs(Difference::Changed { seq: ours.seq, field }),
        None => found.same += 1,
    }
}

/// The records there, in their order, a page in memory.
struct Pages<'a> {
    server: &'a Server,
    chain: &'a str,
    after: Option<i64>,
    page: std::vec::IntoIter<Row>,
}

impl Pages<'_> {
    async fn next(&mut self) -> Result<Option<Row>, GraphError> {
        if let Some(row) = self.page.next() {
            return Ok(Some(row));
        }
        let asked = format!(
            "MATCH (e:Event {{chain: $chain}}) WHERE e.seq > $after
             RETURN e.seq AS seq, e.at AS at, e.pass AS pass, e.kind AS kind, e.actor AS actor, e.body AS body,
                 e.prev_hash AS prev_hash, e.hash AS hash ORDER BY e.seq LIMIT {PAGE}"
        );
        let asked = query(&asked).param("chain", self.chain).param("after", self.after.unwrap_or(i64::MIN));
        let rows = self.server.rows("read records", asked).await?;
        if let Some(last) = rows.last() {
            self.after = Some(seq(last).cast_signed());
        }
        self.page = rows.into_iter();
        Ok(self.page.next())
    }
}

/// What records make, told apart by fingerprints: the ids themselves would not fit into memory.
#[derive(Default)]
struct Made {
    hasher: RandomState,
    nodes: BTreeMap<&'static str, HashSet<u64>>,
    links: BTreeMap<Link, HashSet<u64>>,
}

impl Made {
    fn add(&mut self, rows: &Rows) {
        for (label, nodes) in &rows.nodes {
            let seen = self.nodes.entry(label).or_default();
            seen.extend(nodes.keys().map(|id| self.hasher.hash_one(id)));
        }
        for (link, ends) in &rows.links {
            let seen = self.links.entry(*link).or_default();
            seen.extend(ends.iter().map(|ends| self.hasher.hash_one(ends)));
        }
    }

    async fn compare(&self, server: &Server, chain: &str, found: &mut Projected) -> Result<(), GraphError> {
        for (label, made) in &self.nodes {
            let asked = format!("MATCH (n:{label} {{chain: $chain}}) RETURN count(n) AS there");
            count(server, chain, asked, (*label).to_owned(), made.len(), found).await?;
        }
        for ((from, kind, to), made) in &self.links {
            let asked =
                format!("MATCH (n:{from} {{chain: $chain}})-[r:{kind}]->(:{to}) RETURN count(r) AS there");
            let of = format!("({from})-[:{kind}]->({to})");
            count(server, chain, asked, of, made.len(), found).await?;
        }
        Ok(())
    }
}

async fn count(
    server: &Server,
    chain: &str,
    asked: String,
    of: String,
    made: usize,
    found: &mut Projected,
) -> Result<(), GraphError> {
    let row = server.one("count what is there", query(&asked).param("chain", chain)).await?;
    let there = row.and_then(|row| number(&row, "there")).unwrap_or_default();
    let expected = u64::try_from(made).unwrap_or(u64::MAX);
    if there != expected {
        found.differs(Difference::Count { of, expected, found: there });
    }
    Ok(())
}
