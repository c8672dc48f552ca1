//! The mirror: a bare repository of ours that holds every version in use, and what was overwritten.
//!
//! Its references are ours alone, below `refs/skill-sync/`; they keep objects alive, and what the
//! remote deletes stays. What none of them keeps goes when it is tidied up.

mod error;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::{ErrorClass, ErrorCode, FileMode as GitMode, ObjectType, Oid, Repository, Signature};

use super::durable::Durable;
use super::{libgit2, sweep};
use crate::ids::{BlobId, CommitId};
use crate::tree::Skills;

pub use error::MirrorError;

/// The commit that the last fetch brought.
pub(super) const TIP: &str = "refs/skill-sync/remote/tip";

/// The bare repository in the state directory.
///
/// It is for one thread. Reading works beside a running service; everything that writes wants the lock
/// of the state directory.
pub struct Mirror {
    path: PathBuf,
    repository: Repository,
    durable: RefCell<Durable>,
    /// Whether this process has looked for what a power cut left.
    is_settled: Cell<bool>,
    /// What `refs/skill-sync/served` was last pointed at by us, to write only what changed.
    pub(super) served: RefCell<Option<(Skills, Oid)>>,
}

/// What digits come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByDigits {
    /// No commit.
    None,
    /// This one.
    One(CommitId),
    /// More than one.
    Several,
}

/// Who makes commits and moves references of ours.
const OURS: &str = "skill-sync";

/// What is said where libgit2 wrote nothing and said nothing.
const NOT_WRITTEN: &str = "libgit2 gave no reason; the disk may be full, failing or read-only";

/// The error with what the system refused, or that it does not say. libgit2 repeats the system's word in errors
/// of that class only: an object that it could not open, it takes for absent.
fn explained(error: git2::Error) -> git2::Error {
    match error.class() {
        ErrorClass::Os => error,
        class => git2::Error::new(error.code(), class, format!("{}; {NOT_WRITTEN}", error.message())),
    }
}

/// The name of a kept blob in the tree that keeps it alive.
const KEPT: &str = "kept";

/// Whether the commit that the last fetch pointed at is there.
pub(super) fn has_history(repository: &Repository) -> bool {
    repository.refname_to_id(TIP).is_ok_and(|id| repository.find_commit(id).is_ok())
}

