//! The verdicts of `validate`: for people with the lines that they are about, for machines, and as
//! GitHub workflow commands.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use reconciler::finding::{Finding, Severity};
use reconciler::scan::mask;
use reconciler::verdict::{SkillReport, Standing};
use serde::Serialize;

use super::escape::{terminal, workflow_message, workflow_property};
use super::style::{Style, Tone};

pub(crate) mod sarif;

/// What `validate` found, in the shape of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Validation {
    /// Every skill, by id.
    pub skills: Vec<SkillReport>,
    /// What was found outside of skills, such as a flat file without front matter.
    pub strays: Vec<Finding>,
}

impl Validation {
    /// How many skills are held.
    pub(crate) fn held(&self) -> usize {
        self.skills.iter().filter(|skill| skill.verdict == Standing::Held).count()
    }

    /// Whether a finding is at least as grave as that.
    pub(crate) fn has(&self, least: Severity) -> bool {
        self.findings().any(|finding| finding.severity >= least)
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.skills.iter().flat_map(|skill| &skill.findings).chain(&self.strays)
    }
}

/// How findings are shown.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The directory that was judged, as it was given.
    pub directory: PathBuf,
    /// The lowest severity that holds a skill, structure aside.
    pub block: Option<Severity>,
    /// Colours, or none.
    pub style: Style,
}

/// How grave a finding is for who must act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// It holds its skill.
    Error,
    /// It deserves a look.
    Warning,
    /// It is for information.
    Note,
}

impl View {
    fn weight(&self, finding: &Finding) -> Weight {
        match finding.severity {
            _ if finding.holds(self.block) => Weight::Error,
            Severity::Low => Weight::Note,
            Severity::Medium | Severity::High | Severity::Critical => Weight::Warning,
        }
    }

    /// For people: each finding with its line, what may be a secret masked in it, and a summary at the
    /// end. `line` reads a line, by its number from 1, of a file below the directory.
    pub(crate) fn text(&self, validation: &Validation, line: impl Fn(&str, u32) -> Option<String>) -> String {
        let shown = validation.findings().map(|finding| {
            let source = finding.line.and_then(|at| line(&finding.path, at));
            self.snippet(finding, source.as_deref()) + "\n"
        });
        shown.collect::<String>() + &self.summary(validation).to_string()
    }

    fn snippet(&self, finding: &Finding, source: Option<&str>) -> String {
        let path = self.shown_path(finding);
        let level = match self.weight(finding) {
            Weight::Error => Level::ERROR,
            Weight::Warning => Level::WARNING,
            Weight::Note => Level::NOTE,
        };
        let title = level.primary_title(terminal(&finding.message)).id(terminal(&finding.rule));
        let help = Level::HELP.message(terminal(&finding.help));
        let line = finding.line.and_then(|line| usize::try_from(line).ok());
        let group = match (line, source.and_then(|source| Excerpt::of(source, finding.column))) {
            (Some(line), Some(Excerpt { text, span })) => title.element(
                Snippet::source(text)
                    .line_start(line)
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(span)),
            ),
            (line, _) => title.element(origin(path, line)),
        };
        self.render(if finding.help.is_empty() { group } else { group.element(help) })
    }

    fn render(&self, group: Group<'_>) -> String {
        let renderer = match self.style {
            Style::Plain => Renderer::plain(),
            Style::Colour => Renderer::styled(),
        };
        renderer.render(&[group]) + "\n"
    }

    fn shown_path(&self, finding: &Finding) -> String {
        let path = self.directory.join(&finding.path);
        let plain = path.strip_prefix(".").unwrap_or(&path);
        terminal(&plain.to_string_lossy())
    }

    fn summary(&self, validation: &Validation) -> Summary {
        let of = |weight| validation.findings().filter(|finding| self.weight(finding) == weight).count();
        Summary {
            held: validation.held(),
            skills: validation.skills.len(),
            warnings: of(Weight::Warning),
            notes: of(Weight::Note),
            style: self.style,
        }
    }

    /// As workflow commands; paths are relative to the working directory, as far as the directory was.
    pub(crate) fn github(&self, validation: &Validation) -> String {
        validation.findings().map(|finding| self.command(finding)).collect()
    }

    fn command(&self, finding: &Finding) -> String {
        let level = match self.weight(finding) {
            Weight::Error => "error",
            Weight::Warning => "warning",
            Weight::Note => "notice",
        };
        let path = self.directory.join(&finding.path);
        let path = path.strip_prefix(".").unwrap_or(&path).to_string_lossy().into_owned();
        let place = [("line", finding.line), ("col", finding.column)];
        let place: String =
            place.iter().filter_map(|(name, at)| at.map(|at| format!(",{name}={at}"))).collect();
        let message = workflow_message(&format!("{}\n{}", finding.message, finding.help));
        let (path, rule) = (workflow_property(&path), workflow_property(&finding.rule));
        format!("::{level} file={path}{place},title={rule}::{message}\n")
    }
}

fn origin<'a>(path: String, line: Option<usize>) -> Origin<'a> {
    let origin = Origin::path(path);
    match line {
        Some(line) => origin.line(line),
        None => origin,
    }
}

/// How many characters of a line are shown on each side of the column.
const AROUND: usize = 60;

/// The part of a line that is shown, escaped, and the bytes of it that are marked.
struct Excerpt {
    text: String,
    span: Range<usize>,
}

impl Excerpt {
    /// None for a line with nothing in it: there is nothing to mark.
    fn of(line: &str, column: Option<u32>) -> Option<Self> {
        let line = line.trim_end_matches(['\r', '\n']);
        let at =
            column.and_then(|column| usize::try_from(column).ok()).map(|column| column.saturating_sub(1));
        // What is masked before the column moves it.
        let at = at.map(|at| mask(&line.chars().take(at).collect::<String>()).chars().count());
        let chars: Vec<char> = mask(line).chars().collect();
        let (from, to) = match at {
            Some(at) => (at.saturating_sub(AROUND), (at + AROUND).min(chars.len())),
            None => (0, chars.len().min(2 * AROUND)),
        };
        let piece =
            |range: Range<usize>| terminal(&chars.get(range).unwrap_or_default().iter().collect::<String>());
        let at = at.map(|at| at.min(chars.len()));
        let (before, marked, after) = match at {
            Some(at) => (piece(from..at), piece(at..to.min(at + 1)), piece((at + 1).min(to)..to)),
            None => (String::new(), piece(from..to), String::new()),
        };
        let span = before.len()..before.len() + marked.len();
        (!chars.is_empty()).then(|| Self { text: before + &marked + &after, span })
    }
}

/// The last line of the text.
struct Summary {
    held: usize,
    skills: usize,
    warnings: usize,
    notes: usize,
    style: Style,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { held, skills, warnings, notes, style } = *self;
        match (skills, held) {
            (0, _) => write!(f, "{}", style.paint(Tone::Notice, "no skills here"))?,
            (_, 0) => write!(f, "{}: {}", style.paint(Tone::Good, "valid"), count(skills, "skill"))?,
            _ => write!(f, "{}: {held} of {}", style.paint(Tone::Bad, "held"), count(skills, "skill"))?,
        }
        for (number, noun) in [(warnings, "warning"), (notes, "note")] {
            if number > 0 {
                write!(f, ", {}", count(number, noun))?;
            }
        }
        writeln!(f)
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
