//! What can go wrong with a fetch, and who must act.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::credentials::SecretError;
use super::github_app::AppError;
use super::mirror::MirrorError;
use crate::cancel::Cancelled;
use crate::ids::CommitId;
use crate::report::Remedy;

/// Says why a fetch failed, as the child that ran it tells its parent.
///
/// URLs are as they were set, without credentials. Names and texts of the server are kept raw:
/// escape them where they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are what the messages name")]
pub enum FetchError {
    /// 404, or no repository at a path.
    #[error(
        "there is no repository at {url}, or no access to it{}; check the URL{}",
        if *given { " with these credentials" } else { "" },
        if *given { " and what the credentials may read" } else { "; a private repository needs credentials" }
    )]
    NoSuchRepository { url: String, given: bool },
    /// 401 or 403.
    #[error(
        "{url} refuses {} (HTTP {status}); {}",
        if *given { "the credentials" } else { "to be read without credentials" },
        if *given { "renew them, or give them read access" } else { "set GITHUB_TOKEN, or GIT_USERNAME and GIT_PASSWORD" }
    )]
    Credentials { url: String, status: u16, given: bool },
    /// Nothing of that name is listed.
    #[error(
        "there is no `{reference}` in {url}; correct SKILLS_REF, or push it (branches there: {})",
        if branches.is_empty() { "none" } else { branches.as_str() }
    )]
    NoSuchRef { url: String, reference: String, branches: String },
    /// No tag has a version of the range.
    #[error(
        "no tag of {url} has a version of {range}; correct SKILLS_REF, or push one (the newest there: {})",
        if versions.is_empty() { "none" } else { versions.as_str() }
    )]
    NoSuchVersion { url: String, range: String, versions: String },
    /// A branch and a tag share the name.
    #[error(
        "`{name}` is both a branch and a tag in {url}; set SKILLS_REF to refs/heads/{name} or refs/tags/{name}"
    )]
    Ambiguous { url: String, name: String },
    /// The commit is not there.
    #[error(
        "there is no commit {commit} in {url}, as far as its branches and tags reach; correct SKILLS_REF"
    )]
    NoSuchCommit { url: String, commit: CommitId },
    /// A reference that points at a tree or a blob.
    #[error("`{reference}` in {url} points at a {kind} and not at a commit; follow another reference")]
    NotACommit { url: String, reference: String, kind: String },
    /// A repository without any reference.
    #[error("{url} is empty: there is no commit in it yet; push one")]
    Empty { url: String },
    /// HEAD names a branch that does not exist.
    #[error("the HEAD of {url} names a branch that does not exist yet; set SKILLS_REF, or push that branch")]
    UnbornHead { url: String },
    /// The host has no address.
    #[error("cannot find the host of {url}: {detail}; check the name and this machine's DNS")]
    Dns { url: String, detail: String },
    /// No connection.
    #[error(
        "cannot connect to {url}: {detail}; check that the server runs and that this machine may reach it"
    )]
    Unreachable { url: String, detail: String },
    /// The deadline passed.
    #[error(
        "{url} did not finish in {seconds} s; the server or the way to it is too slow, or FETCH_TIMEOUT \
         (CLONE_TIMEOUT for the first fetch) is too short"
    )]
    Timeout { url: String, seconds: u64 },
    /// The server's certificate is not trusted.
    #[error(
        "the certificate of {url} is not trusted: {detail}; renew it, correct the URL, or name its authority by CA_FILE"
    )]
    Tls { url: String, detail: String },
    /// The server's host key is another than the one that is known.
    #[error(
        "the host key of {url} is not the one in SSH_KNOWN_HOSTS: somebody may stand in between, or the server has \
         a new key. Compare it with what its owner publishes before you replace the line. ssh says: {said}"
    )]
    HostKeyChanged { url: String, said: String },
    /// Nothing is known of the server.
    #[error(
        "the host key of {url} is not known, so it is refused; {} ssh says: {said}",
        if *given { "add the line that the server's owner publishes to the file of SSH_KNOWN_HOSTS." }
        else { "set SSH_KNOWN_HOSTS to a file with the line that the server's owner publishes." }
    )]
    HostKeyUnknown { url: String, said: String, given: bool },
    /// The server lets nobody in who shows what we show.
    #[error(
        "{url} refuses {}; {}. ssh says: {said}",
        if *given { "the SSH key" } else { "to be read without an SSH key" },
        if *given { "give its public half read access, or another key by SSH_KEY" }
        else { "set SSH_KEY, or SSH_AGENT=true" }
    )]
    SshRefused { url: String, said: String, given: bool },
    /// The private key is no key, or readable by others.
    #[error("the private key in SSH_KEY cannot be used for {url}. ssh says: {said}")]
    SshKey { url: String, said: String },
    /// The private key is encrypted and the passphrase is not the right one.
    #[error(
        "the private key in SSH_KEY for {url} is encrypted and {}",
        if *given { "SSH_KEY_PASSPHRASE does not open it; correct it" }
        else { "has no passphrase; set SSH_KEY_PASSPHRASE" }
    )]
    Passphrase { url: String, given: bool },
    /// There is no ssh, or none that runs here.
    #[error("cannot run `ssh` for {url}: {detail}; install the OpenSSH client, or use https://")]
    NoSsh { url: String, detail: String },
    /// Anything else that ssh, or git behind it, says.
    #[error("{url} ends the connection. It says: {said}")]
    Ssh { url: String, said: String },
    /// The certificate authorities of the operator cannot be used.
    #[error("the certificate authorities in {}, which CA_FILE names, cannot be used for {url}: {detail}", path.display())]
    CaFile { url: String, path: std::path::PathBuf, detail: String },
    /// The proxy is away, or refuses.
    #[error(
        "the proxy {proxy} does not let us reach {url}: {detail}; correct HTTPS_PROXY (HTTP_PROXY for http://), or \
         name the host in NO_PROXY"
    )]
    Proxy { url: String, proxy: String, detail: String, refused: bool },
    /// A redirect to another scheme, host or port.
    #[error(
        "{url} redirects to {to}, which is another scheme, host or port; nothing was sent there. If it \
         is right, set SKILLS_REPO to it"
    )]
    Redirected { url: String, to: String },
    /// More redirects than anybody needs, or one that makes no sense.
    #[error("{url} redirects without end, or to what is no git repository; correct SKILLS_REPO")]
    RedirectLoop { url: String },
    /// 429.
    #[error("{url} asks us to come less often (HTTP {status}); the next try waits as long as it says")]
    RateLimited { url: String, status: u16, wait_ms: Option<u64> },
    /// 5xx.
    #[error("{url} fails by itself (HTTP {status}); the next try may succeed")]
    Server { url: String, status: u16, wait_ms: Option<u64> },
    /// Any other status.
    #[error("{url} answers HTTP {status}, which a git server does not; check the URL")]
    Status { url: String, status: u16 },
    /// 200, and a web page.
    #[error(
        "{url} answers, but not as a git server does (content type `{content_type}`); is it the clone URL?"
    )]
    NotGit { url: String, content_type: String },
    /// The mirror would be larger than it may.
    #[error(
        "the repository {url} is larger than MAX_REPO_BYTES ({limit} bytes); raise it, or make it smaller"
    )]
    TooLarge { url: String, limit: u64 },
    /// What is followed is, or begins with, an object that is too large to be opened.
    #[error(
        "the {object} of {url} has {bytes} bytes, and MAX_OBJECT_BYTES lets {limit} be opened; raise it if the \
         repository is to be trusted, or spread the directory over several"
    )]
    ObjectTooLarge { url: String, object: String, bytes: u64, limit: u64 },
    /// A list of references without end.
    #[error(
        "{url} lists references without end: more than {limit} bytes of them; it is no honest git server"
    )]
    EndlessList { url: String, limit: u64 },
    /// What arrived is not what was listed.
    #[error("{url} listed {listed} and did not send it; it changed in between, or it is broken")]
    Incomplete { url: String, listed: String },
    /// What arrived is no git protocol.
    #[error("the answer of {url} is broken: {detail}")]
    Broken { url: String, detail: String },
    /// The child's memory limit was reached.
    #[error(
        "fetching {url} takes more than the {limit} bytes of memory that a fetch may have; raise \
         MAX_FETCH_MEMORY if the repository is to be trusted, or make it smaller"
    )]
    Memory { url: String, limit: u64 },
    /// Our own side: the mirror, or the machine.
    #[error("cannot write what {url} sent into {mirror}: {detail}")]
    Local { url: String, mirror: String, detail: String },
    /// The child was asked for what it cannot do.
    #[error("the fetch of {url} could not begin: {detail}")]
    Child { url: String, detail: String },
}

