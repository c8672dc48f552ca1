//! Finding skills in a tree, opening no more of it than must be.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::content::{Content, ContentError, Entry, EntryKind};
use super::documents::is_document;
use super::open::{MAX_DEPTH, MAX_DIRECTORY_BYTES, join};
use super::{DesiredError, shown};
use crate::ids::TreeId;

/// How many entries outside of skills one walk looks at. A tree that names one subtree again and
/// again grows without end in a few objects.
pub const MAX_ENTRIES: usize = 100_000;

/// The file that makes a directory a skill: exactly so, as every consumer reads it.
pub const SKILL_FILE: &str = "SKILL.md";

/// What earlier walks learnt: which directories are skills, and what lies below those that are not,
/// by the id of their tree. It only spares work, and holds no more than the last walk saw.
#[derive(Debug, Default)]
pub struct Memory {
    shapes: HashMap<TreeId, Known>,
    /// How many walks there were.
    walks: u64,
}

#[derive(Debug)]
struct Known {
    shape: Arc<Shape>,
    /// The walk that saw it last.
    walk: u64,
}

impl Memory {
    /// How many directories it knows.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }
}

/// What a directory is, as far as a walk must know.
#[derive(Debug)]
enum Shape {
    /// It holds a `SKILL.md` and owns all below; or its tree cannot be parsed.
    Skill,
    /// It is no skill; skills may be below it.
    Plain(Plain),
}

#[derive(Debug, Default)]
struct Plain {
    directories: Vec<(Vec<u8>, TreeId)>,
    submodules: Vec<Vec<u8>>,
    has_files: bool,
    entries: usize,
}

/// What a walk found below the top.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Directories that are skills, by raw path.
    pub(super) skills: Vec<(Vec<u8>, TreeId)>,
    /// Directories that are no skills and hold files that are no skill's either.
    pub(super) loose: BTreeSet<Vec<u8>>,
    /// Submodules outside of skills.
    pub(super) submodules: Vec<Vec<u8>>,
}

/// Whether an entry makes its directory a skill. A link does, so that the skill is held for it and
/// does not vanish.
pub(super) fn is_skill_file(entry: &Entry) -> bool {
    entry.name == SKILL_FILE.as_bytes()
        && matches!(entry.kind, EntryKind::File { .. } | EntryKind::Symlink(_))
}

/// Whether a walk leaves a name out: what begins with a dot, as consumers of the directory do.
pub(super) fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".")
}

/// Walks the directories of a top.
pub(super) fn below(
    content: &dyn Content,
    top: &[Entry],
    memory: &mut Memory,
) -> Result<Found, DesiredError> {
    memory.walks += 1;
    let mut walk = Walk { content, memory, entries: top.len(), found: Found::default() };
    for entry in top {
        match entry.kind {
            EntryKind::Directory(tree) if !is_hidden(&entry.name) => {
                walk.visit(&entry.name, tree, 1)?;
            }
            EntryKind::Submodule => walk.found.submodules.push(entry.name.clone()),
            _ => {}
        }
    }
    let Walk { found, memory, .. } = walk;
    memory.shapes.retain(|_, known| known.walk == memory.walks);
    Ok(found)
}

struct Walk<'a> {
    content: &'a dyn Content,
    memory: &'a mut Memory,
    entries: usize,
    found: Found,
}

impl Walk<'_> {
    /// Looks at one directory; whether it holds loose files, at any depth.
    fn visit(&mut self, path: &[u8], tree: TreeId, depth: usize) -> Result<bool, DesiredError> {
        let shape = self.shape(path, tree)?;
        let Shape::Plain(plain) = &*shape else {
            self.found.skills.push((path.to_vec(), tree));
            return Ok(false);
        };
        self.entries += plain.entries;
        if self.entries > MAX_ENTRIES {
            return Err(DesiredError::TooManyEntries { path: shown(path) });
        }
        let mut loose = plain.has_files;
        for name in &plain.submodules {
            self.found.submodules.push(join(path, name));
        }
        for (name, below) in &plain.directories {
            let path = join(path, name);
            if depth >= MAX_DEPTH || path.len() > MAX_DIRECTORY_BYTES {
                return Err(DesiredError::TooDeep { path: shown(&path) });
            }
            loose |= self.visit(&path, *below, depth + 1)?;
        }
        if loose {
            self.found.loose.insert(path.to_vec());
        }
        Ok(loose)
    }

    fn shape(&mut self, path: &[u8], tree: TreeId) -> Result<Arc<Shape>, DesiredError> {
        let walk = self.memory.walks;
        if let Some(known) = self.memory.shapes.get_mut(&tree) {
            known.walk = walk;
            return Ok(Arc::clone(&known.shape));
        }
        let shape = Arc::new(Shape::read(self.content, path, tree)?);
        self.memory.shapes.insert(tree, Known { shape: Arc::clone(&shape), walk });
        Ok(shape)
    }
}

impl Shape {
    fn read(content: &dyn Content, path: &[u8], tree: TreeId) -> Result<Self, DesiredError> {
        let entries = match content.tree(tree) {
            Ok(entries) => entries,
            // It may be one, and is held for what is wrong with it; the others go on.
            Err(ContentError::Malformed { .. } | ContentError::TooLarge { .. }) => return Ok(Self::Skill),
            Err(source) => return Err(DesiredError::Content { path: shown(path), source }),
        };
        if entries.iter().any(is_skill_file) {
            return Ok(Self::Skill);
        }
        let mut plain = Plain { entries: entries.len(), ..Plain::default() };
        for entry in entries {
            match entry.kind {
                EntryKind::Directory(below) if !is_hidden(&entry.name) => {
                    plain.directories.push((entry.name, below));
                }
                EntryKind::Directory(_) => {}
                EntryKind::Submodule => plain.submodules.push(entry.name),
                _ => plain.has_files |= !is_document(&entry.name) && !is_hidden(&entry.name),
            }
        }
        Ok(Self::Plain(plain))
    }
}
