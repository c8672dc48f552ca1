//! What git says: the skills of a commit, read from its tree and never from a checkout.
//!
//! Under `SKILLS_PATH` the outermost directory with a `SKILL.md` is a skill and owns all below it; a
//! `.md` file directly there is a flat skill, unless it is a document about the repository. What
//! begins with a dot is left out, as the consumers of the directory leave it out. A candidate is
//! not opened here: that is done by the judge, and only for what it does not know yet.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::finding::Finding;
use crate::ids::{BlobId, CommitId, SkillId, TreeId};
use crate::options::{Layout, Selection};
use crate::path::TreePath;
use crate::report::Remedy;
use crate::tree::FileMode;
use crate::verdict::rules;

mod content;
mod directory;
mod documents;
mod open;
mod revision;
mod walk;
mod wanted;

pub use content::{Content, ContentError, Entry, EntryKind, Objects};
pub(crate) use directory::tree_id;
pub use directory::{DirectoryContent, TEXT, from_directory, from_text};
pub use open::{MAX_MEMBERS, MAX_PATH_BYTES, Member, Opened};
pub(crate) use open::{join, open};
pub use revision::{Revision, from_revision};
pub use walk::{MAX_ENTRIES, Memory, SKILL_FILE};
use walk::{is_hidden, is_skill_file};
pub use wanted::Wanted;

/// The longest text of a path or id that is shown of what cannot be a path, in bytes.
const MAX_SHOWN: usize = 512;

/// What may be a skill.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its id. That of a root skill is `.` until its name is read.
    pub id: SkillId,
    /// What it is.
    pub kind: Kind,
    /// Its directory or its file below `SKILLS_PATH`, raw; empty where that is `SKILLS_PATH` itself.
    pub source: Vec<u8>,
    /// Somebody asked for this very one (`validate FILE`): it is a skill whatever is in it.
    pub asked: bool,
}

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory with a `SKILL.md`.
    Folder(TreeId),
    /// A `.md` file directly in `SKILLS_PATH`.
    Flat {
        /// Its bytes.
        blob: BlobId,
        /// Its mode.
        mode: FileMode,
    },
    /// `SKILLS_PATH` itself, with a `SKILL.md` in it.
    Root(TreeId),
}

impl Candidate {
    /// A path in the skill as findings show it: below `SKILLS_PATH`, escaped by nobody yet.
    pub fn shown(&self, below: &[u8]) -> String {
        match self.kind {
            Kind::Flat { .. } => shown(&self.source),
            Kind::Folder(_) | Kind::Root(_) => shown(&join(&self.source, below)),
        }
    }

    /// The path of the file that makes it a skill.
    pub fn entry(&self) -> String {
        self.shown(SKILL_FILE.as_bytes())
    }

    /// What globs are held against besides the id; a root skill has its file only.
    fn glob_path(&self) -> String {
        match self.kind {
            Kind::Root(_) => self.entry(),
            Kind::Folder(_) | Kind::Flat { .. } => shown(&self.source),
        }
    }

    /// The name that the skill goes by on the disk: of its directory, or of its file without `.md`;
    /// none for a root skill.
    pub fn stem(&self) -> Option<&str> {
        match self.kind {
            Kind::Root(_) => None,
            _ => self.id.as_str().rsplit('/').next(),
        }
    }
}

/// The skills of one commit, and what is there besides.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The commit.
    pub commit: CommitId,
    /// How skills lie on the volume.
    pub layout: Layout,
    /// What may be a skill and is wanted, by path.
    pub candidates: Vec<Candidate>,
    /// What is no skill and looks as if somebody took it for one.
    pub strays: Vec<Finding>,
    /// The directory that was read, for messages.
    pub root: String,
    /// One of the skills that the globs leave out.
    pub(crate) excluded: Option<String>,
    /// Whether an operator confirmed that there are no skills any more.
    pub(crate) emptied: bool,
    wanted: Wanted,
    /// What git still has at paths where a skill could be: ids of loose directories and files.
    loose: BTreeSet<String>,
}

impl Desired {
    /// What an operator confirmed: that a commit whose `SKILLS_PATH` is missing or empty holds no
    /// skill, and that all of them may go.
    pub fn empty(commit: CommitId, selection: &Selection) -> Self {
        Self {
            commit,
            layout: selection.layout,
            candidates: Vec::new(),
            strays: Vec::new(),
            root: root_shown(selection),
            excluded: None,
            emptied: true,
            wanted: Wanted::default(),
            loose: BTreeSet::new(),
        }
    }