impl FetchError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NoSuchRepository { .. }
            | Self::Credentials { .. }
            | Self::NoSuchRef { .. }
            | Self::NoSuchVersion { .. }
            | Self::Ambiguous { .. }
            | Self::NoSuchCommit { .. }
            | Self::NotACommit { .. }
            | Self::Empty { .. }
            | Self::UnbornHead { .. }
            | Self::Tls { .. }
            | Self::CaFile { .. }
            | Self::Proxy { refused: true, .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyUnknown { .. }
            | Self::SshRefused { .. }
            | Self::SshKey { .. }
            | Self::Passphrase { .. }
            | Self::NoSsh { .. }
            | Self::Redirected { .. }
            | Self::RedirectLoop { .. }
            | Self::Status { .. }
            | Self::NotGit { .. }
            | Self::TooLarge { .. }
            | Self::ObjectTooLarge { .. }
            | Self::EndlessList { .. }
            | Self::Memory { .. } => Remedy::Person,
            Self::RateLimited { wait_ms, .. } | Self::Server { wait_ms, .. } => {
                Remedy::Retry(wait_ms.map(Duration::from_millis))
            }
            Self::Dns { .. }
            | Self::Proxy { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Ssh { .. }
            | Self::Incomplete { .. }
            | Self::Broken { .. }
            | Self::Local { .. }
            | Self::Child { .. } => Remedy::Retry(None),
        }
    }
}

