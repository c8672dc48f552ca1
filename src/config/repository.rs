//! The text of `SKILLS_REPO`: what it may be, with local paths made absolute.

use std::path::Path;

use super::parse::{self, Parsed};

const EXPECTED: &str =
    "a repository: `https://…`, `http://…`, `ssh://…`, `user@host:path`, `file:///…` or a local path";

const NO_CREDENTIALS: &str =
    "a repository without credentials in it; give them as GITHUB_TOKEN, or as GIT_USERNAME and GIT_PASSWORD";

/// Checks the repository's address; a relative local path is seen from `directory`.
///
/// # Errors
/// An unknown scheme, an address without a host, or credentials in it.
pub(crate) fn repository(text: &str, directory: &Path) -> Parsed<String> {
    match text.split_once("://") {
        Some(("https" | "http", rest)) => remote(text, rest, false),
        Some(("ssh", rest)) => remote(text, rest, true),
        Some(("file", path)) if path.starts_with('/') => Ok(text.to_owned()),
        Some(_) => Err(EXPECTED.to_owned()),
        None if is_scp_like(text) => Ok(text.to_owned()),
        None => local(text, directory),
    }
}

fn remote(text: &str, rest: &str, user_allowed: bool) -> Parsed<String> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((user, _)) if !user_allowed || user.contains(':') => Err(NO_CREDENTIALS.to_owned()),
        Some((_, "")) => Err(EXPECTED.to_owned()),
        None if authority.is_empty() => Err(EXPECTED.to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Whether git would take it for `user@host:path`: a colon before the first slash.
fn is_scp_like(text: &str) -> bool {
    let head = text.split('/').next().unwrap_or(text);
    matches!(head.split_once(':'), Some((host, _)) if host.contains('@'))
}

fn local(text: &str, directory: &Path) -> Parsed<String> {
    let path = parse::path_in(directory, text);
    path.into_os_string().into_string().map_err(|_| EXPECTED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Parsed<String> {
        repository(text, Path::new("/here"))
    }

    #[test]
    fn every_form_of_the_contract_is_taken() {
        for address in [
            "https://github.com/acme/skills",
            "http://127.0.0.1:8080/skills.git",
            "ssh://git@host:22/skills.git",
            "git@github.com:acme/skills.git",
            "file:///srv/skills.git",
            "/srv/skills.git",
        ] {
            assert_eq!(check(address), Ok(address.to_owned()));
        }
    }

    #[test]
    fn a_relative_path_is_seen_from_where_we_were_started() {
        assert_eq!(check("./skills"), Ok("/here/skills".to_owned()));
        assert_eq!(check("."), Ok("/here".to_owned()));
    }

    #[test]
    fn credentials_inside_are_refused() {
        for address in ["https://tok@host/x", "https://u:p@host/x", "ssh://u:p@host/x", "http://u@host"] {
            let error = check(address).expect_err("credentials");
            assert!(error.contains("without credentials") && error.contains("GITHUB_TOKEN"), "{error}");
        }
    }

    #[test]
    fn other_schemes_and_missing_hosts_are_refused() {
        for address in ["ftp://host/x", "https://", "https:///x", "file://host/x", "ssh://git@/x"] {
            assert!(check(address).is_err(), "{address}");
        }
    }
}
