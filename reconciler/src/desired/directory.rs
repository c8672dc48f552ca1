//! The same shapes from a directory on a disk, for `validate`: it is read into tree objects in
//! memory, so that one walk and one judge serve both.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use git2::ObjectType;

use super::content::{Content, ContentError, Entry, EntryKind};
use super::walk::{MAX_ENTRIES, SKILL_FILE, is_hidden};
use super::{Candidate, Desired, DesiredError, Kind, Memory, Wanted, shown};
use crate::ids::{BlobId, TreeId};
use crate::options::Selection;
use crate::skill::Document;
use crate::tree::FileMode;
use crate::verdict::MAX_FILE_BYTES;

/// How deep a directory is read: as deep as a walk goes down to a skill, and from there to its
/// deepest file.
const MAX_DEPTH: usize = 2 * super::open::MAX_DEPTH;

/// How many files and directories are read (ten times what a walk looks at outside of skills).
const MAX_READ: usize = 10 * MAX_ENTRIES;

/// The objects of a directory: trees in memory, files where they are.
#[derive(Debug, Default)]
pub struct DirectoryContent {
    trees: HashMap<TreeId, Vec<Entry>>,
    files: HashMap<BlobId, (PathBuf, u64)>,
    /// What is in memory: the targets of links, and a text that was never a file.
    texts: HashMap<BlobId, Vec<u8>>,
    read: usize,
}

/// Reads the skills below a directory. One that has a `SKILL.md` itself is judged as that one skill
/// with all below it, and so is a single `.md` file; links are not followed, `.git` is left out.
///
/// # Errors
/// Where the directory cannot be read, or holds too much.
pub fn from_directory(
    path: &Path,
    selection: &Selection,
) -> Result<(Desired, DirectoryContent), DesiredError> {
    let unreadable = |source| DesiredError::Directory { path: path.to_owned(), source };
    let path = path.canonicalize().map_err(unreadable)?;
    let mut content = DirectoryContent::default();
    let mut desired = Desired::empty(git2::Oid::ZERO_SHA1.into(), selection);
    desired.root = path.display().to_string();
    desired.wanted = Wanted::new(selection).map_err(DesiredError::Globs)?;
    if path.is_file() && path.file_name().is_none_or(|name| name.as_bytes() != SKILL_FILE.as_bytes()) {
        desired.candidates.push(content.single(&path)?);
        return Ok((desired, content));
    }
    let top = if path.is_file() { path.parent().unwrap_or(&path) } else { &path };
    let is_skill = top.join(SKILL_FILE).symlink_metadata().is_ok_and(|found| !found.is_dir());
    let tree = content.add(top, is_skill, 0)?;
    if is_skill {
        let name = top.file_name().unwrap_or_default().as_bytes();
        let one = Candidate { asked: true, ..Candidate::new(&shown(name), Kind::Folder(tree), Vec::new()) };
        desired.candidates.push(one);
    } else {
        desired.collect(&content, tree, &mut Memory::default())?;
        desired.select();
    }
    Ok((desired, content))
}

/// The path of a skill that is a text and no file.
pub const TEXT: &str = "stdin";

/// Takes one text as a flat skill: whatever is in it, it is judged.
///
/// # Errors
/// Where libgit2 cannot name its bytes.
pub fn from_text(bytes: Vec<u8>, selection: &Selection) -> Result<(Desired, DirectoryContent), DesiredError> {
    let mut content = DirectoryContent::default();
    let mut desired = Desired::empty(git2::Oid::ZERO_SHA1.into(), selection);
    let blob = identify(ObjectType::Blob, &bytes, Path::new(TEXT))?.into();
    // Nothing says where it will lie: it goes by its own name.
    let name = std::str::from_utf8(&bytes).ok().map(Document::parse).and_then(|document| document.front.ok());
    let name = name.as_ref().and_then(|front| front.text("name")).unwrap_or(TEXT);
    let kind = Kind::Flat { blob, mode: FileMode::Regular };
    desired.candidates.push(Candidate { asked: true, ..Candidate::new(name, kind, TEXT.into()) });
    content.texts.insert(blob, bytes);
    Ok((desired, content))
}

impl DirectoryContent {
    /// The candidate that one file is.
    fn single(&mut self, path: &Path) -> Result<Candidate, DesiredError> {
        let found = path.symlink_metadata().map_err(|source| unreadable(path, source))?;
        let name = path.file_name().unwrap_or_default().as_bytes().to_vec();
        let EntryKind::File { blob, mode } = self.file(path, &found)? else {
            let source = std::io::Error::from(std::io::ErrorKind::InvalidInput);
            return Err(unreadable(path, source));
        };
        let text = shown(&name);
        let stem = text.strip_suffix(".md").unwrap_or(&text);
        Ok(Candidate { asked: true, ..Candidate::new(stem, Kind::Flat { blob, mode }, name) })
    }