impl Mirror {
    /// Opens it; where there is none, an empty one is made, whole or not at all. Sweeps nothing.
    ///
    /// # Errors
    /// A directory that is there and no repository is never replaced.
    pub fn open(path: &Path) -> Result<Self, MirrorError> {
        libgit2::initialise();
        if !path.try_exists().map_err(MirrorError::io("look at", path))? {
            create(path)?;
        }
        let unusable = |source| MirrorError::Unusable { path: path.to_owned(), source };
        let repository = libgit2::open_bare(path).map_err(unusable)?;
        Ok(Self {
            path: path.to_owned(),
            repository,
            durable: RefCell::new(Durable::new(path)),
            is_settled: Cell::new(false),
            served: RefCell::new(None),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The repository: for reading trees.
    pub fn git(&self) -> &Repository {
        &self.repository
    }

    /// Goes on with the same repository, opened again.
    pub(super) fn replace_repository(&mut self, repository: Repository) {
        self.repository = repository;
    }

    /// Removes what a killed fetch or a power cut left: locks, temporary files, packs that are not
    /// whole. Call it under the lock of the state directory, before anything is written.
    ///
    /// # Errors
    /// What the file system says.
    pub fn sweep(&self) -> Result<(), MirrorError> {
        sweep::sweep(&self.path)?;
        // The power was not cut since this process began.
        if !self.is_settled.get() {
            sweep::settle(&self.repository)?;
            self.is_settled.set(true);
        }
        Ok(())
    }

    /// Whether a fetch has brought something, so that the next is no first one.
    pub fn has_history(&self) -> bool {
        has_history(&self.repository)
    }

    /// The commit that the last fetch brought, where it is there.
    pub(super) fn tip(&self) -> Option<CommitId> {
        let tip = CommitId::from(self.repository.refname_to_id(TIP).ok()?);
        self.has_commit(tip).then_some(tip)
    }

    /// Reads the bytes of a blob.
    ///
    /// # Errors
    /// A blob that is not there.
    pub fn read_blob(&self, id: BlobId) -> Result<Vec<u8>, MirrorError> {
        let blob = self.repository.find_blob(id.oid()).map_err(|e| self.damaged(&format!("blob {id}"), e))?;
        Ok(blob.content().to_vec())
    }

    /// Adds a blob; what keeps it alive is another's affair.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn add_blob(&self, bytes: &[u8]) -> Result<(), MirrorError> {
        self.repository.blob(bytes).map(drop).map_err(|e| self.unwritten("a blob", e))
    }

    /// Reads everything that our references keep alive, history aside; libgit2 compares each object with
    /// its id.
    ///
    /// # Errors
    /// What is missing or damaged.
    pub fn check(&self) -> Result<(), MirrorError> {
        let references = self.repository.references_glob("refs/skill-sync/*");
        let references = references.map_err(|e| self.damaged("its references", e))?;
        let mut waiting = Vec::new();
        for reference in references {
            let commit = reference.and_then(|reference| reference.peel_to_commit());
            waiting.push(commit.map_err(|e| self.damaged("a reference's commit", e))?.tree_id());
        }
        let odb = self.repository.odb().map_err(|e| self.damaged("its objects", e))?;
        let mut seen = HashSet::new();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            let object = odb.read(id).map_err(|e| self.damaged(&format!("object {id}"), e))?;
            if object.kind() == ObjectType::Tree {
                let tree = self.repository.find_tree(id);
                let tree = tree.map_err(|e| self.damaged(&format!("tree {id}"), e))?;
                let ours = tree.iter().filter(|entry| entry.kind() != Some(ObjectType::Commit));
                waiting.extend(ours.map(|entry| entry.id()));
            }
        }
        Ok(())
    }

    /// Tells how many bytes a blob has, without reading it.
    ///
    /// # Errors
    /// A blob that is not there.
    pub fn blob_size(&self, id: BlobId) -> Result<u64, MirrorError> {
        let header = self.repository.odb().and_then(|odb| odb.read_header(id.oid()));
        let (size, _) = header.map_err(|e| self.damaged(&format!("blob {id}"), e))?;
        Ok(u64::try_from(size).unwrap_or(u64::MAX))
    }

    /// Keeps bytes under a reference, durably: they are there after a power cut.
    ///
    /// # Errors
    /// Nothing is promised about bytes whose keeping failed.
    pub fn keep_blob(&self, refname: &str, bytes: &[u8]) -> Result<BlobId, MirrorError> {
        let id = self.repository.blob(bytes).map_err(|e| self.unwritten("a blob", e))?;
        // libgit2 writes no object that it takes for present, also where a power cut emptied its file.
        let kept = self.read_blob(id.into())?;
        if kept != bytes {
            return Err(
                self.damaged(&format!("blob {id}"), git2::Error::from_str("it reads back as other bytes"))
            );
        }
        let alone = self.repository.treebuilder(None).and_then(|mut tree| {
            tree.insert(KEPT, id, GitMode::Blob.into())?;
            tree.write()
        });
        self.point_at_tree(refname, alone.map_err(|e| self.unwritten("a tree", e))?)?;
        self.sync()?;
        Ok(id.into())
    }

    /// Removes a reference; one that is not there is removed already.
    ///
    /// # Errors
    /// What the file system says.
    pub fn drop_ref(&self, refname: &str) -> Result<(), MirrorError> {
        let gone = self.repository.find_reference(refname).and_then(|mut reference| reference.delete());
        match gone {
            Err(error) if error.code() != ErrorCode::NotFound => Err(self.unwritten(refname, error)),
            _ => Ok(()),
        }
    }

    /// The names of the references below a prefix that ends in `/`.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn refs_below(&self, prefix: &str) -> Result<Vec<String>, MirrorError> {
        let listed = self.repository.references_glob(&format!("{prefix}*"));
        let names = listed.and_then(|mut found| {
            found.names().map(|name| name.map(str::to_owned)).collect::<Result<_, _>>()
        });
        names.map_err(|e| self.damaged(&format!("references below {prefix}"), e))
    }

