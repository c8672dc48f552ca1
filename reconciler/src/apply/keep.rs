//! Saves what a plan removes from the volume, before anything shows.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::{ApplyError, DISPLACED, DRIFT_REFS, Kept, KeptKind, Staged, Vacate, failed, open_parent};
use crate::cancel::Cancel;
use crate::ids::{Digest, Timestamp};
use crate::observed::{Found, Stamp};
use crate::path::TreePath;
use crate::plan::{KEEP_BY_RENAME, Keep, Step};
use crate::source::Mirror;
use crate::volume::{Directory, kind, links};

/// What keeping one path came to.
struct Saved {
    kind: KeptKind,
    vacate: Vacate,
    size: u64,
    digest: Option<Digest>,
}

impl Staged<'_> {
    /// Does every `Keep` of the plan as far as nothing shows: bytes go into the mirror, durable; what
    /// is moved aside whole is only named.
    pub(super) fn keep_all(&mut self, mirror: &Mirror, cancel: &Cancel) -> Result<(), ApplyError> {
        for (index, step) in self.order.plan.steps.iter().enumerate() {
            if let Step::Keep { path, what, clear } = step {
                cancel.check()?;
                self.keep(index, mirror, path, what, *clear)?;
            }
        }
        let moves = self.vacate.values().any(|vacate| matches!(vacate, Vacate::Displace(_)));
        if moves {
            let opened = self.open_displaced();
            let what = || format!("make the directory `{}`", self.target.state().join(DISPLACED).display());
            self.displaced = Some(opened.map_err(failed(what))?);
        }
        Ok(())
    }

    fn keep(
        &mut self,
        index: usize,
        mirror: &Mirror,
        path: &TreePath,
        what: &Keep,
        clear: bool,
    ) -> Result<(), ApplyError> {
        let parent = open_parent(self.target, path)?;
        let looked = parent.entry(path.file_name());
        let stat = looked.map_err(failed(|| format!("look at `{path}`")))?;
        let stat = stat.ok_or_else(|| ApplyError::raced(path))?;
        check_unchanged(self.order.observed.at(path), &stat, &parent, path)?;
        let id = self.free_id(mirror);
        let saved = match what {
            Keep::File { .. } => keep_file(mirror, &parent, path, &stat, &id, clear)?,
            Keep::Link => keep_link(mirror, &parent, path, &id, clear)?,
            Keep::Directory => keep_directory(&parent, path, &id)?,
            Keep::Special => Saved { kind: KeptKind::Nothing, vacate: freed(clear), size: 0, digest: None },
        };
        self.vacate.insert(index, saved.vacate);
        self.kept.push(Kept {
            id,
            path: path.clone(),
            kind: saved.kind,
            size: saved.size,
            digest: saved.digest,
            at: Timestamp::now(),
            mtime: u64::try_from(Stamp::of(&stat).mtime_ns / 1_000_000).ok().map(Timestamp::from_millis),
            uid: stat.st_uid,
        });
        Ok(())
    }

    /// A name that keeps nothing yet: after a database was rebuilt the numbers of passes may repeat.
    pub(super) fn free_id(&self, mirror: &Mirror) -> String {
        let is_free = |id: &String| {
            mirror.git().find_reference(&format!("{DRIFT_REFS}{id}")).is_err()
                && !self.target.state().join(DISPLACED).join(id).exists()
        };
        let next = || Some(self.target.recent().next_id(self.order.pass));
        std::iter::from_fn(next).find(is_free).unwrap_or_default()
    }

    /// Opens where things are moved aside to, made where it is missing.
    pub(super) fn open_displaced(&self) -> rustix::io::Result<Directory> {
        let state = self.target.state_directory();
        match state.make(DISPLACED, 0o700) {
            Err(Errno::EXIST) => state.child(DISPLACED),
            made => {
                state.sync()?;
                made
            }
        }
    }
}

/// What was saved stays until it is replaced, or goes where its path must be free.
fn freed(clear: bool) -> Vacate {
    if clear { Vacate::Discard } else { Vacate::Later }
}

fn aside(id: &str, size: u64) -> Saved {
    let kind = KeptKind::Aside(Path::new(DISPLACED).join(id));
    Saved { kind, vacate: Vacate::Displace(id.to_owned()), size, digest: None }
}

