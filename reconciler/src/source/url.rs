//! The address of a repository, parsed once: it never holds a credential.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// Where a repository is. What it prints holds no credential: parsing refuses them.
#[derive(Clone, PartialEq, Eq)]
pub struct RepoUrl {
    text: String,
    place: Place,
}

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Http(Url),
    Ssh(SshPlace),
    Path(PathBuf),
}

/// Where a repository is on a server that is asked over SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SshPlace {
    /// Who to log in as; ssh's own choice where none is named.
    pub(super) user: Option<String>,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// As the server takes it: absolute in a URL, as it was given after `host:`.
    pub(super) path: String,
}

/// Says why a text is not the address of a repository. The text itself is not repeated where it may
/// hold a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepoUrlError {
    /// Nothing at all.
    #[error("the repository URL is empty")]
    Empty,
    /// A user name or a password before the host.
    #[error(
        "the repository URL for {host} has credentials in it; take them out and give them by \
         GITHUB_TOKEN, or GIT_USERNAME and GIT_PASSWORD"
    )]
    Credentials {
        /// The host.
        host: String,
    },
    /// A `?` or a `#`: no git server takes one, and tokens hide there.
    #[error("the repository URL for {host} has a query or a fragment; give the clone URL alone")]
    Query {
        /// The host.
        host: String,
    },
    /// No scheme that is understood.
    #[error(
        "the repository URL has the scheme `{scheme}`; https, http, ssh and file are understood, \
         and so are user@host:path and a local path"
    )]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// A `file:` URL that names no path of this machine.
    #[error("`{url}` is no file URL with an absolute path; three slashes begin one: file:///srv/skills.git")]
    File {
        /// The URL.
        url: String,
    },
    /// No path after the host.
    #[error("the repository URL for {host} names no repository: there is nothing after the host")]
    NoPath {
        /// The host.
        host: String,
    },
    /// A host, a user or a path that a program would take for one of its options.
    #[error("the repository URL for {host} has a user, a host or a path that begins with `-`")]
    Option {
        /// The host.
        host: String,
    },
    /// A control character.
    #[error("the repository URL has the control character U+{:04X}", u32::from(*.0))]
    Control(char),
    /// No URL.
    #[error("the repository URL cannot be parsed: {0}")]
    Malformed(#[from] url::ParseError),
}

