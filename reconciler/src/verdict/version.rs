//! Where a skill lies on the volume, and the version of it that would be published.

use std::borrow::Cow;
use std::sync::Arc;

use super::cache::JudgedSkill;
use crate::desired::{Candidate, Kind, SKILL_FILE};
use crate::ids::{CommitId, SkillId};
use crate::options::Layout;
use crate::path::{PathError, TreePath};
use crate::tree::{FileVersion, Files, SkillVersion};

/// Where a skill would lie on the volume: not a path yet, for where it lies already nobody need ask again.
pub(super) enum Site<'a> {
    /// Its files below a directory.
    Directory(&'a str),
    /// Its one file.
    File(Cow<'a, str>),
}

impl<'a> Site<'a> {
    pub(super) fn of(candidate: &'a Candidate, id: &'a SkillId, layout: Layout) -> Result<Self, PathError> {
        let id = id.as_str();
        let source = || std::str::from_utf8(&candidate.source).map_err(|_| PathError::NotUtf8);
        Ok(match (candidate.kind, layout) {
            (Kind::Folder(_), _) if !candidate.source.is_empty() => Self::Directory(source()?),
            (Kind::Folder(_) | Kind::Root(_), _) => Self::Directory(id),
            (Kind::Flat { .. }, Layout::Mirror) => Self::File(Cow::Borrowed(source()?)),
            (Kind::Flat { .. }, Layout::Folder) => Self::File(Cow::Owned(format!("{id}/{SKILL_FILE}"))),
        })
    }

    /// The version of a skill here: the served one where its bytes are the same, for that one says
    /// since when they are published.
    ///
    /// # Errors
    /// Where it cannot lie there.
    pub(super) fn version(
        &self,
        judged: &JudgedSkill,
        commit: CommitId,
        served: Option<&Arc<SkillVersion>>,
    ) -> Result<Arc<SkillVersion>, PathError> {
        if let Some(served) = served.filter(|served| self.is_same(judged, served)) {
            return Ok(Arc::clone(served));
        }
        let name = judged.name.clone();
        let (entry, files) = match self {
            Self::File(file) => {
                let file = TreePath::parse(file.as_bytes())?;
                let files = judged.files.values().map(|version| (file.clone(), *version)).collect();
                (file, files)
            }
            Self::Directory(directory) => {
                let directory = TreePath::parse(directory.as_bytes())?;
                let place = |(below, file): (&TreePath, &FileVersion)| Ok((directory.join(below)?, *file));
                let files = judged.files.iter().map(place).collect::<Result<Files, PathError>>()?;
                (TreePath::parse(format!("{directory}/{SKILL_FILE}").as_bytes())?, files)
            }
        };
        Ok(Arc::new(SkillVersion { revision: commit, entry, name, files }))
    }

    /// Whether a version is what is judged, here; nothing is copied to tell.
    fn is_same(&self, judged: &JudgedSkill, served: &SkillVersion) -> bool {
        let is_at = |path: &TreePath, below: &TreePath| match self {
            Self::File(file) => path.as_str() == file,
            Self::Directory(directory) => {
                let rest = path.as_str().strip_prefix(directory);
                rest.and_then(|rest| rest.strip_prefix('/')) == Some(below.as_str())
            }
        };
        served.name == judged.name
            && served.files.len() == judged.files.len()
            && served
                .files
                .iter()
                .zip(&judged.files)
                .all(|(one, other)| is_at(one.0, other.0) && one.1 == other.1)
    }
}

/// What a version takes up on the volume: its directory, or its one file.
pub(super) fn unit(version: &SkillVersion) -> &str {
    let entry = version.entry.as_str();
    entry.strip_suffix(SKILL_FILE).and_then(|rest| rest.strip_suffix('/')).unwrap_or(entry)
}