    /// Keeps a commit alive under a reference; durable after the next [`sync`](Self::sync).
    ///
    /// # Errors
    /// A commit that is not there.
    pub fn pin_commit(&self, refname: &str, id: CommitId) -> Result<(), MirrorError> {
        self.check_commit(id)?;
        self.point(refname, id.oid())
    }

    /// Makes everything that was written durable: packs and their indexes, objects, references and the
    /// directories that name them. It costs next to nothing where nothing is new.
    ///
    /// # Errors
    /// What the file system says; nothing that failed counts as durable.
    pub fn sync(&self) -> Result<(), MirrorError> {
        self.durable.borrow_mut().sync()
    }

    /// Whether a commit and its tree are there.
    pub fn has_commit(&self, id: CommitId) -> bool {
        self.check_commit(id).is_ok()
    }

    /// The commit whose id begins with some digits; several may.
    ///
    /// # Errors
    /// Where the objects cannot be read.
    pub fn commit_by_digits(&self, digits: &str) -> Result<ByDigits, MirrorError> {
        match self.repository.find_commit_by_prefix(digits) {
            Ok(commit) => Ok(ByDigits::One(commit.id().into())),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(ByDigits::None),
            Err(error) if error.code() == ErrorCode::Ambiguous => Ok(ByDigits::Several),
            Err(error) => Err(self.damaged(&format!("commit {digits}"), error)),
        }
    }

    /// Checks that a commit and its tree are there.
    pub(super) fn check_commit(&self, id: CommitId) -> Result<(), MirrorError> {
        let tree = self.repository.find_commit(id.oid()).and_then(|commit| commit.tree());
        tree.map(drop).map_err(|e| self.damaged(&format!("commit {id}"), e))
    }

    /// Points a reference at a commit of ours that has this tree. A reference of ours never names a tree
    /// or a blob: where the repository that is followed has the same object, which a served tree often
    /// is, libgit2's local transport fails on it ("object is not a committish").
    pub(super) fn point_at_tree(&self, refname: &str, tree: Oid) -> Result<(), MirrorError> {
        // Without a time of its own the commit of a tree is always the same one.
        let commit = Signature::new(OURS, OURS, &git2::Time::new(0, 0)).and_then(|who| {
            let tree = self.repository.find_tree(tree)?;
            self.repository.commit(None, &who, &who, refname, &tree, &[])
        });
        let commit = commit.map_err(|e| self.unwritten("a commit", e))?;
        // libgit2 can say that it wrote an object where the system refused its file.
        if !self.repository.odb().is_ok_and(|odb| odb.exists(commit)) {
            return Err(self.unwritten("a commit", git2::Error::from_str("it is not there")));
        }
        self.point(refname, commit)
    }

    /// Keeps an object alive under a reference: a commit, or a tag of one.
    pub(super) fn pin_object(&self, refname: &str, id: Oid) -> Result<(), MirrorError> {
        self.point(refname, id)
    }

    fn point(&self, refname: &str, id: Oid) -> Result<(), MirrorError> {
        if self.repository.refname_to_id(refname).is_ok_and(|old| old == id) {
            return Ok(());
        }
        let written = self.repository.reference(refname, id, true, OURS);
        written.map(drop).map_err(|e| self.unwritten(refname, e))
    }

    pub(super) fn damaged(&self, object: &str, source: git2::Error) -> MirrorError {
        MirrorError::Damaged { path: self.path.clone(), object: object.to_owned(), source }
    }