impl RepoUrl {
    /// Takes `https://`, `http://`, `ssh://`, `user@host:path`, `file://` and a local path.
    ///
    /// # Errors
    /// What is none of these, and whatever holds a credential.
    pub fn parse(text: &str) -> Result<Self, RepoUrlError> {
        let text = text.trim();
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(RepoUrlError::Control(control));
        }
        match text.split_once("://") {
            _ if text.is_empty() => Err(RepoUrlError::Empty),
            Some((scheme, _)) => match scheme.to_ascii_lowercase().as_str() {
                "https" | "http" => Self::http_url(text),
                "ssh" => Self::ssh_url(text),
                "file" => Self::file_url(text),
                other => Err(RepoUrlError::Scheme { scheme: other.to_owned() }),
            },
            None => Self::scp_or_path(text),
        }
    }

    fn http_url(text: &str) -> Result<Self, RepoUrlError> {
        let mut url = Url::parse(text)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RepoUrlError::Credentials { host });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RepoUrlError::Query { host });
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.is_empty() {
            return Err(RepoUrlError::NoPath { host });
        }
        url.set_path(&path);
        Ok(Self { text: url.to_string(), place: Place::Http(url) })
    }

    fn ssh_url(text: &str) -> Result<Self, RepoUrlError> {
        let url = Url::parse(text)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if url.password().is_some() {
            return Err(RepoUrlError::Credentials { host });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RepoUrlError::Query { host });
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let path = decoded(url.path());
        // git's own rule: a home directory is asked for without the slash.
        let path = path.strip_prefix('/').filter(|rest| rest.starts_with('~')).unwrap_or(&path).to_owned();
        let user = Some(url.username()).filter(|user| !user.is_empty()).map(decoded);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Self::ssh(url.to_string(), SshPlace { user, host, port: url.port(), path })
    }

    fn ssh(text: String, place: SshPlace) -> Result<Self, RepoUrlError> {
        let SshPlace { user, host, path, .. } = &place;
        if path.trim_matches('/').is_empty() || host.is_empty() {
            return Err(RepoUrlError::NoPath { host: host.clone() });
        }
        if [user.as_deref().unwrap_or_default(), host, path].iter().any(|part| part.starts_with('-')) {
            return Err(RepoUrlError::Option { host: host.clone() });
        }
        if let Some(control) = path.chars().find(|c| c.is_control()) {
            return Err(RepoUrlError::Control(control));
        }
        Ok(Self { text, place: Place::Ssh(place) })
    }

    fn file_url(text: &str) -> Result<Self, RepoUrlError> {
        let wrong = || RepoUrlError::File { url: text.to_owned() };
        let url = Url::parse(text)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong());
        }
        let path = url.to_file_path().map_err(|()| wrong())?;
        Ok(Self { text: text.to_owned(), place: Place::Path(path) })
    }

    /// git's own rule: a colon before the first slash makes it `user@host:path`.
    fn scp_or_path(text: &str) -> Result<Self, RepoUrlError> {
        let scp = text.split_once(':').filter(|(before, _)| !before.contains('/') && before.contains('@'));
        let Some((login, path)) = scp else {
            return match text.split_once('@') {
                Some((before, after)) if before.contains(':') && !before.contains('/') => {
                    let host = after.split([':', '/']).next().unwrap_or_default().to_owned();
                    Err(RepoUrlError::Credentials { host })
                }
                _ => Ok(Self { text: text.to_owned(), place: Place::Path(PathBuf::from(text)) }),
            };
        };
        let (user, host) = login.rsplit_once('@').unwrap_or(("", login));
        let user = Some(user).filter(|user| !user.is_empty()).map(str::to_owned);
        let place = SshPlace { user, host: host.to_owned(), port: None, path: path.to_owned() };
        Self::ssh(text.to_owned(), place)
    }

    /// The same address; a local path that is not absolute is taken below `base`, and is shown without
    /// the `.` and the slashes that say nothing.
    pub fn absolute(self, base: &Path) -> Self {
        match self.place {
            Place::Path(path) if !self.text.contains("://") => {
                let path: PathBuf = base.join(path).components().collect();
                Self { text: path.display().to_string(), place: Place::Path(path) }
            }
            _ => self,
        }
    }

    /// Whether another address, such as a webhook's `clone_url`, means the same repository: scheme,
    /// user and `.git` aside, letter case too.
    pub fn matches(&self, other: &str) -> bool {
        Self::parse(other).is_ok_and(|other| self.identity() == other.identity())
    }

    fn identity(&self) -> (String, Option<u16>, String) {
        let (host, port, path) = match &self.place {
            Place::Http(url) => (url.host_str().unwrap_or_default(), url.port(), url.path().to_owned()),
            Place::Ssh(SshPlace { host, port, path, .. }) => (host.as_str(), *port, path.clone()),
            Place::Path(path) => ("", None, path.display().to_string()),
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        (host.to_ascii_lowercase(), port, path.to_ascii_lowercase())
    }

    /// The URL where it is fetched over HTTP.
    pub(super) fn http(&self) -> Option<&Url> {
        if let Place::Http(url) = &self.place { Some(url) } else { None }
    }

    /// The path where it is on this machine.
    pub(super) fn path(&self) -> Option<&Path> {
        if let Place::Path(path) = &self.place { Some(path) } else { None }
    }

    /// Where it is on a server that is asked over SSH.
    pub(super) fn ssh_place(&self) -> Option<&SshPlace> {
        if let Place::Ssh(place) = &self.place { Some(place) } else { None }
    }

    /// Whether what is sent there can be read on the way: `http://` to another machine.
    pub(super) fn is_readable_on_the_way(&self) -> bool {
        self.http().is_some_and(is_readable_on_the_way)
    }
}

