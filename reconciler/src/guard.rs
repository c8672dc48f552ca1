//! Guards: changes that are too large, or too strange, to make without a person's word.
//!
//! Judged after a successful fetch, so that the person is told which commit the word is for: a
//! confirmation counts for exactly that commit, and a later one needs its own.

use crate::ids::{CommitId, PassId};
use crate::options::Layout;
use crate::orders::Orders;
use crate::path::TreePath;
use crate::plan::PruneGuard;
use crate::record::AppliedSource;
use crate::source::Ancestry;
use crate::tree::{SkillVersion, Skills};

/// What a branch that no longer contains the applied commit means (`REWIND`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rewind {
    /// It is recorded, and followed.
    #[default]
    Accept,
    /// It waits for a person's word.
    Refuse,
}

/// Says what waits for `confirm`, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Guard {
    /// The settings name another repository than the one that was applied last.
    #[error(
        "this target was filled from {was} and SKILLS_REPO is now {is}; if that is meant, confirm revision {revision}"
    )]
    OtherRepository {
        /// The repository that was applied last.
        was: String,
        /// The one that is named now.
        is: String,
        /// The commit that waits.
        revision: CommitId,
    },
    /// The settings name another directory of it.
    #[error(
        "this target was filled from SKILLS_PATH `{was}` and it is now `{is}`; if that is meant, confirm \
         revision {revision}"
    )]
    OtherPath {
        /// The directory that was applied last.
        was: String,
        /// The one that is named now.
        is: String,
        /// The commit that waits.
        revision: CommitId,
    },
    /// The settings lay the skills out in another way.
    #[error(
        "this target was filled with LAYOUT={was} and it is now {is}: every flat skill moves to another path; if that \
         is meant, confirm revision {revision}"
    )]
    OtherLayout {
        /// The layout that was applied last.
        was: Layout,
        /// The one that is set now.
        is: Layout,
        /// The commit that waits.
        revision: CommitId,
    },
    /// The history is not the one that was followed: a freed name may have been taken by a stranger.
    #[error(
        "{reference} shares no history with {applied}, which is applied: it may be another repository under the \
         same name; if that is meant, confirm revision {revision}"
    )]
    Unrelated {
        /// What is followed.
        reference: String,
        /// The commit that is applied.
        applied: CommitId,
        /// The commit that waits.
        revision: CommitId,
    },
    /// A force push, and the operator wants to be asked.
    #[error(
        "{reference} no longer contains {applied}, which is applied, and REWIND=refuse; if that is meant, confirm \
         revision {revision}"
    )]
    Rewound {
        /// What is followed.
        reference: String,
        /// The commit that is applied.
        applied: CommitId,
        /// The commit that waits.
        revision: CommitId,
    },
    /// It cannot be told whether it is the history that was followed.
    #[error(
        "it is not proven that {reference} continues {applied}, which is applied: the mirror's history ends before \
         they meet; if that is meant, confirm revision {revision}"
    )]
    Unproven {
        /// What is followed.
        reference: String,
        /// The commit that is applied.
        applied: CommitId,
        /// The commit that waits.
        revision: CommitId,
    },
    /// The volume is newer than the record: one of them comes from a backup.
    #[error(
        "pass {found} wrote the volume last and the record knows no pass after {known}: the state directory is older \
         than the volume, as after restoring a backup; if the volume may be changed, confirm revision {revision}"
    )]
    Restored {
        /// The pass that the volume names.
        found: PassId,
        /// The last pass on record.
        known: PassId,
        /// The commit that waits.
        revision: CommitId,
    },
    /// Too many skills would go at once.
    #[error(transparent)]
    Prune(#[from] PruneGuard),
}

/// How the commit that was fetched follows the one that is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It contains it, or nothing was applied yet.
    Forward,
    /// It leaves it behind: that goes on record.
    Leaving(CommitId),
}

/// Judges the step from what is applied to what was fetched.
///
/// `ancestry` is that of the applied commit in the fetched one. Where history ends before it can tell,
/// the step counts as one to another history: it is not proven to be anything better. What `orders` say
/// of this very commit counts: a confirmation lets it through, and a rollback leaves newer commits behind
/// on purpose.
///
/// # Errors
/// The [`Guard`] that the step must pass.
pub fn judge(
    applied: &AppliedSource,
    fetched: &AppliedSource,
    ancestry: Ancestry,
    rewind: Rewind,
    orders: &Orders,
) -> Result<Passage, Guard> {
    let revision = fetched.commit;
    let passage = if ancestry == Ancestry::Yes { Passage::Forward } else { Passage::Leaving(applied.commit) };
    if orders.confirms(revision) {
        return Ok(passage);
    }
    check_settings(applied, fetched)?;
    let (reference, applied) = (fetched.reference.clone(), applied.commit);
    match (ancestry, rewind) {
        _ if orders.pins(revision) => Ok(passage),
        (Ancestry::Yes, _) | (Ancestry::No, Rewind::Accept) => Ok(passage),
        (Ancestry::No, Rewind::Refuse) => Err(Guard::Rewound { reference, applied, revision }),
        (Ancestry::Unrelated, _) => Err(Guard::Unrelated { reference, applied, revision }),
        (Ancestry::Unknown, _) => Err(Guard::Unproven { reference, applied, revision }),
    }
}

/// Judges a layout other than the applied one, where skills are served that it would move: from a folder it
/// is not known any more whether it was a flat skill.
///
/// # Errors
/// [`Guard::OtherLayout`].
pub fn judge_layout(
    applied: &AppliedSource,
    fetched: &AppliedSource,
    served: &Skills,
    orders: &Orders,
) -> Result<(), Guard> {
    let revision = fetched.commit;
    match (applied.layout, fetched.layout) {
        (Some(was), Some(is)) if was != is && !orders.confirms(revision) => {
            let mut moved = served.values().filter(|skill| is == Layout::Mirror || is_flat(skill));
            moved.next().map_or(Ok(()), |_| Err(Guard::OtherLayout { was, is, revision }))
        }
        _ => Ok(()),
    }
}

fn is_flat(skill: &SkillVersion) -> bool {
    skill.entry.file_name() != "SKILL.md"
}

/// Whether the settings still name what was applied.
fn check_settings(applied: &AppliedSource, fetched: &AppliedSource) -> Result<(), Guard> {
    let revision = fetched.commit;
    if applied.repo != fetched.repo {
        return Err(Guard::OtherRepository { was: applied.repo.clone(), is: fetched.repo.clone(), revision });
    }
    if applied.path != fetched.path {
        let shown = |path: &Option<TreePath>| path.as_ref().map_or(".".to_owned(), TreePath::to_string);
        return Err(Guard::OtherPath { was: shown(&applied.path), is: shown(&fetched.path), revision });
    }
    Ok(())
}
