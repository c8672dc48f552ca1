//! `validate`: judges the skills below a directory, without a repository.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

/// The longest part of a file that is read for the line that a finding is about, in bytes: front
/// matter is at the beginning.
const MOST: u64 = 1 << 20;

/// One line of a file, by its number from 1; none where it cannot be shown.
fn line(path: &Path, number: u32) -> Option<String> {
    let at = usize::try_from(number.checked_sub(1)?).ok()?;
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))?;
    BufReader::new(file.take(MOST)).lines().nth(at)?.ok()
}