/// Whether what is sent to a URL can be read on the way: anything but `https://`, but for what stays on this
/// machine.
pub fn is_readable_on_the_way(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() != "https" && !is_loopback
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        RepoUrl::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn every_form_of_the_contract_is_taken() {
        for text in [
            "https://github.com/org/skills.git",
            "http://127.0.0.1:3000/org/skills",
            "ssh://git@github.com:2222/org/skills.git",
            "git@github.com:org/skills.git",
            "file:///srv/skills.git",
            "/srv/skills.git",
            "./examples",
            "a:b",
        ] {
            assert_eq!(RepoUrl::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_credential_is_refused_and_not_repeated() {
        for text in [
            "https://s3cret@github.com/o/r",
            "https://user:s3cret@github.com/o/r",
            "ssh://git:s3cret@github.com/o/r",
            "git:s3cret@github.com:o/r",
        ] {
            let error = error(text);
            assert!(error.contains("credentials") && error.contains("github.com"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let error = error("https://github.com/o/r?token=s3cret");
        assert!(error.contains("query") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn what_is_no_repository_is_refused() {
        assert!(error("").contains("empty"));
        assert!(error("git://host/r").contains("scheme `git`"));
        assert!(error("https://github.com/").contains("names no repository"));
        assert!(error("git@github.com:").contains("names no repository"));
        assert!(error("file://host/srv").contains("three slashes"));
        assert!(error("https://").contains("cannot be parsed"));
        assert!(error("/srv/a\u{7}b").contains("U+0007"));
    }

    #[test]
    fn what_a_program_would_take_for_an_option_is_refused() {
        for text in [
            "ssh://-oProxyCommand=x/r",
            "ssh://-x@h/r",
            "git@-oProxyCommand=x:r",
            "git@h:--upload-pack=x",
            "-x@h:r",
        ] {
            let error = error(text);
            assert!(error.contains("begins with `-`"), "{text}: {error}");
        }
        assert!(error("ssh://h/a%0Ab").contains("U+000A"));
    }

    #[test]
    fn a_path_over_ssh_is_what_git_would_ask_for() {
        let asked = |text: &str| {
            let place = RepoUrl::parse(text).unwrap().ssh_place().unwrap().clone();
            format!("{:?} {} {:?} {}", place.user, place.host, place.port, place.path)
        };
        assert_eq!(asked("ssh://git@h:2222/org/r.git"), "Some(\"git\") h Some(2222) /org/r.git");
        assert_eq!(asked("ssh://h/~me/r%20s"), "None h None ~me/r s");
        assert_eq!(asked("ssh://git@[::1]:22/r"), "Some(\"git\") ::1 Some(22) /r");
        assert_eq!(asked("git@h:org/r.git"), "Some(\"git\") h None org/r.git");
        assert_eq!(asked("git@h:/srv/r"), "Some(\"git\") h None /srv/r");
    }

    #[test]
    fn one_repository_has_many_addresses() {
        let url = RepoUrl::parse("https://github.com/Org/skills").unwrap();
        assert!(url.matches("git@github.com:org/skills.git"));
        assert!(url.matches("ssh://git@github.com/Org/skills.git"));
        assert!(url.matches("http://GitHub.com/Org/skills/"));
        assert!(!url.matches("https://github.com/org/skills2"));
        assert!(!url.matches("https://github.com:8443/org/skills"));
        assert!(!url.matches("https://github.evil/org/skills"));
        assert!(!url.matches("not a url\n"));
    }

    #[test]
    fn a_local_path_is_shown_as_short_as_it_is() {
        let shown = |text| RepoUrl::parse(text).unwrap().absolute(Path::new("/home/me")).to_string();
        assert_eq!(shown("."), "/home/me");
        assert_eq!(shown("./skills//x/"), "/home/me/skills/x");
        assert_eq!(shown("../skills"), "/home/me/../skills", "what `..` means is the file system's to say");
        assert_eq!(shown("/srv/skills/."), "/srv/skills");
        assert_eq!(shown("file:///srv/skills/"), "file:///srv/skills/");
        assert_eq!(shown("git@github.com:org/skills"), "git@github.com:org/skills");
    }

    #[test]
    fn loopback_is_not_readable_on_the_way() {
        let readable = |text| RepoUrl::parse(text).unwrap().is_readable_on_the_way();
        assert!(readable("http://example.org/r"));
        assert!(!readable("https://example.org/r"));
        assert!(
            !readable("http://127.0.0.7/r")
                && !readable("http://[::1]:80/r")
                && !readable("http://localhost/r")
        );
    }
}
