//! Paths of skills, parsed once: a [`TreePath`] cannot leave the directory that it is joined to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization as _;

/// Names that begin so are ours on the target: no skill may hold one.
pub const RESERVED_PREFIX: &str = ".skill-sync";

/// The longest name that Linux file systems take, in bytes.
const MAX_COMPONENT: usize = 255;

/// The longest path that we publish, in bytes: `PATH_MAX` less room for the target's own path.
const MAX_PATH: usize = 3_072;

/// The deepest path, in components: deeper trees are attacks on whoever walks them.
const MAX_DEPTH: usize = 64;

/// Says why a tree entry's path cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing at all.
    #[error("the path is empty")]
    Empty,
    /// It begins with a slash.
    #[error("the path is absolute")]
    Absolute,
    /// Two slashes, or a slash at the end.
    #[error("the path has an empty component")]
    EmptyComponent,
    /// A component `.` or `..`.
    #[error("the path has a component `{0}`, which leaves or repeats a directory")]
    Dots(String),
    /// Bytes that are no text.
    #[error("the path is not UTF-8")]
    NotUtf8,
    /// NUL, a newline, an escape: a control character.
    #[error("the path has the control character U+{:04X}", u32::from(*.0))]
    Control(char),
    /// An invisible character, such as a zero-width space or a change of text direction.
    #[error("the path has the invisible format character U+{:04X}", u32::from(*.0))]
    Format(char),
    /// A component that no file system takes.
    #[error("the path has a component of {0} bytes; {MAX_COMPONENT} is the most")]
    LongComponent(usize),
    /// A path that is longer than the system takes.
    #[error("the path has {0} bytes; {MAX_PATH} is the most")]
    LongPath(usize),
    /// Too many directories in each other.
    #[error("the path is {0} directories deep; {MAX_DEPTH} is the most")]
    TooDeep(usize),
    /// `.git`, in whichever spelling a file system may take for it.
    #[error("the path has a component `{0}`, which git reads as its own directory")]
    DotGit(String),
    /// A name of ours.
    #[error("the path has a component `{0}`; names that begin with `{RESERVED_PREFIX}` are reserved")]
    Reserved(String),
}

/// A relative path of plain components, joined by `/`: never empty, absolute, `.` or `..`; no NUL,
/// control or format character; no component over 255 bytes, none that is `.git` in any spelling
/// and none that begins with `.skill-sync`.
///
/// Cloning is cheap. The order is that of the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Arc<str>);

impl TreePath {
    /// Parses the bytes of a tree entry's path.
    ///
    /// # Errors
    /// The first rule of [`TreePath`] that the path breaks.
    pub fn parse(bytes: &[u8]) -> Result<Self, PathError> {
        let text = std::str::from_utf8(bytes).map_err(|_| PathError::NotUtf8)?;
        match text {
            "" => return Err(PathError::Empty),
            _ if text.starts_with('/') => return Err(PathError::Absolute),
            _ if text.len() > MAX_PATH => return Err(PathError::LongPath(text.len())),
            _ => {}
        }
        text.split('/').try_for_each(check_component)?;
        match text.split('/').count() {
            depth if depth > MAX_DEPTH => Err(PathError::TooDeep(depth)),
            _ => Ok(Self(text.into())),
        }
    }

    /// The path as text, with `/` between components.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names from the top to the file.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last name.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The directory that holds it; none for a name at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// Its directories from the nearest to the top.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// This path below `self`.
    ///
    /// # Errors
    /// Where the two together are too long or too deep.
    pub fn join(&self, below: &Self) -> Result<Self, PathError> {
        Self::parse(format!("{self}/{below}").as_bytes())
    }

