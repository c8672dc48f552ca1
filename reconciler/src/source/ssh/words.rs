//! What ssh, and git behind it, say → who must act. They have no codes: only words, which do not depend
//! on the locale.

use super::super::error::FetchError;
use super::Given;
use super::bound::{ASKED, NO_SSH};

/// The longest text of ssh that an error repeats, in characters.
const MAX_WORDS: usize = 900;

/// The exit code of ssh where it is ssh that failed, and not the command that it ran.
const SSH_FAILED: i32 = 255;

/// Whether git, or a forge in front of it, says that there is nothing to read.
const NO_REPOSITORY: [&str; 6] = [
    "does not appear to be a git repository",
    "repository not found",
    "could not be found",
    "does not exist",
    "not found or access denied",
    "cannot find repository",
];

/// The failure that ended ssh.
pub(super) fn told(url: &str, given: &Given, code: Option<i32>, said: &[u8]) -> FetchError {
    let text = String::from_utf8_lossy(said);
    let was_asked = text.contains(ASKED);
    let (url, said) = (url.to_owned(), plain(&text));
    let has = |words: &str| text.contains(words);
    if let Some(detail) = said.strip_prefix(NO_SSH) {
        return FetchError::NoSsh { url, detail: detail.to_owned() };
    }
    if code != Some(SSH_FAILED) {
        return of_git(url, said, given);
    }
    let (has_key, has_hosts) = (given.key.is_some() || given.agent.is_some(), given.known_hosts.is_some());
    match () {
        () if has("HOST IDENTIFICATION HAS CHANGED") || has("has changed and you have requested strict") => {
            FetchError::HostKeyChanged { url, said }
        }
        () if has("Host key verification failed") => {
            FetchError::HostKeyUnknown { url, said, given: has_hosts }
        }
        () if has("Load key \"") || has("UNPROTECTED PRIVATE KEY") => FetchError::SshKey { url, said },
        () if has("Permission denied (") && was_asked => {
            FetchError::Passphrase { url, given: given.passphrase.is_some() }
        }
        () if has("Permission denied (") || has("Too many authentication failures") => {
            FetchError::SshRefused { url, said, given: has_key }
        }
        () if has("Could not resolve hostname") => FetchError::Dns { url, detail: said },
        () if has("No user exists for uid") => FetchError::NoSsh { url, detail: said },
        () if has("connect to host ") || has("kex_exchange_identification") => {
            FetchError::Unreachable { url, detail: said }
        }
        () => FetchError::Ssh { url, said },
    }
}

/// ssh was let in, and what it ran failed.
fn of_git(url: String, said: String, given: &Given) -> FetchError {
    let lower = said.to_lowercase();
    if NO_REPOSITORY.iter().any(|words| lower.contains(words)) {
        return FetchError::NoSuchRepository { url, given: given.key.is_some() || given.agent.is_some() };
    }
    FetchError::Ssh { url, said }
}

/// One line, without the frames that ssh draws, the hints of newer versions and our own mark.
fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_matches(|c: char| c == '@' || c.is_whitespace()));
    let kept = lines.filter(|line| !line.is_empty() && !line.starts_with("**") && *line != ASKED);
    let text = kept.collect::<Vec<_>>().join(" ");
    if text.is_empty() { "nothing".to_owned() } else { text.chars().take(MAX_WORDS).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Remedy;

    fn of(code: i32, said: &str) -> FetchError {
        told("ssh://h/r", &Given::default(), Some(code), said.as_bytes())
    }

    #[test]
    fn a_forge_that_knows_no_such_repository_is_told_from_one_that_is_ill() {
        let github = of(1, "ERROR: Repository not found.\nfatal: Could not read from remote repository.\n");
        assert!(matches!(github, FetchError::NoSuchRepository { given: false, .. }), "{github:?}");
        let ill = of(1, "Gitea: Internal error\n");
        assert_eq!(ill.to_string(), "ssh://h/r ends the connection. It says: Gitea: Internal error");
        assert_eq!(ill.remedy(), Remedy::Retry(None));
    }

    #[test]
    fn frames_and_hints_are_left_out_of_what_is_repeated() {
        let said = "@@@@@@@\n@  WARNING: X!  @\n@@@@@@@\n** WARNING: connection is not post-quantum.\nHost key for h has changed.\n";
        assert_eq!(plain(said), "WARNING: X! Host key for h has changed.");
        assert_eq!(plain(""), "nothing");
    }

    #[test]
    fn a_machine_without_ssh_is_a_persons() {
        let error = of(127, "skill-sync: No such file or directory (os error 2)\n");
        assert!(error.to_string().contains("install the OpenSSH client"), "{error}");
        assert_eq!(error.remedy(), Remedy::Person);
    }
}
