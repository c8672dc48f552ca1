//! Where the target and the state directory are: found, checked and made.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use super::TargetError;
use crate::path::RESERVED_PREFIX;
use crate::volume::{Directory, is_same, kind, permissions};

/// The mode of the target, and of what is made above it.
const PUBLIC: u32 = 0o755;

/// The mode of the state directory.
const PRIVATE: u32 = 0o700;

/// The state directory where none is set: `.skill-sync` beside the target, which is on the same file
/// system; `.skill-sync~` in the target where that is a mount point, a name that watchers of the
/// chokidar family skip.
///
/// # Errors
/// Where the target cannot be looked at.
pub fn default_state_dir(target: &Path) -> io::Result<PathBuf> {
    let target = plain(target);
    match target.parent() {
        Some(parent) if !is_mount_point(&target, parent)? => Ok(parent.join(RESERVED_PREFIX)),
        _ => Ok(target.join(format!("{RESERVED_PREFIX}~"))),
    }
}

fn is_mount_point(target: &Path, parent: &Path) -> io::Result<bool> {
    match rustix::fs::statx(CWD, target, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS) {
        Err(Errno::NOENT) => return Ok(false),
        Ok(seen) if seen.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) => {
            return Ok(seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
        }
        _ => {}
    }
    // Kernels before 5.8 do not say it; a bind mount of the same file system is not seen there.
    let (target, parent) = (rustix::fs::lstat(target)?, rustix::fs::stat(parent)?);
    Ok(target.st_dev != parent.st_dev || is_same(&target, &parent))
}

/// The path without a slash at its end, which would follow a link.
pub(super) fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}

/// The state directory must not hold the target (it becomes 0700), and in the target it must have a
/// name that is ours.
pub(super) fn check_overlap(target: &Path, state: &Path) -> Result<(), TargetError> {
    let (real_target, real_state) = (resolved(target), resolved(state));
    let inside = real_state.strip_prefix(&real_target).ok().map(Path::to_string_lossy);
    let is_ours = inside.is_none_or(|below| below.starts_with(RESERVED_PREFIX));
    if is_ours && !real_target.starts_with(&real_state) {
        return Ok(());
    }
    Err(TargetError::Overlap { target: target.to_owned(), state: state.to_owned() })
}

/// What the state directory holds of ours, each with what it is when it is there. What lies deeper is
/// opened by libgit2, which nobody else may write to: the directory is 0700.
const OURS: [(&str, FileType); 12] = [
    ("lock", FileType::RegularFile),
    (OWNER, FileType::RegularFile),
    ("state.db", FileType::RegularFile),
    ("state.db-wal", FileType::RegularFile),
    ("state.db-shm", FileType::RegularFile),
    ("staging", FileType::Directory),
    ("displaced", FileType::Directory),
    ("repo.git", FileType::Directory),
    ("repo.git/HEAD", FileType::RegularFile),
    ("repo.git/config", FileType::RegularFile),
    ("repo.git/objects", FileType::Directory),
    ("repo.git/refs", FileType::Directory),
];

/// Makes sure that what is there of ours is what we made: a link would lead elsewhere, and the opening of
/// a pipe would never end.
pub(super) fn check_planted(state: &Directory, path: &Path) -> Result<(), TargetError> {
    for (ours, wanted) in OURS {
        let (above, leaf) = ours.rsplit_once('/').unwrap_or(("", ours));
        let found = match state.below(above).and_then(|directory| directory.entry(leaf)) {
            Err(Errno::NOENT) => continue,
            found => found.map_err(TargetError::io("look at", &path.join(ours)))?,
        };
        if let Some(found) = found.map(|stat| kind(&stat)).filter(|found| *found != wanted) {
            let wanted = if wanted == FileType::Directory { "a directory" } else { "a file" };
            return Err(TargetError::Planted { path: path.join(ours), found: name(found), wanted });
        }
    }
    Ok(())
}

/// The file of the state directory that says whose it is.
const OWNER: &str = "target";

/// A state directory serves one target: with another one it would take that one's files for drift. It
/// is known by where it lies from the state directory, so that the two can be moved or copied together.
pub(super) fn check_owner(target: &Path, state: &Path) -> Result<(), TargetError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| {
            TargetError::io(what, &path)(Errno::from_io_error(&error).unwrap_or(Errno::IO))
        }
    };
    let is = seen_from(&resolved(target), &resolved(state));
    let owner = state.join(OWNER);
    match std::fs::read(&owner) {
        Ok(was) if was == is.as_os_str().as_bytes() => return Ok(()),
        Ok(was) if !was.is_empty() => {
            let was = PathBuf::from(OsStr::from_bytes(&was));
            return Err(TargetError::OtherTarget { state: state.to_owned(), owner, was, is });
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("read", &owner)(error)),
        _ => {}
    }
    sign(state, &owner, is.as_os_str().as_bytes()).map_err(failed("write", &owner))
}

/// Writes whose a state directory is, durably: an empty file after a power cut would say nothing.
fn sign(state: &Path, owner: &Path, text: &[u8]) -> io::Result<()> {
    let part = state.join("target.new");
    let mut file = std::fs::File::create(&part)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&part, owner)?;
    std::fs::File::open(state)?.sync_all()
}

/// Where the target lies, seen from the directory that holds the state directory.
fn seen_from(target: &Path, state: &Path) -> PathBuf {
    let below = state.parent().and_then(|parent| target.strip_prefix(parent).ok());
    match below {
        Some(same) if same.as_os_str().is_empty() => PathBuf::from("."),
        Some(below) => below.to_owned(),
        None => target.to_owned(),
    }
}

