//! Versions of packages, as far as a trap depends on them.

use std::fmt;
use std::path::Path;

use serde_json::Value;

/// Three numbers: `2026.2.17`, `24.16.0`. Whatever follows them is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads the first three numbers of a version or of a range, such as `^5.0.0`, `v24.1.0` or `5`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let from = text.find(|c: char| c.is_ascii_digit())?;
        let end = |c: char| !(c.is_ascii_digit() || c == '.');
        let numbers = text[from..].split(end).next().unwrap_or_default();
        let mut numbers = numbers.split('.').map_while(|number| number.parse().ok());
        let first = numbers.next()?;
        Some(Self(first, numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
    }

    /// The version of a package that is installed for a directory: in the nearest `node_modules`.
    pub(super) fn installed(directory: &Path, package: &str) -> Option<Self> {
        let manifest = |above: &Path| above.join("node_modules").join(package).join("package.json");
        directory.ancestors().find_map(|above| Self::of_package(&read_json(&manifest(above))?))
    }

    /// The version of a Python package: in a virtual environment of a directory, else as its requirements
    /// pin it.
    pub(super) fn of_python(directory: &Path, package: &str) -> Option<Self> {
        let list = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
        let libraries = [".venv/lib", "venv/lib"].into_iter().flat_map(|lib| list(&directory.join(lib)));
        let installed =
            libraries.flat_map(|python| list(&python.path().join("site-packages"))).find_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                Self::parse(name.strip_prefix(package)?.strip_prefix('-')?.strip_suffix(".dist-info")?)
            });
        installed.or_else(|| {
            let text = std::fs::read_to_string(directory.join("requirements.txt")).ok()?;
            text.lines().find_map(|line| Self::parse(line.trim().strip_prefix(package)?.strip_prefix("==")?))
        })
    }

    /// The version that a package says it has.
    pub(super) fn of_package(manifest: &Value) -> Option<Self> {
        Self::parse(manifest["version"].as_str()?)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The JSON of a file; none where there is none, or it is no JSON.
pub(super) fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_ranges_are_read_by_their_numbers() {
        assert_eq!(Version::parse("2026.2.17"), Some(Version(2026, 2, 17)));
        assert_eq!(Version::parse("^5.0.0-beta.1"), Some(Version(5, 0, 0)));
        assert_eq!(Version::parse(">=3"), Some(Version(3, 0, 0)));
        assert_eq!(Version::parse("v24.16.0\n"), Some(Version(24, 16, 0)));
        assert_eq!(Version::parse("latest"), None);
        assert!(Version(2026, 2, 17) > Version(2026, 2, 12) && Version(4, 0, 0) > Version(3, 6, 0));
    }
}
