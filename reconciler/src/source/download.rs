//! What the child of a fetch does: list, choose, download, and point the tip at the commit.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use git2::{
    AutotagOption, Direction, ErrorClass, FetchOptions, ObjectType, Oid, RemoteCallbacks, Repository,
};

use super::child::Request;
use super::error::FetchError;
use super::fetch::{Fetched, Progress};
use super::mirror::TIP;
use super::nearby;
use super::reference::{Advertised, Reference, Wanted};
use super::url::RepoUrl;
use super::wire::Wire;
use super::{libgit2, look};
use crate::ids::CommitId;

/// Depths, as libgit2 takes them: the commit alone, all that is missing, and the lifting of every limit
/// that was set before.
const ALONE: i32 = 1;
const EVERYTHING: i32 = 0;
const UNSHALLOW: i32 = i32::MAX;

/// What libgit2 says of a server that knows no depth; it has no code for it.
const NO_SHALLOW: &str = "doesn't support shallow";

/// The longest text of a server that an error repeats, in characters.
pub(super) const MAX_FOREIGN: usize = 300;

/// One fetch, in the process that is there for it.
struct Download<'a> {
    request: &'a Request,
    wire: Wire,
    /// The address in the form that libgit2 takes for the transport that is meant.
    address: String,
    /// Of a repository on this machine only.
    path: Option<PathBuf>,
    mirror: Repository,
    /// How many bytes of packs the mirror holds.
    held: u64,
    /// Whether the mirror has a history to add to.
    has_history: bool,
    /// Whether it was ended because the mirror would be too large: libgit2 has no word of its own for it.
    is_beyond: Cell<bool>,
}

/// Runs the fetch that is asked for.
pub(super) fn run(request: &Request, progress: &mut dyn FnMut(Progress)) -> Result<Fetched, FetchError> {
    let child = |detail: String| FetchError::Child { url: request.url.clone(), detail };
    let url = RepoUrl::parse(&request.url).map_err(|error| child(error.to_string()))?;
    let reference = Reference::parse(&request.reference).map_err(|error| child(error.to_string()))?;
    let Some(mirror) = &request.mirror else { return look::run(request, &url, &reference) };
    let mirror = libgit2::open_bare(Path::new(mirror)).map_err(|error| local(request, &error))?;
    let held = pack_bytes(&mirror.path().join("objects/pack"));
    if held > request.max_repo_bytes {
        return Err(FetchError::TooLarge { url: request.url.clone(), limit: request.max_repo_bytes });
    }
    let wire = Wire::lay(request, &url, held)?;
    let address = Wire::address(&url).ok_or_else(|| child("its path is not absolute".to_owned()))?;
    let has_history = super::mirror::has_history(&mirror);
    let path = url.path().map(Path::to_owned);
    Download { request, wire, address, path, mirror, held, has_history, is_beyond: Cell::new(false) }
        .run(&reference, progress)
}