/// The volume must be mounted: the target, or what exists above it, is not on the root's device.
pub(super) fn check_mounted(target: &Path) -> Result<(), TargetError> {
    let look = |path: &Path| rustix::fs::stat(path).map_err(TargetError::io("look at", path));
    let root = look(Path::new("/"))?;
    if look(existing(target))?.st_dev == root.st_dev {
        return Err(TargetError::NotMounted { target: target.to_owned() });
    }
    Ok(())
}

/// Whether the target, or what exists above it, is on the root file system: no volume is mounted for it.
/// One that cannot be looked at is not known to be.
pub fn is_on_root(target: &Path) -> bool {
    matches!(check_mounted(&plain(target)), Err(TargetError::NotMounted { .. }))
}

/// The path itself, or the nearest above it that exists.
fn existing(path: &Path) -> &Path {
    let exists = |path: &&Path| !matches!(rustix::fs::stat(*path), Err(Errno::NOENT | Errno::NOTDIR));
    path.ancestors().find(exists).unwrap_or(path)
}

/// The path without the links in what exists of it.
fn resolved(path: &Path) -> PathBuf {
    let existing = existing(path);
    match (existing.canonicalize(), path.strip_prefix(existing)) {
        (Ok(real), Ok(rest)) => real.join(rest),
        _ => path.to_owned(),
    }
}

/// Whether anything has that name; what cannot be looked at may.
pub(super) fn is_there(path: &Path) -> bool {
    !matches!(rustix::fs::lstat(path), Err(Errno::NOENT | Errno::NOTDIR))
}

/// Opens the target, else the nearest directory above it that is there.
pub(super) fn open_nearest(target: &Path) -> Result<Directory, TargetError> {
    if is_there(target) {
        return open(target, "SKILLS_DIR");
    }
    let above = resolved(existing(target));
    Directory::open(&above).map_err(TargetError::io("open", &above))
}

/// Opens the target, made with what is missing above it.
pub(super) fn open_target(target: &Path) -> Result<Directory, TargetError> {
    make(target, PUBLIC)?;
    open(target, "SKILLS_DIR")
}

/// Opens the state directory, made where it is missing, on the target's file system and closed to
/// everyone else.
pub(super) fn open_state(state: &Path, target: &Path, opened: &Directory) -> Result<Directory, TargetError> {
    let device = check_file_system(state, target, opened)?;
    make(state, PRIVATE)?;
    let directory = open(state, "STATE_DIR")?;
    let stat = directory.stat().map_err(TargetError::io("look at", state))?;
    if stat.st_dev != device || mount(&directory) != mount(opened) {
        return Err(other_file_system(state, target));
    }
    if permissions(&stat) != PRIVATE {
        let private = Mode::from_raw_mode(PRIVATE);
        rustix::fs::fchmod(directory.descriptor(), private)
            .map_err(TargetError::io("make private the state directory", state))?;
    }
    Ok(directory)
}

/// Refuses a state directory that is, or would be made, on another file system than the target, of which
/// `opened` is the directory itself or the nearest above it. Gives their device.
pub(super) fn check_file_system(state: &Path, target: &Path, opened: &Directory) -> Result<u64, TargetError> {
    let device = opened.stat().map_err(TargetError::io("look at", target))?.st_dev;
    let above = existing(state);
    let state_device = rustix::fs::stat(above).map_err(TargetError::io("look at", above))?.st_dev;
    if state_device == device { Ok(device) } else { Err(other_file_system(state, target)) }
}

fn other_file_system(state: &Path, target: &Path) -> TargetError {
    TargetError::OtherFileSystem { target: target.to_owned(), state: state.to_owned() }
}

/// The mount that a directory is reached by: two mounts of one file system take no rename between
/// them. None where the kernel (before 5.8) does not say.
fn mount(directory: &Directory) -> Option<u64> {
    let seen = rustix::fs::statx(directory.descriptor(), "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    (seen.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(seen.stx_mnt_id)
}

fn open(path: &Path, setting: &'static str) -> Result<Directory, TargetError> {
    Directory::open(path).map_err(|errno| match rustix::fs::lstat(path).map(|stat| kind(&stat)) {
        Ok(FileType::Directory) | Err(_) => TargetError::io("open", path)(errno),
        Ok(other) => TargetError::NotADirectory { path: path.to_owned(), found: name(other), setting },
    })
}

/// What something is, in words.
fn name(kind: FileType) -> &'static str {
    match kind {
        FileType::Symlink => "a symbolic link",
        FileType::RegularFile => "a file",
        FileType::Directory => "a directory",
        _ => "a special file",
    }
}

/// Makes a directory of that mode where nothing is, and public ones above it, each entry durable.
fn make(path: &Path, mode: u32) -> Result<(), TargetError> {
    if !matches!(rustix::fs::lstat(path), Err(Errno::NOENT)) {
        return Ok(());
    }
    let Some(parent) = path.parent() else { return Ok(()) };
    make(parent, PUBLIC)?;
    let failed = || TargetError::io("make", path);
    match rustix::fs::mkdir(path, Mode::from_raw_mode(mode)) {
        Err(Errno::EXIST) => return Ok(()),
        made => made.map_err(failed())?,
    }
    let made = Directory::open(path).map_err(failed())?;
    rustix::fs::fchmod(made.descriptor(), Mode::from_raw_mode(mode)).map_err(failed())?;
    let above = rustix::fs::open(parent, rustix::fs::OFlags::CLOEXEC, Mode::empty()).map_err(failed())?;
    rustix::fs::fsync(above).map_err(|errno| {
        // What is there the next time would be taken for durable.
        let _ = rustix::fs::rmdir(path);
        failed()(errno)
    })
}
