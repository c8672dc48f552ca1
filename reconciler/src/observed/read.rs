//! The digest of one file: from the stat cache, or by reading what stands still.

use std::fs::File;
use std::io::Read as _;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use sha2::Digest as _;

use super::look::{Look, LookError, Trust, failed};
use super::{Found, Known, Stamp};
use crate::ids::Digest;
use crate::path::TreePath;
use crate::plan::KEEP_BY_RENAME;
use crate::volume::{Directory, is_same, kind, links, now_ns, permissions};

/// How often a file that changes while it is read is read again.
const READINGS: usize = 3;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// The grain of a file system's clock, in nanoseconds, with room: Linux stamps with a tick of at most
/// 10 ms.
const GRAIN_NS: i64 = 20_000_000;

/// The grain where stamps have no fraction of a second.
const COARSE_GRAIN_NS: i64 = 2_000_000_000;

impl Known {
    /// Whether a file with this stamp still holds what was read: the stamp is the same, and a change
    /// after the reading would have got another one (git's racy-timestamp rule). A clock that was set
    /// back makes it false, which costs a reading.
    pub fn holds(&self, stamp: Stamp) -> bool {
        let newest = stamp.mtime_ns.max(stamp.ctime_ns);
        self.stamp == stamp && self.read_at_ns.saturating_sub(newest) > grain(stamp)
    }
}

fn grain(stamp: Stamp) -> i64 {
    let is_whole = |ns: i64| ns % 1_000_000_000 == 0;
    if is_whole(stamp.mtime_ns) && is_whole(stamp.ctime_ns) { COARSE_GRAIN_NS } else { GRAIN_NS }
}

/// What one reading came to.
struct Reading {
    before: Stamp,
    after: Stat,
    digest: Digest,
    at_ns: i64,
}

impl Look<'_> {
    /// Looks at a regular file that should have `size` bytes; none where it is another file by now.
    pub(super) fn file(
        &mut self,
        directory: &Directory,
        name: &str,
        stat: &Stat,
        path: &TreePath,
        size: Option<u64>,
    ) -> Result<Option<Found>, LookError> {
        let stamp = Stamp::of(stat);
        let trusted = self.cache.get(path).filter(|known| self.trust == Trust::Cache && known.holds(stamp));
        if let Some(known) = trusted {
            return Ok(Some(file(stat, Some(known.digest))));
        }
        if size != Some(stamp.size) && stamp.size > KEEP_BY_RENAME {
            return Ok(Some(file(stat, None)));
        }
        match directory.file(name) {
            Ok(opened) => self.settle(&opened, stat, path),
            // It is gone, a link, or a socket by now.
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => Ok(None),
            Err(errno) => Err(failed("open", path.as_str())(errno)),
        }
    }

    /// Reads until the file stands still; one that does not is told by its last reading, uncached.
    fn settle(&mut self, opened: &File, seen: &Stat, path: &TreePath) -> Result<Option<Found>, LookError> {
        let mut last = None;
        for _ in 0..READINGS {
            let reading = self.reading(opened).map_err(failed("read", path.as_str()))?;
            let is_it = kind(&reading.after) == FileType::RegularFile && is_same(&reading.after, seen);
            // Without a name left it was replaced: the name leads to another file.
            if !is_it || links(&reading.after) == 0 {
                return Ok(None);
            }
            let stamp = Stamp::of(&reading.after);
            let found = file(&reading.after, Some(reading.digest));
            if stamp == reading.before {
                self.learn(path, Known { stamp, digest: reading.digest, read_at_ns: reading.at_ns });
                return Ok(Some(found));
            }
            last = Some(found);
        }
        Ok(last)
    }

    /// Notes what was read, unless that is known already and beyond doubt.
    fn learn(&mut self, path: &TreePath, read: Known) {
        let before = self.cache.get(path);
        if before.is_none_or(|known| known.digest != read.digest || !known.holds(read.stamp)) {
            self.seen.known.insert(path.clone(), read);
        }
    }

    /// Reads as many bytes as the file has at the start, however it grows.
    fn reading(&mut self, opened: &File) -> Result<Reading, Errno> {
        let at_ns = now_ns();
        let stat = rustix::fs::fstat(opened)?;
        let before = Stamp::of(&stat);
        let mut hash = sha2::Sha256::new();
        if kind(&stat) == FileType::RegularFile {
            self.hash(opened, before.size, &mut hash)?;
        }
        let after = rustix::fs::fstat(opened)?;
        Ok(Reading { before, after, digest: <[u8; 32]>::from(hash.finalize()).into(), at_ns })
    }

    fn hash(&mut self, mut opened: &File, size: u64, hash: &mut sha2::Sha256) -> Result<(), Errno> {
        self.bytes.resize(CHUNK, 0);
        std::io::Seek::rewind(&mut opened).map_err(errno)?;
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            match opened.read(&mut self.bytes[..most]) {
                Ok(0) => break,
                Ok(read) => {
                    hash.update(&self.bytes[..read]);
                    left = left.saturating_sub(u64::try_from(read).unwrap_or(left));
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(errno(error)),
            }
        }
        Ok(())
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it stands where `map_err` hands over the error")]
fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

fn file(stat: &Stat, digest: Option<Digest>) -> Found {
    Found::File { digest, mode: permissions(stat), links: links(stat), stamp: Stamp::of(stat) }
}
