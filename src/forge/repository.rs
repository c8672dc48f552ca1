//! Where a repository is on its forge: from its address alone.

use reconciler::source::{GITHUB_API, RepoUrl};
use url::Url;

use super::Forge;

/// A repository as a forge's API knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    /// The forge's host, as it was written.
    pub host: String,
    /// Scheme, host and port of its web site; of a repository over SSH they are a guess.
    pub origin: String,
    /// Owner and name, with whatever groups are above them.
    pub path: String,
}

impl Repository {
    /// Reads it from the address; none where that is a path of this machine.
    pub(crate) fn of(url: &RepoUrl) -> Option<Self> {
        let text = url.to_string();
        let (host, origin, path) = match text.split_once("://") {
            Some(("http" | "https", _)) => {
                let url = Url::parse(&text).ok()?;
                (url.host_str()?.to_owned(), url.origin().ascii_serialization(), url.path().to_owned())
            }
            Some(("ssh", _)) => {
                let url = Url::parse(&text).ok()?;
                let host = url.host_str()?.to_owned();
                (host.clone(), format!("https://{host}"), url.path().to_owned())
            }
            Some(_) => return None,
            None => {
                let (login, path) = text.split_once(':').filter(|(login, _)| !login.contains('/'))?;
                let host = login.rsplit_once('@')?.1.to_owned();
                (host.clone(), format!("https://{host}"), path.to_owned())
            }
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).to_owned();
        path.contains('/').then_some(Self { host, origin, path })
    }

    /// Which forge its host is, where the name tells.
    pub(crate) fn forge(&self) -> Option<Forge> {
        let host = self.host.to_ascii_lowercase();
        let known = match host.as_str() {
            "github.com" => Some(Forge::Github),
            "gitlab.com" => Some(Forge::Gitlab),
            "codeberg.org" => Some(Forge::Forgejo),
            "bitbucket.org" => Some(Forge::Bitbucket),
            _ => None,
        };
        let first = host.split('.').next().unwrap_or_default();
        known.or_else(|| Forge::ALL.into_iter().find(|forge| forge.word() == first))
    }

    /// The base of the forge's API.
    pub(crate) fn api(&self, forge: Forge) -> String {
        match forge {
            Forge::Github if self.host.eq_ignore_ascii_case("github.com") => GITHUB_API.to_owned(),
            Forge::Github => format!("{}/api/v3", self.origin),
            Forge::Gitea | Forge::Forgejo => format!("{}/api/v1", self.origin),
            Forge::Gitlab => format!("{}/api/v4", self.origin),
            Forge::Bitbucket => "https://api.bitbucket.org/2.0".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Repository> {
        Repository::of(&RepoUrl::parse(text).expect("an address"))
    }

    #[test]
    fn every_form_of_an_address_names_the_same_repository() {
        for text in [
            "https://gitlab.example/team/agents/skills.git",
            "ssh://git@gitlab.example:2222/team/agents/skills.git",
            "git@gitlab.example:team/agents/skills.git",
        ] {
            let found = of(text).expect(text);
            assert_eq!((found.path.as_str(), found.forge()), ("team/agents/skills", Some(Forge::Gitlab)));
            assert_eq!(found.api(Forge::Gitlab), "https://gitlab.example/api/v4", "{text}");
        }
        for text in ["/srv/skills.git", "file:///srv/skills.git", "./skills", "https://host.example/skills"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn the_api_is_where_each_forge_has_it() {
        let api = |text: &str, forge| of(text).expect(text).api(forge);
        assert_eq!(api("https://github.com/o/r", Forge::Github), "https://api.github.com");
        assert_eq!(api("https://ghe.example/o/r", Forge::Github), "https://ghe.example/api/v3");
        assert_eq!(api("http://127.0.0.1:3001/o/r", Forge::Gitea), "http://127.0.0.1:3001/api/v1");
        assert_eq!(of("https://codeberg.org/o/r").expect("one").forge(), Some(Forge::Forgejo));
        assert_eq!(of("https://gitea.example/o/r").expect("one").forge(), Some(Forge::Gitea));
        assert_eq!(of("https://git.example/o/r").expect("one").forge(), None);
    }
}
