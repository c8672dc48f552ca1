//! The lines of `*.entries` files: what a directory in git cannot hold, in words.

use std::path::Path;

/// The lines of a file that say something, each as its fields; none where the file is not there.
pub(crate) fn lines(file: &Path) -> Vec<Vec<Vec<u8>>> {
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(fields).collect()
}

/// Splits a line at spaces. A field is a word, a JSON string, `hex:` with digits, or
/// `repeat:COUNT:WORD`.
fn fields(line: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (field, length) = if rest.starts_with('"') { quoted(rest) } else { word(rest) };
        found.push(field);
        rest = rest[length..].trim_start();
    }
    found
}

fn quoted(text: &str) -> (Vec<u8>, usize) {
    let mut parsed = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let field = parsed.next().and_then(Result::ok).unwrap_or_else(|| panic!("no JSON string: {text}"));
    (field.into_bytes(), parsed.byte_offset())
}

fn word(text: &str) -> (Vec<u8>, usize) {
    let word = text.split(' ').next().unwrap_or(text);
    let field = if let Some(digits) = word.strip_prefix("hex:") {
        let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two hexadecimal digits");
        (0..digits.len()).step_by(2).map(pair).collect()
    } else if let Some((count, what)) = word.strip_prefix("repeat:").and_then(|rest| rest.split_once(':')) {
        what.repeat(count.parse().expect("a count")).into_bytes()
    } else {
        word.as_bytes().to_vec()
    };
    (field, word.len())
}

/// A field as text.
pub(crate) fn text(field: &[u8]) -> &str {
    std::str::from_utf8(field).expect("this field is text")
}

/// A field as the octal number that it spells.
pub(crate) fn octal(field: &[u8]) -> u32 {
    u32::from_str_radix(text(field), 8).expect("an octal number")
}
