//! Writes what is new, outside the watched tree, and makes it durable.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Write as _;

use rustix::fs::Mode;

use super::{ApplyError, Order, SENTINEL, STAGING, SYNC_ONE_BY_ONE, Staged, Staging, Written, failed};
use crate::cancel::Cancel;
use crate::ids::Digest;
use crate::observed::Stamp;
use crate::path::TreePath;
use crate::plan::{KEEP_BY_RENAME, Keep, Plan, Step};
use crate::source::Mirror;
use crate::target::Target;
use crate::tree::{FileMode, FileVersion, Files};
use crate::volume::{Directory, sync};

/// Room that a change leaves free: for the database, the mirror's objects and the file system's own
/// books, in bytes (8 MiB).
const MARGIN: u64 = 8 << 20;

/// What each file takes besides its bytes: the end of its last block, its name and inode, in bytes.
const PER_FILE: u64 = 4_096;

/// The mode of directories that we publish.
const DIRECTORY_MODE: u32 = 0o755;

/// The staged name of the sentinel.
pub(super) const STAGED_SENTINEL: &str = "sentinel";

/// The staged name of the file or directory of a step: it must not look like a skill's.
pub(super) fn staged_name(step: usize) -> String {
    format!("n{step}")
}

impl<'a> Staged<'a> {
    /// Sweeps what is staged, checks the room and makes the staging directory.
    pub(super) fn begin(target: &'a Target, order: Order<'a>) -> Result<Self, ApplyError> {
        sweep(target)?;
        check_space(target, order.plan)?;
        let path = target.state().join(STAGING).join(order.pass.to_string());
        let make = || target.state_directory().make(STAGING, 0o700)?.make(&order.pass.to_string(), 0o700);
        let directory =
            make().map_err(failed(|| format!("make the staging directory `{}`", path.display())))?;
        let staging = Staging { directory, path };
        let (vacate, kept, written) = (HashMap::new(), Vec::new(), Vec::new());
        Ok(Self { target, order, staging, displaced: None, vacate, kept, written })
    }

    /// Writes each new file, and the sentinel where anything changes.
    pub(super) fn write_all(&mut self, mirror: &Mirror, cancel: &Cancel) -> Result<(), ApplyError> {
        let plan = self.order.plan;
        if plan.steps.is_empty() {
            return Ok(());
        }
        let mut writer = Writer { mirror, cancel, each: files(plan) < SYNC_ONE_BY_ONE, written: Vec::new() };
        for (index, step) in plan.steps.iter().enumerate() {
            let name = staged_name(index);
            match step {
                Step::Publish { path, file } => writer.file(&self.staging.directory, &name, path, file)?,
                Step::PublishDirectory { path, files } => {
                    writer.directory(&self.staging.directory, &name, path, files)?;
                }
                Step::Keep { .. } | Step::Remove { .. } | Step::RemoveDirectory { .. } => {}
            }
        }
        writer.sentinel(&self.staging.directory, &self.order)?;
        if !writer.each {
            let synced = self.staging.directory.sync_file_system();
            let what = || format!("sync the file system of `{}`", self.staging.path.display());
            synced.map_err(failed(what))?;
        }
        self.written = writer.written;
        Ok(())
    }
}

/// Removes everything that was ever staged.
pub(super) fn sweep(target: &Target) -> Result<(), ApplyError> {
    let all = target.state().join(STAGING);
    match std::fs::remove_dir_all(&all) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed(|| format!("sweep the staging directory `{}`", all.display()))(error))
        }
        _ => Ok(()),
    }
}

/// How many files a plan writes.
fn files(plan: &Plan) -> usize {
    let count = |step: &Step| match step {
        Step::Publish { .. } => 1,
        Step::PublishDirectory { files, .. } => files.len(),
        Step::Keep { .. } | Step::Remove { .. } | Step::RemoveDirectory { .. } => 0,
    };
    plan.steps.iter().map(count).sum()
}

/// How many bytes a plan needs free: what it writes and what it keeps.
fn needed(plan: &Plan) -> u64 {
    let kept = |step: &Step| match step {
        Step::Keep { what: Keep::File { size }, .. } if *size <= KEEP_BY_RENAME => *size + PER_FILE,
        _ => 0,
    };
    let count = u64::try_from(files(plan)).unwrap_or(u64::MAX);
    plan.bytes_to_write()
        .saturating_add(plan.steps.iter().map(kept).sum())
        .saturating_add(count.saturating_mul(PER_FILE))
        .saturating_add(MARGIN)
}

