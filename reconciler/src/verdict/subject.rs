//! One skill, opened for the rules: its members, its files by content, its front matter.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::links::{LinkFault, Links, MAX_TARGET_BYTES};
use super::{MAX_ENTRY_BYTES, MAX_FILE_BYTES, MAX_SKILL_BYTES};
use crate::desired::{Candidate, Content, ContentError, EntryKind, Kind, Member, Opened, SKILL_FILE, open};
use crate::ids::{BlobId, Digest};
use crate::path::TreePath;
use crate::skill::{self, Document, FrontMatter};
use crate::tree::{FileMode, FileVersion, Files};

/// How many bytes of a skill are kept in memory while the rules look at it (8 MiB); what is beyond
/// is read again by whoever asks for it.
const KEPT_BYTES: usize = 8 << 20;

/// The SHA-256 of files that this skill is served with: their bytes need no second reading.
pub(super) type KnownFiles = HashMap<BlobId, Digest>;

/// A file that will be published: a regular file, or the copy that a link becomes.
#[derive(Debug, Clone, Copy)]
pub struct SkillFile {
    /// Its bytes.
    pub blob: BlobId,
    /// Its mode.
    pub mode: FileMode,
    /// How many bytes.
    pub size: u64,
}

/// The file that makes a candidate a skill.
#[derive(Debug)]
pub enum SkillText {
    /// It is no regular file.
    NotAFile,
    /// It is larger than any consumer reads; the size in bytes.
    TooLarge(u64),
    /// It is no text: why, and the line where that is seen.
    NotText(&'static str, u32),
    /// It was read.
    Read(Document),
}

/// A candidate, opened.
pub struct Subject<'a> {
    /// What it is.
    pub candidate: &'a Candidate,
    /// Whether the Agent Skills reference rules are asked for.
    pub strict: bool,
    /// All that is in it, as raw as in git.
    pub opened: Opened,
    /// The files to publish whose paths are sound, by their path below the skill's directory.
    pub files: BTreeMap<TreePath, SkillFile>,
    /// The links that are not copied, by raw path.
    pub links: Vec<(Vec<u8>, LinkFault)>,
    /// The file that makes it a skill.
    pub text: SkillText,
    /// Whether that file begins as one with front matter does.
    pub fronted: bool,
    content: &'a dyn Content,
    kept: RefCell<HashMap<BlobId, Arc<[u8]>>>,
    kept_bytes: RefCell<usize>,
}

impl<'a> Subject<'a> {
    /// Opens a candidate.
    pub(super) fn open(
        candidate: &'a Candidate,
        content: &'a dyn Content,
        strict: bool,
    ) -> Result<Self, ContentError> {
        let opened = match candidate.kind {
            Kind::Folder(tree) => open(content, tree, |_| false)?,
            Kind::Root(tree) => open(content, tree, is_of_the_repository)?,
            Kind::Flat { blob, mode } => flat(candidate, blob, mode),
        };
        let mut subject = Self {
            candidate,
            strict,
            opened,
            files: BTreeMap::new(),
            links: Vec::new(),
            text: SkillText::NotAFile,
            fronted: false,
            content,
            kept: RefCell::default(),
            kept_bytes: RefCell::default(),
        };
        subject.resolve()?;
        subject.read_text()?;
        Ok(subject)
    }

    /// The name of the file that makes it a skill, below the skill's directory.
    pub fn entry_name(&self) -> &[u8] {
        match self.candidate.kind {
            Kind::Flat { .. } => &self.candidate.source,
            Kind::Folder(_) | Kind::Root(_) => SKILL_FILE.as_bytes(),
        }
    }

    /// Its file, where that was read.
    pub fn document(&self) -> Option<&Document> {
        match &self.text {
            SkillText::Read(document) => Some(document),
            _ => None,
        }
    }

    /// Its front matter, where that has no fault.
    pub fn front(&self) -> Option<&FrontMatter> {
        self.document()?.front.as_ref().ok()
    }

