//! The block between the first line `---` and the next one.

use super::Fault;
use crate::finding::Place;

/// The longest front matter that is parsed, in bytes (64 KiB; real ones have 0.3 to 3).
pub const MAX_BLOCK_BYTES: usize = 64 << 10;

const FENCE: &str = "---";

/// Whether a file begins as one with front matter does: a first line `---`, after a byte order mark
/// at most. Any bytes may follow.
pub fn is_fronted(bytes: &[u8]) -> bool {
    begins_fenced(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes))
}

fn begins_fenced(bytes: &[u8]) -> bool {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.trim_ascii_end() == FENCE.as_bytes()
}

/// The YAML of a file whose byte order mark was taken off: a second one is text, and no front matter
/// follows it. It begins on the file's second line.
pub(super) fn find(text: &str) -> Result<&str, Fault> {
    if !begins_fenced(text.as_bytes()) {
        return Err(Fault::Missing);
    }
    let start = text.find('\n').map_or(text.len(), |at| at + 1);
    let mut end = start;
    for line in text[start..].split_inclusive('\n') {
        if line.trim_ascii_end() == FENCE {
            return capped(&text[start..end]);
        }
        end += line.len();
    }
    Err(Fault::Unclosed)
}

fn capped(block: &str) -> Result<&str, Fault> {
    if block.len() <= MAX_BLOCK_BYTES {
        return Ok(block);
    }
    let why = format!("it has {} bytes; {MAX_BLOCK_BYTES} is the most", block.len());
    Err(Fault::Invalid { place: Place { line: 2, column: 1 }, why })
}
