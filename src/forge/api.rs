//! A forge's API: sends the calls and says what a refusal means. It takes no address from an answer.

use std::time::Duration;

use serde_json::Value;

use super::call::{Call, CommitStatus, Hook, Sent, Wanted};
use super::{Forge, gitea, github, gitlab};
use crate::config::{Secret, SecretError};
use crate::render::escape::shortened;
use crate::web::{Address, Request, Web, WebError};

/// How much of a forge's own words an error repeats, in characters.
const WORDS: usize = 200;

/// The API of one forge, for one repository.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    /// Which forge.
    pub forge: Forge,
    /// The base of its API.
    pub base: Address,
    /// Owner and name.
    pub repository: String,
    /// The token, read again at each use.
    pub token: Secret,
    /// What sends.
    pub web: Web,
}

/// What a call is for: it says what the token must be allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// To read and write webhooks.
    Webhooks,
    /// To set a commit status.
    Status,
}

/// Says why a forge did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The token cannot be read.
    #[error("cannot read FORGE_TOKEN")]
    Secret(#[from] SecretError),
    /// The token is none.
    #[error(
        "{forge} at {base} does not take FORGE_TOKEN (401): it is wrong, has expired, or is another forge's; \
         make one that may {needs} and set it"
    )]
    Token {
        /// Which forge.
        forge: Forge,
        /// Where.
        base: String,
        /// What it must be allowed to.
        needs: &'static str,
    },
    /// The token is not enough.
    #[error(
        "{forge} at {base} does not let FORGE_TOKEN do this (403): it must be able to {needs}; the forge says: {words}"
    )]
    Permission {
        /// Which forge.
        forge: Forge,
        /// Where.
        base: String,
        /// What it must be allowed to.
        needs: &'static str,
        /// The forge's words.
        words: String,
    },
    /// No such repository, or none that the token may see.
    #[error(
        "{forge} at {base} knows no `{what}` (404), or does not show it to FORGE_TOKEN: check SKILLS_REPO and \
         FORGE_API, and that the token's owner may {needs}"
    )]
    Missing {
        /// Which forge.
        forge: Forge,
        /// Where.
        base: String,
        /// The repository, and the commit where one was named.
        what: String,
        /// What the token must be allowed to.
        needs: &'static str,
    },
    /// Too many calls.
    #[error("{forge} at {base} asks us to wait ({status})")]
    Limited {
        /// Which forge.
        forge: Forge,
        /// Where.
        base: String,
        /// The status.
        status: u16,
        /// For how long.
        pause: Option<Duration>,
    },
    /// A redirect.
    #[error(
        "{forge} at {base} answers with a redirect ({status}), which is not followed: set FORGE_API to where its API is"
    )]
    Redirect {
        /// Which forge.
        forge: Forge,
        /// Where.
        base: String,
        /// The status.
        status: u16,
    },
    /// Whatever else it refuses.
    #[error("{forge} at {base} refuses it ({status}): {words}")]
    Refused {
        /// Which forge.
        forge: Forge,
        /// Where.
        base: String,
        /// The status.
        status: u16,
        /// The forge's words.
        words: String,
    },
    /// It has a fault.
    #[error("{forge} at {base} has a fault ({status}); it may work later")]
    Server {
        /// Which forge.
        forge: Forge,
        /// Where.
        base: String,
        /// The status.
        status: u16,
        /// When to come again.
        pause: Option<Duration>,
    },
    /// No answer.
    #[error("{forge} at {base} cannot be asked")]
    Unreachable {
        /// Which forge.
        forge: Forge,
        /// Where.
        base: String,
        /// Why not.
        source: WebError,
    },
    /// An answer that is not the API's.
    #[error(
        "what answers at {base} is not the API of {forge}: set FORGE to the forge that it is, or FORGE_API to where its API is"
    )]
    NotApi {
        /// Which forge.
        forge: Forge,
        /// Where.
        base: String,
    },
}

impl ApiError {
    /// How long the forge asks us to stay away.
    pub(crate) fn pause(&self) -> Option<Duration> {
        match self {
            Self::Limited { pause, .. } | Self::Server { pause, .. } => *pause,
            _ => None,
        }
    }

    /// Whether it may work later without anybody doing something.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Limited { .. } | Self::Server { .. } => true,
            Self::Unreachable { source, .. } => source.is_passing(),
            _ => false,
        }
    }
}

impl Api {
    /// The repository's webhooks.
    ///
    /// # Errors
    /// As [`ApiError`] says; so for all that follow.
    pub(crate) fn hooks(&self) -> Result<Vec<Hook>, ApiError> {
        let (call, read): (_, fn(&Value) -> Option<Hook>) = match self.forge {
            Forge::Github => (github::list(&self.repository), github::hook),
            Forge::Gitlab => (gitlab::list(&self.repository), gitlab::hook),
            _ => (gitea::list(&self.repository), gitea::hook),
        };
        let answer = self.call(&call, For::Webhooks)?;
        let hooks = answer.as_array().ok_or_else(|| self.not_api())?;
        Ok(hooks.iter().filter_map(read).collect())
    }

    /// Makes a new webhook.
    pub(crate) fn create(&self, wanted: &Wanted) -> Result<Hook, ApiError> {
        let call = match self.forge {
            Forge::Github => github::create(&self.repository, wanted),
            Forge::Gitlab => gitlab::create(&self.repository, wanted),
            forge => gitea::create(forge, &self.repository, wanted),
        };
        self.written(&call)
    }

