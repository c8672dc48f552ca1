//! Errors as people read them: what went wrong, the chain of causes, and what to do.

use std::fmt;

use super::escape::Terminal;
use super::style::{Style, Tone};
use crate::config::Problems;

/// An error at the boundary, where it is shown once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report<'a> {
    /// What went wrong, with its causes.
    pub error: &'a anyhow::Error,
    /// What to do, where the error does not say it itself.
    pub help: Option<&'a str>,
    /// How to show it.
    pub style: Style,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.style.paint(Tone::Bad, "error"), Terminal(self.error))?;
        for cause in self.error.chain().skip(1) {
            writeln!(f, "  {}: {}", self.style.paint(Tone::Strong, "caused by"), Terminal(cause))?;
        }
        self.help.map_or(Ok(()), |text| help(f, self.style, text))
    }
}

/// Settings that are wrong: all of them at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrongSettings<'a> {
    /// What is wrong.
    pub problems: &'a Problems,
    /// How to show it.
    pub style: Style,
}

impl fmt::Display for WrongSettings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.style.paint(Tone::Bad, "error");
        match self.problems.0.as_slice() {
            [problem] => writeln!(f, "{error}: {}", Terminal(problem))?,
            problems => {
                writeln!(f, "{error}: {} settings are wrong", problems.len())?;
                for problem in problems {
                    writeln!(f, "  {}", Terminal(problem))?;
                }
            }
        }
        help(f, self.style, "`skill-sync --help` lists every setting with its default")
    }
}

fn help(f: &mut fmt::Formatter<'_>, style: Style, text: &str) -> fmt::Result {
    writeln!(f, "  {}: {}", style.paint(Tone::Strong, "help"), Terminal(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;

    #[test]
    fn an_error_says_what_why_and_what_to_do() {
        let error = anyhow::Error::new(std::io::Error::other("disk on \x1b[5mfire"))
            .context("cannot read the record `/s/state.db`");
        let report = Report { error: &error, help: Some("see `doctor`"), style: Style::Plain };
        assert_eq!(
            report.to_string(),
            "error: cannot read the record `/s/state.db`\n  caused by: disk on \\u{1b}[5mfire\n  help: see \
             `doctor`\n"
        );
    }

    #[test]
    fn all_wrong_settings_are_listed() {
        let missing = Problem::Missing { variable: "SKILLS_REPO", flag: "--repo URL".to_owned() };
        let unknown = Problem::UnknownFlag { flag: "--rep".to_owned(), similar: Some("--repo".to_owned()) };
        let problems = Problems(vec![missing, unknown]);
        let text = WrongSettings { problems: &problems, style: Style::Plain }.to_string();
        assert!(text.starts_with("error: 2 settings are wrong\n  SKILLS_REPO: not set"), "{text}");
        assert!(text.contains("--rep: there is no such flag; did you mean --repo?"), "{text}");
    }
}
