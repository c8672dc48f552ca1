//! Texts that are hidden in a text: base64 and hexadecimal.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The shortest run that is decoded, in characters: below it words are taken for base64.
const SHORTEST: usize = 24;
/// The longest run that is decoded, in characters; a longer one is cut.
const LONGEST: usize = 256 * 1024;
/// So many runs are decoded in one text; the rest is not.
pub(super) const RUNS: usize = 2000;

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// A text that was decoded out of another.
pub(super) struct Found {
    /// Where the encoded run begins.
    pub(super) at: usize,
    pub(super) how: &'static str,
    pub(super) text: Vec<u8>,
}

/// All texts that decode out of this one; what decodes to anything but text is left out.
pub(super) fn texts(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut runs = 0;
    while at < bytes.len() && runs < RUNS {
        let length = bytes[at..].iter().take_while(|b| in_alphabet(**b)).count();
        if length >= SHORTEST {
            runs += 1;
            let run = &bytes[at..at + length.min(LONGEST)];
            found.extend(decode(run).map(|(how, text)| Found { at, how, text }));
        }
        at += length.max(1);
    }
    found.extend(escapes(bytes));
    found
}

fn in_alphabet(b: u8) -> bool {
    ALPHABET[usize::from(b)]
}

/// Which bytes an encoded run consists of: every byte of every skill is asked for.
const ALPHABET: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "at is below 128")]
        let b = at as u8;
        table[at] = b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
        at += 1;
    }
    table
};

fn decode(run: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    if run.iter().all(u8::is_ascii_hexdigit) && run.len().is_multiple_of(2) {
        return unhex(run).filter(|text| is_text(text)).map(|text| ("hex", text));
    }
    // A path or an identifier is a run too; an encoded text mixes cases.
    let mixed = run.iter().any(u8::is_ascii_uppercase) && run.iter().any(u8::is_ascii_lowercase);
    if !mixed {
        return None;
    }
    let engine = if run.iter().any(|b| matches!(b, b'-' | b'_')) { &URL_SAFE } else { &STANDARD };
    // A run that is one character too long is cut: the last quantum is lost, not the text.
    let whole = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    let decoded = engine.decode(whole).ok()?;
    if is_text(&decoded) {
        return Some(("base64", decoded));
    }
    wide(&decoded).map(|text| ("base64 of UTF-16", text))
}

/// `\x41\x42…` runs, of any language that writes them so.
fn escapes(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = bytes[at..].windows(2).position(|w| w == b"\\x") {
        let start = at + next;
        let run: Vec<u8> = bytes[start..]
            .chunks_exact(4)
            .take_while(|chunk| chunk.starts_with(b"\\x"))
            .map_while(|chunk| unhex(&chunk[2..]).map(|byte| byte[0]))
            .collect();
        at = start + (run.len() * 4).max(2);
        if run.len() >= SHORTEST / 2 && is_text(&run) {
            found.push(Found { at: start, how: "escaped hex", text: run });
        }
    }
    found
}

fn unhex(run: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    run.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// PowerShell's `-EncodedCommand` is UTF-16.
fn wide(decoded: &[u8]) -> Option<Vec<u8>> {
    let narrow: Option<Vec<u8>> = decoded
        .chunks_exact(2)
        .map(|pair| (pair[1] == 0 && is_text_byte(pair[0])).then_some(pair[0]))
        .collect();
    narrow.filter(|text| text.len() >= SHORTEST / 4)
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.len() >= SHORTEST / 4 && bytes.iter().all(|b| is_text_byte(*b))
        || bytes.len() >= SHORTEST
            && std::str::from_utf8(bytes)
                .is_ok_and(|t| !t.contains(char::is_control) || t.lines().count() > 1 && !t.contains('\0'))
}

fn is_text_byte(b: u8) -> bool {
    matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7E)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<String> {
        texts(text.as_bytes()).first().map(|f| String::from_utf8(f.text.clone()).unwrap())
    }

    #[test]
    fn base64_hex_and_escapes_are_read() {
        let plain = "curl https://example.invalid/a";
        let encoded = STANDARD.encode(plain);
        assert_eq!(first(&format!("echo {encoded} | x")).as_deref(), Some(plain));
        let hex: String = plain.bytes().map(|b| format!("{b:02x}")).collect();
        assert_eq!(first(&hex).as_deref(), Some(plain));
        let escaped: String = plain.bytes().map(|b| format!("\\x{b:02x}")).collect();
        assert_eq!(first(&escaped).as_deref(), Some(plain));
        let wide: Vec<u8> = plain.bytes().flat_map(|b| [b, 0]).collect();
        assert_eq!(first(&STANDARD.encode(wide)).as_deref(), Some(plain));
    }

    #[test]
    fn digests_and_identifiers_decode_to_nothing() {
        assert_eq!(first("sha512-u9q2bGZmUOVmT2hVhYyRvOOBbVbUgrs7LmtLFvaj1b1vWqkX8fC0rpLkLg=="), None);
        assert_eq!(first("plugins/security-review/references/checklist"), None);
        assert_eq!(first("da39a3ee5e6b4b0d3255bfef95601890afd80709"), None);
    }
}
