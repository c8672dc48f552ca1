//! What a webhook says, the same for every forge. Little of it is read, and none of it is trusted.

use axum::http::HeaderMap;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{bitbucket, gitea, github, gitlab};
use crate::forge::Forge;
use crate::http::webhook::authenticity::Proof;

/// The longest id or event name that is taken, in bytes: the forges' ids are UUIDs.
const HEADER: usize = 128;

/// One delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    /// By what the forge tells it from others, and knows it again when it is sent once more.
    pub id: Option<String>,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Branches or tags were pushed.
    Push(Push),
    /// Something that brings no pass, by the forge's name for it.
    Other(String),
}

/// What of a push is read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Push {
    /// Every address under which the repository is known.
    pub addresses: Vec<String>,
    /// The references that were pushed, in full.
    pub references: Vec<String>,
    /// The branch that the remote's HEAD is.
    pub default_branch: Option<String>,
}

/// Why headers show no proof: a 401 that says what is missing.
pub(super) type NoProof = String;

/// Why a signed delivery cannot be read: a 400 that says what is wrong.
pub(super) type Malformed = String;

/// What the headers show for the body.
///
/// # Errors
/// Where they show nothing, or nothing of the right form.
pub(super) fn proof(forge: Forge, headers: &HeaderMap) -> Result<Proof, NoProof> {
    match forge {
        Forge::Github => github::proof(headers),
        Forge::Gitea => gitea::proof(headers, &gitea::GITEA),
        Forge::Forgejo => gitea::proof(headers, &gitea::FORGEJO),
        Forge::Gitlab => gitlab::proof(headers),
        Forge::Bitbucket => bitbucket::proof(headers),
    }
}

/// What a forge says with these headers and this JSON.
///
/// # Errors
/// What is missing or is not of the forge's form.
pub(super) fn read(forge: Forge, headers: &HeaderMap, payload: &[u8]) -> Result<Delivery, Malformed> {
    match forge {
        Forge::Github => github::delivery(headers, payload),
        Forge::Gitea => gitea::delivery(headers, payload, &gitea::GITEA),
        Forge::Forgejo => gitea::delivery(headers, payload, &gitea::FORGEJO),
        Forge::Gitlab => gitlab::delivery(headers, payload),
        Forge::Bitbucket => bitbucket::delivery(headers, payload),
    }
}

/// Whether a forge can send its payload in a field of a form.
pub(super) fn sends_forms(forge: Forge) -> bool {
    matches!(forge, Forge::Github | Forge::Gitea | Forge::Forgejo)
}

/// A header of printable ASCII and of a sane length; none where it is not there.
///
/// # Errors
/// Where it is there and is not that.
pub(super) fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Malformed> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if !text.is_empty() && text.len() <= HEADER => Ok(Some(text.to_owned())),
        _ => Err(format!("the {name} header is empty, too long or not text")),
    }
}

/// The first of several headers that is there.
///
/// # Errors
/// Where that one is not text of a sane length.
pub(super) fn first_of(headers: &HeaderMap, names: &[&str]) -> Result<Option<String>, Malformed> {
    names.iter().find_map(|name| header(headers, name).transpose()).transpose()
}

/// A header that must be there.
///
/// # Errors
/// Where it is not, or is not text of a sane length.
pub(super) fn wanted(headers: &HeaderMap, names: &[&str]) -> Result<String, Malformed> {
    first_of(headers, names)?.ok_or_else(|| format!("the {} header is missing", names.first().unwrap_or(&"")))
}

/// The payload of a push.
///
/// # Errors
/// Where it is not JSON of that form.
pub(super) fn of_push<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Malformed> {
    serde_json::from_slice(payload).map_err(|error| format!("the payload is not that of a push: {error}"))
}

/// An event that brings no pass; its payload must be JSON all the same.
///
/// # Errors
/// Where it is not.
pub(super) fn other(id: Option<String>, event: String, payload: &[u8]) -> Result<Delivery, Malformed> {
    match serde_json::from_slice::<IgnoredAny>(payload) {
        Ok(_) => Ok(Delivery { id, event: Event::Other(event) }),
        Err(error) => Err(format!("the payload is not JSON: {error}")),
    }
}
