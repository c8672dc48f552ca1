//! The sentinel, read back: which pass changed the volume last, as the volume itself says.

use std::io::Read as _;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::{ApplyError, SENTINEL, failed};
use crate::ids::PassId;
use crate::target::Locked;
use crate::volume::kind;

/// How much of it is read: ours has 60 bytes.
const MOST: u64 = 1_024;

/// A greater number was never given by us (2^53: what JSON's numbers hold).
const LARGEST: u64 = 1 << 53;

/// The pass that the volume names; none where it has no sentinel, or one that we did not write.
///
/// # Errors
/// [`ApplyError::Io`] where it is there and cannot be read.
pub(crate) fn last_pass(target: &Locked<'_>) -> Result<Option<PassId>, ApplyError> {
    let what = || format!("read `{SENTINEL}`");
    let file = match target.target().directory().file(SENTINEL) {
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
        file => file.map_err(failed(what))?,
    };
    if kind(&rustix::fs::fstat(&file).map_err(failed(what))?) != FileType::RegularFile {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).map_err(failed(what))?;
    Ok(parse(&text))
}

fn parse(text: &[u8]) -> Option<PassId> {
    let mut lines = std::str::from_utf8(text).ok()?.lines();
    let pass = lines.find_map(|line| line.strip_prefix("pass: "))?.parse().ok()?;
    (pass < LARGEST).then_some(PassId(pass))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_wrote_is_believed() {
        assert_eq!(parse(b"revision: aa\npass: 12\n"), Some(PassId(12)));
        for foreign in
            [&b""[..], b"pass: ", b"pass: x", b"pass: 9007199254740992", b"\xff\npass: 1", b"# pass"]
        {
            assert_eq!(parse(foreign), None);
        }
    }
}
