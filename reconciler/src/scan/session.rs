//! The scan of one skill, from its files to its findings.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::archive::{self, Allowance, Opened};
use super::document::{Document, Origin};
use super::engine::{Engine, Stopped};
use super::magic::{self, Form};
use super::rule::Detect;
use super::rules::RULES;
use super::sight::{self, Sight};
use super::{INCOMPLETE, ScanError, Subject, TIMED_OUT, budget, combine, decode, told, unicode};
use crate::finding::Finding;

/// Findings of one rule in one file; more tell the reader nothing.
const SAME: usize = 5;

/// One skill's scan.
pub(super) struct Session<'a> {
    engine: &'a Engine,
    subject: &'a Subject<'a>,
    meter: budget::Meter,
    allowance: Allowance,
    sights: Vec<Sight>,
    stopped: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(engine: &'a Engine, subject: &'a Subject<'a>) -> Self {
        Self {
            engine,
            subject,
            meter: budget::Meter::new(),
            allowance: Allowance { entries: budget::ENTRIES, bytes: budget::UNPACKED_BYTES },
            sights: Vec::new(),
            stopped: false,
        }
    }

    /// Reads, scans, combines.
    pub(super) fn run(mut self) -> Result<Vec<Finding>, ScanError> {
        self.look()?;
        Ok(self.findings())
    }

    #[cfg(test)]
    pub(super) fn sights(mut self) -> Vec<(String, bool)> {
        self.look().unwrap();
        self.sights.iter().filter_map(|s| Some((s.rule_id()?.to_owned(), s.quoted))).collect()
    }

    fn look(&mut self) -> Result<(), ScanError> {
        if self.subject.files.len() > budget::FILES {
            self.incomplete("", &format!("more than {} files", budget::FILES));
        }
        let documents = self.documents()?;
        for document in &documents {
            let known = OnceCell::new();
            let told = || *known.get_or_init(|| told::is_run_by_name(&documents, document.path));
            self.scan(document, 0, &told);
        }
        self.sights.extend(combine::combine(&self.sights));
        Ok(())
    }

    fn documents(&mut self) -> Result<Vec<Document<'a>>, ScanError> {
        let mut documents = Vec::new();
        for file in self.subject.files.iter().take(budget::FILES) {
            if file.size > budget::FILE_BYTES {
                self.incomplete(&file.path, &format!("the file is larger than {} bytes", budget::FILE_BYTES));
                continue;
            }
            let read = |source| ScanError::Content { path: file.path.clone(), source };
            let bytes = (file.read)().map_err(read)?;
            if !self.meter.take(bytes.len()) {
                self.incomplete(
                    &file.path,
                    &format!("the skill is larger than {} bytes", budget::SKILL_BYTES),
                );
                break;
            }
            let bytes = unicode::from_utf16(&bytes).unwrap_or(bytes);
            documents.push(Document::new(&file.path, Cow::Owned(bytes), file.executable));
        }
        Ok(documents)
    }

    /// Scans a text, what hides in it and what is packed in it.
    fn scan(&mut self, document: &Document<'_>, depth: usize, told: &dyn Fn() -> bool) {
        if self.stopped {
            return;
        }
        self.look_at_form(document, depth, told);
        self.match_rules(document, told);
        if document.origin == Origin::Folded {
            return;
        }
        if let Some(folded) = unicode::fold(&document.bytes) {
            self.match_rules(&document.folded(folded), told);
        }
        self.decode(document, 1, told);
    }

    fn decode(&mut self, document: &Document<'_>, level: usize, told: &dyn Fn() -> bool) {
        if level > budget::DECODINGS || self.stopped || magic::form(&document.bytes) == Form::Media {
            return;
        }
        let texts = decode::texts(&document.bytes);
        if texts.len() >= decode::RUNS {
            self.incomplete(document.path, "more encoded texts than are decoded");
        }
        for found in texts {
            if !self.meter.take(found.text.len()) {
                self.incomplete(document.path, "the decoded texts exceed the budget of the skill");
                return;
            }
            let inner = document.decoded(found.text, found.at, found.how);
            self.match_rules(&inner, told);
            self.decode(&inner, level + 1, told);
        }
    }

    /// All patterns and predicates on one text.
    fn match_rules(&mut self, document: &Document<'_>, told: &dyn Fn() -> bool) {
        let Some(time) = self.meter.time_left() else { return self.timed_out(document.path) };
        let decoded = matches!(document.origin, Origin::Decoded { .. });
        match self.engine.run(&document.bytes, decoded, time) {
            Err(Stopped::Time) => return self.timed_out(document.path),
            Err(Stopped::Matches) => self.incomplete(document.path, "one pattern matches too often"),
            Err(Stopped::Fault(rule)) => {
                self.incomplete(
                    document.path,
                    &format!("a fault of this program: a pattern of `{rule}` does not compile"),
                );
            }
            Ok(matched) => {
                let sights =
                    matched.into_iter().filter_map(|m| sight::sight(document, m.source, m.span, told));
                let sights: Vec<Sight> = sights.collect();
                self.sights.extend(sights);
            }
        }
        for (index, rule) in RULES.iter().enumerate() {
            if let Detect::Predicate(look) = rule.detect {
                let sights =
                    look(document).into_iter().map(|spot| sight::spotted(document, index, spot, told));
                self.sights.extend(sights);
            }
        }
    }

    fn look_at_form(&mut self, document: &Document<'_>, depth: usize, told: &dyn Fn() -> bool) {
        match magic::form(&document.bytes) {
            Form::Executable(what) => {
                let hides = magic::is_harmless_name(document.inner.as_deref().unwrap_or(document.path));
                self.raise(if hides { "disguised-program" } else { "program-inside" }, document, what);
            }
            Form::Bytecode(what) => self.raise("bytecode-inside", document, what),
            Form::Packed("a gzip stream") => self.open_gzip(document, depth, told),
            Form::Packed(what) => self.raise("unreadable-archive", document, what),
            Form::Zip => {
                let opened = archive::open_zip(&document.bytes, &mut self.allowance);
                self.open(document, opened, depth, told);
            }
            Form::Tar => {
                let opened = archive::open_tar(&document.bytes, &mut self.allowance);
                self.open(document, opened, depth, told);
            }
            Form::Media | Form::Other => {}
        }
    }

    fn open_gzip(&mut self, document: &Document<'_>, depth: usize, told: &dyn Fn() -> bool) {
        match archive::gunzip(&document.bytes, self.allowance.bytes) {
            Ok(bytes) => {
                self.allowance.bytes -= bytes.len();
                let entries = vec![archive::Entry { name: "gzip".to_owned(), bytes }];
                self.open(document, Opened { entries, ..Opened::default() }, depth, told);
            }
            Err(why) => self.incomplete(document.path, why),
        }
    }

    fn open(&mut self, document: &Document<'_>, opened: Opened, depth: usize, told: &dyn Fn() -> bool) {
        if let Some(why) = opened.incomplete {
            self.incomplete(document.path, why);
        }
        if let Some(name) = opened.locked.first() {
            self.raise("locked-archive", document, name);
        }
        if let Some(name) = opened.escaping.first() {
            self.raise("escaping-archive", document, name);
        }
        if depth >= budget::DEPTH && !opened.entries.is_empty() {
            return self.incomplete(document.path, "archives in archives, too deep");
        }
        for entry in opened.entries {
            self.scan(&document.packed(entry.name, entry.bytes), depth + 1, told);
        }
    }

    fn raise(&mut self, rule: &str, document: &Document<'_>, what: &str) {
        let inner = document.inner.as_deref().map(|name| format!("{what} in {name}"));
        let seen = super::mask::excerpt(inner.as_deref().unwrap_or(what), 120);
        self.sights.extend(Sight::raised(rule, document.path, seen));
    }

    fn incomplete(&mut self, path: &str, why: &str) {
        self.sights.extend(Sight::raised(INCOMPLETE, path, why.to_owned()));
    }

    fn timed_out(&mut self, path: &str) {
        if !self.stopped {
            let seen = format!("after {} s", budget::TIME.as_secs());
            self.sights.extend(Sight::raised(TIMED_OUT, path, seen));
        }
        self.stopped = true;
    }

    /// The findings, each once, by path and line.
    fn findings(self) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            self.sights.iter().filter_map(|sight| sight.finding(self.engine)).collect();
        findings.sort_by(|a, b| {
            (&a.path, &a.rule, std::cmp::Reverse(a.severity), a.line, a.column).cmp(&(
                &b.path,
                &b.rule,
                std::cmp::Reverse(b.severity),
                b.line,
                b.column,
            ))
        });
        findings.dedup_by(|a, b| a.path == b.path && a.rule == b.rule && a.line == b.line);
        let mut kept: Vec<Finding> = Vec::new();
        for finding in findings {
            let same = kept.iter().rev().take_while(|k| k.path == finding.path && k.rule == finding.rule);
            if same.count() < SAME {
                kept.push(finding);
            }
        }
        kept.sort_by(|a, b| (&a.path, a.line, a.column, &a.rule).cmp(&(&b.path, b.line, b.column, &b.rule)));
        kept
    }
}
