//! The entries of zip and tar archives, read under a budget. Written for hostile input: it trusts no
//! length, never allocates more than it may keep, and an archive that lies is said to.

use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// An entry that was read.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// What came out of an archive.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) entries: Vec<Entry>,
    /// Names of the entries that a password locks.
    pub(super) locked: Vec<String>,
    /// Names that leave the directory that they are unpacked into.
    pub(super) escaping: Vec<String>,
    /// Why something was not read.
    pub(super) incomplete: Option<&'static str>,
}

/// How much of archives may still be read.
pub(super) struct Allowance {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

/// Reads a zip by its central directory, the list that an unpacker follows.
pub(super) fn open_zip(archive: &[u8], allowance: &mut Allowance) -> Opened {
    let mut opened = Opened::default();
    let Some((mut at, count)) = central_directory(archive) else {
        opened.incomplete = Some("the zip has no readable directory");
        return opened;
    };
    for _ in 0..count {
        let Some(record) = Record::read(archive, at) else {
            opened.incomplete = Some("the zip's directory is cut short");
            return opened;
        };
        at = record.next;
        if !take_entry(&mut opened, allowance) {
            return opened;
        }
        unpack(archive, record, &mut opened, allowance);
    }
    opened
}

fn take_entry(opened: &mut Opened, allowance: &mut Allowance) -> bool {
    let left = allowance.entries.checked_sub(1);
    allowance.entries = left.unwrap_or(0);
    if left.is_none() {
        opened.incomplete = Some("the archives hold too many entries");
    }
    left.is_some()
}

fn unpack(archive: &[u8], record: Record, opened: &mut Opened, allowance: &mut Allowance) {
    if escapes(&record.name) {
        opened.escaping.push(record.name.clone());
    }
    if record.flags & 1 == 1 {
        opened.locked.push(record.name);
        return;
    }
    let Some(packed) = record.packed(archive) else {
        opened.incomplete = Some("an entry of the zip lies outside it");
        return;
    };
    let bytes = match record.method {
        0 if packed.len() <= allowance.bytes => packed.to_vec(),
        8 => match decompress_to_vec_with_limit(packed, allowance.bytes) {
            Ok(bytes) => bytes,
            Err(_) => {
                opened.incomplete =
                    Some("an entry of the zip unpacks to more than the budget, or not at all");
                return;
            }
        },
        0 => {
            opened.incomplete = Some("the archives unpack to more than the budget");
            return;
        }
        _ => {
            opened.incomplete = Some("an entry of the zip is packed by a method that is not read");
            return;
        }
    };
    allowance.bytes -= bytes.len();
    opened.entries.push(Entry { name: record.name, bytes });
}

/// Whether an unpacker that trusts the name would write elsewhere.
fn escapes(name: &str) -> bool {
    name.starts_with(['/', '\\'])
        || name.split(['/', '\\']).any(|part| part == "..")
        || name.get(1..2) == Some(":")
}

/// Where the central directory begins and how many records it says to hold.
fn central_directory(archive: &[u8]) -> Option<(usize, usize)> {
    let tail = archive.len().saturating_sub(22 + 0xFFFF);
    let end = tail + archive[tail..].windows(4).rposition(|w| w == b"PK\x05\x06")?;
    let count = usize::from(u16_at(archive, end + 10)?);
    let start = usize::try_from(u32_at(archive, end + 16)?).ok()?;
    Some((start, count))
}

/// One record of the central directory.
struct Record {
    name: String,
    flags: u16,
    method: u16,
    size: usize,
    offset: usize,
    next: usize,
}

impl Record {
    fn read(archive: &[u8], at: usize) -> Option<Self> {
        if archive.get(at..at.checked_add(4)?)? != b"PK\x01\x02" {
            return None;
        }
        let length = usize::from(u16_at(archive, at + 28)?);
        let rest = usize::from(u16_at(archive, at + 30)?) + usize::from(u16_at(archive, at + 32)?);
        let name = archive.get(at + 46..at + 46 + length)?;
        Some(Self {
            name: String::from_utf8_lossy(name).into_owned(),
            flags: u16_at(archive, at + 8)?,
            method: u16_at(archive, at + 10)?,
            size: usize::try_from(u32_at(archive, at + 20)?).ok()?,
            offset: usize::try_from(u32_at(archive, at + 42)?).ok()?,
            next: at + 46 + length + rest,
        })
    }

    fn packed<'a>(&self, archive: &'a [u8]) -> Option<&'a [u8]> {
        let at = self.offset;
        let name = usize::from(u16_at(archive, at.checked_add(26)?)?);
        let extra = usize::from(u16_at(archive, at + 28)?);
        let start = at + 30 + name + extra;
        archive.get(start..start.checked_add(self.size)?)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// Reads a tar, block by block.
pub(super) fn open_tar(archive: &[u8], allowance: &mut Allowance) -> Opened {
    let mut opened = Opened::default();
    let mut at = 0;
    while let Some(header) = archive.get(at..at + 512).filter(|header| header[0] != 0) {
        let Some(size) = octal(&header[124..136]) else {
            opened.incomplete = Some("the tar has an entry without a size");
            return opened;
        };
        let Some(bytes) = archive.get(at + 512..).and_then(|rest| rest.get(..size)) else {
            opened.incomplete = Some("the tar is cut short");
            return opened;
        };
        if !take_entry(&mut opened, allowance) {
            return opened;
        }
        if size > allowance.bytes {
            opened.incomplete = Some("the archives unpack to more than the budget");
            return opened;
        }
        allowance.bytes -= size;
        let name = header[..100].split(|b| *b == 0).next().unwrap_or(b"");
        let name = String::from_utf8_lossy(name).into_owned();
        if escapes(&name) {
            opened.escaping.push(name.clone());
        }
        opened.entries.push(Entry { name, bytes: bytes.to_vec() });
        at += 512 + size.div_ceil(512) * 512;
    }
    opened
}

fn octal(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(field).ok()?;
    usize::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
}

/// Unpacks a gzip stream's one member.
pub(super) fn gunzip(stream: &[u8], limit: usize) -> Result<Vec<u8>, &'static str> {
    const CUT: &str = "the gzip stream is cut short";
    const TOO_MUCH: &str = "the gzip stream unpacks to more than the budget, or not at all";
    let flags = *stream.get(3).ok_or(CUT)?;
    let mut at = 10;
    if flags & 4 != 0 {
        at += 2 + usize::from(u16_at(stream, at).ok_or(CUT)?);
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let rest = stream.get(at..).ok_or(CUT)?;
            at += rest.iter().position(|b| *b == 0).ok_or(CUT)? + 1;
        }
    }
    at += if flags & 2 != 0 { 2 } else { 0 };
    decompress_to_vec_with_limit(stream.get(at..).ok_or(CUT)?, limit).map_err(|_| TOO_MUCH)
}
