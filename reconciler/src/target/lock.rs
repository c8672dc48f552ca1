//! The lock file of the state directory, and who holds it.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::volume::{Directory, is_same};

/// Its name in the state directory.
pub(super) const NAME: &str = "lock";

/// The most that is read of what a holder wrote, in bytes.
const MAX_LINE: u64 = 4_096;

/// Who holds a lock, as far as it can be known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The host's name; the container's, in a container.
    pub host: Option<String>,
    /// The kernel's id of this boot: the same pid after a restart is another process.
    pub boot: Option<String>,
    /// The process, as its own system numbers it.
    pub pid: Option<u32>,
    /// When it took the lock.
    pub since: Option<Timestamp>,
}

impl Holder {
    /// This process, now.
    fn this() -> Self {
        let system = |path| std::fs::read_to_string(path).ok().map(|text: String| text.trim().to_owned());
        Self {
            host: system("/proc/sys/kernel/hostname"),
            boot: system("/proc/sys/kernel/random/boot_id"),
            pid: Some(std::process::id()),
            since: Some(Timestamp::now()),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => f.write_str("a process that cannot be seen from here")?,
        }
        if let Some(host) = &self.host {
            write!(f, " on host {host}")?;
        }
        self.since.map_or(Ok(()), |since| write!(f, " since {since}"))
    }
}

/// Takes the lock, or says who has it.
pub(super) fn acquire(state: &Directory) -> Result<Result<File, Holder>, Errno> {
    loop {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File =
            rustix::fs::openat(state.descriptor(), NAME, flags, Mode::from_raw_mode(0o600))?.into();
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(Err(written(file))),
            Err(TryLockError::Error(error)) => return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
            // Somebody may have removed the file between the two calls: then a lock on it means nothing.
            Ok(()) if is_in_place(state, &file)? => return Ok(Ok(file)),
            Ok(()) => {}
        }
    }
}

/// Whether the lock file's name still leads to the file that is locked.
pub(super) fn is_in_place(state: &Directory, file: &File) -> Result<bool, Errno> {
    let opened = rustix::fs::fstat(file)?;
    Ok(state.entry(NAME)?.is_some_and(|named| is_same(&named, &opened)))
}

/// Says in the lock file who holds it: one JSON line.
pub(super) fn sign(file: &File) -> Result<(), Errno> {
    let mut line = serde_json::to_vec(&Holder::this()).map_err(|_| Errno::INVAL)?;
    line.push(b'\n');
    file.set_len(0)
        .and_then(|()| file.write_all_at(&line, 0))
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// What the holder wrote; nothing where it has not yet, or was killed before.
fn written(file: File) -> Holder {
    let mut text = String::new();
    let read = file.take(MAX_LINE).read_to_string(&mut text);
    read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Which process holds a lock on a directory, from the kernel's table; another host's, or one of
/// another container, is not in it.
pub(super) fn holder_of(directory: &Directory) -> Holder {
    let table = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let pid = directory.stat().ok().and_then(|stat| {
        let place = format!(
            "{:02x}:{:02x}:{}",
            rustix::fs::major(stat.st_dev),
            rustix::fs::minor(stat.st_dev),
            stat.st_ino
        );
        pid_at(&table, &place)
    });
    // The table is this kernel's, and shows nobody of another container.
    match pid {
        Some(_) => Holder { pid, since: None, ..Holder::this() },
        None => Holder::default(),
    }
}

/// Finds the process in a table of lines like `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`.
fn pid_at(table: &str, place: &str) -> Option<u32> {
    table.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [_, "FLOCK", _, _, pid, at, ..] if at == place => pid.parse().ok().filter(|pid| *pid != 0),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_in_the_kernels_table() {
        let table = "1: POSIX  ADVISORY  WRITE 1 08:01:131 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 0 08:01:132 0 EOF\n";
        assert_eq!(pid_at(table, "08:01:131"), Some(4711));
        assert_eq!(pid_at(table, "08:01:132"), None, "a process of another container");
        assert_eq!(pid_at(table, "08:01:133"), None);
    }

    #[test]
    fn a_holder_is_told_as_far_as_it_is_known() {
        assert_eq!(Holder::default().to_string(), "a process that cannot be seen from here");
        let holder = Holder {
            host: Some("web-1".to_owned()),
            boot: None,
            pid: Some(12),
            since: Some(Timestamp::from_millis(1_700_000_000_000)),
        };
        assert_eq!(holder.to_string(), "process 12 on host web-1 since 2023-11-14T22:13:20.000Z");
    }
}