    /// Whether the selection wants a skill.
    pub(crate) fn wants(&self, id: &SkillId) -> bool {
        self.wanted.wants(id.as_str(), &format!("{id}.md"))
    }

    /// Whether git still has something, which is no skill, where a skill of this id would be.
    pub(crate) fn has_remains(&self, id: &SkillId) -> bool {
        self.loose.contains(id.as_str())
    }
}

/// Why the skills of a commit could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DesiredError {
    /// There is no such directory.
    #[error(
        "`{path}` does not exist in commit {commit}; correct SKILLS_PATH, or confirm the commit to remove all skills"
    )]
    MissingPath {
        /// `SKILLS_PATH`.
        path: String,
        /// The commit.
        commit: CommitId,
    },
    /// There is nothing in it that is, or was, a skill.
    #[error(
        "`{path}` holds no skill in commit {commit}: no directory with a SKILL.md and no .md file with front matter; \
         correct SKILLS_PATH, or confirm the commit to remove all skills"
    )]
    EmptyPath {
        /// `SKILLS_PATH`.
        path: String,
        /// The commit.
        commit: CommitId,
    },
    /// It is something else.
    #[error("`{path}` is a {what} in commit {commit}, not a directory; correct SKILLS_PATH")]
    NotADirectory {
        /// `SKILLS_PATH`.
        path: String,
        /// What it is.
        what: &'static str,
        /// The commit.
        commit: CommitId,
    },
    /// Too much outside of skills.
    #[error(
        "more than {MAX_ENTRIES} files and directories outside of skills, reached at `{path}`; point SKILLS_PATH at the skills"
    )]
    TooManyEntries {
        /// Where the walk stopped.
        path: String,
    },
    /// Directories in each other without end.
    #[error(
        "`{path}` is deeper than {} directories or its path is too long; remove it, or point SKILLS_PATH at the skills",
        open::MAX_DEPTH
    )]
    TooDeep {
        /// Where the walk stopped.
        path: String,
    },
    /// The globs do not compile together.
    #[error("the globs of SKILLS_INCLUDE and SKILLS_EXCLUDE are too large together; use fewer")]
    Globs(#[source] globset::Error),
    /// An object could not be read.
    #[error("cannot read `{path}`")]
    Content {
        /// The directory.
        path: String,
        /// Why.
        source: ContentError,
    },
    /// The commit could not be read.
    #[error("cannot read commit {commit} from the mirror; it is tried again")]
    Commit {
        /// The commit.
        commit: CommitId,
        /// What libgit2 says.
        source: git2::Error,
    },
    /// A path that is in no repository has no revisions.
    #[error("`{}` is in no git repository, so it has no revision `{revision}`; name a path in one", path.display())]
    NoRepository {
        /// The path.
        path: PathBuf,
        /// What was asked for.
        revision: String,
        /// What libgit2 says.
        source: git2::Error,
    },
    /// The repository has no such commit.
    #[error("there is no revision `{revision}` in the repository of `{}`; `git log` lists them", path.display())]
    NoRevision {
        /// The path.
        path: PathBuf,
        /// What was asked for.
        revision: String,
        /// What libgit2 says.
        source: git2::Error,
    },
    /// The path of a repository is none that a skill can be at.
    #[error("`{}` is no path that a skill can have", path.display())]
    Unnameable {
        /// The path.
        path: PathBuf,
        /// Why not.
        source: crate::path::PathError,
    },
    /// A directory that `validate` looks at could not be read.
    #[error("cannot read `{}`", path.display())]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl DesiredError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::MissingPath { .. } | Self::EmptyPath { .. } => Remedy::Confirm,
            Self::NotADirectory { .. }
            | Self::TooManyEntries { .. }
            | Self::TooDeep { .. }
            | Self::NoRepository { .. }
            | Self::NoRevision { .. }
            | Self::Unnameable { .. }
            | Self::Globs(_) => Remedy::Person,
            Self::Content { source, .. } => source.remedy(),
            Self::Commit { .. } | Self::Directory { .. } => Remedy::Retry(None),
        }
    }
}

