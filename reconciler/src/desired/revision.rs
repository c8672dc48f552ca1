//! The same shapes from a commit of a repository on this disk, for `validate --rev`: its tree, without
//! a checkout.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Repository};

use super::{Candidate, Desired, DesiredError, Kind, Memory, SKILL_FILE, Wanted, read, shown};
use crate::ids::CommitId;
use crate::options::Selection;
use crate::path::TreePath;
use crate::tree::FileMode;

/// A path at a commit, and the repository that has it.
pub struct Revision {
    /// The skills there.
    pub desired: Desired,
    /// Where their content is read from.
    pub git: Repository,
    /// The directory of the repository that finding paths are below; none for its root.
    pub below: Option<TreePath>,
}

impl Revision {
    /// The bytes of a file, by its path as findings have it; none where there is no such file.
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        let inside = self.below.as_ref().map_or(PathBuf::new(), |below| below.as_str().into()).join(path);
        let commit = self.git.find_commit(self.desired.commit.oid()).ok()?;
        let entry = commit.tree().ok()?.get_path(&inside).ok()?;
        Some(self.git.find_blob(entry.id()).ok()?.content().to_vec())
    }
}

/// Reads the skills that a path had at a commit of the repository it is in, which must not be checked
/// out. A path that was one skill, or its file, is judged as that one skill.
///
/// # Errors
/// Where there is no such repository, revision or path.
pub fn from_revision(path: &Path, revision: &str, selection: &Selection) -> Result<Revision, DesiredError> {
    let (git, inside) = discover(path, revision)?;
    let commit = commit(&git, path, revision)?;
    let root = match inside.as_os_str().as_bytes() {
        b"" => None,
        bytes => {
            let unnameable = |source| DesiredError::Unnameable { path: path.to_owned(), source };
            Some(TreePath::parse(bytes).map_err(unnameable)?)
        }
    };
    let selection = Selection { root: root.clone(), ..selection.clone() };
    let one = single(&git, commit, &selection)?;
    let (desired, below) = match one {
        Some((desired, below)) => (desired, below),
        None => {
            let desired = read(&git, commit, &selection, &mut Memory::default())?;
            // Nothing is served that could be lost.
            (Desired { emptied: true, ..desired }, root)
        }
    };
    Ok(Revision { desired, git, below })
}

/// The repository of a path, and the path in it.
fn discover(path: &Path, revision: &str) -> Result<(Repository, PathBuf), DesiredError> {
    let unreadable = |source| DesiredError::Directory { path: path.to_owned(), source };
    let whole = path.canonicalize().map_err(unreadable)?;
    let none =
        |source| DesiredError::NoRepository { path: path.to_owned(), revision: revision.to_owned(), source };
    let git = Repository::discover(&whole).map_err(none)?;
    let top = git.workdir().unwrap_or(git.path()).canonicalize().map_err(unreadable)?;
    let inside = whole.strip_prefix(&top).unwrap_or(Path::new("")).to_owned();
    Ok((git, inside))
}

fn commit(git: &Repository, path: &Path, revision: &str) -> Result<CommitId, DesiredError> {
    let found = git.revparse_single(revision).and_then(|object| object.peel(ObjectType::Commit));
    let none =
        |source| DesiredError::NoRevision { path: path.to_owned(), revision: revision.to_owned(), source };
    Ok(found.map_err(none)?.id().into())
}

