//! A finding is data: what a rule saw, where, how grave it is, and what to do. Rendering is later.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, SkillId, Timestamp};

/// How grave a finding is; the order is from the mildest up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a reason.
    High,
    /// Must not be served.
    Critical,
}

/// What kind of thing a rule looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The form of a skill. A critical one always holds, whatever `SCAN_BLOCK` says.
    Structure,
    /// An indicator of an attack.
    Malicious,
    /// A construct that is dangerous in the wrong hands.
    Risky,
    /// Something that should not be public, such as a key.
    Exposure,
    /// What the skill is able to do; for information.
    Capability,
}

macro_rules! lower_case_display {
    ($name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $text),+ })
            }
        }
    };
}

lower_case_display!(Severity { Low => "low", Medium => "medium", High => "high", Critical => "critical" });
lower_case_display!(Class {
    Structure => "structure",
    Malicious => "malicious",
    Risky => "risky",
    Exposure => "exposure",
    Capability => "capability",
});

/// A place in a file: 1-based, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of a byte offset in a text; past the end it is the end.
    pub fn of_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            line: count(before.bytes().filter(|b| *b == b'\n').count() + 1),
            column: count(before[line_start..].chars().count() + 1),
        }
    }
}

/// What one rule says of one place.
///
/// `path` is relative to `SKILLS_PATH`, or to the directory that `validate` was given. It may hold
/// any text that a tree can: escape it where it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The stable id of the rule.
    pub rule: String,
    /// How grave it is.
    pub severity: Severity,
    /// What kind of thing it is.
    pub class: Class,
    /// The file, or the directory, that it is about.
    pub path: String,
    /// The line, from 1, where there is one.
    pub line: Option<u32>,
    /// The column in characters, from 1, where there is one.
    pub column: Option<u32>,
    /// What was seen, in one sentence that names it.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Finding {
    /// Whether it holds its skill: a critical structural fault always does, and of the other classes
    /// whatever is at least as grave as `block` (none, where there is no such level).
    pub fn holds(&self, block: Option<Severity>) -> bool {
        match self.class {
            Class::Structure => self.severity == Severity::Critical,
            _ => block.is_some_and(|lowest| self.severity >= lowest),
        }
    }
}

/// A skill that is not served as git has it, and why: its gravest finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The skill.
    pub skill: SkillId,
    /// The rule that holds it.
    pub rule: String,
    /// The file that the rule is about.
    pub path: String,
    /// The line, from 1, where there is one.
    pub line: Option<u32>,
    /// What was seen, and what to do.
    pub message: String,
    /// The commit whose bytes are served instead; none where nothing is.
    pub serving: Option<CommitId>,
    /// Since when this skill is held.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_not_bytes() {
        assert_eq!(Place::of_offset("a\nüb", 4), Place { line: 2, column: 2 });
        assert_eq!(Place::of_offset("", 0), Place::START);
        assert_eq!(Place::of_offset("x\n", 99), Place { line: 2, column: 1 });
    }

    #[test]
    fn structure_holds_whatever_the_threshold_is() {
        let mut finding = Finding {
            rule: "r".into(),
            severity: Severity::Critical,
            class: Class::Structure,
            path: "a.md".into(),
            line: None,
            column: None,
            message: String::new(),
            help: String::new(),
        };
        assert!(finding.holds(None));
        finding.severity = Severity::Low;
        assert!(!finding.holds(Some(Severity::Low)));
        finding.class = Class::Risky;
        assert!(
            finding.holds(Some(Severity::Low))
                && !finding.holds(Some(Severity::High))
                && !finding.holds(None)
        );
    }
}
