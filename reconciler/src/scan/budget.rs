//! What the scan of one skill may cost. Who exceeds it is held: padding must not buy a pass.

use std::time::{Duration, Instant};

/// Bytes of one file that are scanned.
pub const FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of one skill that are scanned, what is decoded and unpacked included.
pub const SKILL_BYTES: u64 = 64 * 1024 * 1024;
/// Files of one skill that are scanned.
pub const FILES: usize = 5_000;
/// Entries of all archives of one skill.
pub const ENTRIES: usize = 2_000;
/// Bytes that all archives of one skill unpack to.
pub const UNPACKED_BYTES: usize = 32 * 1024 * 1024;
/// Archives in archives.
pub const DEPTH: usize = 2;
/// Encodings in encodings: a text that was decoded is decoded again, once.
pub const DECODINGS: usize = 2;
/// Wall time of one skill; an ordinary one takes less than a thousandth of it.
pub const TIME: Duration = Duration::from_secs(10);

/// What one skill's scan has used.
pub(super) struct Meter {
    started: Instant,
    bytes: u64,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), bytes: 0 }
    }

    /// The time that is left; none where it is over.
    pub(super) fn time_left(&self) -> Option<Duration> {
        TIME.checked_sub(self.started.elapsed()).filter(|left| !left.is_zero())
    }

    /// Counts bytes; whether the skill's budget still holds them.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.bytes <= SKILL_BYTES
    }
}
