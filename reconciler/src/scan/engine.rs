//! The YARA side: each of our patterns is compiled and run where a text may match it (`sieve`); the
//! operator's rules are one scanner, which runs over every text.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use boreal::compiler::{AddRuleError, CompilerBuilder, CompilerParams};
use boreal::scanner::{EvaluatedRule, ScanParams};
use boreal::{Compiler, MetadataValue};

use super::rule::{Applies, Detect, RuleMeta};
use super::rules::RULES;
use super::sieve::Sieve;
use crate::finding::{Class, Severity};

/// The namespace of the operator's own rules.
const OPERATORS: &str = "operator";
/// So many matches of one string in one text are looked at. More is an exceeded budget: harmless matches
/// must not hide a harmful one behind them.
const MATCHES: u32 = 4000;

/// The rules cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Our rules cannot be used: a fault of the program.
    #[error("the built-in scan rules cannot be used: {message}")]
    Builtin {
        /// What the compiler says.
        message: String,
    },
    /// A file of the operator's rules cannot be read.
    #[error("the YARA file `{path}` cannot be read: check that it exists and may be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file of the operator's rules does not compile.
    #[error("the YARA file `{path}` does not compile: {message}; correct it, or take it out of the policy")]
    Operator {
        /// The file.
        path: PathBuf,
        /// What the compiler says.
        message: String,
    },
    /// A file of a skill cannot be read now.
    #[error("`{path}` cannot be read to be scanned: the scan is repeated at the next pass")]
    Content {
        /// The file, relative to the subject.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl ScanError {
    /// Who must act: an unreadable content may be readable later, rules that do not compile need a person.
    pub fn remedy(&self) -> crate::report::Remedy {
        match self {
            Self::Content { .. } | Self::Read { .. } => crate::report::Remedy::Retry(None),
            Self::Builtin { .. } | Self::Operator { .. } => crate::report::Remedy::Person,
        }
    }
}

/// Which rule a match is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// By its index in the table.
    Ours(usize),
    /// By its index among the operator's.
    Operators(usize),
}

/// One match of one rule.
pub(super) struct Matched {
    pub(super) source: Source,
    pub(super) span: Range<usize>,
}

/// All patterns.
pub(super) struct Engine {
    ours: Vec<Pattern>,
    sieve: Sieve,
    theirs: Option<boreal::Scanner>,
    pub(super) operators: Vec<RuleMeta>,
}

/// The scan of one text stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// By the clock.
    Time,
    /// One pattern matches more often than is looked at.
    Matches,
    /// A pattern of ours does not compile: a fault of the program, which the tests would find.
    Fault(&'static str),
}

impl Engine {
    /// Compiles the operator's files. A pattern of ours is compiled where a text may first match it.
    pub(super) fn new(files: &[PathBuf]) -> Result<Self, ScanError> {
        let ours: Vec<Pattern> = patterns().collect();
        let sieve = Sieve::new(ours.iter().map(|pattern| pattern.string))
            .map_err(|error| ScanError::Builtin { message: error.to_string() })?;
        let theirs = if files.is_empty() { None } else { Some(compile_theirs(files)?) };
        let operators = theirs.as_ref().map(described).unwrap_or_default();
        Ok(Self { ours, sieve, theirs, operators })
    }

    /// All matches in a text, which was `decoded` out of another or is as it was written; those of one
    /// rule together, in the order of the table.
    pub(super) fn run(&self, text: &[u8], decoded: bool, time: Duration) -> Result<Vec<Matched>, Stopped> {
        let deadline = Instant::now() + time;
        let mut matched = Vec::new();
        for pattern in self.sieve.pass(text).into_iter().map(|at| &self.ours[at]) {
            if decoded || pattern.applies != Applies::Decoded {
                let source = |_: &EvaluatedRule<'_>| Some(Source::Ours(pattern.rule));
                run(pattern.scanner()?, text, deadline, source, &mut matched)?;
            }
        }
        if let Some(theirs) = &self.theirs {
            run(theirs, text, deadline, |rule| self.operators_source(rule), &mut matched)?;
        }
        Ok(matched)
    }

    fn operators_source(&self, rule: &EvaluatedRule<'_>) -> Option<Source> {
        let id = operator_id(rule.name);
        self.operators.iter().position(|meta| meta.id == id).map(Source::Operators)
    }
}

