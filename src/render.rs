//! All output: what people and machines are shown. Whatever came from outside is escaped here, for
//! the sink that it goes to, and nowhere else.

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use reconciler::path::TreePath;
use serde::Serialize;

mod doctor;
pub(crate) mod error;
pub(crate) mod escape;
mod explain;
pub(crate) mod export;
pub(crate) mod pass;
pub(crate) mod progress;
mod record;
pub(crate) mod service;
mod status;
mod style;
pub(crate) mod table;
mod trace;
pub(crate) mod validate;
pub(crate) mod verdict;
pub(crate) mod webhook;

pub(crate) use style::Style;

/// A value for people, in a style: each kind of result implements `Display` for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a, T: ?Sized>(pub &'a T, pub Style);

/// Prints a result on stdout. A reader that went away, such as `head`, is no error.
///
/// # Errors
/// Whatever else stdout says, such as a full disk.
pub(crate) fn print(text: impl fmt::Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let done = write!(stdout, "{text}").and_then(|()| stdout.flush());
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Prints bytes on stdout exactly as they are: whoever asks for them wants nothing escaped.
///
/// # Errors
/// As `print`, and where they cannot be read.
pub(crate) fn copy(bytes: &mut dyn io::Read) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let done = io::copy(bytes, &mut stdout).and_then(|_| stdout.flush());
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// What was brought back, and where it is now.
pub(crate) fn restored(path: &TreePath, size: u64, to: &Path) -> String {
    let to = escape::terminal(&to.display().to_string());
    format!("{size} bytes that stood at `{}` are in `{to}`\n", escape::terminal(path.as_str()))
}

/// Prints a result as JSON on stdout, a value a document; a terminal may see it too.
///
/// # Errors
/// As `print`.
pub(crate) fn print_json(value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    print(format_args!("{}\n", escape::json(&serde_json::to_string_pretty(value)?)))
}

/// Prints an error on stderr. There is nowhere to report that it could not be.
pub(crate) fn print_error(text: impl fmt::Display) {
    let _ = write!(io::stderr().lock(), "{text}");
}

/// Tells somebody who looks at stderr how things go. As for an error, there is nowhere to report that
/// it could not be.
pub(crate) fn print_note(text: impl fmt::Display) {
    // In one piece, so that a line of the log does not come in between.
    let _ = io::stderr().lock().write_all(text.to_string().as_bytes());
}

/// Prints what clap says: a help or version text on stdout, wrong usage on stderr.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // As for every error, there is nowhere to report that it could not be shown.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Compares what people are shown with what a test says, backslashes included.
#[cfg(test)]
pub(crate) fn assert_shown(actual: String, expected: snapbox::data::Inline) {
    let assert = snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV);
    assert.normalize_paths(false).eq(actual, expected);
}
