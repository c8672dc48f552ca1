//! What the child does where nothing is to be fetched: list, and choose.

use std::time::Duration;

use git2::{Direction, Remote};

use super::child::Request;
use super::download::{MAX_FOREIGN, address, advertised};
use super::error::FetchError;
use super::fetch::Fetched;
use super::http::{Bounds, Session};
use super::reference::{Advertised, Reference, Wanted};
use super::url::RepoUrl;

/// The most that a server may say about what it has, in bytes (256 MiB).
const LONGEST_LIST: u64 = 256 << 20;

/// Lists what is there and finds what is followed. What is not listed is taken at its word.
pub(super) fn run(request: &Request, url: &RepoUrl, reference: &Reference) -> Result<Fetched, FetchError> {
    let child = |detail: String| FetchError::Child { url: request.url.clone(), detail };
    let bounds = Bounds { timeout: Duration::from_millis(request.timeout_ms), max_bytes: LONGEST_LIST };
    let session = url.http().map(|http| Session::new(http, request.authorization.clone(), bounds));
    if let Some(session) = &session {
        session.register().map_err(|error| child(error.message().to_owned()))?;
    }
    let address = address(url).ok_or_else(|| child("its path is not absolute".to_owned()))?;
    let failed = |error: git2::Error| {
        let (seen, url) = (session.as_ref().and_then(|session| session.take_failure()), request.url.clone());
        seen.unwrap_or_else(|| match session {
            // A path that is no repository has no status code to say so.
            None => FetchError::NoSuchRepository { url, given: false },
            Some(_) => {
                FetchError::Broken { url, detail: error.message().chars().take(MAX_FOREIGN).collect() }
            }
        })
    };
    let mut remote = Remote::create_detached(address).map_err(failed)?;
    let connection = remote.connect_auth(Direction::Fetch, None, None).map_err(failed)?;
    let listed = advertised(connection.list().map_err(failed)?);
    let (commit, name) = match reference.choose(&request.url, &listed)? {
        Wanted::Listed { name, id } => (peeled(&listed, &name).unwrap_or(id.into()), name),
        Wanted::Unlisted(commit) => (commit, commit.to_string()),
    };
    let redirected_to = session.as_ref().and_then(|session| session.redirected_to());
    Ok(Fetched { commit, reference: name, redirected_to })
}

/// What an annotated tag is of: servers list it as a name of its own.
fn peeled(listed: &[Advertised], name: &str) -> Option<crate::ids::CommitId> {
    let name = format!("{name}^{{}}");
    listed.iter().find(|one| one.name == name).map(|one| one.id.into())
}