    /// Reads a directory and what is below it; outside of skills without what a walk leaves out.
    fn add(&mut self, path: &Path, in_skill: bool, depth: usize) -> Result<TreeId, DesiredError> {
        let mut entries = Vec::new();
        let listed = std::fs::read_dir(path).map_err(|source| unreadable(path, source))?;
        let names: Result<Vec<_>, _> = listed.map(|one| one.map(|one| one.file_name())).collect();
        let mut names = names.map_err(|source| unreadable(path, source))?;
        names.sort();
        let in_skill = in_skill || names.iter().any(|name| name == SKILL_FILE);
        for name in names {
            let below = path.join(&name);
            let left_out = name == ".git" || (!in_skill && is_hidden(name.as_bytes()));
            if !left_out && let Some(kind) = self.entry(&below, in_skill, depth)? {
                entries.push(Entry { name: name.into_vec(), kind });
            }
        }
        let id = identify(ObjectType::Tree, &serialise(&entries), path)?.into();
        self.trees.insert(id, entries);
        Ok(id)
    }

    /// One entry; none where it went while the directory was read.
    fn entry(
        &mut self,
        path: &Path,
        in_skill: bool,
        depth: usize,
    ) -> Result<Option<EntryKind>, DesiredError> {
        self.read += 1;
        if self.read > MAX_READ {
            return Err(DesiredError::TooManyEntries { path: path.display().to_string() });
        }
        let found = match path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            found => found.map_err(|source| unreadable(path, source))?,
        };
        if found.is_dir() {
            // Nobody asks for the content of what is deeper: the walk ends before.
            let unread = git2::Oid::ZERO_SHA1.into();
            let tree = if depth < MAX_DEPTH { self.add(path, in_skill, depth + 1)? } else { unread };
            return Ok(Some(EntryKind::Directory(tree)));
        }
        if found.is_symlink() {
            let target = std::fs::read_link(path).map_err(|source| unreadable(path, source))?;
            let target = target.into_os_string().into_vec();
            let blob = identify(ObjectType::Blob, &target, path)?.into();
            self.texts.insert(blob, target);
            return Ok(Some(EntryKind::Symlink(blob)));
        }
        self.file(path, &found).map(Some)
    }

    fn file(&mut self, path: &Path, found: &Metadata) -> Result<EntryKind, DesiredError> {
        if !found.is_file() {
            return Ok(EntryKind::Other(found.permissions().mode()));
        }
        // A file that is too large holds its skill for that alone: its bytes are not needed.
        let blob = if found.len() > MAX_FILE_BYTES {
            identify(ObjectType::Blob, path.as_os_str().as_bytes(), path)?
        } else {
            let bytes = std::fs::read(path).map_err(|source| unreadable(path, source))?;
            identify(ObjectType::Blob, &bytes, path)?
        };
        self.files.insert(blob.into(), (path.to_owned(), found.len()));
        let executable = found.permissions().mode() & 0o100 != 0;
        let mode = if executable { FileMode::Executable } else { FileMode::Regular };
        Ok(EntryKind::File { blob: blob.into(), mode })
    }
}

impl Content for DirectoryContent {
    fn tree(&self, id: TreeId) -> Result<Vec<Entry>, ContentError> {
        self.trees.get(&id).cloned().ok_or(ContentError::Missing { id: id.oid() })
    }

    fn read(&self, id: BlobId) -> Result<Vec<u8>, ContentError> {
        if let Some(target) = self.texts.get(&id) {
            return Ok(target.clone());
        }
        let (path, _) = self.files.get(&id).ok_or(ContentError::Missing { id: id.oid() })?;
        std::fs::read(path).map_err(|source| ContentError::File { path: path.clone(), source })
    }

    fn size(&self, id: BlobId) -> Result<u64, ContentError> {
        let link = self.texts.get(&id).and_then(|target| u64::try_from(target.len()).ok());
        let file = self.files.get(&id).map(|(_, size)| *size);
        link.or(file).ok_or(ContentError::Missing { id: id.oid() })
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> DesiredError {
    DesiredError::Directory { path: path.to_owned(), source }
}

/// Git's id for a directory with these entries; none where libgit2 cannot name it.
pub(crate) fn tree_id(entries: &[Entry]) -> Option<TreeId> {
    git2::Oid::hash_object(ObjectType::Tree, &serialise(entries)).ok().map(TreeId::from)
}

/// Git's id for bytes.
fn identify(kind: ObjectType, bytes: &[u8], path: &Path) -> Result<git2::Oid, DesiredError> {
    git2::Oid::hash_object(kind, bytes).map_err(|error| unreadable(path, std::io::Error::other(error)))
}

/// Entries in the form of a tree object, so that equal directories have equal ids.
fn serialise(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Entry { name, kind } in entries {
        let (mode, id) = match *kind {
            EntryKind::Directory(tree) => (0o040_000, tree.oid()),
            EntryKind::File { blob, mode } => (0o100_000 | mode.bits(), blob.oid()),
            EntryKind::Symlink(blob) => (0o120_000, blob.oid()),
            EntryKind::Submodule => (0o160_000, git2::Oid::ZERO_SHA1),
            EntryKind::Other(mode) => (mode, git2::Oid::ZERO_SHA1),
        };
        bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
    }
    bytes
}
