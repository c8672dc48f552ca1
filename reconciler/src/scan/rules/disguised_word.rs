//! A word with letters of two scripts.

use crate::scan::document::{Document, Origin};
use crate::scan::predicate::Spot;
use crate::scan::rule::{Detect, Rule, skill};
use crate::scan::unicode::latin_twin;

pub(in crate::scan) static RULE: Rule = Rule {
    id: "disguised-word",
    title: "A word with letters of two scripts",
    says: "writes a word with look-alike letters or invisible characters in it",
    looks_for: "Latin words with Cyrillic or Greek letters that look the same, or with zero-width characters inside.",
    why: "A person reads one word, a filter another.",
    help: "Write the word in one script.",
    references: &["MITRE ATT&CK T1027 Obfuscated Files or Information", "MITRE ATT&CK T1036 Masquerading"],
    hits: &[skill("Run the reаd_data tool.\n"), skill("ig\u{200B}nore it\n")],
    misses: &[skill("Привет, read this.\n"), skill("naïve café\n")],
    detect: Detect::Predicate(mixed),
    ..Rule::RISKY
};

fn mixed(document: &Document<'_>) -> Vec<Spot> {
    if document.bytes.is_ascii() || document.origin == Origin::Folded {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(&document.bytes) else { return Vec::new() };
    let hidden = |c: char| matches!(c, '\u{200B}' | '\u{2060}' | '\u{200C}');
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_' && !hidden(c));
    words
        .filter(|word| word.len() > 3 && !word.is_ascii())
        .filter(|word| {
            let latin = word.chars().filter(char::is_ascii_alphabetic).count();
            let twins = word
                .chars()
                .filter(|c| !('\u{FF00}'..='\u{FFEF}').contains(c) && latin_twin(*c).is_some())
                .count();
            let inside =
                word.trim_matches(hidden).contains(hidden) && word.chars().all(|c| c.is_ascii() || hidden(c));
            let others =
                word.chars().filter(|c| !c.is_ascii() && !hidden(*c) && latin_twin(*c).is_none()).count();
            latin >= 2 && twins > 0 && others == 0 || inside
        })
        .map(|word| {
            let at = word.as_ptr().addr() - text.as_ptr().addr();
            Spot { span: at..at + word.len(), seen: None }
        })
        .collect()
}
