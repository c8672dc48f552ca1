//! A text of invisible characters.

use crate::scan::document::{Document, Origin};
use crate::scan::predicate::Spot;
use crate::scan::rule::{Detect, Rule, file, skill};
use crate::scan::unicode::{is_invisible, is_tag, turns_direction};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "hidden-characters",
    title: "A text of invisible characters",
    says: "holds text that is written in invisible characters",
    looks_for: "Tag characters, long runs of zero-width or variation characters, and characters that turn the direction of source code.",
    why: "They spell orders that an agent reads and a person cannot see, or show code in another order than it runs.",
    help: "Remove them; an editor that shows invisible characters finds them.",
    references: &[
        "OWASP LLM01 Prompt Injection",
        "MITRE ATT&CK T1027 Obfuscated Files or Information",
        "CVE-2021-42574 Trojan Source",
    ],
    hits: &[
        skill("Hello\u{E0069}\u{E0067}\u{E006E}\u{E006F}\u{E0072}\u{E0065} world\n"),
        skill("a\u{200B}\u{200C}\u{200B}\u{200B}\u{200C}\u{200C}\u{200B}\u{200C}\u{200B}b\n"),
        file("a.py", "x = 1 # \u{202E} } \u{2066}\n"),
    ],
    misses: &[
        skill("Family: \u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467} and \u{2764}\u{FE0F}\n"),
        skill("England: \u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}\n"),
    ],
    quotable: false,
    detect: Detect::Predicate(invisible),
    ..Rule::MALICIOUS
};

/// A run of so many invisible characters is a text.
const RUN: usize = 8;
/// The black flag begins the flags of regions, which are spelt in tag characters.
const FLAG: char = '\u{1F3F4}';

fn invisible(document: &Document<'_>) -> Vec<Spot> {
    if document.bytes.is_ascii() || document.origin == Origin::Folded {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(&document.bytes) else { return Vec::new() };
    let mut spots = Vec::new();
    let (mut run, mut tags, mut start, mut before) = (0, 0, 0, ' ');
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if is_invisible(c) {
            start = if run == 0 { at } else { start };
            run += 1;
            tags += usize::from(is_tag(c));
            if turns_direction(c) && document.language.is_program() {
                spots.push(spot(at..at + c.len_utf8(), "characters that turn the direction of source code"));
            }
            continue;
        }
        if run >= RUN || tags > 0 && before != FLAG {
            spots.push(spot(start..at, &format!("{run} invisible characters in a row")));
        }
        (run, tags, before) = (0, 0, c);
    }
    spots
}

fn spot(span: std::ops::Range<usize>, seen: &str) -> Spot {
    Spot { span, seen: Some(seen.to_owned()) }
}