/// Reads the skills of a commit. `memory` spares looking into directories that were seen before.
///
/// # Errors
/// [`DesiredError::MissingPath`] and [`DesiredError::EmptyPath`] wait for an operator's word, since
/// they would remove every skill; the others say themselves what to do.
pub fn read<'a>(
    objects: impl Into<Objects<'a>>,
    commit: CommitId,
    selection: &Selection,
    memory: &mut Memory,
) -> Result<Desired, DesiredError> {
    let objects = objects.into();
    let tree = objects.top(commit).map_err(|source| DesiredError::Commit { commit, source })?;
    let top = descend(&objects, commit, tree, selection)?;
    let mut desired = Desired { emptied: false, ..Desired::empty(commit, selection) };
    desired.wanted = Wanted::new(selection).map_err(DesiredError::Globs)?;
    desired.collect(&objects, top, memory)?;
    if desired.candidates.is_empty() && desired.loose.is_empty() {
        return Err(DesiredError::EmptyPath { path: desired.root, commit });
    }
    desired.select();
    Ok(desired)
}

/// The tree of `SKILLS_PATH`.
fn descend(
    content: &dyn Content,
    commit: CommitId,
    tree: TreeId,
    selection: &Selection,
) -> Result<TreeId, DesiredError> {
    let path = root_shown(selection);
    let names = selection.root.iter().flat_map(TreePath::components);
    names.into_iter().try_fold(tree, |tree, name| {
        let entries =
            content.tree(tree).map_err(|source| DesiredError::Content { path: path.clone(), source })?;
        let entry = entries.into_iter().find(|entry| entry.name == name.as_bytes());
        let what = match entry.map(|entry| entry.kind) {
            Some(EntryKind::Directory(tree)) => return Ok(tree),
            None => return Err(DesiredError::MissingPath { path: path.clone(), commit }),
            Some(EntryKind::Submodule) => "submodule",
            Some(EntryKind::Symlink(_)) => "symbolic link",
            Some(_) => "file",
        };
        Err(DesiredError::NotADirectory { path: path.clone(), what, commit })
    })
}

impl Desired {
    fn collect(
        &mut self,
        content: &dyn Content,
        tree: TreeId,
        memory: &mut Memory,
    ) -> Result<(), DesiredError> {
        let top =
            content.tree(tree).map_err(|source| DesiredError::Content { path: self.root.clone(), source })?;
        if top.iter().any(is_skill_file) {
            self.candidates.push(Candidate::new(".", Kind::Root(tree), Vec::new()));
        }
        let found = walk::below(content, &top, memory)?;
        top.iter().for_each(|entry| self.collect_top(entry));
        for (path, tree) in found.skills {
            self.candidates.push(Candidate::new(&shown(&path), Kind::Folder(tree), path));
        }
        self.loose.extend(found.loose.iter().map(|path| shown(path)));
        self.strays.extend(found.submodules.iter().map(|path| rules::stray_submodule::at(&shown(path))));
        Ok(())
    }

    /// Leaves out what the globs do not want. A root skill would own that too, so it is remembered
    /// that there is something beside it.
    fn select(&mut self) {
        let wanted = &self.wanted;
        if wanted.is_all() {
            return;
        }
        let is_wanted = |one: &Candidate| wanted.wants(one.id.as_str(), &one.glob_path());
        let excluded =
            self.candidates.iter().find(|one| !is_wanted(one) && !matches!(one.kind, Kind::Root(_)));
        self.excluded = excluded.map(Candidate::entry);
        self.candidates.retain(is_wanted);
    }

    /// A file, or a link, directly in `SKILLS_PATH`.
    fn collect_top(&mut self, entry: &Entry) {
        if is_skill_file(entry) || is_hidden(&entry.name) || matches!(entry.kind, EntryKind::Directory(_)) {
            return;
        }
        let name = shown(&entry.name);
        let stem = name.strip_suffix(".md").unwrap_or(&name);
        match entry.kind {
            EntryKind::Submodule => {}
            _ if documents::is_document(&entry.name) => {}
            EntryKind::File { blob, mode } if stem != name => {
                self.candidates.push(Candidate::new(stem, Kind::Flat { blob, mode }, entry.name.clone()));
            }
            EntryKind::File { .. } if name.to_lowercase().ends_with(".md") => {
                self.strays.push(rules::not_a_skill::extension(&name));
            }
            EntryKind::Symlink(_) => {
                self.strays.push(rules::not_a_skill::link(&name));
                self.loose.insert(stem.to_owned());
            }
            _ => {}
        }
    }
}

impl Candidate {
    fn new(id: &str, kind: Kind, source: Vec<u8>) -> Self {
        Self { id: SkillId::new(id), kind, source, asked: false }
    }
}

fn root_shown(selection: &Selection) -> String {
    selection.root.as_ref().map_or_else(|| ".".to_owned(), TreePath::to_string)
}

/// Raw bytes as text for people: replacement characters for what is none, and an end.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.len() <= MAX_SHOWN {
        return text.into_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(MAX_SHOWN)])
}

#[cfg(test)]
mod tests;
