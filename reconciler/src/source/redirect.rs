//! Where a redirect may lead: another path of the same scheme, host and port, and nowhere else.

use url::Url;

use super::error::FetchError;

/// What the first request of git over HTTP asks for, below the repository's URL (gitprotocol-http).
pub(super) const LIST: &str = "/info/refs";
/// Its query.
pub(super) const LIST_QUERY: &str = "service=git-upload-pack";

/// Follows `location`, the answer to the first request below `base`, to a new base.
pub(super) fn follow(base: &Url, location: &str) -> Result<Url, FetchError> {
    let nowhere = || FetchError::RedirectLoop { url: base.to_string() };
    let mut to = below(base, LIST).join(location).map_err(|_| nowhere())?;
    // What a redirect says about users is not ours to send.
    let _ = (to.set_username(""), to.set_password(None));
    to.set_fragment(None);
    let path = to.path().strip_suffix(LIST).map(|path| path.trim_end_matches('/').to_owned());
    let is_list = to.query() == Some(LIST_QUERY);
    if to.origin() != base.origin() {
        let shown = path.unwrap_or_else(|| to.path().to_owned());
        to.set_query(None);
        to.set_path(&shown);
        return Err(FetchError::Redirected { url: base.to_string(), to: to.to_string() });
    }
    to.set_query(None);
    to.set_path(&path.filter(|_| is_list).ok_or_else(nowhere)?);
    Ok(to)
}

/// The URL of something below a repository's.
pub(super) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(location: &str) -> Result<String, String> {
        let base = Url::parse("https://git.example/old/skills").unwrap();
        follow(&base, location).map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_new_path_on_the_same_host_is_followed() {
        let to = "https://git.example/new/skills.git/info/refs?service=git-upload-pack";
        assert_eq!(followed(to).unwrap(), "https://git.example/new/skills.git");
        let relative = "/new/skills.git/info/refs?service=git-upload-pack";
        assert_eq!(followed(relative).unwrap(), "https://git.example/new/skills.git");
        assert_eq!(
            followed(&to.replace("example/", "example:443/")).unwrap(),
            "https://git.example/new/skills.git"
        );
    }

    #[test]
    fn another_scheme_host_or_port_is_refused_and_named() {
        for to in
            ["https://evil.example/skills", "http://git.example/skills", "https://git.example:444/skills"]
        {
            let error = followed(&format!("{to}/info/refs?service=git-upload-pack")).unwrap_err();
            assert!(error.contains(&format!("redirects to {to},")), "{error}");
        }
    }

    #[test]
    fn a_redirect_to_a_web_page_is_no_repository() {
        assert!(followed("https://git.example/login").unwrap_err().contains("no git repository"));
        assert!(followed("https://git.example/new/info/refs").unwrap_err().contains("no git repository"));
    }

    #[test]
    fn credentials_in_a_redirect_are_dropped() {
        let to = "https://me:s3cret@evil.example/skills/info/refs?service=git-upload-pack";
        let error = followed(to).unwrap_err();
        assert!(!error.contains("s3cret") && error.contains("evil.example"), "{error}");
    }
}
