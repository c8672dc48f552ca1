//! What a rule is: a value with its reasons, its examples, and the way it looks.

use std::fmt::Write as _;

use serde::Serialize;

use super::document::Hit;
use super::predicate::Spot;
use crate::finding::{Class, Severity};

/// A file of one small skill, for showing what a rule sees and what it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Path in the skill.
    pub path: &'static str,
    /// Content.
    pub text: &'static str,
}

/// What is known of a rule: enough for `explain`, for SARIF and for docs/rules.md.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleMeta {
    /// The stable id.
    pub id: String,
    /// A few words.
    pub title: String,
    /// What it looks for.
    pub looks_for: String,
    /// Why that matters.
    pub why: String,
    /// How grave it is where no context lowers it.
    pub severity: Severity,
    /// What kind of thing it is.
    pub class: Class,
    /// What to do about it.
    pub help: String,
    /// OWASP, MITRE ATT&CK and MITRE ATLAS entries.
    pub references: Vec<String>,
    /// Skills, one file each, that it must hit.
    pub hits: Vec<Example>,
    /// Skills, one file each, that it must not hit.
    pub misses: Vec<Example>,
    /// Whether it makes findings by itself; if not it only counts in combinations.
    pub reported: bool,
}

impl RuleMeta {
    /// The rule's page, in Markdown, under a heading of the second level.
    pub fn page(&self) -> String {
        let mut page = format!("## {}\n\n**{}.**", self.id, self.title);
        let _ = write!(page, " Severity {}, class {}.", self.severity, self.class);
        if !self.reported {
            page.push_str(" A signal: it makes no finding alone, other rules combine it.");
        }
        let _ = write!(page, "\n\n*Looks for:* {}\n\n*Why:* {}\n\n", self.looks_for, self.why);
        let _ = writeln!(page, "*What to do:* {}", self.help);
        if !self.references.is_empty() {
            let _ = write!(page, "\n*References:* {}.\n", self.references.join("; "));
        }
        for (title, examples) in [("Hits", &self.hits), ("Does not hit", &self.misses)] {
            if let Some(example) = examples.first() {
                let text = visible(example.text);
                let _ =
                    write!(page, "\n{title} (`{}`):\n\n~~~~text\n{}\n~~~~\n", example.path, text.trim_end());
            }
        }
        page
    }
}

/// A text with its invisible and control characters written out.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c.to_string(),
            c if c.is_control() || super::unicode::is_invisible(c) => format!("\\u{{{:X}}}", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

/// Which parts of a skill a pattern is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applies {
    /// All text.
    Anywhere,
    /// What an interpreter reads: scripts, fenced and inline code, configuration.
    Code,
    /// What the agent reads as text: prose, front matter, comments.
    Prose,
    /// Only what was decoded out of base64 or hex.
    Decoded,
}

/// How near the parts of a combination must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// At most so many lines of one file apart.
    Lines(u32),
    /// In one skill.
    Skill,
}

/// How a rule looks.
pub(super) enum Detect {
    /// YARA strings; each match that `keep` agrees to is a finding.
    Patterns { strings: &'static str, applies: Applies, keep: fn(&Hit<'_>) -> bool },
    /// The matches of another rule's patterns that `keep` agrees to; they replace that rule's finding.
    Refines { rule: &'static str, keep: fn(&Hit<'_>) -> bool },
    /// A Rust predicate over one document.
    Predicate(fn(&super::document::Document<'_>) -> Vec<Spot>),
    /// Findings of other rules near one another: one of each part. Its place is the first part's.
    Together { parts: &'static [&'static [&'static str]], within: Within },
    /// The scanner itself raises it (budgets, archives, binaries).
    Engine,
}

/// A rule of ours.
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// The finding's message; what was seen follows after a colon.
    pub(super) says: &'static str,
    pub(super) looks_for: &'static str,
    pub(super) why: &'static str,
    pub(super) severity: Severity,
    pub(super) class: Class,
    pub(super) help: &'static str,
    pub(super) references: &'static [&'static str],
    pub(super) hits: &'static [Example],
    pub(super) misses: &'static [Example],
    pub(super) reported: bool,
    /// Whether a warning that quotes it is told from doing it: such a finding goes down a class.
    pub(super) quotable: bool,
    /// Whether what it finds is a secret, of which a message shows the first characters only.
    pub(super) secret: bool,
    pub(super) detect: Detect,
}

impl Rule {
    const BASE: Self = Self {
        id: "",
        title: "",
        says: "",
        looks_for: "",
        why: "",
        severity: Severity::Low,
        class: Class::Capability,
        help: "",
        references: &[],
        hits: &[],
        misses: &[],
        reported: true,
        quotable: true,
        secret: false,
        detect: Detect::Engine,
    };
    /// An indicator of an attack: the class that holds.
    pub(super) const MALICIOUS: Self =
        Self { severity: Severity::Critical, class: Class::Malicious, ..Self::BASE };
    /// Dangerous in the wrong hands.
    pub(super) const RISKY: Self = Self { severity: Severity::High, class: Class::Risky, ..Self::BASE };
    /// Should not be public.
    pub(super) const EXPOSURE: Self =
        Self { severity: Severity::Medium, class: Class::Exposure, secret: true, ..Self::BASE };
    /// For information.
    pub(super) const CAPABILITY: Self = Self { ..Self::BASE };
    /// No finding alone.
    pub(super) const SIGNAL: Self = Self { reported: false, ..Self::BASE };
    /// The form of a skill, and what could not be judged: holds always.
    pub(super) const STRUCTURE: Self =
        Self { severity: Severity::Critical, class: Class::Structure, quotable: false, ..Self::BASE };

    /// What the outside may know of it.
    pub(super) fn meta(&self) -> RuleMeta {
        RuleMeta {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            looks_for: self.looks_for.to_owned(),
            why: self.why.to_owned(),
            severity: self.severity,
            class: self.class,
            help: self.help.to_owned(),
            references: self.references.iter().map(|r| (*r).to_owned()).collect(),
            hits: self.hits.to_vec(),
            misses: self.misses.to_vec(),
            reported: self.reported,
        }
    }
}

/// A file named SKILL.md, the usual case of an example.
pub(super) const fn skill(text: &'static str) -> Example {
    Example { path: "SKILL.md", text }
}

/// A file of another name.
pub(super) const fn file(path: &'static str, text: &'static str) -> Example {
    Example { path, text }
}

/// The `keep` of patterns that need no second look.
pub(super) fn always(_: &Hit<'_>) -> bool {
    true
}
