//! What is followed: a branch, a tag, a full reference, one commit, the newest version of a range, or the
//! remote's own choice.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};

use super::error::FetchError;
use crate::ids::CommitId;

/// The longest list of names in an error, and the longest of them, in characters.
const NEAR: usize = 5;
const NEAR_LENGTH: usize = 60;

/// What is followed in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reference {
    /// The branch that the remote's HEAD names.
    #[default]
    Head,
    /// A branch, else a tag, by its short name.
    Name(String),
    /// A reference by its full name: `refs/…`.
    Full(String),
    /// One commit.
    Commit(CommitId),
    /// The tag with the highest version of a range.
    Semver(VersionReq),
}

/// What is said before a range of versions.
const SEMVER: &str = "semver:";

/// The version that a tag's full name stands for: `refs/tags/v1.2.3`, with or without the `v`.
pub(crate) fn tag_version(name: &str) -> Option<Version> {
    let tag = name.strip_prefix("refs/tags/")?;
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}

/// Says why a text names nothing that can be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// No name that git takes.
    #[error("`{0}` is no name of a branch, a tag or a reference, and no commit id of 40 hexadecimal digits")]
    Name(String),
    /// No range of versions.
    #[error(
        "`{range}` is no range of versions, such as semver:^1.2, semver:1.* or semver:>=1.2, <3 ({detail})"
    )]
    Semver {
        /// What was given.
        range: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Takes `HEAD`, a short name, `refs/…`, 40 hexadecimal digits, or `semver:` and a range.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let text = text.trim();
        if text == "HEAD" {
            return Ok(Self::Head);
        }
        if let Some(range) = text.strip_prefix(SEMVER) {
            return VersionReq::parse(range.trim()).map(Self::Semver).map_err(|error| {
                ReferenceError::Semver { range: text.to_owned(), detail: error.to_string() }
            });
        }
        if let Ok(commit) = text.parse() {
            return Ok(Self::Commit(commit));
        }
        let (full, reference) = if text.starts_with("refs/") {
            (text.to_owned(), Self::Full(text.to_owned()))
        } else {
            (format!("refs/heads/{text}"), Self::Name(text.to_owned()))
        };
        if git2::Reference::is_valid_name(&full) {
            Ok(reference)
        } else {
            Err(ReferenceError::Name(text.to_owned()))
        }
    }
}

impl Reference {
    /// Takes what [`FromStr`] takes.
    ///
    /// # Errors
    /// What git takes for no name.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("HEAD"),
            Self::Name(name) | Self::Full(name) => f.write_str(name),
            Self::Commit(id) => id.fmt(f),
            Self::Semver(range) => write!(f, "{SEMVER}{range}"),
        }
    }
}

/// A reference as the remote lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advertised {
    pub(super) name: String,
    pub(super) id: git2::Oid,
    /// What it stands for, where it is symbolic.
    pub(super) symref: Option<String>,
}

/// What is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A listed reference.
    Listed { name: String, id: git2::Oid },
    /// A commit that none of the listed references points at.
    Unlisted(CommitId),
}

impl Reference {
    /// Finds it in what the remote lists.
    pub(super) fn choose(&self, url: &str, listed: &[Advertised]) -> Result<Wanted, FetchError> {
        if listed.is_empty() {
            return Err(FetchError::Empty { url: url.to_owned() });
        }
        let find = |name: &str| listed.iter().find(|r| r.name == name).map(wanted);
        let missing = || self.missing(url, listed);
        match self {
            Self::Head => head(listed).ok_or_else(|| FetchError::UnbornHead { url: url.to_owned() }),
            Self::Full(name) => find(name).ok_or_else(missing),
            Self::Name(name) => {
                let branch = find(&format!("refs/heads/{name}"));
                let tag = find(&format!("refs/tags/{name}"));
                if branch.is_some() && tag.is_some() {
                    return Err(FetchError::Ambiguous { url: url.to_owned(), name: name.clone() });
                }
                branch.or(tag).ok_or_else(missing)
            }
            Self::Semver(range) => newest(range, listed).ok_or_else(|| self.no_version(url, listed)),
            Self::Commit(id) => {
                let at_it = listed.iter().find(|r| r.id == id.oid() && !r.name.ends_with("^{}"));
                Ok(at_it.map_or(Wanted::Unlisted(*id), wanted))
            }
        }
    }

    fn no_version(&self, url: &str, listed: &[Advertised]) -> FetchError {
        let mut versions: Vec<Version> = listed.iter().filter_map(|r| tag_version(&r.name)).collect();
        versions.sort();
        let newest: Vec<String> = versions.iter().rev().take(NEAR).map(ToString::to_string).collect();
        FetchError::NoSuchVersion {
            url: url.to_owned(),
            range: self.to_string(),
            versions: newest.join(", "),
        }
    }

    fn missing(&self, url: &str, listed: &[Advertised]) -> FetchError {
        let branches: Vec<_> = listed.iter().filter_map(|r| r.name.strip_prefix("refs/heads/")).collect();
        let mut near: Vec<String> =
            branches.iter().take(NEAR).map(|name| name.chars().take(NEAR_LENGTH).collect()).collect();
        if branches.len() > NEAR {
            near.push("…".to_owned());
        }
        FetchError::NoSuchRef { url: url.to_owned(), reference: self.to_string(), branches: near.join(", ") }
    }
}

