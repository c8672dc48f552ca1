//! Where a skill lies on the volume, and the version of it that would be published.

use std::sync::Arc;

use super::cache::JudgedSkill;
use crate::desired::{Candidate, Kind, SKILL_FILE};
use crate::ids::{CommitId, SkillId};
use crate::options::Layout;
use crate::path::{PathError, TreePath};
use crate::tree::{FileVersion, Files, SkillVersion};

/// Where a skill lies on the volume.
pub(super) enum Site {
    /// Its files below a directory.
    Directory(TreePath),
    /// Its one file.
    File(TreePath),
}

impl Site {
    pub(super) fn of(candidate: &Candidate, id: &SkillId, layout: Layout) -> Result<Self, PathError> {
        let id = id.as_str();
        match (candidate.kind, layout) {
            (Kind::Folder(_), _) if !candidate.source.is_empty() => {
                TreePath::parse(&candidate.source).map(Self::Directory)
            }
            (Kind::Folder(_) | Kind::Root(_), _) => TreePath::parse(id.as_bytes()).map(Self::Directory),
            (Kind::Flat { .. }, Layout::Mirror) => TreePath::parse(&candidate.source).map(Self::File),
            (Kind::Flat { .. }, Layout::Folder) => {
                TreePath::parse(format!("{id}/{SKILL_FILE}").as_bytes()).map(Self::File)
            }
        }
    }

    fn path(&self, below: &TreePath) -> Result<TreePath, PathError> {
        match self {
            Self::Directory(directory) => directory.join(below),
            Self::File(file) => Ok(file.clone()),
        }
    }

    /// The file that makes it a skill.
    fn entry(&self) -> Result<TreePath, PathError> {
        match self {
            Self::Directory(directory) => TreePath::parse(format!("{directory}/{SKILL_FILE}").as_bytes()),
            Self::File(file) => Ok(file.clone()),
        }
    }

    /// The version of a skill here: the served one where its bytes are the same, for that one says
    /// since when they are published.
    pub(super) fn version(
        &self,
        judged: &JudgedSkill,
        commit: CommitId,
        served: Option<&Arc<SkillVersion>>,
    ) -> Result<Arc<SkillVersion>, PathError> {
        if let Some(served) = served.filter(|served| self.is_same(judged, served)) {
            return Ok(Arc::clone(served));
        }
        let place = |(below, file): (&TreePath, &FileVersion)| Ok((self.path(below)?, *file));
        let files = judged.files.iter().map(place).collect::<Result<Files, PathError>>()?;
        let name = judged.name.clone();
        Ok(Arc::new(SkillVersion { revision: commit, entry: self.entry()?, name, files }))
    }

    /// Whether a version is what is judged, here; nothing is copied to tell.
    fn is_same(&self, judged: &JudgedSkill, served: &SkillVersion) -> bool {
        let is_at = |path: &TreePath, below: &TreePath| match self {
            Self::File(file) => path == file,
            Self::Directory(directory) => {
                let rest = path.as_str().strip_prefix(directory.as_str());
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