    pub(super) fn unwritten(&self, what: &str, source: git2::Error) -> MirrorError {
        MirrorError::Write { path: self.path.clone(), what: what.to_owned(), source: explained(source) }
    }
}

/// Makes an empty mirror beside its place and renames it there: a crash in between leaves no half one.
fn create(path: &Path) -> Result<(), MirrorError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let part = path.with_file_name(name);
    match fs::remove_dir_all(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(MirrorError::io("remove", &part)(error));
        }
        _ => {}
    }
    let mut options = git2::RepositoryInitOptions::new();
    // A template of the machine's could bring hooks and configuration.
    options.bare(true).no_reinit(true).mkpath(true).external_template(false);
    let made = Repository::init_opts(&part, &options);
    made.map_err(|source| MirrorError::Unusable { path: part.clone(), source })?;
    Durable::new(&part).sync()?;
    fs::rename(&part, path).map_err(MirrorError::io("create", path))?;
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::File::open(parent).and_then(|dir| dir.sync_all()).map_err(MirrorError::io("sync", parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Remedy;

    fn mirror() -> (tempfile::TempDir, Mirror) {
        let dir = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&dir.path().join("repo.git")).unwrap();
        (dir, mirror)
    }

    #[test]
    fn a_missing_mirror_is_made_and_a_half_made_one_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/repo.git");
        fs::create_dir_all(dir.path().join("state/repo.git.new/objects")).unwrap();
        assert!(!Mirror::open(&path).unwrap().has_history());
        assert!(path.join("HEAD").exists() && !dir.path().join("state/repo.git.new").exists());
        assert!(Mirror::open(&path).is_ok());
    }

    #[test]
    fn what_is_no_mirror_is_told_with_the_way_out_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repo.git");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("HEAD"), "garbage").unwrap();
        let error = Mirror::open(&path).err().unwrap();
        let text = error.to_string();
        assert!(text.contains("repo.git") && text.contains("skill-sync state rebuild"), "{text}");
        assert_eq!(error.remedy(), Remedy::Person);
        assert_eq!(fs::read(path.join("HEAD")).unwrap(), b"garbage");
    }

    #[test]
    fn kept_bytes_come_back_until_their_reference_goes() {
        let (_dir, mirror) = mirror();
        let name = "refs/skill-sync/drift/7-a";
        let id = mirror.keep_blob(name, b"edited by hand\n").unwrap();
        assert_eq!(mirror.read_blob(id).unwrap(), b"edited by hand\n");
        assert_eq!(mirror.blob_size(id).unwrap(), 15);
        let keeper = mirror.git().find_reference(name).unwrap().peel_to_tree().unwrap();
        assert_eq!(keeper.get_name(KEPT).map(|entry| entry.id()), Some(id.oid()));
        mirror.drop_ref(name).unwrap();
        mirror.drop_ref(name).unwrap();
        assert!(mirror.git().refname_to_id(name).is_err());
    }

    /// libgit2's local transport hides what our references name from the repository that it reads, and
    /// fails where it finds a tree or a blob there.
    #[test]
    fn a_reference_of_ours_names_a_commit() {
        let (_dir, mirror) = mirror();
        mirror.keep_blob("refs/skill-sync/drift/1", b"bytes").unwrap();
        mirror.pin_served(&crate::tree::Skills::new()).unwrap();
        for reference in mirror.git().references().unwrap() {
            let id = reference.unwrap().target().unwrap();
            assert!(mirror.git().find_commit(id).is_ok());
        }
    }

    #[test]
    fn a_lost_object_is_named() {
        let (_dir, mirror) = mirror();
        let id: BlobId = "12".repeat(20).parse().unwrap();
        let error = mirror.read_blob(id).unwrap_err();
        assert!(error.to_string().contains(&id.to_string()), "{error}");
        assert_eq!(error.remedy(), Remedy::Person);
        assert!(mirror.blob_size(id).is_err());
        assert!(mirror.pin_commit("refs/skill-sync/x", "12".repeat(20).parse().unwrap()).is_err());
    }
}