/// The one skill that a path is: a directory with a `SKILL.md` in it, or a file.
fn single(
    git: &Repository,
    commit: CommitId,
    selection: &Selection,
) -> Result<Option<(Desired, Option<TreePath>)>, DesiredError> {
    let Some(root) = &selection.root else { return Ok(None) };
    let unreadable = |source| DesiredError::Commit { commit, source };
    let tree = git.find_commit(commit.oid()).and_then(|commit| commit.tree()).map_err(unreadable)?;
    let Ok(entry) = tree.get_path(Path::new(root.as_str())) else { return Ok(None) };
    let above = root.parent();
    let is_skill = |directory: &str| tree.get_path(&Path::new(directory).join(SKILL_FILE)).is_ok();
    let folder = |path: &TreePath| -> Result<_, DesiredError> {
        let tree = tree.get_path(Path::new(path.as_str())).map_err(unreadable)?.id().into();
        Ok((Candidate::new(path.file_name(), Kind::Folder(tree), Vec::new()), Some(path.clone())))
    };
    let (candidate, below) = match (entry.kind(), root.file_name() == SKILL_FILE, above) {
        (Some(ObjectType::Tree), ..) if is_skill(root.as_str()) => folder(root)?,
        (Some(ObjectType::Blob), true, Some(above)) => folder(&above)?,
        (Some(ObjectType::Blob), false, above) => {
            let name = root.file_name().as_bytes().to_vec();
            let text = shown(&name);
            let executable = entry.filemode_raw() & 0o100 != 0;
            let mode = if executable { FileMode::Executable } else { FileMode::Regular };
            let kind = Kind::Flat { blob: entry.id().into(), mode };
            (Candidate::new(text.strip_suffix(".md").unwrap_or(&text), kind, name), above)
        }
        _ => return Ok(None),
    };
    let mut desired = Desired::empty(commit, selection);
    desired.wanted = Wanted::new(selection).map_err(DesiredError::Globs)?;
    desired.candidates.push(Candidate { asked: true, ..candidate });
    Ok(Some((desired, below)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::rules::testing::{commit as commit_tree, file, nest, skill, write_tree};

    fn repository() -> (tempfile::TempDir, Repository) {
        let directory = tempfile::tempdir().unwrap();
        let git = Repository::init(directory.path()).unwrap();
        let (one, flat) = (skill("one"), skill("flat"));
        let tree =
            nest(&[("skills/one/SKILL.md", file(one.as_bytes())), ("skills/flat.md", file(flat.as_bytes()))]);
        let commit = commit_tree(&git, write_tree(&git, &tree));
        git.reference("refs/heads/other", commit.oid(), true, "").unwrap();
        std::fs::create_dir_all(directory.path().join("skills/one")).unwrap();
        std::fs::write(directory.path().join("skills/flat.md"), "not what was committed").unwrap();
        (directory, git)
    }

    fn ids(directory: &Path, path: &str, revision: &str) -> Vec<(String, String)> {
        let read = from_revision(&directory.join(path), revision, &Selection::default()).unwrap();
        let below = read.below.map(|below| below.to_string()).unwrap_or_default();
        read.desired.candidates.iter().map(|one| (one.id.to_string(), below.clone())).collect()
    }

    #[test]
    fn what_was_committed_is_read_and_not_what_is_there() {
        let (directory, _git) = repository();
        let skills = ids(directory.path(), "skills", "other");
        assert_eq!(skills, [("flat".into(), "skills".into()), ("one".into(), "skills".into())]);
        let read = from_revision(&directory.path().join("skills"), "other", &Selection::default()).unwrap();
        assert_eq!(read.file("one/SKILL.md"), Some(skill("one").into_bytes()));
        assert_eq!(read.file("two/SKILL.md"), None);
        assert_eq!(ids(directory.path(), "skills/one", "other"), [("one".into(), "skills/one".into())]);
        assert_eq!(ids(directory.path(), "skills/flat.md", "other"), [("flat".into(), "skills".into())]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let (directory, _git) = repository();
        let error = |path: &Path, revision| {
            from_revision(path, revision, &Selection::default()).err().unwrap().to_string()
        };
        let missing = error(directory.path(), "v9");
        assert!(missing.starts_with("there is no revision `v9` in the repository of `"), "{missing}");
        let outside = tempfile::tempdir().unwrap();
        let none = error(outside.path(), "main");
        assert!(none.contains("is in no git repository, so it has no revision `main`"), "{none}");
    }
}