    /// Whether `self` lies in `directory`, at any depth.
    pub fn is_below(&self, directory: &Self) -> bool {
        self.0.strip_prefix(&*directory.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// What file systems that fold case or normalise Unicode would take for the same path.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// Folds case and composes characters (NFC), so that twins become equal.
pub fn fold(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Whether a name breaks none of the rules at first sight, as nearly all do: each is about a name that begins
/// with a dot, is empty or long, or has another character than these.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_COMPONENT).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}

fn check_component(name: &str) -> Result<(), PathError> {
    if is_plain(name) { Ok(()) } else { check_closely(name) }
}

fn check_closely(name: &str) -> Result<(), PathError> {
    match name {
        "" => return Err(PathError::EmptyComponent),
        "." | ".." => return Err(PathError::Dots(name.to_owned())),
        _ if name.len() > MAX_COMPONENT => return Err(PathError::LongComponent(name.len())),
        _ => {}
    }
    if let Some(control) = name.chars().find(|c| c.is_control()) {
        return Err(PathError::Control(control));
    }
    if let Some(format) = name.chars().find(|c| is_format(*c)) {
        return Err(PathError::Format(format));
    }
    if name.to_lowercase().starts_with(RESERVED_PREFIX) {
        return Err(PathError::Reserved(name.to_owned()));
    }
    if is_dot_git(name) {
        return Err(PathError::DotGit(name.to_owned()));
    }
    Ok(())
}

/// Whether a character is invisible and changes how text around it is shown: Unicode's `Cf`, the
/// line and paragraph separators, blank fillers and the tag block. The selector that makes an emoji
/// colourful (U+FE0F) is not one: it stands in honest names.
pub fn is_format(c: char) -> bool {
    matches!(u32::from(c),
        0x00AD | 0x0600..=0x0605 | 0x061C | 0x06DD | 0x070F | 0x0890..=0x0891 | 0x08E2 | 0x180E
        | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFEFF
        | 0xFFA0 | 0xFFF0..=0xFFFB | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3
        | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Git's own rule (`verify_path`): case, the short names of NTFS, trailing dots and spaces, and
/// streams all lead to `.git` somewhere; a backslash separates where Windows reads.
fn is_dot_git(name: &str) -> bool {
    name.split('\\').any(|part| {
        let stem = part.split(':').next().unwrap_or(part);
        let stem = stem.trim_end_matches(['.', ' ']).to_lowercase();
        stem == ".git"
            || stem
                .strip_prefix("git~")
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

impl FromStr for TreePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_paths_are_taken_as_they_are() {
        for path in ["a.md", "pdf-tools/SKILL.md", "ä/ö.md", "a b", ".github/x", ".gitignore", "git~x", "..."]
        {
            assert_eq!(TreePath::parse(path.as_bytes()).map(|p| p.to_string()), Ok(path.to_owned()));
        }
    }

    #[test]
    fn each_rule_has_its_own_refusal() {
        let long = "x".repeat(300);
        let deep = vec!["d"; 1_000].join("/");
        type IsIt = fn(&PathError) -> bool;
        let refused: [(&[u8], IsIt); 14] = [
            (b"", |e| matches!(e, PathError::Empty)),
            (b"/etc/passwd", |e| matches!(e, PathError::Absolute)),
            (b"a//b", |e| matches!(e, PathError::EmptyComponent)),
            (b"a/", |e| matches!(e, PathError::EmptyComponent)),
            (b"a/../b", |e| matches!(e, PathError::Dots(_))),
            (b"./a", |e| matches!(e, PathError::Dots(_))),
            (b"caf\xe9", |e| matches!(e, PathError::NotUtf8)),
            (b"a\0b", |e| matches!(e, PathError::Control('\0'))),
            (b"a\x1b[31m", |e| matches!(e, PathError::Control(_))),
            ("a\u{200b}b".as_bytes(), |e| matches!(e, PathError::Format(_))),
            (long.as_bytes(), |e| matches!(e, PathError::LongComponent(300))),
            (deep.as_bytes(), |e| matches!(e, PathError::TooDeep(1_000))),
            (b"a/.Git/config", |e| matches!(e, PathError::DotGit(_))),
            (b"x/.skill-sync.md", |e| matches!(e, PathError::Reserved(_))),
        ];
        for (path, expected) in refused {
            let error = TreePath::parse(path).expect_err("it breaks a rule");
            assert!(expected(&error), "{path:?}: {error}");
        }
    }

    #[test]
    fn every_spelling_of_dot_git_is_refused() {
        for name in
            [".git", ".GIT", ".git.", ".git ", "git~1", "GIT~2", ".git::$INDEX_ALLOCATION", "a\\.git\\b"]
        {
            assert!(matches!(TreePath::parse(name.as_bytes()), Err(PathError::DotGit(_))), "{name}");
        }
    }

    #[test]
    fn twins_fold_to_the_same_text() {
        let pairs = [("README.md", "readme.MD"), ("caf\u{e9}", "cafe\u{301}"), ("\u{c9}", "e\u{301}")];
        for (one, other) in pairs {
            assert_eq!(fold(one), fold(other));
        }
        assert_ne!(fold("a"), fold("b"));
    }

    #[test]
    fn below_is_by_component() {
        let path = |text: &str| TreePath::parse(text.as_bytes()).expect("a plain path");
        assert!(path("a/b").is_below(&path("a")));
        assert!(!path("ab/c").is_below(&path("a")));
        assert!(!path("a").is_below(&path("a")));
        assert_eq!(path("a/b/c").ancestors().collect::<Vec<_>>(), [path("a/b"), path("a")]);
    }

    proptest! {
        #[test]
        fn whatever_is_taken_stays_below_where_it_is_joined(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(path) = TreePath::parse(&bytes) {
                let joined = std::path::Path::new("/target").join(path.as_str());
                let plain = joined.components().all(|c| matches!(c,
                    std::path::Component::RootDir | std::path::Component::Normal(_)));
                prop_assert!(plain && joined.starts_with("/target") && joined != std::path::Path::new("/target"));
                prop_assert_eq!(TreePath::parse(path.as_str().as_bytes()), Ok(path));
            }
        }

        #[test]
        fn what_is_taken_at_first_sight_would_be_taken_after_a_closer_look(name in r"[.a-zA-Z~0-9_ :\\-]{1,12}") {
            prop_assert!(!is_plain(&name) || check_closely(&name).is_ok(), "{name}");
        }

        #[test]
        fn hostile_components_never_pass(name in r"(\.\.|\.[gG][iI][tT]|\.skill-sync[a-z~]*|[\x00-\x1f])", pre in "[a-z]{0,3}/?") {
            let path = format!("{pre}/{name}");
            prop_assert!(TreePath::parse(path.as_bytes()).is_err());
        }
    }
}
