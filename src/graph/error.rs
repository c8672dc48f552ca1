//! What can be wrong with the projection, in words that say what to do. No secret is in any of them: the
//! address of a server holds none, since one with credentials is refused with the settings.

use std::path::PathBuf;
use std::time::Duration;

use reconciler::record::{Evidence, RecordError};

use crate::config::SecretError;

/// Says why the projection could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GraphError {
    /// Our own record does not answer.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Reading it was given up: the service ends.
    #[error("reading the record was given up")]
    GivenUp,
    /// The password is not there.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The authorities cannot be read, or are none.
    #[error("NEO4J_CA `{}` cannot be used: {why}; name a PEM file with the certificate of the authority", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers there.
    #[error("Neo4j at {uri} cannot be reached; check NEO4J_URI, the network, and that the server runs")]
    Away {
        /// The address.
        uri: String,
        /// What the driver says.
        source: neo4rs::Error,
    },
    /// Somebody accepts and does not answer.
    #[error("Neo4j at {uri} did not answer in {} s while it was asked to {doing}; check the server", waited.as_secs())]
    TooSlow {
        /// The address.
        uri: String,
        /// What it was asked for.
        doing: &'static str,
        /// How long we waited.
        waited: Duration,
    },
    /// Its certificate comes from nobody that we trust.
    #[error(
        "the certificate of Neo4j at {uri} is not trusted; name its authority with NEO4J_CA, and check that the \
         address is one of the certificate's names"
    )]
    Untrusted {
        /// The address.
        uri: String,
        /// What the driver says.
        source: neo4rs::Error,
    },
    /// The credentials are wrong.
    #[error("Neo4j at {uri} does not let us in; check NEO4J_USER and NEO4J_PASSWORD")]
    Refused {
        /// The address.
        uri: String,
    },
    /// Something else listens there.
    #[error("what listens at {uri} is no Neo4j; NEO4J_URI must name its Bolt port (7687), not that of HTTP")]
    NotNeo4j {
        /// The address.
        uri: String,
    },
    /// The server is too old.
    #[error("Neo4j at {uri} is too old: version 4.4 or later is needed")]
    TooOld {
        /// The address.
        uri: String,
    },
    /// There is no such database.
    #[error("Neo4j at {uri} has no database `{name}`; create it, or correct NEO4J_DATABASE")]
    NoDatabase {
        /// The address.
        uri: String,
        /// The database.
        name: String,
    },
    /// It takes no writes.
    #[error("the database of Neo4j at {uri} is read-only; make it writable, or name the leader in NEO4J_URI")]
    ReadOnly {
        /// The address.
        uri: String,
    },
    /// An index of somebody's stands where a constraint is needed.
    #[error(
        "Neo4j at {uri} has an index or constraint of another form where ids of {label} must be unique \
         ({message}); drop it, and ours is created"
    )]
    InTheWay {
        /// The address.
        uri: String,
        /// The label of the nodes.
        label: &'static str,
        /// What the server says.
        message: String,
    },
    /// A newer version of ours made the schema.
    #[error(
        "the graph in Neo4j at {uri} has schema version {found} and this version of skill-sync knows {known}: \
         run the newer one"
    )]
    Newer {
        /// The address.
        uri: String,
        /// Its version.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// Whatever else the server says.
    #[error("Neo4j at {uri} refused to {doing}: {code}: {message}")]
    Server {
        /// The address.
        uri: String,
        /// What it was asked for.
        doing: &'static str,
        /// The server's code.
        code: String,
        /// The server's message.
        message: String,
    },
    /// Whatever else the driver says.
    #[error("cannot {doing} at Neo4j {uri}")]
    Driver {
        /// The address.
        uri: String,
        /// What was tried.
        doing: &'static str,
        /// What the driver says.
        source: neo4rs::Error,
    },
    /// Somebody changed what is there since we looked.
    #[error("the projection in Neo4j at {uri} was changed by somebody else meanwhile; it is looked at again")]
    Moved {
        /// The address.
        uri: String,
    },
    /// What is there is not a part of our chain.
    #[error(
        "the audit in Neo4j ends at record {} ({}), which is not in this record (it ends at {last}): one of the two \
         was restored from a copy, or written by another. Nothing there is overwritten; `audit verify --neo4j` \
         compares, and `audit project --rebuild` gives up what is there", evidence.seq, evidence.hash
    )]
    Forked {
        /// What is there.
        evidence: Evidence,
        /// Where ours ends.
        last: u64,
    },
}

impl GraphError {
    /// A word for it: what stays the same is logged once.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Record(_) | Self::GivenUp => "record",
            Self::Secret(_) | Self::Ca { .. } => "settings",
            Self::Away { .. } => "away",
            Self::TooSlow { .. } => "slow",
            Self::Untrusted { .. } => "untrusted",
            Self::Refused { .. } => "refused",
            Self::NotNeo4j { .. } | Self::TooOld { .. } => "version",
            Self::NoDatabase { .. } => "database",
            Self::ReadOnly { .. } => "read-only",
            Self::InTheWay { .. } | Self::Newer { .. } => "schema",
            Self::Server { .. } | Self::Driver { .. } | Self::Moved { .. } => "server",
            Self::Forked { .. } => "forked",
        }
    }

    /// Whether a person must act first: it is tried again all the same, and less often.
    pub(crate) fn needs_a_person(&self) -> bool {
        !matches!(
            self,
            Self::Record(_)
                | Self::GivenUp
                | Self::Away { .. }
                | Self::TooSlow { .. }
                | Self::Server { .. }
                | Self::Driver { .. }
                | Self::Moved { .. }
        )
    }
}
