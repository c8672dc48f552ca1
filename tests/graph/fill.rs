//! A record with many records, by the record's own hand.

use std::sync::Arc;

use reconciler::ids::{BlobId, CommitId, Digest, PassId, SkillId, Timestamp};
use reconciler::plan::{FileAction, FileChange, Plan, SkillAction, SkillChange, Why};
use reconciler::record::{Record, Unpublished};
use reconciler::tree::{FileMode, FileVersion, SkillVersion, Skills};

use crate::place::Place;

/// How many records a transaction of the record brings, and how many transactions.
const CHANGES: usize = 1_000;
const PASSES: u64 = 100;

/// How many records it brings.
pub(crate) const RECORDS: u64 = 100_000;

fn skills(revision: CommitId) -> Skills {
    let version = |number: usize| {
        let text = format!("skill {number}");
        let blob = git2::Oid::hash_object(git2::ObjectType::Blob, text.as_bytes()).unwrap();
        let file = FileVersion {
            blob: BlobId::from(blob),
            digest: Digest::of(text.as_bytes()),
            size: text.len() as u64,
            mode: FileMode::Regular,
        };
        let entry: reconciler::path::TreePath = format!("skill-{number}/SKILL.md").parse().unwrap();
        let (name, files) = (Some(format!("skill-{number}")), [(entry.clone(), file)].into_iter().collect());
        (SkillId::new(format!("skill-{number}")), Arc::new(SkillVersion { revision, entry, name, files }))
    };
    (0..CHANGES).map(version).collect()
}

/// Adds [`RECORDS`] records: every skill was put right, again and again.
pub(crate) fn fill(place: &Place, commit: &str) {
    let mut record = Record::open(&place.state().join("state.db"), "test").unwrap();
    let revision = commit.parse().unwrap();
    let skills = skills(revision);
    let change = |(id, version): (&SkillId, &Arc<SkillVersion>)| {
        let file = |(path, file): (&reconciler::path::TreePath, &FileVersion)| FileChange {
            path: path.clone(),
            action: FileAction::Update,
            from: Some(Digest::of(b"drifted")),
            to: Some(file.digest),
        };
        SkillChange {
            skill: id.clone(),
            action: SkillAction::Restore,
            why: Why::Drifted,
            files: version.files.iter().map(file).collect(),
            gains: Default::default(),
        }
    };
    let changes = skills.iter().map(change).collect();
    let plan = Plan { changes, next: Arc::new(skills.clone()), ..Plan::default() };
    for pass in 100..100 + PASSES {
        let (pass, at) = (PassId(pass), Timestamp::now());
        record.unpublished(&Unpublished { pass, at, revision, plan: &plan, inventory: &skills }).unwrap();
    }
}