/// Adds what the rules of a scanner match in a text.
fn run(
    scanner: &boreal::Scanner,
    text: &[u8],
    deadline: Instant,
    source: impl Fn(&EvaluatedRule<'_>) -> Option<Source>,
    matched: &mut Vec<Matched>,
) -> Result<(), Stopped> {
    // A clone shares the compiled rules; only its parameters are its own.
    let mut timed = scanner.clone();
    let left = deadline.saturating_duration_since(Instant::now());
    timed.set_scan_params(scanner.scan_params().clone().timeout_duration(Some(left)));
    // What is neither read from a file nor from a process can only end by the clock.
    let result = timed.scan_mem(text).map_err(|_| Stopped::Time)?;
    for rule in result.rules.iter().filter(|rule| rule.matched) {
        let Some(source) = source(rule) else { continue };
        let many = |count: usize| u32::try_from(count).is_ok_and(|count| count >= MATCHES);
        if rule.matches.iter().any(|string| many(string.matches.len())) {
            return Err(Stopped::Matches);
        }
        let spans = rule.matches.iter().flat_map(|string| &string.matches);
        let before = matched.len();
        matched.extend(spans.map(|m| Matched { source, span: m.offset..m.offset + m.length }));
        if matched.len() == before {
            matched.push(Matched { source, span: 0..0 });
        }
    }
    Ok(())
}

/// One string of one of our rules.
pub(super) struct Pattern {
    /// The index of its rule in the table.
    rule: usize,
    /// As YARA writes it.
    pub(super) string: &'static str,
    applies: Applies,
    compiled: OnceLock<Option<boreal::Scanner>>,
}

impl Pattern {
    pub(super) fn scanner(&self) -> Result<&boreal::Scanner, Stopped> {
        let compiled = self.compiled.get_or_init(|| self.compile().ok());
        compiled.as_ref().ok_or(Stopped::Fault(RULES[self.rule].id))
    }

    fn compile(&self) -> Result<boreal::Scanner, AddRuleError> {
        let mut compiler = CompilerBuilder::new().build();
        let string = self.string;
        compiler.add_rules_str(format!("rule ours {{ strings: $s = {string} condition: $s }}"))?;
        Ok(finalized(compiler))
    }
}

/// The patterns of our rules, in the order of the table: those of one rule in their own.
pub(super) fn patterns() -> impl Iterator<Item = Pattern> {
    RULES.iter().enumerate().flat_map(|(rule, of)| {
        let (strings, applies) = match of.detect {
            Detect::Patterns { strings, applies, .. } => (strings, applies),
            _ => ("", Applies::Anywhere),
        };
        let lines = strings.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(move |string| Pattern { rule, string, applies, compiled: OnceLock::new() })
    })
}

fn compile_theirs(files: &[PathBuf]) -> Result<boreal::Scanner, ScanError> {
    let mut compiler = CompilerBuilder::new().build();
    // An included file would not be part of the digest that verdicts are kept by.
    compiler.set_params(CompilerParams::default().disable_includes(true));
    for file in files {
        add_file(&mut compiler, file)?;
    }
    Ok(finalized(compiler))
}

fn finalized(compiler: Compiler) -> boreal::Scanner {
    let mut scanner = compiler.finalize();
    scanner.set_scan_params(ScanParams::default().compute_full_matches(true).string_max_nb_matches(MATCHES));
    scanner
}

fn add_file(compiler: &mut Compiler, path: &Path) -> Result<(), ScanError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ScanError::Read { path: path.to_owned(), source })?;
    let added = compiler.add_rules_str_in_namespace(&text, OPERATORS);
    let wrong =
        |error: AddRuleError| ScanError::Operator { path: path.to_owned(), message: error.to_string() };
    added.map(drop).map_err(wrong)
}

fn operator_id(name: &str) -> String {
    format!("operator/{}", name.replace('_', "-"))
}

/// What the operator's rules say of themselves in their `meta`.
fn described(scanner: &boreal::Scanner) -> Vec<RuleMeta> {
    let ours = scanner.rules().filter(|rule| rule.namespace == OPERATORS && !rule.is_private);
    ours.map(|rule| {
        let said = |name: &str| {
            rule.metadatas.iter().find(|meta| scanner.get_string_symbol(meta.name) == name).and_then(|meta| {
                match meta.value {
                    MetadataValue::Bytes(symbol) => {
                        Some(String::from_utf8_lossy(scanner.get_bytes_symbol(symbol)).into_owned())
                    }
                    _ => None,
                }
            })
        };
        let id = operator_id(rule.name);
        RuleMeta {
            title: said("title")
                .or_else(|| said("description"))
                .unwrap_or_else(|| rule.name.replace('_', " ")),
            looks_for: said("description").unwrap_or_else(|| "What the operator's rule says.".to_owned()),
            why: "The operator of this installation looks for it.".to_owned(),
            severity: said("severity").map_or(Severity::High, |text| severity(&text)),
            class: said("class").map_or(Class::Risky, |text| class(&text)),
            help: said("help").unwrap_or_else(|| "Ask the operator of this installation.".to_owned()),
            references: said("reference").into_iter().collect(),
            hits: Vec::new(),
            misses: Vec::new(),
            reported: true,
            id,
        }
    })
    .collect()
}

fn severity(text: &str) -> Severity {
    match text {
        "critical" => Severity::Critical,
        "medium" => Severity::Medium,
        "low" => Severity::Low,
        _ => Severity::High,
    }
}

fn class(text: &str) -> Class {
    match text {
        "malicious" => Class::Malicious,
        "exposure" => Class::Exposure,
        "capability" => Class::Capability,
        _ => Class::Risky,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_ours_compiles() {
        for pattern in patterns() {
            let compiled = pattern.compile().map(drop);
            assert!(compiled.is_ok(), "{}: {compiled:?}", RULES[pattern.rule].id);
        }
    }
}
