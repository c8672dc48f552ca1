//! Secrets never leave a scan readable, not even in the line that is quoted.

use std::fmt::Write as _;

/// A word of at least so many characters, with letters and digits, may be a key.
const KEY_LENGTH: usize = 20;
/// How much of a masked word is shown.
const SHOWN: usize = 4;
/// What stands before a secret's value.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "key",
];

/// What a text speaks of in which any quoted word may be the secret.
const PASSWORDS: &[&str] = &["password", "passwd", "passphrase"];
/// The longest quoted word that may be a password, in bytes.
const QUOTED: usize = 80;

/// A text with everything masked that may be a secret: words like keys, values after `password:` and
/// the like, what is quoted or mixed of letters and digits where passwords are spoken of, and what stands
/// before the `@` of an URL.
pub fn mask(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let speaks = PASSWORDS.iter().any(|word| lower.contains(word));
    let text = &if speaks { mask_quoted(text) } else { text.to_owned() };
    let mut masked = String::with_capacity(text.len());
    let mut named = false;
    for (word, gap) in Words(text) {
        if (named && word.len() >= 4 || speaks && is_mixed(word)) && !is_reference(word) {
            masked.push('…');
        } else if is_key(word) {
            mask_word(&mut masked, word);
        } else {
            mask_parts(&mut masked, word);
        }
        named = names_a_value(word, gap, named);
        masked.push_str(gap);
    }
    mask_userinfo(&masked)
}

/// The text with each quoted word masked that may be a password.
fn mask_quoted(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '`']) {
        let (before, from) = rest.split_at(at + 1);
        masked.push_str(before);
        let quote = &before[at..];
        let inner = from.split_once(quote).map(|(inner, _)| inner).filter(|inner| is_word(inner));
        rest = from;
        if let Some(inner) = inner {
            masked.push_str(if may_be_password(inner) { "…" } else { inner });
            masked.push_str(quote);
            rest = &from[inner.len() + 1..];
        }
    }
    masked + rest
}

fn is_word(inner: &str) -> bool {
    inner.len() <= QUOTED && !inner.contains(char::is_whitespace)
}

fn may_be_password(inner: &str) -> bool {
    let lower = inner.to_ascii_lowercase();
    inner.len() >= 4
        && !inner.contains(['[', '(', '{', '$', '<', '/'])
        && !NAMES.iter().any(|name| lower.contains(name))
}

/// Letters and digits in one word, as in a password that is not quoted.
fn is_mixed(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    word.len() >= 6 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && !word.contains('/')
}

/// A key's first characters: enough to tell which one it is.
fn mask_word(masked: &mut String, word: &str) {
    let _ = write!(masked, "{}…", word.get(..SHOWN).unwrap_or(""));
}

/// A path or an address, with the parts masked that are keys.
fn mask_parts(masked: &mut String, word: &str) {
    for part in word.split_inclusive('/') {
        let (name, slash) = part.strip_suffix('/').map_or((part, ""), |name| (name, "/"));
        if is_key(name) {
            mask_word(masked, name);
        } else {
            masked.push_str(name);
        }
        masked.push_str(slash);
    }
}

/// Whether a value follows: the word is a name of secrets and `:` or `=` stands after it.
fn names_a_value(word: &str, gap: &str, before: bool) -> bool {
    if word.is_empty() {
        return before && !gap.contains('\n');
    }
    let lower = word.to_ascii_lowercase();
    NAMES.iter().any(|name| lower.ends_with(name))
        && gap.trim_start().starts_with([':', '=', '"', '\''])
        && gap.contains([':', '='])
}

/// A variable, a placeholder or code, rather than a value.
fn is_reference(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        || word.starts_with("your")
        || word.starts_with("http")
        || word.contains('.')
}

fn is_key(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    word.len() >= KEY_LENGTH
        && digits >= 2
        && letters >= 6
        && !word.contains("//")
        && word.matches(['/', '.']).count() < 3
        && word.matches(['-', '_']).count() < 5
}

fn mask_userinfo(text: &str) -> String {
    let Some((head, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '`' | ')'))
        .unwrap_or(rest.len());
    let (host, tail) = rest.split_at(end);
    let host = host.rsplit_once('@').map_or_else(|| host.to_owned(), |(_, host)| format!("…@{host}"));
    format!("{head}://{host}{}", mask_userinfo(tail))
}

/// The words that a key may be, each with what stands between it and the next.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '.' | '%');
        let end = self.0.find(|c| !in_word(c)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        let next = rest.find(in_word).unwrap_or(rest.len());
        let (gap, rest) = rest.split_at(next);
        self.0 = rest;
        Some((word, gap))
    }
}

/// A secret itself: its first characters and nothing more.
pub(super) fn secret(text: &str) -> String {
    let head: String = text.chars().take(SHOWN).filter(|c| !c.is_control()).collect();
    format!("{head}…")
}

/// A short excerpt for a message: one line, masked, at most `limit` characters.
pub(super) fn excerpt(text: &str, limit: usize) -> String {
    let visible: String = text
        .chars()
        .map(|c| if c.is_control() || super::unicode::is_invisible(c) { ' ' } else { c })
        .collect();
    let line = mask(&visible.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut cut: String = line.chars().take(limit).collect();
    if line.chars().count() > limit {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_masked_and_the_rest_stays() {
        let key = format!("AKIA{}", "Q7R2T5W8Y1Z3X6C9");
        assert_eq!(mask(&format!("key {key}.")), "key AKIA….".replace("….", "…"));
        assert_eq!(mask("password: hunter22 for it"), "password: … for it");
        assert_eq!(mask("curl https://me:pw@host.invalid/x"), "curl https://…@host.invalid/x");
        assert_eq!(
            mask("- Type \"Winterharbour\" into the password field"),
            "- Type \"…\" into the password field"
        );
        assert_eq!(
            mask("page.type('input[type=\"password\"]', 'Harbour82!winter');"),
            "page.type('input[type=\"password\"]', '…');"
        );
        assert_eq!(mask("don't write the password Harbour82 down"), "don't write the password … down");
        assert_eq!(mask("export TOKEN=$MY_TOKEN"), "export TOKEN=$MY_TOKEN");
        assert_eq!(mask("see scripts/run-all-tests.sh 2024"), "see scripts/run-all-tests.sh 2024");
    }

    #[test]
    fn an_excerpt_is_one_short_visible_line() {
        assert_eq!(excerpt("a\n  b\u{200B}c", 80), "a b c");
        assert_eq!(excerpt("abcdef", 3), "abc…");
    }
}