impl Download<'_> {
    fn run(&self, reference: &Reference, progress: &mut dyn FnMut(Progress)) -> Result<Fetched, FetchError> {
        let progress = RefCell::new(progress);
        let mut tag = None;
        let (commit, name) = match self.list_and_take(reference, &progress)? {
            (Wanted::Listed { name, id }, _) => {
                let commit = self.peel(&name, id)?;
                tag = (id != commit.oid()).then(|| id.to_string());
                (commit, name)
            }
            (Wanted::Unlisted(commit), taken) => {
                if !taken {
                    self.take_everything(commit, &progress)?;
                }
                (self.peel(&commit.to_string(), commit.oid())?, String::new())
            }
        };
        self.point_tip(commit)?;
        let reference = if let Reference::Commit(id) = reference { id.to_string() } else { name };
        let redirected_to = self.wire.redirected_to();
        Ok(Fetched { commit, reference, tag, redirected_to })
    }

    /// Lists what is there, chooses, and downloads it over the same connection; false where a commit
    /// that is not listed could not be had by its id.
    fn list_and_take(
        &self,
        reference: &Reference,
        progress: &RefCell<&mut dyn FnMut(Progress)>,
    ) -> Result<(Wanted, bool), FetchError> {
        let mut remote = self.mirror.remote_anonymous(&self.address).map_err(|e| self.failure(&e))?;
        let mut connection =
            remote.connect_auth(Direction::Fetch, None, None).map_err(|e| self.unconnected(&e))?;
        let listed = advertised(connection.list().map_err(|e| self.failure(&e))?);
        let wanted = reference.choose(&self.request.url, &listed)?;
        let (id, source) = match &wanted {
            Wanted::Listed { name, id } => (*id, name.clone()),
            Wanted::Unlisted(commit) => (commit.oid(), commit.to_string()),
        };
        if self.has_history && self.has(id) {
            return Ok((wanted, true));
        }
        if self.copied(id) {
            return Ok((wanted, true));
        }
        let shallow = self.wire.is_local().then(|| Shallow::keep(&self.mirror));
        let refspec = [format!("+{source}:{TIP}")];
        let mut take =
            |depth| connection.remote().download(&refspec, Some(&mut self.options(depth, progress)));
        let taken = match take(self.depth(&wanted)) {
            Err(error) if error.message().contains(NO_SHALLOW) => take(EVERYTHING),
            taken => taken,
        };
        drop(shallow);
        if self.wire.is_local() && !self.has(id) {
            self.take_alone(id);
        }
        match (taken, &wanted) {
            (Ok(()), Wanted::Listed { .. }) => Ok((wanted, true)),
            (Ok(()), Wanted::Unlisted(_)) => Ok((wanted, self.has(id))),
            (Err(error), Wanted::Listed { .. }) => Err(self.failure(&error)),
            // Servers may refuse ids that they do not list, each in its own words.
            (Err(error), Wanted::Unlisted(_)) => match self.failure(&error) {
                failure @ (FetchError::Timeout { .. } | FetchError::TooLarge { .. }) => Err(failure),
                _ => Ok((wanted, false)),
            },
        }
    }

    /// Brings what is new from a repository on this machine without libgit2's walk over all of it.
    fn copied(&self, id: Oid) -> bool {
        let room = self.request.max_repo_bytes.saturating_sub(self.held);
        let path = self.path.as_deref().filter(|_| self.has_history);
        path.is_some_and(|path| nearby::copy(&self.mirror, path, id, room))
    }

    /// Packs one commit of a local path without what is behind it: libgit2's local transport brings nothing
    /// that is behind a commit of ours, also where our history ends before it. Where that fails the commit
    /// is not there, which is told elsewhere.
    fn take_alone(&self, id: Oid) {
        let packed = Repository::open(self.path_of_source()).and_then(|source| {
            let commit = source.find_object(id, None)?.peel_to_commit()?.id();
            let mut builder = source.packbuilder()?;
            builder.insert_recursive(id, None)?;
            builder.insert_commit(commit)?;
            builder.write(&self.mirror.path().join("objects/pack"), 0)?;
            Ok(commit)
        });
        match packed {
            Ok(commit) => {
                let mut shallow = Shallow::keep(&self.mirror).unwrap_or_else(|| Shallow::none(&self.mirror));
                shallow.add(commit);
            }
            Err(error) => tracing::debug!(%error, %id, "not to be had from the local path"),
        }
    }

    fn path_of_source(&self) -> PathBuf {
        let url = RepoUrl::parse(&self.request.url).ok();
        url.and_then(|url| url.path().map(Path::to_owned)).unwrap_or_default()
    }

    /// Brings all branches and tags, for a commit that may be below one of them.
    fn take_everything(
        &self,
        commit: CommitId,
        progress: &RefCell<&mut dyn FnMut(Progress)>,
    ) -> Result<(), FetchError> {
        let mut remote = self.mirror.remote_anonymous(&self.address).map_err(|e| self.failure(&e))?;
        let refspecs =
            ["+refs/heads/*:refs/skill-sync/remote/heads/*", "+refs/tags/*:refs/skill-sync/remote/tags/*"];
        // What lies behind the end of a shallow history comes only when it is asked for.
        let is_cut = !self.wire.is_local() && self.mirror.is_shallow();
        let depth = if is_cut { UNSHALLOW } else { EVERYTHING };
        let taken = remote.download(&refspecs, Some(&mut self.options(depth, progress)));
        taken.map_err(|e| self.failure(&e))?;
        if self.has(commit.oid()) {
            return Ok(());
        }
        Err(FetchError::NoSuchCommit { url: self.request.url.clone(), commit })
    }

    /// One commit for the first fetch, and for one that is asked for by its id; later fetches bring what
    /// lies between. libgit2 reads no less than everything from a local path.
    fn depth(&self, wanted: &Wanted) -> i32 {
        let alone = !self.has_history || matches!(wanted, Wanted::Unlisted(_));
        if alone && !self.wire.is_local() { ALONE } else { EVERYTHING }
    }

    fn options<'p>(
        &'p self,
        depth: i32,
        progress: &'p RefCell<&mut dyn FnMut(Progress)>,
    ) -> FetchOptions<'p> {
        let room = self.request.max_repo_bytes.saturating_sub(self.held);
        let mut callbacks = RemoteCallbacks::new();
        callbacks.transfer_progress(move |now| {
            let now = Progress::from(&now);
            (progress.borrow_mut())(now);
            self.is_beyond.set(now.received_bytes > room);
            !self.is_beyond.get()
        });
        let mut options = FetchOptions::new();
        options.remote_callbacks(callbacks).download_tags(AutotagOption::None).depth(depth);
        options
    }

    fn has(&self, id: Oid) -> bool {
        self.mirror.odb().is_ok_and(|odb| odb.exists(id))
    }

    /// The commit that a reference, or an annotated tag, comes to.
    fn peel(&self, name: &str, id: Oid) -> Result<CommitId, FetchError> {
        let url = || self.request.url.clone();
        if !self.has(id) {
            return Err(FetchError::Incomplete { url: url(), listed: format!("{name} at {id}") });
        }
        self.check_size(id)?;
        let object = self.mirror.find_object(id, None).map_err(|e| self.failure(&e))?;
        match object.peel_to_commit() {
            Ok(commit) => self.check_size(commit.tree_id()).map(|()| commit.id().into()),
            Err(_) => {
                let end = object.peel(ObjectType::Any).unwrap_or(object);
                let kind = end.kind().map_or("object", |kind| kind.str()).to_owned();
                Err(FetchError::NotACommit { url: url(), reference: name.to_owned(), kind })
            }
        }
    }

    /// Refuses an object that is too large to be opened, without opening it: the memory that it would fill
    /// is the parent's too.
    fn check_size(&self, id: Oid) -> Result<(), FetchError> {
        let header = self.mirror.odb().and_then(|odb| odb.read_header(id));
        let (bytes, kind) = header.map_err(|e| self.failure(&e))?;
        let (bytes, limit) = (u64::try_from(bytes).unwrap_or(u64::MAX), self.request.max_object_bytes);
        if bytes <= limit {
            return Ok(());
        }
        let (url, object) = (self.request.url.clone(), format!("{kind} {id}"));
        Err(FetchError::ObjectTooLarge { url, object, bytes, limit })
    }

    fn point_tip(&self, commit: CommitId) -> Result<(), FetchError> {
        if self.mirror.refname_to_id(TIP).is_ok_and(|id| id == commit.oid()) {
            return Ok(());
        }
        self.mirror
            .reference(TIP, commit.oid(), true, "fetch")
            .map(drop)
            .map_err(|error| local(self.request, &error))
    }

    /// A local path that is no repository has no status code to say so.
    fn unconnected(&self, error: &git2::Error) -> FetchError {
        match self.failure(error) {
            FetchError::Broken { .. } | FetchError::Local { .. } if self.wire.is_local() => {
                FetchError::NoSuchRepository { url: self.request.url.clone(), given: false }
            }
            failure => failure,
        }
    }

    /// What the session saw, else what libgit2 says.
    fn failure(&self, error: &git2::Error) -> FetchError {
        let url = self.request.url.clone();
        if let Some(failure) = self.wire.take_failure() {
            return match failure {
                // The wire knows only what is left of it.
                FetchError::TooLarge { .. } => {
                    FetchError::TooLarge { url, limit: self.request.max_repo_bytes }
                }
                failure => failure,
            };
        }
        match error.class() {
            _ if self.is_beyond.get() => FetchError::TooLarge { url, limit: self.request.max_repo_bytes },
            ErrorClass::NoMemory => FetchError::Memory { url, limit: self.request.max_memory },
            ErrorClass::Os | ErrorClass::Filesystem => local(self.request, error),
            _ => FetchError::Broken { url, detail: error.message().chars().take(MAX_FOREIGN).collect() },
        }
    }
}

