//! Foreign strings (paths, names, messages out of a repository) made harmless for each sink.

use std::fmt;

use reconciler::path::is_format;

/// For a terminal or a line of a log: control characters, line breaks among them, and invisible
/// format characters become `\u{..}`. A text cannot move the cursor, forge a line or turn the
/// direction of what is around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal<T>(pub T);

impl<T: fmt::Display> fmt::Display for Terminal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&terminal(&self.0.to_string()))
    }
}

/// The text of [`Terminal`].
pub(crate) fn terminal(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() || is_format(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

/// JSON that a terminal may see: what [`terminal`] escapes and JSON does not stands as `\uXXXX`, which is
/// the same value to who parses it. Only strings hold such characters.
pub(crate) fn json(text: &str) -> String {
    let mut units = [0; 2];
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c != '\n' && (c.is_control() || is_format(c)) {
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
        out
    })
}

/// The message of a GitHub workflow command: `%` and line breaks as the runner decodes them
/// (`escapeData` of `@actions/core`); other control and format characters as on a terminal, since
/// the log shows them.
pub(crate) fn workflow_message(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            _ if c.is_control() || is_format(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
        out
    })
}

/// A property of a GitHub workflow command: as its message, and `:` and `,` besides
/// (`escapeProperty`).
pub(crate) fn workflow_property(text: &str) -> String {
    workflow_message(text).replace(':', "%3A").replace(',', "%2C")
}

/// A cell of CSV (RFC 4180). What a spreadsheet would take for a formula gets a `'` before it, which makes
/// it text; line breaks and other control characters stay, in quotes.
pub(crate) fn csv(text: &str) -> String {
    let begins = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'
        )
    };
    let text = if text.starts_with(begins) { format!("'{text}") } else { text.to_owned() };
    match text.contains(['"', ',', '\r', '\n', ';', '\t']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// A word as a POSIX shell reads it back: as it is where it has nothing special, else in quotes.
pub(crate) fn shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A text of at most so many characters; what is left out is shown by `…`.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_and_moves_no_cursor() {
        let value = "a\u{1b}[31m\u{9b}2J\u{7f}\u{202e}\u{e0041}\n\u{fc}";
        let shown = json(&serde_json::to_string_pretty(&[value]).unwrap());
        assert_eq!(shown, "[\n  \"a\\u001b[31m\\u009b2J\\u007f\\u202e\\udb40\\udc41\\n\u{fc}\"\n]");
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [value]);
    }

    #[test]
    fn a_terminal_never_sees_a_control_or_format_character() {
        assert_eq!(terminal("a\x1b[31m\nb"), "a\\u{1b}[31m\\u{a}b");
        assert_eq!(terminal("\u{202e}x\u{200b}\u{9b}"), "\\u{202e}x\\u{200b}\\u{9b}");
        assert_eq!(terminal("grüße 🦀 `x`"), "grüße 🦀 `x`");
    }

    #[test]
    fn a_workflow_command_cannot_be_forged() {
        assert_eq!(workflow_message("50%\n::error::x"), "50%25%0A::error::x");
        assert_eq!(workflow_property("a,line=1::b\r"), "a%2Cline=1%3A%3Ab%0D");
        assert_eq!(workflow_message("\x1b[0m"), "\\u{1b}[0m");
    }

    #[test]
    fn a_spreadsheet_sees_text_and_never_a_formula() {
        assert_eq!(csv("plain"), "plain");
        assert_eq!(csv("a,b"), "\"a,b\"");
        assert_eq!(csv("say \"x\"\r\n"), "\"say \"\"x\"\"\r\n\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\u{ff1d}1"] {
            assert!(csv(formula).trim_start_matches('"').starts_with('\''), "{formula:?}");
        }
        assert_eq!(csv("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
    }

    #[test]
    fn a_long_text_says_that_it_was_cut() {
        assert_eq!(shortened("grüße", 5), "grüße");
        assert_eq!(shortened("grüße!", 5), "grüß…");
    }

    #[test]
    fn a_shell_reads_one_word_whatever_is_in_it() {
        assert_eq!(shell("/data/skills"), "/data/skills");
        assert_eq!(shell("/my skills; rm"), "'/my skills; rm'");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
    }
}