/// Says why no commit came from the source.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what the messages name")]
pub enum SourceError {
    /// The remote, the network or what came from them.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The mirror cannot be used.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The credentials cannot be read.
    #[error("cannot read the credentials for {url}; nothing was sent")]
    Secret { url: String, source: SecretError },
    /// No token came for the GitHub App.
    #[error("cannot get a token of the GitHub App for {url}")]
    App { url: String, source: AppError },
    /// Credentials would be readable on the way.
    #[error(
        "{url} would carry the credentials unencrypted; use https://, or set INSECURE_HTTP=true if the \
         network is trusted"
    )]
    Insecure { url: String },
    /// A file that ssh would read cannot be read.
    #[error("cannot read {} for {url}, which {setting} names; correct the path, or its permissions", path.display())]
    SshFile { url: String, setting: &'static str, path: std::path::PathBuf, source: std::io::Error },
    /// The child process cannot be started.
    #[error("cannot start `{program}` to fetch {url}")]
    Spawn { program: String, url: String, source: std::io::Error },
    /// The child was ended by a signal that is not ours.
    #[error(
        "the fetch of {url} was ended by signal {signal}: it broke, was killed, or met the memory limit \
         of {max_memory} bytes (MAX_FETCH_MEMORY)"
    )]
    Signalled { url: String, signal: i32, max_memory: u64 },
    /// The child ended, or spoke, as ours never does.
    #[error("the fetch of {url} gave no answer that can be read: {detail}")]
    Nonsense { url: String, detail: String },
    /// The pass was asked to stop.
    #[error("the fetch was stopped")]
    Cancelled(#[from] Cancelled),
}

impl SourceError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Fetch(error) => error.remedy(),
            Self::Mirror(error) => error.remedy(),
            Self::Secret { source, .. } => source.remedy(),
            Self::App { source, .. } => source.remedy(),
            Self::Insecure { .. } | Self::SshFile { .. } => Remedy::Person,
            Self::Spawn { .. } | Self::Signalled { .. } | Self::Nonsense { .. } | Self::Cancelled(_) => {
                Remedy::Retry(None)
            }
        }
    }
}
