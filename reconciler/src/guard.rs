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
use crate::source::{Ancestry, tag_version};
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
    /// A tag that names a version was moved, and the operator wants to be asked.
    #[error(
        "{reference} was moved away from {applied}, which is applied, and REWIND=refuse: a version is released once; \
         if that is meant, confirm revision {revision}"
    )]
    Moved {
        /// The tag.
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
    /// The volume and the record are of different times: one of them comes from a backup.
    #[error("{}, as after restoring a backup; if the volume may be changed, confirm revision {revision}", times(*found, *known))]
    Restored {
        /// The pass that the volume names.
        found: PassId,
        /// The last pass on record; where the volume is older, the pass that it named.
        known: PassId,
        /// The commit that waits.
        revision: CommitId,
    },
    /// Too many skills would go at once.
    #[error(transparent)]
    Prune(#[from] PruneGuard),
}

fn times(found: PassId, known: PassId) -> String {
    if found > known {
        return format!(
            "pass {found} wrote the volume last and the record knows no pass after {known}: the state directory \
             is older than the volume"
        );
    }
    format!(
        "pass {known} wrote the volume last and the volume names pass {found}: the volume is older than the \
         state directory"
    )
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
    let release = Release::of(applied, fetched);
    let is_forward = ancestry == Ancestry::Yes && release != Release::Moved;
    let passage = if is_forward { Passage::Forward } else { Passage::Leaving(applied.commit) };
    if orders.confirms(revision) {
        return Ok(passage);
    }
    check_settings(applied, fetched)?;
    let (reference, applied) = (fetched.reference.clone(), applied.commit);
    match (ancestry, rewind) {
        _ if orders.pins(revision) => Ok(passage),
        (Ancestry::Yes | Ancestry::No, Rewind::Refuse) if release == Release::Moved => {
            Err(Guard::Moved { reference, applied, revision })
        }
        (Ancestry::Yes, _) | (Ancestry::No, Rewind::Accept) => Ok(passage),
        // Versions are often released from branches of their own.
        (Ancestry::No, Rewind::Refuse) if release == Release::Newer => Ok(passage),
        (Ancestry::No, Rewind::Refuse) => Err(Guard::Rewound { reference, applied, revision }),
        (Ancestry::Unrelated, _) => Err(Guard::Unrelated { reference, applied, revision }),
        (Ancestry::Unknown, _) => Err(Guard::Unproven { reference, applied, revision }),
    }
}

/// What two tags that name versions say of the step between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Release {
    /// A higher version.
    Newer,
    /// The same tag names another commit.
    Moved,
    /// Nothing.
    Silent,
}

impl Release {
    fn of(applied: &AppliedSource, fetched: &AppliedSource) -> Self {
        match (tag_version(&applied.reference), tag_version(&fetched.reference)) {
            (Some(_), Some(_)) if applied.reference == fetched.reference => {
                match applied.commit == fetched.commit {
                    true => Self::Silent,
                    false => Self::Moved,
                }
            }
            (Some(was), Some(is)) if is > was => Self::Newer,
            _ => Self::Silent,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(reference: &str, digit: &str) -> AppliedSource {
        let commit = digit.repeat(40).parse().unwrap();
        AppliedSource { repo: "r".into(), path: None, reference: reference.into(), commit, layout: None }
    }

    fn judged(from: &str, to: (&str, &str), ancestry: Ancestry, rewind: Rewind) -> Result<Passage, Guard> {
        judge(&at(from, "1"), &at(to.0, to.1), ancestry, rewind, &Orders::default())
    }

    #[test]
    fn a_moved_version_is_a_rewind_even_where_it_moved_forward() {
        let (v1, moved) = ("refs/tags/v1.0.0", ("refs/tags/v1.0.0", "2"));
        let left = Passage::Leaving("1".repeat(40).parse().unwrap());
        assert_eq!(judged(v1, moved, Ancestry::Yes, Rewind::Accept), Ok(left));
        let refused = judged(v1, moved, Ancestry::Yes, Rewind::Refuse).unwrap_err();
        assert!(refused.to_string().contains("refs/tags/v1.0.0 was moved away from 1111"), "{refused}");
        let branch = judged("refs/heads/main", ("refs/heads/main", "2"), Ancestry::Yes, Rewind::Refuse);
        assert_eq!(branch, Ok(Passage::Forward));
    }

    #[test]
    fn a_higher_version_may_come_from_another_branch_and_a_lower_one_may_not() {
        let step = |to| judged("refs/tags/v1.2.1", (to, "2"), Ancestry::No, Rewind::Refuse);
        assert!(step("refs/tags/v1.3.0").is_ok());
        assert!(matches!(step("refs/tags/v1.2.0"), Err(Guard::Rewound { .. })));
        let stranger =
            judged("refs/tags/v1.2.1", ("refs/tags/v1.3.0", "2"), Ancestry::Unrelated, Rewind::Accept);
        assert!(matches!(stranger, Err(Guard::Unrelated { .. })));
    }
}
