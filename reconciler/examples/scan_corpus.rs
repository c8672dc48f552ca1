//! Measures the scan on labelled skills: recall by source and false alarms, always together.
//!
//! `scan_corpus DIR [--half write|report] [--list missed|alarms|RULE]`, where DIR holds
//! `MANIFEST.tsv` (label, source, skill, …) and `{malicious,benign}/SOURCE/SKILL/`. The halves are split by
//! a hash of the skill's path: rules are written on one and reported on the other.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use reconciler::finding::{Finding, Severity};
use reconciler::ids::Digest;
use reconciler::scan::{Scanner, Subject, SubjectFile};

type Failure = Box<dyn std::error::Error>;

/// One labelled skill.
struct Labelled {
    malicious: bool,
    source: String,
    kind: String,
    path: String,
}

/// What was measured of one source.
#[derive(Default)]
struct Tally {
    skills: usize,
    held: usize,
    /// Findings of high severity, critical ones aside.
    high: usize,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let option = |name: &str| {
        arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)).map(String::as_str)
    };
    let directory = PathBuf::from(arguments.first().ok_or("which directory?")?);
    let started = Instant::now();
    let scanner = Scanner::new()?;
    let compiled = started.elapsed();
    let mut tallies: BTreeMap<(bool, String, String), Tally> = BTreeMap::new();
    let mut by_rule: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let (mut time, mut slowest) = (Duration::ZERO, (Duration::ZERO, String::new()));
    let mut out = io::stdout().lock();
    for skill in labelled(&directory)? {
        if option("--half").is_some_and(|half| half != self::half(&skill.path)) {
            continue;
        }
        let files = read(&directory.join(&skill.path))?;
        let begun = cpu_time();
        let findings = scanner.scan(&subject(&files))?;
        let took = cpu_time().saturating_sub(begun);
        time += took;
        slowest = slowest.max((took, skill.path.clone()));
        list(&mut out, option("--list"), &skill, &findings)?;
        let held = findings.iter().any(|finding| finding.holds(Some(Severity::Critical)));
        count_rules(&mut by_rule, &skill, &findings);
        let tally = tallies.entry((skill.malicious, skill.kind, skill.source)).or_default();
        tally.skills += 1;
        tally.held += usize::from(held);
        tally.high += usize::from(!held && findings.iter().any(|f| f.severity == Severity::High));
    }
    print(&mut out, &tallies, &by_rule)?;
    let skills: usize = tallies.values().map(|tally| tally.skills).sum();
    let each = time / u32::try_from(skills.max(1))?;
    writeln!(
        out,
        "start {compiled:?}; {each:?} of processor time a skill; slowest {:?} {}",
        slowest.0, slowest.1
    )?;
    Ok(())
}

/// The processor time of this thread: a busy machine does not count. Linux tells it; elsewhere it is zero.
fn cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0))
}

fn half(path: &str) -> &'static str {
    if Digest::of(path.as_bytes()).as_bytes()[0].is_multiple_of(2) { "write" } else { "report" }
}

fn labelled(directory: &Path) -> Result<Vec<Labelled>, Failure> {
    let manifest = fs::read_to_string(directory.join("MANIFEST.tsv"))?;
    let skills = manifest.lines().skip(1).filter_map(|line| {
        let mut columns = line.split('\t');
        let (label, source, skill) = (columns.next()?, columns.next()?, columns.next()?);
        let kind = columns.nth(1).unwrap_or("").to_owned();
        let path = format!("{label}/{source}/{skill}");
        Some(Labelled { malicious: label == "malicious", source: source.to_owned(), kind, path })
    });
    Ok(skills.collect())
}

fn read(directory: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.is_file() {
                let name = path.strip_prefix(directory).unwrap_or(&path).to_string_lossy().into_owned();
                files.push((name, fs::read(&path)?));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn subject(files: &[(String, Vec<u8>)]) -> Subject<'_> {
    let files = files.iter().map(|(path, bytes)| SubjectFile {
        path: path.clone(),
        executable: false,
        entry: path == "SKILL.md",
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        read: Box::new(|| Ok(bytes.clone())),
    });
    Subject { files: files.collect() }
}

fn count_rules(by_rule: &mut BTreeMap<String, [usize; 2]>, skill: &Labelled, findings: &[Finding]) {
    let mut rules: Vec<(&str, Severity)> = findings.iter().map(|f| (f.rule.as_str(), f.severity)).collect();
    rules.sort();
    rules.dedup();
    for (rule, severity) in rules {
        by_rule.entry(format!("{severity:8} {rule}")).or_default()[usize::from(!skill.malicious)] += 1;
    }
}

fn list(
    out: &mut impl io::Write,
    what: Option<&str>,
    skill: &Labelled,
    findings: &[Finding],
) -> io::Result<()> {
    let held = findings.iter().any(|finding| finding.holds(Some(Severity::Critical)));
    match what {
        Some("missed") if skill.malicious && !held => writeln!(out, "missed {}", skill.path),
        Some("alarms") if !skill.malicious => {
            for finding in findings.iter().filter(|f| f.severity == Severity::Critical) {
                writeln!(
                    out,
                    "{} {}:{:?} {} {}",
                    skill.path, finding.path, finding.line, finding.rule, finding.message
                )?;
            }
            Ok(())
        }
        Some(rule) => {
            for finding in findings.iter().filter(|f| f.rule == rule) {
                let at = finding.line.unwrap_or(0);
                writeln!(
                    out,
                    "{} {}:{at} {} {}",
                    skill.path, finding.path, finding.severity, finding.message
                )?;
            }
            Ok(())
        }
        None => Ok(()),
    }
}

fn print(
    out: &mut impl io::Write,
    tallies: &BTreeMap<(bool, String, String), Tally>,
    by_rule: &BTreeMap<String, [usize; 2]>,
) -> io::Result<()> {
    writeln!(
        out,
        "{:9} {:12} {:26} {:>6} {:>6} {:>6} {:>6}",
        "label", "kind", "source", "skills", "held", "share", "high"
    )?;
    for ((malicious, kind, source), tally) in tallies {
        row(out, *malicious, kind, source, tally)?;
    }
    for (malicious, kind) in [(true, ""), (true, "wild"), (false, ""), (false, "real-benign")] {
        let mut sum = Tally::default();
        let fits = |key: &&(bool, String, String)| key.0 == malicious && (kind.is_empty() || key.1 == kind);
        for key in tallies.keys().filter(fits) {
            sum.skills += tallies[key].skills;
            sum.held += tallies[key].held;
            sum.high += tallies[key].high;
        }
        row(out, malicious, if kind.is_empty() { "all" } else { kind }, "ALL", &sum)?;
    }
    writeln!(out, "\n{:44} {:>9} {:>6}   (skills)", "severity rule", "malicious", "benign")?;
    for (rule, [bad, good]) in by_rule {
        writeln!(out, "{rule:44} {bad:>9} {good:>6}")?;
    }
    Ok(())
}

fn row(out: &mut impl io::Write, malicious: bool, kind: &str, source: &str, tally: &Tally) -> io::Result<()> {
    let label = if malicious { "malicious" } else { "benign" };
    let permille = tally.held * 1000 / tally.skills.max(1);
    let (whole, part) = (permille / 10, permille % 10);
    let Tally { skills, held, high } = tally;
    writeln!(out, "{label:9} {kind:12} {source:26} {skills:>6} {held:>6} {whole:>4}.{part} {high:>6}")
}
