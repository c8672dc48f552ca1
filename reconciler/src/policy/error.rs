//! What is wrong with a policy: each fault with its line and what to do.

use std::path::PathBuf;

use crate::report::Remedy;
use crate::scan::ScanError;

/// Why a policy cannot be followed. Changes wait until it can: it does not open the gate.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read.
    #[error("the policy `{}` cannot be read, so nothing changes: put it back, or unset POLICY_FILE", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It is too large to be one.
    #[error("the policy `{}` is larger than {most} bytes, so nothing changes: correct it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        most: u64,
    },
    /// It is no TOML.
    #[error("{}:{line}: the policy is no TOML, so nothing changes: {message}; correct it", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u32,
        /// What the parser says.
        message: String,
    },
    /// A key that nobody knows: perhaps one that was meant to hold something back.
    #[error("{}:{line}: the policy has an unknown key `{key}`, so nothing changes; {place} takes {known}", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u32,
        /// The key.
        key: String,
        /// The table that it is in.
        place: &'static str,
        /// What that table takes.
        known: String,
    },
    /// A key that must be there is not.
    #[error("{}:{line}: the policy's {place} has no `{key}`, so nothing changes: add it", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The line of the table, from 1.
        line: u32,
        /// The table.
        place: &'static str,
        /// What is missing.
        key: &'static str,
    },
    /// A value that is none of those that its key takes.
    #[error("{}:{line}: the policy's `{key}` must be {expected}, so nothing changes: correct it", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u32,
        /// The key.
        key: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// There is no such rule.
    #[error(
        "{}:{line}: the policy names the rule `{rule}`, which does not exist, so nothing changes; did you mean \
         `{nearest}`?", path.display()
    )]
    UnknownRule {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u32,
        /// The rule.
        rule: String,
        /// The rule of the most similar id.
        nearest: String,
    },
    /// A rule that no policy can except.
    #[error(
        "{}:{line}: the policy names the rule `{rule}`, which is about the form of a skill: what breaks it \
         cannot be served whatever a policy says, so nothing changes; take it out", path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u32,
        /// The rule.
        rule: String,
    },
    /// An operator's YARA file cannot be used.
    #[error("the YARA rules of the policy `{}` cannot be used, so nothing changes", path.display())]
    Yara {
        /// The policy.
        path: PathBuf,
        /// Why: it names the file and the line.
        source: ScanError,
    },
}

impl PolicyError {
    /// Who must act: whoever wrote it.
    pub fn remedy(&self) -> Remedy {
        Remedy::Person
    }
}
