//! Colour: only where somebody sees it, and who asked for none gets none.

use std::ffi::OsString;
use std::fmt;

/// Whether a sink takes colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// Text alone.
    #[default]
    Plain,
    /// A terminal that shows colours.
    Colour,
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It is as it should be.
    Good,
    /// It deserves a look.
    Notice,
    /// It is wrong.
    Bad,
    /// It matters less than what is around it.
    Dim,
    /// It names what follows.
    Strong,
}

impl Style {
    /// The style of a stream: colours on a terminal, unless `NO_COLOR` is set and not empty
    /// (no-color.org) or the terminal says that it is dumb.
    pub(crate) fn of(is_terminal: bool, variables: &[(OsString, OsString)]) -> Self {
        let value = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let refused = value("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = value("TERM").is_some_and(|value| value == "dumb");
        if is_terminal && !refused && !dumb { Self::Colour } else { Self::Plain }
    }

    /// A text in a tone.
    pub(crate) fn paint<T: fmt::Display>(self, tone: Tone, text: T) -> Painted<T> {
        Painted { style: self, tone, text }
    }
}

/// A text in a tone; padding (`{:8}`) is the text's and not the colour's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Painted<T> {
    style: Style,
    tone: Tone,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.style == Style::Plain {
            return self.text.fmt(f);
        }
        let code = match self.tone {
            Tone::Good => "32",
            Tone::Notice => "33",
            Tone::Bad => "1;31",
            Tone::Dim => "2",
            Tone::Strong => "1",
        };
        write!(f, "\x1b[{code}m")?;
        self.text.fmt(f)?;
        f.write_str("\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(is_terminal: bool, variables: &[(&str, &str)]) -> Style {
        let variables: Vec<_> = variables.iter().map(|(k, v)| (k.into(), v.into())).collect();
        Style::of(is_terminal, &variables)
    }

    #[test]
    fn colour_is_for_terminals_and_for_who_did_not_refuse_it() {
        assert_eq!(style(true, &[]), Style::Colour);
        assert_eq!(style(true, &[("NO_COLOR", "")]), Style::Colour);
        assert_eq!(style(false, &[]), Style::Plain);
        assert_eq!(style(true, &[("NO_COLOR", "1")]), Style::Plain);
        assert_eq!(style(true, &[("TERM", "dumb")]), Style::Plain);
    }

    #[test]
    fn a_plain_text_has_no_escape_sequence() {
        assert_eq!(format!("[{:4}]", Style::Plain.paint(Tone::Bad, "x")), "[x   ]");
        assert_eq!(format!("{}", Style::Colour.paint(Tone::Good, "x")), "\x1b[32mx\x1b[0m");
    }
}