fn check_space(target: &Target, plan: &Plan) -> Result<(), ApplyError> {
    let needed = needed(plan);
    let room = rustix::fs::fstatvfs(target.directory().descriptor()).map_err(failed(|| {
        format!("ask for the room on the file system of `{}`", target.path().display())
    }))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    // Some network file systems do not know; they say that they have nothing at all.
    let is_known = room.f_blocks != 0;
    if plan.steps.is_empty() || !is_known || needed <= free {
        return Ok(());
    }
    Err(ApplyError::NoSpace { needed, free })
}

/// Writes staged files, each durable at once where there are few.
struct Writer<'a> {
    mirror: &'a Mirror,
    cancel: &'a Cancel,
    each: bool,
    written: Vec<Written>,
}

impl Writer<'_> {
    fn file(
        &mut self,
        directory: &Directory,
        name: &str,
        path: &TreePath,
        version: &FileVersion,
    ) -> Result<(), ApplyError> {
        self.cancel.check()?;
        let bytes = self.content(path, version)?;
        let written = self.write(directory, name, &bytes, version.mode);
        let stamp = written.map_err(failed(|| format!("write the staged file for `{path}`")))?;
        self.written.push(Written { path: path.clone(), stamp, digest: version.digest });
        Ok(())
    }

    /// The bytes that were judged, or none.
    fn content(&self, path: &TreePath, version: &FileVersion) -> Result<Vec<u8>, ApplyError> {
        let blob = version.blob;
        let bytes = self.mirror.read_blob(blob);
        let bytes = bytes.map_err(|source| ApplyError::Content { path: path.clone(), blob, source })?;
        match Digest::of(&bytes) {
            found if found == version.digest => Ok(bytes),
            found => Err(ApplyError::Mismatch { path: path.clone(), blob, wanted: version.digest, found }),
        }
    }

    /// Writes a directory whole: its files by the paths that they will have below the target.
    fn directory(
        &mut self,
        staging: &Directory,
        name: &str,
        path: &TreePath,
        files: &Files,
    ) -> Result<(), ApplyError> {
        let failed = |errno| failed(|| format!("make the staged directory for `{path}`"))(errno);
        let top = staging.make(name, DIRECTORY_MODE).map_err(failed)?;
        let mut made = HashSet::new();
        let mut current = (String::new(), top.below("").map_err(failed)?);
        for (file, version) in files {
            let below = &file.as_str()[path.as_str().len() + 1..];
            let (parent, name) = below.rsplit_once('/').unwrap_or(("", below));
            if current.0 != parent {
                current = (parent.to_owned(), descend(&top, parent, &mut made).map_err(failed)?);
            }
            self.file(&current.1, name, file, version)?;
        }
        if self.each {
            made.insert(String::new());
            let sync = |inner: &String| top.below(inner)?.sync();
            made.iter().try_for_each(sync).map_err(failed)?;
        }
        Ok(())
    }

    fn sentinel(&self, staging: &Directory, order: &Order<'_>) -> Result<(), ApplyError> {
        let text = format!("revision: {}\npass: {}\n", order.revision, order.pass);
        let written = self.write(staging, STAGED_SENTINEL, text.as_bytes(), FileMode::Regular);
        written.map(drop).map_err(failed(|| format!("write the staged `{SENTINEL}`")))
    }

    /// Writes a file of exactly this mode, whatever the umask.
    fn write(
        &self,
        directory: &Directory,
        name: &str,
        bytes: &[u8],
        mode: FileMode,
    ) -> std::io::Result<Stamp> {
        let mut file: File = directory.create(name)?;
        file.write_all(bytes)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode.bits()))?;
        if self.each {
            sync(&file)?;
        }
        Ok(Stamp::of(&rustix::fs::fstat(&file)?))
    }
}

/// Opens a directory below another, made with what is missing above it.
fn descend(top: &Directory, path: &str, made: &mut HashSet<String>) -> rustix::io::Result<Directory> {
    let (parent, name) = match path.rsplit_once('/') {
        _ if path.is_empty() => return top.below(""),
        Some((parent, name)) => (descend(top, parent, made)?, name),
        None => (top.below("")?, path),
    };
    if made.insert(path.to_owned()) { parent.make(name, DIRECTORY_MODE) } else { parent.child(name) }
}
