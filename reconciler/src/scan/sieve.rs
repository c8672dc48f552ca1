//! Which patterns may match in a text: one pass for what a match cannot do without.
//!
//! To compile one pattern takes half a millisecond and to run it some microseconds; of our three hundred an
//! ordinary text may match a dozen. What a pattern needs is read off its syntax: of each part that must be
//! there and is one of few texts, one must be there. A text that lacks a part is not looked at again.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind};

/// Texts that one part may be; a part of more is not looked for.
const TEXTS: usize = 24;
/// Bytes of a text that is looked for; a shorter one is in every text.
const SHORTEST: usize = 3;

/// A part of a pattern: texts, in lower case, of which each match holds one.
type Part = BTreeSet<Vec<u8>>;

/// Finds the patterns that may match.
#[derive(Debug)]
pub(super) struct Sieve {
    /// The texts of all parts.
    texts: AhoCorasick,
    /// The parts that a text is one of, by the number of the text.
    parts_of: Vec<Vec<usize>>,
    /// The pattern that a part is of, by the number of the part.
    pattern_of: Vec<usize>,
    /// How many parts a pattern has, by its number.
    parts: Vec<usize>,
}

impl Sieve {
    /// Knows patterns, written as in YARA, by their place in this order. One of which it can tell nothing
    /// may always match.
    pub(super) fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, BuildError> {
        let (mut texts, mut pattern_of, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for pattern in patterns {
            let needed = needs(pattern);
            for part in &needed {
                texts.extend(part.iter().map(|text| (text.clone(), pattern_of.len())));
                pattern_of.push(parts.len());
            }
            parts.push(needed.len());
        }
        texts.sort();
        let same = || texts.chunk_by(|(one, _), (other, _)| one == other);
        let parts_of = same().map(|same| same.iter().map(|(_, part)| *part).collect()).collect();
        let texts = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(same().map(|same| &same[0].0))?;
        Ok(Self { texts, parts_of, pattern_of, parts })
    }

    /// The patterns that may match in this text, in their order: no other one does.
    pub(super) fn pass(&self, text: &[u8]) -> Vec<usize> {
        let mut lacking = self.parts.clone();
        let mut found = vec![false; self.parts_of.len()];
        let mut has = vec![false; self.pattern_of.len()];
        for hit in self.texts.find_overlapping_iter(text) {
            let at = hit.pattern().as_usize();
            if std::mem::replace(&mut found[at], true) {
                continue;
            }
            for part in &self.parts_of[at] {
                if !std::mem::replace(&mut has[*part], true) {
                    lacking[self.pattern_of[*part]] -= 1;
                }
            }
        }
        (0..lacking.len()).filter(|at| lacking[*at] == 0).collect()
    }
}

/// The parts that each match of a pattern has; none where its syntax is not one that is known here.
fn needs(pattern: &str) -> Vec<Part> {
    let body = pattern.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
    let Some(syntax) = body.and_then(|(body, _)| parser.parse(body).ok()) else { return Vec::new() };
    let mut parts = Parts::default();
    parts.add(&syntax);
    parts.end_run();
    parts.done
}

/// The parts of what follows one another.
#[derive(Default)]
struct Parts {
    done: Vec<Part>,
    /// What the pieces since the last end may be together; nothing yet, where it is empty.
    run: Vec<Vec<u8>>,
}

impl Parts {
    fn add(&mut self, piece: &Hir) {
        if let Some(texts) = texts(piece) {
            return self.extend(&texts);
        }
        match piece.kind() {
            HirKind::Concat(pieces) => pieces.iter().for_each(|piece| self.add(piece)),
            HirKind::Capture(group) => self.add(&group.sub),
            HirKind::Repetition(repeated) if repeated.min > 0 => {
                // At least one is there: it ends what was before, and what follows begins with one.
                self.add(&repeated.sub);
                self.end_run();
                if let Some(texts) = texts(&repeated.sub) {
                    self.run = texts;
                }
            }
            HirKind::Alternation(ways) => {
                self.end_run();
                self.done.extend(one_of(ways));
            }
            _ => self.end_run(),
        }
    }

    fn extend(&mut self, texts: &[Vec<u8>]) {
        if self.run.len() * texts.len() > TEXTS {
            self.end_run();
        }
        match self.run.is_empty() {
            true => self.run = texts.to_vec(),
            false => self.run = product(&self.run, texts),
        }
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if !run.is_empty() && run.iter().all(|text| text.len() >= SHORTEST) {
            self.done.push(run.into_iter().collect());
        }
    }
}

/// The part that the choice between ways makes: of each the one that says the most.
fn one_of(ways: &[Hir]) -> Option<Part> {
    let mut all = Part::new();
    for way in ways {
        let mut parts = Parts::default();
        parts.add(way);
        parts.end_run();
        let shortest = |part: &Part| part.iter().map(Vec::len).min();
        all.extend(parts.done.into_iter().max_by_key(shortest)?);
    }
    Some(all)
}

/// All texts that a piece matches, where they are few.
fn texts(piece: &Hir) -> Option<Vec<Vec<u8>>> {
    let few = |texts: Vec<Vec<u8>>| (texts.len() <= TEXTS).then_some(texts);
    match piece.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => Some(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(Class::Bytes(class)) => members(class),
        HirKind::Class(Class::Unicode(_)) => None,
        HirKind::Capture(group) => texts(&group.sub),
        HirKind::Concat(pieces) => pieces.iter().try_fold(vec![Vec::new()], |all, piece| {
            let next = texts(piece)?;
            few_enough(&all, &next).then(|| product(&all, &next))
        }),
        HirKind::Alternation(ways) => {
            let all = ways.iter().map(texts).collect::<Option<Vec<_>>>()?;
            few(all.concat())
        }
        HirKind::Repetition(repeated) => {
            let one = texts(&repeated.sub)?;
            match (repeated.min, repeated.max) {
                (0, Some(1)) => few([vec![Vec::new()], one].concat()),
                (min, Some(max)) if min == max => (0..min)
                    .try_fold(vec![Vec::new()], |all, _| few_enough(&all, &one).then(|| product(&all, &one))),
                _ => None,
            }
        }
    }
}

fn members(class: &ClassBytes) -> Option<Vec<Vec<u8>>> {
    let count: usize = class.ranges().iter().map(ClassBytesRange::len).sum();
    if count > TEXTS {
        return None;
    }
    let all = class.ranges().iter().flat_map(|range| range.start()..=range.end());
    let all: BTreeSet<u8> = all.map(|byte| byte.to_ascii_lowercase()).collect();
    Some(all.into_iter().map(|byte| vec![byte]).collect())
}

fn few_enough(texts: &[Vec<u8>], next: &[Vec<u8>]) -> bool {
    texts.len() * next.len() <= TEXTS
}

fn product(texts: &[Vec<u8>], next: &[Vec<u8>]) -> Vec<Vec<u8>> {
    texts.iter().flat_map(|text| next.iter().map(move |next| [&text[..], next].concat())).collect()
}

#[cfg(test)]
mod tests;
