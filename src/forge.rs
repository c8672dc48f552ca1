//! The forges: what people host git on, what each is called, and where its API is.

use std::fmt;

use reconciler::source::{GITHUB_API, RepoUrl, Route};

use crate::config::Secret;
use crate::web::{Address, Web};

mod api;
pub(crate) mod call;
mod gitea;
mod github;
mod gitlab;
mod repository;
#[cfg(test)]
mod tests;

use api::needs;
pub(crate) use api::{Api, ApiError, For};
pub(crate) use repository::Repository;

/// A forge whose webhooks are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Forge {
    /// github.com and GitHub Enterprise.
    Github,
    /// Gitea.
    Gitea,
    /// Forgejo, and so codeberg.org.
    Forgejo,
    /// gitlab.com and GitLab of one's own.
    Gitlab,
    /// bitbucket.org and Bitbucket Data Center.
    Bitbucket,
}

impl Forge {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Github, Self::Gitea, Self::Forgejo, Self::Gitlab, Self::Bitbucket];

    /// Its name in paths and settings.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::Gitlab => "gitlab",
            Self::Bitbucket => "bitbucket",
        }
    }

    /// Where its webhooks go, below our own address.
    pub(crate) fn hook_path(self) -> String {
        format!("/webhook/{self}")
    }
}

impl fmt::Display for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the settings say of the forge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ForgeSettings {
    /// `FORGE`; none to tell it by the host of `SKILLS_REPO`.
    pub forge: Option<Forge>,
    /// `FORGE_API`; none for where this forge has it.
    pub api: Option<Address>,
    /// `FORGE_TOKEN`.
    pub token: Option<Secret>,
    /// `COMMIT_STATUS`.
    pub commit_status: bool,
    /// How its API is reached.
    pub route: Route,
}

/// Says why there is no API to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoApi {
    /// A path of this machine.
    #[error("SKILLS_REPO is a directory of this machine, or names no owner: no forge knows it")]
    NotHosted,
    /// The host's name does not tell.
    #[error(
        "which forge is at {host} cannot be told by its name: set FORGE to github, gitea, forgejo, gitlab or bitbucket"
    )]
    Unknown {
        /// The host.
        host: String,
    },
    /// No token.
    #[error("FORGE_TOKEN: not set, and required; make a token at {forge} that may {needs}, and set it")]
    NoToken {
        /// Which forge.
        forge: Forge,
        /// What it must be allowed to.
        needs: &'static str,
    },
    /// No API of ours.
    #[error("skill-sync does not use the API of {0}; set the webhook by hand, and leave COMMIT_STATUS off")]
    Unsupported(Forge),
    /// An address over which a token would be readable.
    #[error(
        "the API at {base} is not encrypted, and the token would be readable on the way; use https://, or allow this with INSECURE_HTTP=true"
    )]
    Readable {
        /// The base.
        base: String,
    },
}

impl ForgeSettings {
    /// Which forge has the repository.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub(crate) fn forge_of(&self, url: &RepoUrl) -> Result<(Forge, Repository), NoApi> {
        let repository = Repository::of(url).ok_or(NoApi::NotHosted)?;
        let unknown = || NoApi::Unknown { host: repository.host.clone() };
        let forge = self.forge.or_else(|| repository.forge()).ok_or_else(unknown)?;
        Ok((forge, repository))
    }

    /// The API of the forge that has the repository.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub(crate) fn api(&self, url: &RepoUrl, insecure: bool, purpose: For) -> Result<Api, NoApi> {
        let (forge, repository) = self.forge_of(url)?;
        if forge == Forge::Bitbucket {
            return Err(NoApi::Unsupported(forge));
        }
        let needs = needs(forge, purpose);
        let token = self.token.clone().ok_or(NoApi::NoToken { forge, needs })?;
        let base = self.base(repository.api(forge), insecure)?;
        Ok(Api { forge, base, repository: repository.path, token, web: Web::new(self.route.clone()) })
    }

    /// Where the API is that gives a GitHub App its tokens.
    ///
    /// # Errors
    /// Where they would be readable on the way.
    pub(crate) fn github_api(&self, url: Option<&RepoUrl>, insecure: bool) -> Result<Address, NoApi> {
        let repository = url.and_then(Repository::of);
        let custom = repository.map_or_else(|| GITHUB_API.to_owned(), |of| of.api(Forge::Github));
        self.base(custom, insecure)
    }

    /// The base of an API: what is set, else where the forge has it by custom.
    fn base(&self, custom: String, insecure: bool) -> Result<Address, NoApi> {
        match &self.api {
            Some(base) => Ok(base.clone()),
            None => Address::parse(&custom, insecure).map_err(|_| NoApi::Readable { base: custom }),
        }
    }
}