/// Puts the end of a shallow history back when it is dropped: libgit2's local transport knows of none
/// and removes the note, which makes the mirror look broken.
struct Shallow {
    path: PathBuf,
    ends: Vec<u8>,
}

impl Shallow {
    fn keep(mirror: &Repository) -> Option<Self> {
        let path = mirror.path().join("shallow");
        let ends = std::fs::read(&path).ok()?;
        Some(Self { path, ends })
    }

    fn none(mirror: &Repository) -> Self {
        Self { path: mirror.path().join("shallow"), ends: Vec::new() }
    }

    /// One more commit behind which history ends.
    fn add(&mut self, commit: Oid) {
        self.ends.extend_from_slice(format!("{commit}\n").as_bytes());
    }
}

impl Drop for Shallow {
    fn drop(&mut self) {
        // Where it cannot be written, the parent's check of the commit is what fails.
        let _ = std::fs::write(&self.path, &self.ends);
    }
}

fn local(request: &Request, error: &git2::Error) -> FetchError {
    FetchError::Local {
        url: request.url.clone(),
        mirror: request.mirror.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default(),
        detail: error.message().to_owned(),
    }
}

/// The listed references whose names are text: git2 panics at the others, and none can be asked for.
pub(super) fn advertised(heads: &[git2::RemoteHead<'_>]) -> Vec<Advertised> {
    let read = |head: &git2::RemoteHead<'_>| Advertised {
        name: head.name().to_owned(),
        id: head.oid(),
        symref: head.symref_target().map(str::to_owned),
    };
    heads.iter().filter_map(|head| catch_unwind(AssertUnwindSafe(|| read(head))).ok()).collect()
}

fn pack_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|metadata| metadata.len()).sum()
}
