//! Which pushes are ours.

use reconciler::source::{Reference, RepoUrl};

use super::delivery::Push;

/// What is followed.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    /// The repository.
    pub url: RepoUrl,
    /// What of it.
    pub reference: Reference,
}

impl Followed {
    /// The reference of a push that is ours; `resolved` is what the last pass followed.
    ///
    /// # Errors
    /// Why none of them is.
    pub(super) fn ours<'a>(&self, push: &'a Push, resolved: Option<&str>) -> Result<&'a str, String> {
        if !push.addresses.iter().any(|address| self.url.matches(address)) {
            return Err("another repository".to_owned());
        }
        if let Reference::Commit(_) = self.reference {
            return Err("a commit is followed, which no push changes".to_owned());
        }
        let default = push.default_branch.as_deref();
        let mut pushed = push.references.iter().map(String::as_str);
        match pushed.find(|pushed| self.is_ours(pushed, resolved, default)) {
            Some(ours) => Ok(ours),
            None => Err(format!("another ref: `{}`", push.references.join("`, `"))),
        }
    }

    fn is_ours(&self, pushed: &str, resolved: Option<&str>, default: Option<&str>) -> bool {
        match &self.reference {
            // Nobody knows the default branch before the first pass where the forge does not say it.
            Reference::Head if resolved.is_none() && default.is_none() => pushed.starts_with("refs/heads/"),
            Reference::Head => resolved == Some(pushed) || is_branch(pushed, default),
            Reference::Name(name) => {
                is_branch(pushed, Some(name)) || pushed.strip_prefix("refs/tags/") == Some(name)
            }
            Reference::Full(full) => pushed == full,
            // Which of them is in the range is the fetch's to find.
            Reference::Semver(_) => pushed.starts_with("refs/tags/"),
            Reference::Commit(_) => false,
        }
    }
}

fn is_branch(pushed: &str, name: Option<&str>) -> bool {
    name.is_some() && pushed.strip_prefix("refs/heads/") == name
}
