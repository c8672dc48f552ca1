//! Guards: changes that are too large, or too strange, to make without a person's word.
//!
//! Judged after a successful fetch, so that the person is told which commit the word is for: a
//! confirmation counts for exactly that commit, and a later one needs its own.

use crate::ids::CommitId;
use crate::path::TreePath;
use crate::plan::PruneGuard;
use crate::record::AppliedSource;
use crate::source::Ancestry;

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
    /// Too many skills would go at once.
    #[error(transparent)]
    Prune(#[from] PruneGuard),
}

/// Judges the step from what is applied to what was fetched.
///
/// `ancestry` is that of the applied commit in the fetched one. Where a shallow history ends before it
/// can tell, the step counts as a rewind: it is not proven to be anything better.
///
/// # Errors
/// The [`Guard`] that the step must pass.
pub fn judge(
    applied: &AppliedSource,
    fetched: &AppliedSource,
    ancestry: Ancestry,
    rewind: Rewind,
) -> Result<(), Guard> {
    let revision = fetched.commit;
    if applied.repo != fetched.repo {
        return Err(Guard::OtherRepository { was: applied.repo.clone(), is: fetched.repo.clone(), revision });
    }
    if applied.path != fetched.path {
        let shown = |path: &Option<TreePath>| path.as_ref().map_or(".".to_owned(), TreePath::to_string);
        return Err(Guard::OtherPath { was: shown(&applied.path), is: shown(&fetched.path), revision });
    }
    let reference = fetched.reference.clone();
    match (ancestry, rewind) {
        (Ancestry::Yes, _) | (Ancestry::No | Ancestry::Unknown, Rewind::Accept) => Ok(()),
        (Ancestry::No | Ancestry::Unknown, Rewind::Refuse) => {
            Err(Guard::Rewound { reference, applied: applied.commit, revision })
        }
        (Ancestry::Unrelated, _) => Err(Guard::Unrelated { reference, applied: applied.commit, revision }),
    }
}
