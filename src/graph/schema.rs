//! The schema of the graph: unique ids, the indexes that the questions need, and its version. Only what
//! Community has.

use neo4rs::query;

use super::error::GraphError;
use super::rows::LABELS;
use super::server::Server;

/// The version of the schema that this version of skill-sync writes; it is in the one node `SkillSync`.
const VERSION: i64 = 1;

/// What the questions of docs/audit.md look things up by.
const INDEXES: [(&str, &str); 7] = [
    ("skill_sync_event_chain", "FOR (n:Event) ON (n.chain, n.seq)"),
    ("skill_sync_event_kind", "FOR (n:Event) ON (n.kind)"),
    ("skill_sync_event_path", "FOR (n:Event) ON (n.path)"),
    ("skill_sync_version_digest", "FOR (n:SkillVersion) ON (n.digest)"),
    ("skill_sync_skill_name", "FOR (n:Skill) ON (n.name)"),
    ("skill_sync_commit", "FOR (n:Commit) ON (n.commit)"),
    ("skill_sync_environment", "FOR (n:Environment) ON (n.name)"),
];

/// Makes what is missing; what is there and does is left alone, so that a server that takes no writes is
/// told by what is written to it and not before.
///
/// # Errors
/// Where it cannot be made, and where a newer version made it.
pub(super) async fn ensure(server: &Server) -> Result<(), GraphError> {
    let known = version(server).await?;
    match known {
        Some(found) if found > VERSION => {
            return Err(GraphError::Newer { uri: server.uri(), found, known: VERSION });
        }
        Some(VERSION) if missing(server).await?.is_empty() => return Ok(()),
        _ => {}
    }
    for label in missing(server).await? {
        unique(server, label).await?;
    }
    for (name, on) in INDEXES {
        server.run("create an index", query(&format!("CREATE INDEX {name} IF NOT EXISTS {on}"))).await?;
    }
    let version = "MERGE (n:SkillSync {id: 'schema'}) SET n.version = $version";
    server.run("write the version of the schema", query(version).param("version", VERSION)).await
}

async fn version(server: &Server) -> Result<Option<i64>, GraphError> {
    let asked = query("MATCH (n:SkillSync {id: 'schema'}) RETURN n.version AS version");
    let row = server.one("read the version of the schema", asked).await?;
    Ok(row.and_then(|row| row.get("version").ok()))
}

/// The labels whose ids are not unique yet.
async fn missing(server: &Server) -> Result<Vec<&'static str>, GraphError> {
    let asked = query(
        "SHOW CONSTRAINTS YIELD type, entityType, labelsOrTypes, properties
         WHERE type IN ['UNIQUENESS', 'NODE_PROPERTY_UNIQUENESS'] AND entityType = 'NODE' AND properties = ['id']
         RETURN labelsOrTypes[0] AS label",
    );
    let rows = server.rows("read the constraints", asked).await?;
    let there: Vec<String> = rows.iter().filter_map(|row| row.get("label").ok()).collect();
    Ok(LABELS.into_iter().filter(|label| !there.iter().any(|found| found == label)).collect())
}

async fn unique(server: &Server, label: &'static str) -> Result<(), GraphError> {
    let name = label.to_lowercase();
    let constraint = format!(
        "CREATE CONSTRAINT skill_sync_{name}_id IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE"
    );
    let in_the_way = |message: String| GraphError::InTheWay { uri: server.uri(), label, message };
    match server.run("create a constraint", query(&constraint)).await {
        Err(GraphError::Server { code, message, .. }) if code.starts_with("Neo.ClientError.Schema.") => {
            return Err(in_the_way(message));
        }
        made => made?,
    }
    // One of the same name on something else satisfies `IF NOT EXISTS`.
    match missing(server).await?.contains(&label) {
        true => Err(in_the_way(format!("the name `skill_sync_{name}_id` is taken"))),
        false => Ok(()),
    }
}
