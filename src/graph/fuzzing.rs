//! What must hold of any audit that is brought into the projection, and of any anchor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a way to fail")]
#![allow(unreachable_pub, reason = "the crate of fuzz targets is another one")]

use reconciler::ids::{Digest, PassId, Timestamp};
use reconciler::record::AuditRecord;
use serde_json::Value;

use super::rows::{LABELS, Rows};

/// Lines `KIND ACTOR BODY`, one a record.
fn records(data: &[u8]) -> Vec<AuditRecord> {
    let text = String::from_utf8_lossy(data);
    let lines = text.lines().take(32).zip(1u64..);
    let record = |(line, seq): (&str, u64)| {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (kind, actor, body) = (word(), word(), word());
        let (at, pass) = (Timestamp::from_millis(seq * 1_000), (seq % 3 > 0).then_some(PassId(seq / 3)));
        let (prev_hash, hash) = (Digest::of(&seq.to_be_bytes()), Digest::of(line.as_bytes()));
        AuditRecord { seq, at, pass, kind, actor, body, prev_hash, hash }
    };
    lines.map(record).collect()
}

/// Whatever a record says: each relationship has both its ends, each node its id, and the same records
/// again make the same graph.
pub fn check(data: &[u8]) {
    let records = records(data);
    let rows = Rows::of("chain", "prod", &records);
    let again = Rows::of("chain", "prod", &[&records[..], &records[..]].concat());
    assert_eq!((&rows.nodes, &rows.links), (&again.nodes, &again.links), "the same records, another graph");
    assert_eq!(rows.nodes.get("Event").map_or(0, |events| events.len()), records.len(), "an event a record");
    for (label, nodes) in &rows.nodes {
        assert!(LABELS.contains(label), "{label} is not read back");
        for (id, node) in nodes {
            assert_eq!(node.get("id").and_then(Value::as_str), Some(id.as_str()), "a node without its id");
            assert!(id.starts_with("chain"), "{id} is of no chain");
        }
    }
    for ((from, kind, to), links) in &rows.links {
        for (one, other) in links {
            let is_there =
                |label: &str, id: &String| rows.nodes.get(label).is_some_and(|all| all.contains_key(id));
            assert!(is_there(from, one) && is_there(to, other), "{kind} leads nowhere");
        }
    }
}
