//! The YARA side: all patterns compiled into one scanner, one pass over a text for all of them.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use boreal::compiler::{AddRuleError, CompilerBuilder, CompilerParams};
use boreal::scanner::ScanParams;
use boreal::{Compiler, MetadataValue};

use super::rule::{Applies, Detect, RuleMeta};
use super::rules::RULES;
use crate::finding::{Class, Severity};

/// The namespace of the operator's own rules.
const OPERATORS: &str = "operator";
/// So many matches of one string in one text are looked at. More is an exceeded budget: harmless matches
/// must not hide a harmful one behind them.
const MATCHES: u32 = 4000;
/// Our rules for written texts are compiled in so many parts at once. Each part is a pass over a text, so it
/// is not many.
const PARTS: usize = 2;

/// The rules cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A rule of ours does not compile: a fault of the program.
    #[error("the built-in scan rules do not compile: {message}")]
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

/// The compiled patterns.
pub(super) struct Engine {
    scanners: Vec<boreal::Scanner>,
    /// The rules that mean decoded texts only; their words are common ones elsewhere.
    decoded: boreal::Scanner,
    /// The index of a rule in the table by its name in YARA.
    names: Vec<(String, usize)>,
    pub(super) operators: Vec<RuleMeta>,
}

/// The scan of one text stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// By the clock.
    Time,
    /// One pattern matches more often than is looked at.
    Matches,
}

impl Engine {
    /// Compiles our rules and the operator's files.
    pub(super) fn new(files: &[PathBuf]) -> Result<Self, ScanError> {
        let (mut scanners, decoded) = compile_ours()?;
        let mut operators = Vec::new();
        if !files.is_empty() {
            let scanner = compile_theirs(files)?;
            operators = described(&scanner);
            scanners.push(scanner);
        }
        Ok(Self { scanners, decoded, names: names(), operators })
    }

    /// All matches in a text, which was `decoded` out of another or is as it was written.
    pub(super) fn run(&self, text: &[u8], decoded: bool, time: Duration) -> Result<Vec<Matched>, Stopped> {
        let mut matched = Vec::new();
        for scanner in self.scanners.iter().chain(decoded.then_some(&self.decoded)) {
            self.run_part(scanner, text, time, &mut matched)?;
        }
        Ok(matched)
    }

    fn run_part(
        &self,
        scanner: &boreal::Scanner,
        text: &[u8],
        time: Duration,
        matched: &mut Vec<Matched>,
    ) -> Result<(), Stopped> {
        // A clone shares the compiled rules; only its parameters are its own.
        let mut timed = scanner.clone();
        timed.set_scan_params(scanner.scan_params().clone().timeout_duration(Some(time)));
        // What is neither read from a file nor from a process can only end by the clock.
        let result = timed.scan_mem(text).map_err(|_| Stopped::Time)?;
        for rule in result.rules.iter().filter(|rule| rule.matched) {
            let Some(source) = self.source_of(rule.namespace, rule.name) else { continue };
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

    fn source_of(&self, namespace: &str, name: &str) -> Option<Source> {
        if namespace == OPERATORS {
            let id = operator_id(name);
            return self.operators.iter().position(|meta| meta.id == id).map(Source::Operators);
        }
        let at = self.names.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        Some(Source::Ours(self.names[at].1))
    }
}

/// Compiles our rules in parts, side by side: most of the time from start to the first verdict is this.
/// Gives the parts for all texts, and the one for decoded texts.
fn compile_ours() -> Result<(Vec<boreal::Scanner>, boreal::Scanner), ScanError> {
    let (decoded, written): (Vec<_>, Vec<_>) = patterns().partition(|part| part.applies == Applies::Decoded);
    let size = written.len().div_ceil(PARTS).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            written.chunks(size).skip(1).map(|part| scope.spawn(move || compile(part))).collect();
        let mut scanners = vec![compile(&written[..size.min(written.len())])?];
        let decoded = compile(&decoded)?;
        for part in parts {
            let panicked = |_| ScanError::Builtin { message: "the compiler panicked".to_owned() };
            scanners.push(part.join().map_err(panicked)??);
        }
        Ok((scanners, decoded))
    })
}

/// The patterns of one of our rules.
#[derive(Clone, Copy)]
struct Patterns {
    id: &'static str,
    strings: &'static str,
    applies: Applies,
}

fn patterns() -> impl Iterator<Item = Patterns> {
    RULES.iter().filter_map(|rule| match rule.detect {
        Detect::Patterns { strings, applies, .. } => Some(Patterns { id: rule.id, strings, applies }),
        _ => None,
    })
}

fn compile(part: &[Patterns]) -> Result<boreal::Scanner, ScanError> {
    let mut compiler = CompilerBuilder::new().build();
    for rule in part {
        compiler
            .add_rules_str(yara(&yara_name(rule.id), rule.strings))
            .map_err(|error| ScanError::Builtin { message: format!("{}: {error}", rule.id) })?;
    }
    Ok(finalized(compiler))
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

/// The name of a rule in YARA, where a hyphen is not part of one.
fn yara_name(id: &str) -> String {
    id.replace('-', "_")
}

/// The index of each rule in the table by its name in YARA, by name.
fn names() -> Vec<(String, usize)> {
    let mut names: Vec<_> = RULES.iter().enumerate().map(|(at, rule)| (yara_name(rule.id), at)).collect();
    names.sort();
    names
}

fn yara(name: &str, strings: &str) -> String {
    let mut source = format!("rule {name} {{\n  strings:\n");
    for (number, string) in strings.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let _ = writeln!(source, "    $s{number} = {string}");
    }
    source.push_str("  condition: any of them\n}\n");
    source
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
