//! Directories of the volume, held by descriptor: below the target nothing is opened by a path that
//! somebody could lead elsewhere while a pass runs.
//!
//! What is not protected: who may write to the target can move a directory away between its opening
//! and a rename into it. The rename then lands in the moved directory, never in what took its place.

use std::fs::File;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat};
use rustix::io::{Errno, Result, retry_on_intr};

use crate::observed::Stamp;

/// A directory held open.
#[derive(Debug)]
pub(crate) struct Directory(File);

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Directory {
    /// Opens a directory by its path: links above it are followed, it must be none itself.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        retry_on_intr(|| rustix::fs::open(path, DIRECTORY, Mode::empty())).map(Self::from)
    }

    /// Opens a directory below this one, at any depth (itself for the empty path), through plain
    /// directories only: a symbolic link on the way is an error.
    pub(crate) fn below(&self, path: &str) -> Result<Self> {
        let path = if path.is_empty() { "." } else { path };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match retry_on_intr(|| rustix::fs::openat2(&self.0, path, DIRECTORY, Mode::empty(), resolve)) {
            // Kernels before 5.6 do not have the call, and old sandboxes forbid what they do not know.
            Err(Errno::NOSYS | Errno::PERM) => self.step_below(path),
            opened => opened.map(Self::from),
        }
    }

    /// The same one component at a time.
    fn step_below(&self, path: &str) -> Result<Self> {
        path.split('/').try_fold(self.child(".")?, |directory, name| match name {
            ".." => Err(Errno::XDEV),
            name => directory.child(name),
        })
    }

    /// Opens the directory of that name in this one.
    pub(crate) fn child(&self, name: &str) -> Result<Self> {
        retry_on_intr(|| rustix::fs::openat(&self.0, name, DIRECTORY, Mode::empty())).map(Self::from)
    }

    /// Looks at a name without following it; none where nothing has it.
    pub(crate) fn entry(&self, name: &str) -> Result<Option<Stat>> {
        match retry_on_intr(|| rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)) {
            Err(Errno::NOENT) => Ok(None),
            stat => stat.map(Some),
        }
    }

    /// What a symbolic link says.
    pub(crate) fn link(&self, name: &str) -> Result<Vec<u8>> {
        rustix::fs::readlinkat(&self.0, name, Vec::new()).map(std::ffi::CString::into_bytes)
    }

    /// Opens what should be a regular file for reading: it follows no link and waits for no pipe.
    /// What was opened is for the caller to look at.
    pub(crate) fn file(&self, name: &str) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        retry_on_intr(|| rustix::fs::openat(&self.0, name, flags, Mode::empty())).map(File::from)
    }

    /// Makes a file that nobody else has open, readable by its owner only until it is complete.
    pub(crate) fn create(&self, name: &str) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        retry_on_intr(|| rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o600))).map(File::from)
    }

    /// Makes a directory of exactly this mode, whatever the umask, and opens it.
    pub(crate) fn make(&self, name: &str, mode: u32) -> Result<Self> {
        rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o700))?;
        let made = self.child(name)?;
        rustix::fs::fchmod(&made.0, Mode::from_raw_mode(mode))?;
        Ok(made)
    }

    /// Renames a name of this directory over a name of another, replacing a file that has it.
    pub(crate) fn rename(&self, from: &str, into: &Self, to: &str) -> Result<()> {
        rustix::fs::renameat(&self.0, from, &into.0, to)
    }

    /// Renames a name of this directory to a free name of another; `EXIST` where it is not free.
    pub(crate) fn rename_new(&self, from: &str, into: &Self, to: &str) -> Result<()> {
        match rustix::fs::renameat_with(&self.0, from, &into.0, to, RenameFlags::NOREPLACE) {
            // Not every file system has the flag; then the window between look and rename stays.
            Err(Errno::INVAL | Errno::NOSYS) => match into.entry(to)? {
                Some(_) => Err(Errno::EXIST),
                None => self.rename(from, into, to),
            },
            renamed => renamed,
        }
    }

    /// Unlinks whatever is no directory.
    pub(crate) fn unlink(&self, name: &str) -> Result<()> {
        rustix::fs::unlinkat(&self.0, name, AtFlags::empty())
    }

    /// Removes an empty directory.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> Result<bool> {
        let mut entries = rustix::fs::Dir::read_from(&self.0)?;
        let named = |entry: &Result<rustix::fs::DirEntry>| {
            entry.as_ref().map_or(true, |e| !matches!(e.file_name().to_bytes(), b"." | b".."))
        };
        entries.find(named).transpose().map(|first| first.is_none())
    }

    /// The names in it that are text, its own and its parent's aside.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_str().map(str::to_owned).unwrap_or_default();
            if !matches!(name.as_str(), "" | "." | "..") {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Makes the directory's own entries durable.
    pub(crate) fn sync(&self) -> Result<()> {
        sync(&self.0)
    }

    /// Makes all that was written on its file system durable.
    pub(crate) fn sync_file_system(&self) -> Result<()> {
        retry_on_intr(|| rustix::fs::syncfs(&self.0))
    }

    /// Looks at the directory itself.
    pub(crate) fn stat(&self) -> Result<Stat> {
        rustix::fs::fstat(&self.0)
    }

    /// The open directory.
    pub(crate) fn descriptor(&self) -> &File {
        &self.0
    }
}