    /// Makes a webhook what it must be; nobody can read its secret, so that is always set again.
    pub(crate) fn update(&self, id: u64, wanted: &Wanted) -> Result<Hook, ApiError> {
        let call = match self.forge {
            Forge::Github => github::update(&self.repository, id, wanted),
            Forge::Gitlab => gitlab::update(&self.repository, id, wanted),
            _ => gitea::update(&self.repository, id, wanted),
        };
        self.written(&call)
    }

    fn written(&self, call: &Call) -> Result<Hook, ApiError> {
        let answer = self.call(call, For::Webhooks)?;
        let read = match self.forge {
            Forge::Github => github::hook(&answer),
            Forge::Gitlab => gitlab::hook(&answer),
            _ => gitea::hook(&answer),
        };
        read.ok_or_else(|| self.not_api())
    }

    /// The newest deliveries of a webhook; none where the forge's API does not tell.
    pub(crate) fn deliveries(&self, id: u64) -> Result<Option<Vec<Sent>>, ApiError> {
        let (call, read): (_, fn(&Value) -> Sent) = match self.forge {
            Forge::Github => (github::deliveries(&self.repository, id), github::sent),
            Forge::Gitlab => (gitlab::deliveries(&self.repository, id), gitlab::sent),
            _ => return Ok(None),
        };
        let answer = self.call(&call, For::Webhooks)?;
        let sent = answer.as_array().ok_or_else(|| self.not_api())?;
        Ok(Some(sent.iter().map(read).collect()))
    }

    /// Shows a status beside a commit.
    pub(crate) fn set_status(&self, status: &CommitStatus) -> Result<(), ApiError> {
        let longest = if self.forge == Forge::Gitlab { gitlab::DESCRIPTION } else { github::DESCRIPTION };
        let status = CommitStatus { description: shortened(&status.description, longest), ..status.clone() };
        let call = match self.forge {
            Forge::Gitlab => gitlab::status(&self.repository, &status),
            _ => github::status(&self.repository, &status),
        };
        match self.call(&call, For::Status) {
            Err(ApiError::Refused { status: 400, words, .. })
                if self.forge == Forge::Gitlab && gitlab::is_unchanged(&words) =>
            {
                Ok(())
            }
            Err(ApiError::Missing { forge, base, what, needs }) => Err(ApiError::Missing {
                forge,
                base,
                what: format!("{what} with {}", status.revision),
                needs,
            }),
            called => called.map(|_| ()),
        }
    }

    fn call(&self, call: &Call, purpose: For) -> Result<Value, ApiError> {
        let token = self.token.read()?;
        let token = token.trim();
        let headers = match self.forge {
            Forge::Github => github::headers(token),
            Forge::Gitlab => gitlab::headers(token),
            _ => gitea::headers(token),
        };
        let url = format!("{}{}", self.base.expose(), call.path);
        let request = Request { method: call.method, url, headers, body: call.body.clone() };
        let (forge, base) = (self.forge, self.base.expose().to_owned());
        let answer = self.web.send(&request).map_err(|source| ApiError::Unreachable {
            forge,
            base: base.clone(),
            source,
        })?;
        let needs = needs(self.forge, purpose);
        let (status, pause) = (answer.status, answer.retry_after);
        let words = || words(&answer.body);
        Err(match status {
            200..=299 => return serde_json::from_slice(&answer.body).map_err(|_| self.not_api()),
            300..=399 => ApiError::Redirect { forge, base, status },
            401 => ApiError::Token { forge, base, needs },
            // GitHub's secondary limits are a 403 that says when to come again.
            403 if pause.is_some() => ApiError::Limited { forge, base, status, pause },
            403 => ApiError::Permission { forge, base, needs, words: words() },
            404 => ApiError::Missing { forge, base, what: self.repository.clone(), needs },
            429 => ApiError::Limited { forge, base, status, pause },
            500..=599 => ApiError::Server { forge, base, status, pause },
            _ => ApiError::Refused { forge, base, status, words: words() },
        })
    }

    fn not_api(&self) -> ApiError {
        ApiError::NotApi { forge: self.forge, base: self.base.expose().to_owned() }
    }
}

/// What a token must be allowed to, in the forge's own words.
pub(crate) fn needs(forge: Forge, purpose: For) -> &'static str {
    match (forge, purpose) {
        (Forge::Github, For::Webhooks) => {
            "administer webhooks (`Webhooks: write`, or the scope admin:repo_hook)"
        }
        (Forge::Github, For::Status) => {
            "write commit statuses (`Commit statuses: write`, or the scope repo:status)"
        }
        (Forge::Gitlab, For::Webhooks) => "maintain the project (scope api, role Maintainer)",
        (Forge::Gitlab, For::Status) => "develop in the project (scope api, role Developer)",
        (_, For::Webhooks) => "administer the repository (scope write:repository)",
        (_, For::Status) => "write to the repository (scope write:repository)",
    }
}

/// The forge's own words, where its answer has any.
fn words(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = [&value["message"], &value["error"]].into_iter().find(|said| !said.is_null());
    let text = match said {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "nothing that can be read".to_owned(),
    };
    let errors = value["errors"].as_array().filter(|errors| !errors.is_empty());
    let more = errors.map(|errors| format!(" {}", Value::from(errors.clone()))).unwrap_or_default();
    shortened(&format!("{text}{more}"), WORDS)
}
