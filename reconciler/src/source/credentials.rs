//! What is shown to the repository's server. A secret is read at each use and never printed.

use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;

use super::github_app::GithubApp;
use crate::report::Remedy;

/// The longest secret that a file may hold, in bytes: no token is near it.
const MAX_SECRET: u64 = 64 * 1024;

/// A secret, or the path of the file that holds it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The secret itself.
    Value(String),
    /// The file: read at each use, so that a rotated secret heals by itself.
    File(PathBuf),
}

/// A secret that was read. It has no way to be printed by accident.
pub struct Revealed(String);

/// Says why a secret cannot be used. It never repeats a byte of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret in {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing but blanks.
    #[error("the secret {origin} is empty")]
    Empty {
        /// Where it is.
        origin: String,
    },
    /// More than one line, or a control character: it would not survive an HTTP header.
    #[error(
        "the secret {origin} holds more than one line, a control character or no text; it must be one line"
    )]
    Shape {
        /// Where it is.
        origin: String,
    },
    /// A user name that basic authentication cannot carry.
    #[error("the git user name has a colon or a control character in it, which HTTP cannot carry")]
    Username,
}

impl SecretError {
    /// Who must act: a file that may come back is tried again.
    pub fn remedy(&self) -> Remedy {
        use std::io::ErrorKind::{NotFound, PermissionDenied};
        match self {
            Self::Unreadable { source, .. } if !matches!(source.kind(), NotFound | PermissionDenied) => {
                Remedy::Retry(None)
            }
            _ => Remedy::Person,
        }
    }
}

impl Secret {
    /// Reads it, without the blanks around it.
    ///
    /// # Errors
    /// A file that cannot be read, and a secret that is empty or more than one line.
    pub fn read(&self) -> Result<Revealed, SecretError> {
        let bytes = match self {
            Self::Value(value) => value.clone().into_bytes(),
            Self::File(path) => {
                read_file(path).map_err(|source| SecretError::Unreadable { path: path.clone(), source })?
            }
        };
        let shape = || SecretError::Shape { origin: self.origin() };
        let text = String::from_utf8(bytes).map_err(|_| shape())?;
        let text = text.trim();
        if text.is_empty() {
            return Err(SecretError::Empty { origin: self.origin() });
        }
        if text.chars().any(char::is_control) {
            return Err(shape());
        }
        Ok(Revealed(text.to_owned()))
    }

    /// Reads one of several lines, such as a private key.
    ///
    /// # Errors
    /// A file that cannot be read, and what is empty or no text.
    pub(super) fn read_text(&self) -> Result<Revealed, SecretError> {
        let text = match self {
            Self::Value(value) => value.clone(),
            Self::File(path) => {
                let read = read_file(path);
                let bytes = read.map_err(|source| SecretError::Unreadable { path: path.clone(), source })?;
                String::from_utf8(bytes).unwrap_or_default()
            }
        };
        match text.trim().is_empty() {
            true => Err(SecretError::Empty { origin: self.origin() }),
            false => Ok(Revealed(text)),
        }
    }

    fn origin(&self) -> String {
        match self {
            Self::Value(_) => "that was given".to_owned(),
            Self::File(path) => format!("in {}", path.display()),
        }
    }
}

fn read_file(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SECRET).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Revealed {
    /// The secret: for the one who sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What is shown to the repository's scheme, host and port, and to nothing else.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// A token of a forge.
    Token(Secret),
    /// A name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// The tokens of a GitHub App.
    App(GithubApp),
}

/// The name that GitHub documents for tokens; other forges ignore the name.
pub(super) const TOKEN_USER: &str = "x-access-token";

impl Credentials {
    /// Lets go of what was got for them and refused.
    pub(super) fn forget(&self) {
        if let Self::App(app) = self {
            app.forget();
        }
    }

    /// Reads them, where they are not got from somewhere.
    pub(super) fn read(&self) -> Result<Option<(String, Revealed)>, SecretError> {
        match self {
            Self::None | Self::App(_) => Ok(None),
            Self::Token(token) => Ok(Some((TOKEN_USER.to_owned(), token.read()?))),
            Self::Basic { username, password } => {
                if username.contains(|c: char| c == ':' || c.is_control()) {
                    return Err(SecretError::Username);
                }
                Ok(Some((username.clone(), password.read()?)))
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("Secret"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revealed")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token",
            Self::Basic { .. } => "Basic",
            Self::App(_) => "App",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_at_each_use() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let secret = Secret::File(path.clone());
        let error = secret.read().unwrap_err();
        assert!(error.to_string().contains("token") && error.remedy() == Remedy::Person, "{error}");
        std::fs::write(&path, "first\n").unwrap();
        assert_eq!(secret.read().unwrap().expose(), "first");
        std::fs::write(&path, "second\r\n\n").unwrap();
        assert_eq!(secret.read().unwrap().expose(), "second");
        std::fs::write(&path, "\n").unwrap();
        assert!(secret.read().unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn no_debug_and_no_error_shows_a_secret() {
        let token = Credentials::Token(Secret::Value("s3cret".into()));
        let basic = Credentials::Basic { username: "me".into(), password: Secret::Value("s3cret\nx".into()) };
        let shown = format!("{token:?} {basic:?} {:?} {}", token.read(), basic.read().unwrap_err());
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("one line"), "{shown}");
    }

    #[test]
    fn a_user_name_with_a_colon_is_refused() {
        let basic = Credentials::Basic { username: "a:b".into(), password: Secret::Value("p".into()) };
        assert!(basic.read().unwrap_err().to_string().contains("colon"));
    }
}