fn keep_file(
    mirror: &Mirror,
    parent: &Directory,
    path: &TreePath,
    stat: &Stat,
    id: &str,
    clear: bool,
) -> Result<Saved, ApplyError> {
    let stamp = Stamp::of(stat);
    if stamp.size > KEEP_BY_RENAME {
        return Ok(aside(id, stamp.size));
    }
    let bytes = match read(parent, path, stamp) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(ApplyError::raced(path)),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::FBIG) => return Ok(aside(id, stamp.size)),
        Err(error) => return Err(failed(|| format!("read `{path}` to keep it"))(error)),
    };
    let blob = mirror.keep_blob(&format!("{DRIFT_REFS}{id}"), &bytes);
    let blob = blob.map_err(|source| ApplyError::Keep { path: path.clone(), source })?;
    let digest = Some(Digest::of(&bytes));
    Ok(Saved { kind: KeptKind::Blob(blob), vacate: freed(clear), size: stamp.size, digest })
}

/// The bytes of the file with that stamp; none where it is another, or changes.
fn read(parent: &Directory, path: &TreePath, stamp: Stamp) -> std::io::Result<Option<Vec<u8>>> {
    let file: File = match parent.file(path.file_name()) {
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
        file => file?,
    };
    let is_it = |stat: Stat| kind(&stat) == FileType::RegularFile && Stamp::of(&stat) == stamp;
    if !is_it(rustix::fs::fstat(&file)?) {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0));
    // A file that grows meanwhile is not read to its end, which may never come.
    (&file).take(stamp.size).read_to_end(&mut bytes)?;
    Ok(is_it(rustix::fs::fstat(&file)?).then_some(bytes))
}

fn keep_link(
    mirror: &Mirror,
    parent: &Directory,
    path: &TreePath,
    id: &str,
    clear: bool,
) -> Result<Saved, ApplyError> {
    let text = parent.link(path.file_name()).map_err(failed(|| format!("read the link `{path}`")))?;
    let blob = mirror.keep_blob(&format!("{DRIFT_REFS}{id}"), &text);
    let blob = blob.map_err(|source| ApplyError::Keep { path: path.clone(), source })?;
    let size = u64::try_from(text.len()).unwrap_or(0);
    Ok(Saved { kind: KeptKind::Link(blob), vacate: freed(clear), size, digest: Some(Digest::of(&text)) })
}

fn keep_directory(parent: &Directory, path: &TreePath, id: &str) -> Result<Saved, ApplyError> {
    let failed = |errno| failed(|| format!("look into the directory `{path}`"))(errno);
    let is_empty = parent.child(path.file_name()).and_then(|found| found.is_empty()).map_err(failed)?;
    if is_empty {
        return Ok(Saved { kind: KeptKind::Nothing, vacate: Vacate::Remove, size: 0, digest: None });
    }
    Ok(aside(id, 0))
}

/// Makes sure that what stands at a path is what the plan was made from.
///
/// The change time of a file with a second name is not compared: replacing it under the other name,
/// which may be a skill of ours too, changes it.
pub(super) fn check_unchanged(
    observed: Option<&Found>,
    now: &Stat,
    parent: &Directory,
    path: &TreePath,
) -> Result<(), ApplyError> {
    let is_it = match (observed, kind(now)) {
        (Some(Found::File { stamp, links: names, .. }), FileType::RegularFile) => {
            let now_stamp = Stamp::of(now);
            let ctime_ns = if *names > 1 { now_stamp.ctime_ns } else { stamp.ctime_ns };
            now_stamp == Stamp { ctime_ns, ..*stamp } && links(now) <= *names
        }
        (Some(Found::Symlink(text)), FileType::Symlink) => {
            parent.link(path.file_name()).is_ok_and(|now| now == *text)
        }
        (Some(Found::Directory), FileType::Directory) => true,
        (Some(Found::Special(_)), FileType::Fifo | FileType::Socket) => true,
        (Some(Found::Special(_)), FileType::CharacterDevice | FileType::BlockDevice) => true,
        _ => false,
    };
    if is_it { Ok(()) } else { Err(ApplyError::raced(path)) }
}
