//! Secrets: where they are, and reading them at each use.

use std::fmt;
use std::path::PathBuf;

/// Where a secret is. Its value is never in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Given in a variable.
    Value(String),
    /// In a file that is read at each use, so that a rotated one is taken without a restart.
    File {
        /// The variable that names the file, such as `API_TOKEN_FILE`.
        variable: String,
        /// The file: absolute.
        path: PathBuf,
    },
}

impl From<Secret> for reconciler::source::Secret {
    /// The same place, for who fetches.
    fn from(secret: Secret) -> Self {
        match secret {
            Secret::Value(value) => Self::Value(value),
            Secret::File { path, .. } => Self::File(path),
        }
    }
}

/// Says why a secret is not there. Whatever needed it must fail closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret in `{}`, which {variable} names; check that it exists and is readable", path.display())]
    Unreadable {
        /// The variable that names the file.
        variable: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds nothing.
    #[error("the secret in `{}`, which {variable} names, is empty; write the secret into it", path.display())]
    Empty {
        /// The variable that names the file.
        variable: String,
        /// The file.
        path: PathBuf,
    },
}

impl Secret {
    /// The secret as it is now, without the line breaks around it.
    ///
    /// # Errors
    /// Where it is in a file that cannot be read, is not UTF-8 or holds nothing.
    pub(crate) fn read(&self) -> Result<String, SecretError> {
        let (variable, path) = match self {
            Self::Value(value) => return Ok(value.clone()),
            Self::File { variable, path } => (variable.clone(), path.clone()),
        };
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => Err(SecretError::Empty { variable, path }),
            Ok(text) => Ok(text.trim_matches(['\r', '\n']).to_owned()),
            Err(source) => Err(SecretError::Unreadable { variable, path, source }),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("Value(hidden)"),
            Self::File { variable, path } => {
                f.debug_struct("File").field("variable", variable).field("path", path).finish()
            }
        }
    }
}

/// The fewest bytes of a webhook secret: a shorter one can be guessed from a signed delivery.
pub(crate) const WEBHOOK_SECRET_MIN: usize = 16;

/// Splits the text of `GITHUB_WEBHOOK_SECRET` into its one or two secrets, a line each; blank lines
/// are ignored. Two are live while one is rotated.
///
/// # Errors
/// A text without a secret in it, with more than two, or with one of fewer than
/// [`WEBHOOK_SECRET_MIN`] bytes, as what was expected instead.
pub(crate) fn webhook_secrets(text: &str) -> Result<Vec<String>, String> {
    let lines: Vec<String> =
        text.lines().map(str::trim_end).filter(|l| !l.trim().is_empty()).map(str::to_owned).collect();
    let whole =
        (1..=2).contains(&lines.len()) && lines.iter().all(|secret| secret.len() >= WEBHOOK_SECRET_MIN);
    if whole { Ok(lines) } else { Err(WEBHOOK_SECRETS.to_owned()) }
}

const WEBHOOK_SECRETS: &str = "one or two secrets, a line each, of 16 bytes or more";

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: PathBuf) -> Secret {
        Secret::File { variable: "API_TOKEN_FILE".to_owned(), path }
    }

    #[test]
    fn a_file_is_read_again_at_each_use() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        let secret = file(path.clone());
        std::fs::write(&path, "one\n").expect("written");
        assert_eq!(secret.read().expect("readable"), "one");
        std::fs::write(&path, "two\r\n").expect("written");
        assert_eq!(secret.read().expect("readable"), "two");
    }

    #[test]
    fn a_file_that_is_missing_or_empty_fails_closed_and_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        let missing = file(path.clone()).read().expect_err("there is none").to_string();
        assert!(missing.contains("API_TOKEN_FILE") && missing.contains("cannot read"), "{missing}");
        std::fs::write(&path, "\n \n").expect("written");
        let empty = file(path).read().expect_err("nothing in it").to_string();
        assert!(empty.contains("is empty"), "{empty}");
    }

    #[test]
    fn debug_never_shows_the_value() {
        assert_eq!(format!("{:?}", Secret::Value("hunter2".into())), "Value(hidden)");
    }

    #[test]
    fn webhook_secrets_are_one_or_two_long_lines() {
        let long = "0123456789abcdef";
        assert_eq!(webhook_secrets(long), Ok(vec![long.to_owned()]));
        assert_eq!(webhook_secrets(&format!("\n{long}\r\n\n{long}2\n")).map(|s| s.len()), Ok(2));
        for bad in ["", "\n\n", "short", &format!("{long}\nshort"), &[long; 3].join("\n")] {
            assert!(webhook_secrets(bad).is_err(), "{bad:?}");
        }
    }
}