fn wanted(listed: &Advertised) -> Wanted {
    Wanted::Listed { name: listed.name.clone(), id: listed.id }
}

/// The tag with the highest version of the range; of two for one version (`1.0.0` and `v1.0.0`) always
/// the same one.
fn newest(range: &VersionReq, listed: &[Advertised]) -> Option<Wanted> {
    let versions = listed.iter().filter_map(|r| tag_version(&r.name).map(|version| (version, r)));
    let matching = versions.filter(|(version, _)| range.matches(version));
    matching.max_by(|(a, x), (b, y)| a.cmp(b).then(x.name.cmp(&y.name))).map(|(_, r)| wanted(r))
}

/// The branch that HEAD stands for where the remote says so, else HEAD itself (it is detached).
fn head(listed: &[Advertised]) -> Option<Wanted> {
    let head = listed.iter().find(|r| r.name == "HEAD")?;
    let branch = head.symref.as_ref().and_then(|name| listed.iter().find(|r| &r.name == name));
    Some(wanted(branch.unwrap_or(head)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(refs: &[(&str, char)]) -> Vec<Advertised> {
        let one = |(name, digit): &(&str, char)| Advertised {
            name: (*name).to_owned(),
            id: git2::Oid::from_str(&digit.to_string().repeat(40)).unwrap(),
            symref: (*name == "HEAD").then(|| "refs/heads/main".to_owned()),
        };
        refs.iter().map(one).collect()
    }

    fn chosen(text: &str, refs: &[(&str, char)]) -> String {
        match Reference::parse(text).unwrap().choose("url", &listed(refs)) {
            Ok(Wanted::Listed { name, .. }) => name,
            Ok(Wanted::Unlisted(id)) => format!("unlisted {}", id.short()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_reference_reads_back_what_it_prints() {
        for text in ["HEAD", "main", "feature/x", "v1.0", "refs/heads/main", &"ab".repeat(20), "semver:^1.2"]
        {
            assert_eq!(Reference::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_git_takes_for_no_name_is_refused() {
        for text in ["", "a b", "a..b", "refs/heads/*", "-\u{7}", "main:other"] {
            assert!(matches!(Reference::parse(text), Err(ReferenceError::Name(_))), "{text:?}");
        }
        let error = Reference::parse("semver:newest").unwrap_err().to_string();
        assert!(error.contains("`semver:newest` is no range of versions"), "{error}");
    }

    #[test]
    fn a_range_takes_the_highest_version_of_it() {
        let refs = [
            ("refs/heads/v9.0.0", '1'),
            ("refs/tags/v1.9.0", '1'),
            ("refs/tags/v1.10.0", '2'),
            ("refs/tags/v1.10.0^{}", '3'),
            ("refs/tags/1.2.0", '4'),
            ("refs/tags/v2.0.0-rc.1", '5'),
            ("refs/tags/v2.0.0", '6'),
            ("refs/tags/latest", '7'),
        ];
        for (range, tag) in [
            ("^1", "refs/tags/v1.10.0"),
            ("~1.9", "refs/tags/v1.9.0"),
            (">=1, <1.9", "refs/tags/1.2.0"),
            ("*", "refs/tags/v2.0.0"),
            (">=2.0.0-rc.0, <2.0.0", "refs/tags/v2.0.0-rc.1"),
        ] {
            assert_eq!(chosen(&format!("semver:{range}"), &refs), tag, "{range}");
        }
        let none = chosen("semver:^3", &refs);
        assert!(none.contains("semver:^3") && none.contains("2.0.0, 2.0.0-rc.1, 1.10.0"), "{none}");
    }

    #[test]
    fn a_short_name_is_a_branch_else_a_tag_and_never_both() {
        let refs = [("HEAD", '1'), ("refs/heads/main", '1'), ("refs/tags/v1", '2')];
        assert_eq!(chosen("main", &refs), "refs/heads/main");
        assert_eq!(chosen("v1", &refs), "refs/tags/v1");
        let both = [("refs/heads/v1", '1'), ("refs/tags/v1", '2')];
        let error = chosen("v1", &both);
        assert!(error.contains("refs/heads/v1") && error.contains("refs/tags/v1"), "{error}");
    }

    #[test]
    fn head_is_the_branch_that_it_stands_for() {
        assert_eq!(chosen("HEAD", &[("HEAD", '1'), ("refs/heads/main", '1')]), "refs/heads/main");
        assert_eq!(chosen("HEAD", &[("HEAD", '1'), ("refs/heads/other", '2')]), "HEAD");
        assert!(chosen("HEAD", &[("refs/heads/other", '2')]).contains("SKILLS_REF"));
        assert!(chosen("HEAD", &[]).contains("no commit"));
    }

    #[test]
    fn a_commit_is_taken_where_a_reference_points_at_it() {
        let refs = [("refs/heads/main", '1'), ("refs/tags/v1^{}", '2')];
        assert_eq!(chosen(&"1".repeat(40), &refs), "refs/heads/main");
        assert_eq!(chosen(&"2".repeat(40), &refs), "unlisted 222222222222");
    }

    #[test]
    fn a_missing_name_is_told_with_some_that_exist() {
        let error = chosen("mian", &[("refs/heads/main", '1'), ("refs/heads/dev", '1')]);
        assert!(error.contains("`mian`") && error.contains("main, dev"), "{error}");
    }
}
