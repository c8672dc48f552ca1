//! What the doctor found.

use std::fmt;

use super::Text;
use super::escape::terminal;
use super::style::Tone;
use crate::doctor::{Diagnosis, Level};

impl fmt::Display for Text<'_, Diagnosis> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(diagnosis, style) = self;
        for check in &diagnosis.checks {
            let (tone, word) = match check.level {
                Level::Ok => (Tone::Good, "ok"),
                Level::Note => (Tone::Dim, "note"),
                Level::Warning => (Tone::Notice, "warning"),
                Level::Problem => (Tone::Bad, "problem"),
            };
            writeln!(f, "{:8} {}: {}", style.paint(tone, word), check.check, terminal(&check.message))?;
            if let Some(help) = &check.help {
                writeln!(f, "         {}: {}", style.paint(Tone::Strong, "help"), terminal(help))?;
            }
        }
        let counted = |level, noun: &str| match diagnosis.count(level) {
            1 => format!("1 {noun}"),
            count => format!("{count} {noun}s"),
        };
        writeln!(f, "{}, {}", counted(Level::Problem, "problem"), counted(Level::Warning, "warning"))
    }
}
