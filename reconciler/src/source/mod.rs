//! The source: a commit of a repository, fetched into a bare mirror of ours.
//!
//! [`fetch`] runs libgit2 in a child process of the same binary ([`child::serve`]), because what is
//! left of git in C parses packs that a stranger may have made: the child has a deadline, a memory
//! limit and no environment, and dies with its parent. HTTP is ours ([`ureq`]), not libgit2's.
//!
//! ```text
//! parent: sweep ─▶ spawn ─▶ request on stdin …… lines on stdout ─▶ check ─▶ sync
//! child:            confine ─▶ list ─▶ choose ─▶ download ─▶ peel ─▶ point the tip at it
//! ```

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

mod authorization;
pub mod child;
mod credentials;
mod download;
mod durable;
mod error;
mod fetch;
mod github_app;
mod history;
mod http;
mod libgit2;
mod look;
pub(crate) mod mirror;
mod nearby;
mod probe;
mod process;
mod redirect;
mod reference;
mod refs;
mod retry_after;
mod route;
mod served;
mod signature;
mod ssh;
mod sweep;
mod tidy;
mod url;
mod wire;

pub use credentials::{Credentials, Revealed, Secret, SecretError};
pub use error::{FetchError, SourceError};
pub use fetch::{Fetched, Progress, fetch, look};
pub use github_app::{AppError, GITHUB_API, GithubApp};
pub use history::{Ancestry, CommitMeta, Person};
pub use mirror::{ByDigits, Mirror, MirrorError};
pub use probe::Probe;
pub(crate) use reference::tag_version;
pub use reference::{Reference, ReferenceError};
pub use retry_after::parse as retry_after;
pub use route::{CaError, NoAnswer, Proxies, ProxyError, Route, Way};
pub use served::holds_served;
pub use signature::{Accept, Claim, Mode, ProgramError, SignatureError, Signer, Verify};
pub use url::{RepoUrl, RepoUrlError, is_readable_on_the_way};

/// Where the skills come from, and how they are fetched.
#[derive(Debug, Clone)]
pub struct Source {
    /// The repository.
    pub url: RepoUrl,
    /// What is followed in it.
    pub reference: Reference,
    /// What is shown to its server, and to nobody else.
    pub credentials: Credentials,
    /// What ssh is given where it is reached over SSH.
    pub ssh: Ssh,
    /// How HTTP leaves this machine.
    pub route: Route,
    /// What a fetch may take.
    pub limits: Limits,
    /// The program and the arguments that run [`child::serve`]: the same binary, a hidden verb. Arguments
    /// that follow are handed to it.
    pub child: Vec<OsString>,
    /// Credentials may go over `http://` to another machine (`INSECURE_HTTP`).
    pub insecure_http: bool,
}

/// What the system's `ssh` is given; nothing else of the user's or the machine's configuration is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ssh {
    /// The private key; with an agent it may be the public half of the key that is meant.
    pub key: Option<PathBuf>,
    /// Opens the private key.
    pub passphrase: Option<Secret>,
    /// The hosts that are known; none is, where there is no such file.
    pub known_hosts: Option<PathBuf>,
    /// The socket of an agent whose keys are shown.
    pub agent: Option<PathBuf>,
}

/// What a fetch may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A whole fetch, whatever the server does (`FETCH_TIMEOUT`).
    pub fetch_timeout: Duration,
    /// The first fetch, which brings everything (`CLONE_TIMEOUT`).
    pub clone_timeout: Duration,
    /// The mirror, in bytes (`MAX_REPO_BYTES`).
    pub max_repo_bytes: u64,
    /// A commit, an annotated tag or a directory's list that is opened, in bytes (`MAX_OBJECT_BYTES`): a pack
    /// of a few kilobytes can hold one that fills the memory of whoever opens it.
    pub max_object_bytes: u64,
    /// The memory of the child, in bytes of data (`MAX_FETCH_MEMORY`; `RLIMIT_DATA`: mapped packs do not
    /// count).
    pub max_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fetch_timeout: Duration::from_secs(2 * 60),
            clone_timeout: Duration::from_secs(30 * 60),
            max_repo_bytes: 10 << 30,
            max_object_bytes: 32 << 20,
            max_memory: 2 << 30,
        }
    }
}
