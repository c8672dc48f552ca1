//! What the first bytes of a file say that it is.

/// A form that a file's first bytes give away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// ELF, PE, Mach-O.
    Executable(&'static str),
    /// Compiled code that an interpreter runs.
    Bytecode(&'static str),
    /// A zip, whatever its name.
    Zip,
    /// A tar.
    Tar,
    /// A packed stream that is not looked into.
    Packed(&'static str),
    /// A picture, font, document or sound.
    Media,
    /// None of these.
    Other,
}

/// Reads a file's form from its first bytes.
pub(super) fn form(bytes: &[u8]) -> Form {
    match bytes {
        [0x7F, b'E', b'L', b'F', ..] => Form::Executable("an ELF program"),
        [b'M', b'Z', ..] if is_pe(bytes) => Form::Executable("a Windows program"),
        [0xFE, 0xED, 0xFA, 0xCE | 0xCF, ..] | [0xCE | 0xCF, 0xFA, 0xED, 0xFE, ..] => {
            Form::Executable("a Mach-O program")
        }
        [0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, count, ..] if (1..20).contains(count) => {
            Form::Executable("a universal Mach-O program")
        }
        [0xCA, 0xFE, 0xBA, 0xBE, ..] => Form::Bytecode("a Java class"),
        [_, _, b'\r', b'\n', 0..=3, 0, 0, 0, ..] if bytes.len() > 16 => Form::Bytecode("compiled Python"),
        [b'd', b'e', b'x', b'\n', ..] => Form::Bytecode("Android bytecode"),
        [0, b'a', b's', b'm', ..] => Form::Bytecode("WebAssembly"),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Form::Zip,
        [b'R', b'a', b'r', b'!', 0x1A, ..] => Form::Packed("a RAR archive"),
        [b'7', b'z', 0xBC, 0xAF, ..] => Form::Packed("a 7z archive"),
        [0x1F, 0x8B, ..] => Form::Packed("a gzip stream"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Form::Packed("a bzip2 stream"),
        [0xFD, b'7', b'z', b'X', b'Z', ..] => Form::Packed("an xz stream"),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Form::Packed("a zstd stream"),
        _ if bytes.get(257..262) == Some(b"ustar") => Form::Tar,
        _ if is_media(bytes) => Form::Media,
        _ => Form::Other,
    }
}

/// `MZ` alone begins many a text; the header that it points at does not.
fn is_pe(bytes: &[u8]) -> bool {
    let offset = bytes.get(60..64).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let header =
        offset.and_then(|at| usize::try_from(at).ok()).and_then(|at| bytes.get(at..at.checked_add(4)?));
    header == Some(b"PE\0\0")
}

fn is_media(bytes: &[u8]) -> bool {
    let starts: [&[u8]; 11] = [
        b"\x89PNG",
        b"\xFF\xD8\xFF",
        b"GIF8",
        b"RIFF",
        b"%PDF-",
        b"OTTO",
        b"\0\x01\0\0",
        b"wOFF",
        b"wOF2",
        b"ID3",
        b"OggS",
    ];
    starts.iter().any(|start| bytes.starts_with(start)) || bytes.get(4..8) == Some(b"ftyp")
}

/// Extensions of what people look at rather than run: a program under such a name hides.
pub(super) fn is_harmless_name(path: &str) -> bool {
    let extension = path.rsplit('/').next().unwrap_or(path).rsplit('.').next().unwrap_or("");
    matches!(
        extension.to_ascii_lowercase().as_str(),
        "md" | "txt"
            | "png"
            | "jpg"
            | "jpeg"
            | "gif"
            | "svg"
            | "webp"
            | "ico"
            | "pdf"
            | "json"
            | "yaml"
            | "yml"
            | "toml"
            | "xml"
            | "html"
            | "css"
            | "csv"
            | "log"
            | "ttf"
            | "otf"
            | "woff"
            | "woff2"
            | "mp3"
            | "mp4"
            | "wav"
            | "docx"
            | "xlsx"
            | "pptx"
            | "py"
            | "js"
            | "ts"
            | "sh"
            | "rb"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_their_first_bytes() {
        let mut pe = vec![0_u8; 80];
        pe[..2].copy_from_slice(b"MZ");
        pe[60] = 70;
        pe[70..74].copy_from_slice(b"PE\0\0");
        assert_eq!(form(&pe), Form::Executable("a Windows program"));
        assert_eq!(form(b"MZ is a text"), Form::Other);
        assert_eq!(form(b"\x7FELF\x02\x01"), Form::Executable("an ELF program"));
        assert_eq!(form(b"\xCB\x0D\r\n\0\0\0\0abcdefghijkl"), Form::Bytecode("compiled Python"));
        assert_eq!(form(b"PK\x03\x04"), Form::Zip);
        assert_eq!(form(b"# text"), Form::Other);
    }
}