    /// The bytes of one of its files. They are read when they are asked for, and kept for the next
    /// rule as long as there is room.
    ///
    /// # Errors
    /// Where the blob cannot be read.
    pub fn read(&self, file: &SkillFile) -> Result<Arc<[u8]>, ContentError> {
        if let Some(bytes) = self.kept.borrow().get(&file.blob) {
            return Ok(Arc::clone(bytes));
        }
        let bytes: Arc<[u8]> = self.content.read(file.blob)?.into();
        let mut kept = self.kept_bytes.borrow_mut();
        if kept.saturating_add(bytes.len()) <= KEPT_BYTES {
            *kept += bytes.len();
            self.kept.borrow_mut().insert(file.blob, Arc::clone(&bytes));
        }
        Ok(bytes)
    }

    /// How many bytes its files have together.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.size).fold(0, u64::saturating_add)
    }

    /// Whether it is larger than a skill may be: its content is not read then.
    pub fn is_too_large(&self) -> bool {
        self.opened.over.is_some()
            || self.bytes() > MAX_SKILL_BYTES
            || self.files.values().any(|file| file.size > MAX_FILE_BYTES)
    }

    /// The files with their SHA-256, which is known or computed here.
    pub(super) fn versions(&self, known: &KnownFiles) -> Result<Files, ContentError> {
        if self.is_too_large() {
            return Ok(Files::default());
        }
        let version = |(path, file): (&TreePath, &SkillFile)| {
            let digest = match known.get(&file.blob) {
                Some(digest) => *digest,
                None => Digest::of(&self.read(file)?),
            };
            let SkillFile { blob, mode, size } = *file;
            Ok((path.clone(), FileVersion { blob, digest, size, mode }))
        };
        self.files.iter().map(version).collect()
    }

    /// Finds the files to publish: regular ones, and what links inside the skill point at.
    fn resolve(&mut self) -> Result<(), ContentError> {
        let mut links = Links::new(&self.opened.members);
        for Member { path, kind } in &self.opened.members {
            if let EntryKind::Symlink(blob) = *kind
                && self.content.size(blob)? <= MAX_TARGET_BYTES
            {
                links.add_target(path, self.content.read(blob)?);
            }
        }
        for Member { path, kind } in &self.opened.members {
            let (blob, mode) = match *kind {
                EntryKind::File { blob, mode } => (blob, mode),
                EntryKind::Symlink(_) => match links.resolve(path) {
                    Ok(found) => found,
                    Err(fault) => {
                        self.links.push((path.clone(), fault));
                        continue;
                    }
                },
                EntryKind::Directory(_) | EntryKind::Submodule | EntryKind::Other(_) => continue,
            };
            if let Ok(path) = TreePath::parse(path) {
                self.files.insert(path, SkillFile { blob, mode, size: self.content.size(blob)? });
            }
        }
        Ok(())
    }

    fn read_text(&mut self) -> Result<(), ContentError> {
        let name = self.entry_name();
        let entry = self.opened.members.iter().find(|member| member.path == name);
        let Some(EntryKind::File { blob, mode }) = entry.map(|member| member.kind) else { return Ok(()) };
        let size = self.content.size(blob)?;
        if size > MAX_FILE_BYTES {
            self.text = SkillText::TooLarge(size);
            return Ok(());
        }
        let bytes = self.read(&SkillFile { blob, mode, size })?;
        self.fronted = skill::is_fronted(&bytes);
        self.text = if size > MAX_ENTRY_BYTES { SkillText::TooLarge(size) } else { parse(&bytes) };
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> SkillText {
    let line = |at: usize| {
        let breaks = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        u32::try_from(breaks + 1).unwrap_or(u32::MAX)
    };
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return SkillText::NotText("it has a NUL byte", line(at));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => SkillText::Read(Document::parse(text)),
        Err(error) => SkillText::NotText("it is not UTF-8", line(error.valid_up_to())),
    }
}

fn flat(candidate: &Candidate, blob: BlobId, mode: FileMode) -> Opened {
    let member = Member { path: candidate.source.clone(), kind: EntryKind::File { blob, mode } };
    Opened { members: vec![member], over: None }
}

/// What configures git and its host at the top of a repository is no part of a skill that is the
/// whole repository.
fn is_of_the_repository(name: &[u8]) -> bool {
    name.starts_with(b".git")
}
