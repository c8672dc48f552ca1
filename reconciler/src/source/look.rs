//! What the child does where nothing is to be fetched: list, and choose.

use git2::{Direction, Remote};

use super::child::Request;
use super::download::{MAX_FOREIGN, advertised};
use super::error::FetchError;
use super::fetch::Fetched;
use super::reference::{Advertised, Reference, Wanted};
use super::url::RepoUrl;
use super::wire::Wire;

/// The most that a server may say about what it has, in bytes (256 MiB).
const LONGEST_LIST: u64 = 256 << 20;

/// Lists what is there and finds what is followed. What is not listed is taken at its word.
pub(super) fn run(request: &Request, url: &RepoUrl, reference: &Reference) -> Result<Fetched, FetchError> {
    let child = |detail: String| FetchError::Child { url: request.url.clone(), detail };
    let wire = Wire::lay(request, url, request.max_repo_bytes.saturating_sub(LONGEST_LIST))?;
    let address = Wire::address(url).ok_or_else(|| child("its path is not absolute".to_owned()))?;
    let failed = |error: git2::Error| {
        let url = request.url.clone();
        wire.take_failure().unwrap_or_else(|| match wire {
            // A path that is no repository has no status code to say so.
            Wire::Local => FetchError::NoSuchRepository { url, given: false },
            _ => FetchError::Broken { url, detail: error.message().chars().take(MAX_FOREIGN).collect() },
        })
    };
    let mut remote = Remote::create_detached(address).map_err(failed)?;
    let connection = remote.connect_auth(Direction::Fetch, None, None).map_err(failed)?;
    let listed = advertised(connection.list().map_err(failed)?);
    let (commit, name) = match reference.choose(&request.url, &listed)? {
        Wanted::Listed { name, id } => (peeled(&listed, &name).unwrap_or(id.into()), name),
        Wanted::Unlisted(commit) => (commit, commit.to_string()),
    };
    Ok(Fetched { commit, reference: name, tag: None, redirected_to: wire.redirected_to() })
}

/// What an annotated tag is of: servers list it as a name of its own.
fn peeled(listed: &[Advertised], name: &str) -> Option<crate::ids::CommitId> {
    let name = format!("{name}^{{}}");
    listed.iter().find(|one| one.name == name).map(|one| one.id.into())
}
