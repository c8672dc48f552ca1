//! The security scan: what in a skill would do harm when an agent follows it.
//!
//! Rules are values ([`rules()`](Scanner::rules)): one file each below `scan/rules/`. Patterns are YARA
//! (`engine`), and those are run that a text may match, which one pass tells (`sieve`); what a pattern
//! cannot say is a Rust predicate;
//! combinations are rules over findings (`combine`). A text is also scanned without its invisible
//! characters (`unicode`), and what decodes out of it (`decode`) or lies packed in it (`archive`) is
//! scanned like it. Context lowers a finding in documentation that warns, and nowhere else (`context`).
//!
//! Nothing is ever run, resolved or fetched. The cost is bounded ([`budget`]) and an exceeded budget is a
//! finding that holds.

mod archive;
pub mod budget;
mod combine;
mod context;
mod decode;
mod document;
mod engine;
mod entropy;
mod hosts;
mod magic;
mod markdown;
mod mask;
mod predicate;
mod rule;
mod rules;
mod session;
mod sieve;
mod sight;
mod told;
mod unicode;

use std::io;
use std::path::PathBuf;

pub use engine::ScanError;
pub use mask::mask;
pub use rule::{Example, RuleMeta};
use sha2::{Digest as _, Sha256};

use crate::finding::Finding;
use crate::ids::Digest;

/// The rule of an exceeded budget other than the time's.
pub const INCOMPLETE: &str = "scan-incomplete";
/// The rule of an exceeded time budget: its findings are true of a moment, so they are not kept.
pub const TIMED_OUT: &str = "scan-timeout";

/// Every rule of this program, in the order of the table.
pub fn handbook() -> Vec<RuleMeta> {
    rules::RULES.iter().map(|rule| rule.meta()).collect()
}

/// The [`Scanner::digest`] of the rules of this program, before they are compiled.
pub fn digest() -> String {
    hex(fresh_digest())
}

/// The [`Scanner::digest`] of these rules and an operator's files. Fails where one cannot be read.
pub fn digest_with(files: &[PathBuf]) -> Result<String, ScanError> {
    let mut digest = fresh_digest();
    for file in files {
        let read = |source| ScanError::Read { path: file.clone(), source };
        digest.update(std::fs::read(file).map_err(read)?);
        digest.update([0]);
    }
    Ok(hex(digest))
}

fn fresh_digest() -> Sha256 {
    Sha256::new().chain_update(env!("CARGO_PKG_VERSION")).chain_update(env!("SCAN_SOURCES"))
}

fn hex(digest: Sha256) -> String {
    Digest::from(<[u8; 32]>::from(digest.finalize())).to_string()
}

/// A skill as the scanner sees it.
pub struct Subject<'a> {
    /// Its files.
    pub files: Vec<SubjectFile<'a>>,
}

/// One file of a skill.
pub struct SubjectFile<'a> {
    /// The path as findings show it.
    pub path: String,
    /// Whether the tree says that it may be executed.
    pub executable: bool,
    /// Whether it is the skill's entry, which the agent reads first.
    pub entry: bool,
    /// Its size in bytes, known before it is read.
    pub size: u64,
    /// Reads it; called at most once, and not where a budget is exceeded.
    pub read: Box<dyn Fn() -> io::Result<Vec<u8>> + 'a>,
}

/// All rules.
pub struct Scanner {
    engine: engine::Engine,
    rules: Vec<RuleMeta>,
    digest: String,
}

impl Scanner {
    /// The rules of this program; what of them a text needs is compiled when it is scanned.
    pub fn new() -> Result<Self, ScanError> {
        Self::with_operator_rules(&[])
    }

    /// The rules of this program, and the operator's YARA files, compiled.
    ///
    /// A rule of theirs may say `title`, `description`, `severity`, `class`, `help` and `reference` in its
    /// `meta`; its id is `operator/` and its name. Fails where a file cannot be read or compiled.
    pub fn with_operator_rules(files: &[PathBuf]) -> Result<Self, ScanError> {
        let digest = digest_with(files)?;
        let engine = engine::Engine::new(files)?;
        let rules =
            rules::RULES.iter().map(|rule| rule.meta()).chain(engine.operators.iter().cloned()).collect();
        Ok(Self { engine, rules, digest })
    }

    /// Every rule, ours in the order of the table, then the operator's.
    pub fn rules(&self) -> &[RuleMeta] {
        &self.rules
    }

    /// One rule by its id.
    pub fn rule(&self, id: &str) -> Option<&RuleMeta> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// What a cached result depends on besides the skill: the rules, this program, the budgets.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Everything that the rules see in a skill, by path and line; findings of one rule in one file are at
    /// most five, the gravest.
    ///
    /// Fails only where a file cannot be read: that says nothing of the skill.
    pub fn scan(&self, subject: &Subject<'_>) -> Result<Vec<Finding>, ScanError> {
        session::Session::new(&self.engine, subject).run()
    }

    /// Everything that the rules see in one file that stands alone, under its path in a skill.
    ///
    /// Total: any bytes under any name give findings, within the budgets.
    pub fn scan_file(&self, path: &str, bytes: &[u8]) -> Vec<Finding> {
        let file = SubjectFile {
            path: path.to_owned(),
            executable: false,
            entry: path == "SKILL.md",
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            read: Box::new(|| Ok(bytes.to_vec())),
        };
        // Only reading fails, and these bytes are here.
        self.scan(&Subject { files: vec![file] }).unwrap_or_default()
    }

    /// What the rules saw, signals included, and whether each was quoted.
    #[cfg(test)]
    fn sights_for_tests(&self, subject: &Subject<'_>) -> Vec<(String, bool)> {
        session::Session::new(&self.engine, subject).sights()
    }

    /// Whether the same skill will have the same findings: not where the time ran out.
    pub fn is_lasting(findings: &[Finding]) -> bool {
        findings.iter().all(|finding| finding.rule != TIMED_OUT)
    }
}
