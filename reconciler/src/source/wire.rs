//! The way to the repository: what carries git's protocol in this fetch.

use std::sync::Arc;
use std::time::Duration;

use super::child::Request;
use super::error::FetchError;
use super::url::RepoUrl;
use super::{http, ssh};

/// How a repository is reached.
pub(super) enum Wire {
    /// On this machine: libgit2 reads its files.
    Local,
    /// By our HTTP.
    Http(Arc<http::Session>),
    /// By the system's ssh.
    Ssh(Arc<ssh::Session>),
}

impl Wire {
    /// Makes libgit2 take it for every URL of its kind. `held` bytes of the limit are taken already.
    pub(super) fn lay(request: &Request, url: &RepoUrl, held: u64) -> Result<Self, FetchError> {
        let unlaid = |error: git2::Error| {
            let (url, detail) = (request.url.clone(), error.message().to_owned());
            FetchError::Child { url, detail }
        };
        let max_bytes = request.max_repo_bytes.saturating_sub(held);
        if let Some(url) = url.http() {
            let timeout = Duration::from_millis(request.timeout_ms);
            let bounds = http::Bounds { timeout, max_bytes };
            let session = http::Session::new(url, &request.route, request.authorization.clone(), bounds)?;
            session.register().map_err(unlaid)?;
            return Ok(Self::Http(session));
        }
        if let Some(place) = url.ssh_place() {
            let (given, helper) = (request.ssh.clone().unwrap_or_default(), request.helper.clone());
            let session = ssh::Session::new(request.url.clone(), place, given, helper, max_bytes);
            session.register().map_err(unlaid)?;
            return Ok(Self::Ssh(session));
        }
        Ok(Self::Local)
    }

    /// The address in the form that libgit2 takes for it. A bare path with a colon would be an SSH address.
    pub(super) fn address(url: &RepoUrl) -> Option<String> {
        match url.path() {
            Some(path) => url::Url::from_file_path(path).ok().map(|url| url.to_string()),
            // Only its scheme counts: the session knows where to go.
            None if url.ssh_place().is_some() => Some("ssh://repository/path".to_owned()),
            None => url.http().map(ToString::to_string),
        }
    }

    /// Whether libgit2 reads files of this machine, all of them always.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Local)
    }

    /// What it saw go wrong first, since the last call.
    pub(super) fn take_failure(&self) -> Option<FetchError> {
        match self {
            Self::Local => None,
            Self::Http(session) => session.take_failure(),
            Self::Ssh(session) => session.take_failure(),
        }
    }

    /// Where redirects led, if anywhere else.
    pub(super) fn redirected_to(&self) -> Option<String> {
        if let Self::Http(session) = self { session.redirected_to() } else { None }
    }
}
