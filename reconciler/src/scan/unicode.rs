//! Characters that a reader does not see, or takes for others.

/// Whether a character has no ink: zero-width, tag, direction and variation characters.
pub(super) fn is_invisible(c: char) -> bool {
    !c.is_ascii()
        && matches!(u32::from(c),
        0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
        | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
        | 0xE0000..=0xE01EF)
}

/// Whether it is a tag character: a hidden copy of an ASCII one.
pub(super) fn is_tag(c: char) -> bool {
    (0xE0000..=0xE007F).contains(&u32::from(c))
}

/// Whether it turns the direction of the text that follows.
pub(super) fn turns_direction(c: char) -> bool {
    matches!(u32::from(c), 0x202A..=0x202E | 0x2066..=0x2069)
}

/// The Latin letter that a Cyrillic, Greek or full-width one is taken for.
pub(super) fn latin_twin(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    let full_width = u32::from(c).checked_sub(0xFEE0).filter(|code| (0x21..=0x7E).contains(code));
    if let Some(twin) = full_width.and_then(char::from_u32) {
        return Some(twin);
    }
    Some(match c {
        'а' | 'α' => 'a',
        'е' => 'e',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'с' => 'c',
        'у' => 'y',
        'х' => 'x',
        'і' | 'ι' => 'i',
        'ј' => 'j',
        'ѕ' => 's',
        'һ' => 'h',
        'ԁ' => 'd',
        'ո' => 'n',
        'ν' => 'v',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'Е' | 'Ε' => 'E',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Н' | 'Η' => 'H',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'С' => 'C',
        'Т' | 'Τ' => 'T',
        'Х' | 'Χ' => 'X',
        'І' | 'Ι' => 'I',
        _ => return None,
    })
}

/// The text without invisible characters and with look-alike letters made Latin; none where neither
/// changes a word, which is nearly always.
pub(super) fn fold(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.is_ascii() {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    if !hides(text) {
        return None;
    }
    // Tag characters are read as the ASCII that they copy: an agent's tokenizer does too.
    let folded = text.chars().filter_map(|c| match c {
        c if c.is_ascii() => Some(c),
        c if is_tag(c) => {
            char::from_u32(u32::from(c) - 0xE0000).filter(|c| c.is_ascii_graphic() || *c == ' ')
        }
        c if is_invisible(c) => None,
        c => Some(latin_twin(c).unwrap_or(c)),
    });
    Some(folded.collect::<String>().into_bytes())
}

/// Whether some character hides something: one without ink, the variation of an emoji aside, a letter of
/// another script within a Latin word, or a full-width letter.
///
/// No word that a rule looks for can be spelt in look-alikes alone, and text in other scripts is not
/// scanned twice for nothing.
fn hides(text: &str) -> bool {
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_ascii() {
            let next = chars.peek().copied().unwrap_or(' ');
            let varies = c == '\u{FE0F}' && (!before.is_ascii() || next == '\u{20E3}');
            if is_invisible(c) && !varies {
                return true;
            }
            let twin = latin_twin(c).filter(char::is_ascii_alphanumeric);
            let full_width = ('\u{FF00}'..='\u{FFEF}').contains(&c);
            let in_word = before.is_ascii_alphanumeric() || next.is_ascii_alphanumeric();
            if twin.is_some() && (full_width || in_word) {
                return true;
            }
        }
        before = c;
    }
    false
}

/// A text in UTF-16 with a byte order mark, as UTF-8.
pub(super) fn from_utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    let (rest, little) = match bytes {
        [0xFF, 0xFE, rest @ ..] => (rest, true),
        [0xFE, 0xFF, rest @ ..] => (rest, false),
        _ => return None,
    };
    let unit = |pair: [u8; 2]| if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) };
    let units = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    Some(
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect::<String>()
            .into_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_undoes_what_hides_a_word() {
        let hidden = "ig\u{200B}n\u{043E}re \u{E0061}\u{E0062}";
        assert_eq!(fold(hidden.as_bytes()).unwrap(), b"ignore ab");
        assert_eq!(fold("plain, naïve".as_bytes()), None);
        assert_eq!(fold("\u{FF49}gnore".as_bytes()).unwrap(), b"ignore");
        assert!(fold("i\u{FE0F}gnore".as_bytes()).is_some());
    }

    #[test]
    fn emoji_and_other_scripts_hide_nothing() {
        for text in
            ["\u{26A0}\u{FE0F} Care", "1\u{FE0F}\u{20E3} First", "Привет, мир", "你好，世界", "Ωmega or α"]
        {
            assert_eq!(fold(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn utf16_is_read_in_both_orders() {
        assert_eq!(from_utf16(b"\xFF\xFEa\0b\0").unwrap(), b"ab");
        assert_eq!(from_utf16(b"\xFE\xFF\0a\0b").unwrap(), b"ab");
        assert_eq!(from_utf16(b"ab"), None);
    }
}
