//! What somebody writes into a file between the last look at it and the rename over it.
//!
//! Such a file is held open from that look on, and looked at again once all is published: its name is gone
//! by then, its bytes are not. What cannot be told so is said in `docs/drift.md`.

use std::fs::File;
use std::io::Read as _;

use rustix::fs::Stat;
use rustix::io::Errno;

use super::{ApplyError, DRIFT_REFS, Kept, KeptKind, Staged, failed};
use crate::ids::{Digest, Timestamp};
use crate::observed::{Found, Stamp};
use crate::path::TreePath;
use crate::plan::KEEP_BY_RENAME;
use crate::report::error_text;
use crate::source::Mirror;
use crate::volume::Directory;

/// A file that was written to while a pass replaced or removed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    /// Where it stood.
    pub path: TreePath,
    /// What was kept of it; none where its bytes could not be kept, or are too many to be read.
    pub kept: Option<Kept>,
}

/// A file that is about to lose its name, held open.
#[derive(Debug)]
pub(super) struct Witness<'p> {
    path: &'p TreePath,
    file: File,
    then: Stamp,
    /// Its bytes, as far as they were read.
    digest: Option<Digest>,
}

impl<'p> Witness<'p> {
    /// Holds on to the file that was just looked at; none where it is no file, or may not be read.
    pub(super) fn hold(
        parent: &Directory,
        path: &'p TreePath,
        found: Option<&Found>,
        now: &Stat,
    ) -> Result<Option<Self>, ApplyError> {
        let Some(Found::File { digest, .. }) = found else { return Ok(None) };
        let file = match parent.file(path.file_name()) {
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Err(ApplyError::raced(path)),
            // Without it the pass goes on as ever: it only tells less.
            Err(_) => return Ok(None),
            Ok(file) => file,
        };
        let opened = rustix::fs::fstat(&file).map_err(failed(|| format!("look at `{path}`")))?;
        let (then, now) = (Stamp::of(&opened), Stamp::of(now));
        if is_written(then, now) {
            return Err(ApplyError::raced(path));
        }
        Ok(Some(Self { path, file, then: now, digest: *digest }))
    }

    /// Looks at it again: what was written since, where that is so, is kept.
    pub(super) fn settle(&self, staged: &Staged<'_>, mirror: &Mirror) -> Option<Late> {
        let stat = rustix::fs::fstat(&self.file).ok()?;
        if !is_written(self.then, Stamp::of(&stat)) {
            return None;
        }
        let path = self.path.clone();
        let kept = match self.bytes() {
            // Only touched.
            Ok(Some(bytes)) if self.digest == Some(Digest::of(&bytes)) => return None,
            Ok(Some(bytes)) => self.keep(&bytes, &stat, staged, mirror),
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%path, %error, "written to while it was replaced, and it cannot be read");
                None
            }
        };
        let id = kept.as_ref().map(|kept| kept.id.as_str());
        tracing::warn!(%path, drift = id, "written to while it was replaced; git's version is served");
        Some(Late { path, kept })
    }

    /// All that is in it; none where that is too much.
    fn bytes(&self) -> std::io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        (&self.file).take(KEEP_BY_RENAME + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= KEEP_BY_RENAME).then_some(bytes))
    }

    fn keep(&self, bytes: &[u8], stat: &Stat, staged: &Staged<'_>, mirror: &Mirror) -> Option<Kept> {
        let id = staged.free_id(mirror);
        let blob = mirror.keep_blob(&format!("{DRIFT_REFS}{id}"), bytes).map_err(|error| {
            let (path, error) = (self.path, error_text(&error));
            tracing::warn!(%path, error, "written to while it was replaced, and it cannot be kept");
        });
        Some(Kept {
            id,
            path: self.path.clone(),
            kind: KeptKind::Blob(blob.ok()?),
            size: bytes.len() as u64,
            digest: Some(Digest::of(bytes)),
            at: Timestamp::now(),
            mtime: u64::try_from(Stamp::of(stat).mtime_ns / 1_000_000).ok().map(Timestamp::from_millis),
            uid: stat.st_uid,
        })
    }
}

/// Whether a file was written to between two looks. The change time says nothing: losing its name sets it.
fn is_written(then: Stamp, now: Stamp) -> bool {
    now != Stamp { ctime_ns: now.ctime_ns, ..then }
}