impl From<rustix::fd::OwnedFd> for Directory {
    fn from(descriptor: rustix::fd::OwnedFd) -> Self {
        Self(descriptor.into())
    }
}

/// Makes a file or a directory durable. An error is not to be tried again on the same file: the
/// kernel reports it once and drops the pages.
pub(crate) fn sync(file: &File) -> Result<()> {
    retry_on_intr(|| rustix::fs::fsync(file))
}

/// What kind of thing was looked at.
pub(crate) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Its permission bits.
pub(crate) fn permissions(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

/// How many names it has.
#[allow(clippy::useless_conversion, reason = "the field has 32 bits on aarch64 and 64 on x86_64")]
pub(crate) fn links(stat: &Stat) -> u64 {
    stat.st_nlink.into()
}

/// Whether two looks saw the same file or directory.
pub(crate) fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

impl Stamp {
    /// The stamp of what was looked at.
    pub(crate) fn of(stat: &Stat) -> Self {
        Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

fn nanoseconds(seconds: i64, fraction: u64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(i64::try_from(fraction).unwrap_or(0))
}

/// What the system's clock says, in nanoseconds since 1970: the clock of the stamps.
pub(crate) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_opened_through_a_link_or_above_the_directory() {
        let outside = tempfile::tempdir().expect("a directory");
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(root.path().join("a/b")).expect("made");
        fs::write(root.path().join("file"), "x").expect("written");
        symlink(outside.path(), root.path().join("link")).expect("linked");
        symlink("a", root.path().join("inner")).expect("linked");
        let directory = Directory::open(root.path()).expect("opened");
        for open in [Directory::below, Directory::step_below] {
            assert!(open(&directory, "a/b").is_ok());
            for path in ["link", "link/x", "inner/b", "file", "file/x", "..", "a/../..", "missing"] {
                assert!(open(&directory, path).is_err(), "{path}");
            }
        }
    }

    #[test]
    fn a_taken_name_is_not_replaced() {
        let root = tempfile::tempdir().expect("a directory");
        fs::write(root.path().join("new"), "new").expect("written");
        fs::write(root.path().join("old"), "old").expect("written");
        let directory = Directory::open(root.path()).expect("opened");
        assert_eq!(directory.rename_new("new", &directory, "old"), Err(Errno::EXIST));
        assert_eq!(fs::read(root.path().join("old")).expect("read"), b"old");
        assert_eq!(directory.rename_new("new", &directory, "free"), Ok(()));
    }

    #[test]
    fn descriptors_are_closed_in_children() {
        let root = tempfile::tempdir().expect("a directory");
        let directory = Directory::open(root.path()).expect("opened");
        let file = directory.create("f").expect("created");
        for descriptor in [directory.descriptor(), &directory.below("").expect("opened").0, &file] {
            let flags = rustix::io::fcntl_getfd(descriptor).expect("flags");
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        }
    }
}
