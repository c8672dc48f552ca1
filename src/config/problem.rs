//! What is wrong with the settings: all of it at once, each with where it was said and what is expected.

use std::fmt;

/// Where a value was given: a variable or a flag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin(pub String);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that is wrong. Texts that came from outside are raw: escape them where they are shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// A value that is not of the form that it must have.
    #[error("{origin}: `{value}` is not {expected}")]
    Malformed {
        /// Where it was given.
        origin: Origin,
        /// What was given.
        value: String,
        /// What is expected.
        expected: String,
    },
    /// Likewise, where the value is or may hold a secret.
    #[error("{origin}: the value (not shown) is not {expected}")]
    MalformedSecret {
        /// Where it was given.
        origin: Origin,
        /// What is expected.
        expected: String,
    },
    /// A value that is no text.
    #[error("{0}: the value is not UTF-8")]
    NotUtf8(Origin),
    /// A value that must be given and was not.
    #[error("{variable}: not set, and required; set it, or give {flag}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// The flag.
        flag: String,
    },
    /// Two values of which one is too many, or one that lacks its other half.
    #[error("{names}: {what}")]
    Together {
        /// The variables.
        names: &'static str,
        /// What is wrong with them together.
        what: &'static str,
    },
    /// A setting that asks for what cannot be done with the others.
    #[error("{variable}: {why}")]
    Impossible {
        /// The variable.
        variable: &'static str,
        /// Why not, and what to set.
        why: String,
    },
    /// A secret given twice.
    #[error("{variable} and {variable}_FILE: both are set; set one of them")]
    TwoSecrets {
        /// The variable of the value.
        variable: &'static str,
    },
    /// A flag that does not exist.
    #[error("{flag}: there is no such flag{}", like(.similar.as_deref()))]
    UnknownFlag {
        /// What was given.
        flag: String,
        /// A flag of nearly that name.
        similar: Option<String>,
    },
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub(crate) struct Problems(pub Vec<Problem>);

/// Something that a person should know and that does not stop the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Warning {
    /// A variable with a prefix of ours that is no setting; a platform may inject its own.
    UnknownVariable {
        /// Its name.
        name: String,
        /// A setting of nearly that name.
        similar: Option<&'static str>,
    },
    /// A setting whose feature this version does not have.
    NotYet {
        /// Where it was given.
        origin: Origin,
        /// What this version does not do.
        does_not: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVariable { name, similar } => {
                write!(f, "{name} is set, but there is no such setting{}", like(*similar))
            }
            Self::NotYet { origin, does_not } => {
                write!(f, "{origin} is set, but this version does not {does_not} yet")
            }
        }
    }
}

fn like(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// A name that differs by more letters was not meant.
const MISSPELT: usize = 2;

/// The candidate that is nearest to a misspelt name, where one is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= MISSPELT)
        .map(|(_, candidate)| candidate)
}

/// The candidate that is nearest to a name, however far.
pub(crate) fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates.min_by_key(|candidate| distance(name, candidate))
}

/// How many letters must be added, dropped or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_the_number_of_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = ["SKILLS_REPO", "SKILLS_REF"];
        assert_eq!(nearest("SKILLS_REPOS", known.into_iter()), Some("SKILLS_REPO"));
        assert_eq!(nearest("SKILLS_API_URL_INTERNAL", known.into_iter()), None);
    }
}
