//! Where a text quotes an attack instead of making one.
//!
//! Only documentation is ever read so: never a file that is executable or that the skill tells the agent
//! to run. The words are looked for in the line, in the headings above it and in the sentence that
//! introduces a block, links left out: a host called `evil` does not warn of itself.

use std::ops::Range;

use super::document::{Document, Language};
use super::markdown::RegionKind;

/// Words of somebody who describes an attack.
const WARNING: &[&str] = &[
    "attack",
    "malicious",
    "exploit",
    "vulnerab",
    "suspicious",
    "red flag",
    "threat",
    "detect",
    "denylist",
    "deny-list",
    "blocklist",
    "blocked pattern",
    "anti-pattern",
    "antipattern",
    "dangerous",
    "unsafe",
    "insecure",
    "phishing",
    "malware",
    "warning sign",
    "do not use",
    "don't use",
    "bad example",
    "❌",
    "🚫",
    "prompt injection",
    "jailbreak attempt",
    "indicator of compromise",
    "adversar",
    "should be refused",
    "must refuse",
    "false positive",
    "test case",
    "bad practice",
];
/// Openings that forbid what follows them on the line.
const FORBIDDING: &[&str] = &[
    "never run",
    "never use",
    "never execute",
    "never pipe",
    "never follow",
    "do not run",
    "do not execute",
    "do not pipe",
    "do not follow",
    "don't run",
    "don't pipe",
    "don't follow",
    "avoid",
    "instead of",
    "reject",
    "refuse",
];
/// How far above a line its headings are looked for, in lines.
const HEADINGS_ABOVE: usize = 400;

/// Whether a byte is in text that warns of what it shows.
pub(super) fn is_quoted(document: &Document<'_>, span: &Range<usize>) -> bool {
    let offset = span.start;
    if matches!(document.region(offset), RegionKind::Fence(Language::Detection)) {
        return !document.runs;
    }
    if document.runs || !matches!(document.language, Language::Markdown | Language::Text | Language::Html) {
        return false;
    }
    let number = document.line_number(offset);
    let line = readable(&without(document, number, span));
    warns(&line)
        || FORBIDDING.iter().any(|words| line.contains(words))
        || is_denied(document, offset)
        || warns(&introduction(document, number))
        || headings(document, number).iter().any(|heading| warns(heading))
}

/// Whether the clause that a byte is in denies it: "must not ignore …", "never send …".
fn is_denied(document: &Document<'_>, offset: usize) -> bool {
    let start = document.lines()[document.line_number(offset)];
    let before = document.text(start.max(offset.saturating_sub(200))..offset, 200).to_lowercase();
    let clause = before.rsplit(['.', ';', ':', ',']).next().unwrap_or("").trim();
    let last = clause.split_whitespace().rev().take(3);
    last.into_iter()
        .any(|word| matches!(word, "not" | "never" | "cannot" | "no" | "without") || word.ends_with("n't"))
}

fn warns(text: &str) -> bool {
    WARNING.iter().any(|word| text.contains(word))
}

/// A line without the part that is judged: what is found does not warn of itself.
fn without(document: &Document<'_>, number: usize, span: &Range<usize>) -> Vec<u8> {
    let start = document.lines()[number];
    let line = document.line(number);
    let before = line.get(..span.start.saturating_sub(start)).unwrap_or(line);
    let after = line.get(span.end.saturating_sub(start)..).unwrap_or(&[]);
    [before, after].concat()
}

/// A line in lower case without its links.
fn readable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(2000)]).to_lowercase();
    text.split_whitespace()
        .filter(|word| !word.contains("://") && !word.contains(".com") && !word.contains('/'))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last line of text above a block of code.
fn introduction(document: &Document<'_>, number: usize) -> String {
    let above = (number.saturating_sub(40)..number).rev();
    let mut fenced = matches!(document.region(document.lines()[number]), RegionKind::Fence(_));
    for candidate in above {
        let line = document.line(candidate).trim_ascii();
        if line.starts_with(b"```") || line.starts_with(b"~~~") {
            fenced = false;
            continue;
        }
        if !fenced && !line.is_empty() {
            return if line.starts_with(b"#") { String::new() } else { readable(line) };
        }
    }
    String::new()
}

/// The headings that a line stands under, the nearest first.
fn headings(document: &Document<'_>, number: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut lowest = usize::MAX;
    for candidate in (number.saturating_sub(HEADINGS_ABOVE)..number).rev() {
        let line = document.line(candidate);
        let level = line.iter().take_while(|b| **b == b'#').count();
        let is_heading = (1..=6).contains(&level) && line.get(level) == Some(&b' ');
        let in_block = document.language == Language::Markdown
            && matches!(document.region(document.lines()[candidate]), RegionKind::Fence(_));
        if is_heading && level < lowest && !in_block {
            lowest = level;
            found.push(readable(line));
        }
    }
    found
}
