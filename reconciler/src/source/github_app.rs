//! The tokens of a GitHub App: its private key signs a request, and the API answers with a token that
//! reads the repositories of one installation for an hour.

use std::fmt;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use serde::Deserialize;
use url::Url;

use super::credentials::{Secret, SecretError};
use super::retry_after;
use super::route::{CaError, NoAnswer, Route, Way};
use crate::ids::Timestamp;
use crate::report::Remedy;

/// The API of github.com.
pub const GITHUB_API: &str = "https://api.github.com";

/// A token is not used any more so long before it ends: a fetch may take a while, and clocks differ.
const BEFORE_END: Duration = Duration::from_secs(5 * 60);
/// How long before now a request says that it was made, since clocks differ.
const BACKDATED: u64 = 60;
/// How long a request is valid, in seconds; GitHub takes up to ten minutes.
const VALID: u64 = 9 * 60;
/// The whole request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer, in bytes.
const MAX_ANSWER: u64 = 256 * 1024;

/// A GitHub App, as installed for one account. A clone shares the token.
#[derive(Clone)]
pub struct GithubApp {
    app: String,
    installation: String,
    key: Secret,
    api: Url,
    token: Arc<Mutex<Option<Token>>>,
}

struct Token {
    text: String,
    ends_at: Timestamp,
}

/// Says why there is no token.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what the messages name")]
pub enum AppError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("GITHUB_APP_PRIVATE_KEY is no RSA private key in PEM form; GitHub gives one as a `.pem` file")]
    Key,
    #[error(transparent)]
    CaFile(#[from] CaError),
    #[error(
        "{api} does not believe the App (HTTP 401: {said}); check that GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY belong \
         together, and the clock of this machine"
    )]
    Refused { api: String, said: String },
    #[error(
        "{api} knows no installation {installation} of this App (HTTP 404: {said}); correct \
         GITHUB_APP_INSTALLATION_ID, or install the App"
    )]
    NoInstallation { api: String, installation: String, said: String },
    #[error("{api} answers HTTP {status}: {said}")]
    Status { api: String, status: u16, said: String, wait: Option<Duration> },
    #[error("{api} answers with no token that can be read")]
    Nonsense { api: String },
    #[error("cannot ask {api} for a token")]
    Unreachable { api: String, source: NoAnswer },
}

impl AppError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Secret(error) => error.remedy(),
            Self::Key | Self::CaFile(_) | Self::Refused { .. } | Self::NoInstallation { .. } => {
                Remedy::Person
            }
            Self::Status { wait, .. } if wait.is_some() => Remedy::Retry(*wait),
            Self::Status { status: 429 | 500.., .. } => Remedy::Retry(None),
            Self::Status { .. } => Remedy::Person,
            Self::Unreachable { source, .. } => source.remedy(),
            Self::Nonsense { .. } => Remedy::Retry(None),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    token: String,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl GithubApp {
    /// An App by its id, the id of its installation, its private key, and the API where it is known.
    pub fn new(app: String, installation: String, key: Secret, api: Url) -> Self {
        Self { app, installation, key, api, token: Arc::default() }
    }

    /// The token: the last one, or a new one five minutes before that ends.
    pub(super) fn token(&self, route: &Route) -> Result<String, AppError> {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let soon = later(Timestamp::now(), BEFORE_END);
        if let Some(token) = kept.as_ref().filter(|token| token.ends_at > soon) {
            return Ok(token.text.clone());
        }
        let Answer { token, expires_at } = self.ask(route)?;
        *kept = Some(Token { text: token.clone(), ends_at: expires_at });
        Ok(token)
    }

    /// Lets go of a token that was refused: it was taken back.
    pub(super) fn forget(&self) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn ask(&self, route: &Route) -> Result<Answer, AppError> {
        let api = || self.api.to_string().trim_end_matches('/').to_owned();
        let jwt = self.jwt(Timestamp::now())?;
        let way @ Way { agent, .. } = &route.to(&self.api)?;
        let unreachable =
            |error: ureq::Error| AppError::Unreachable { api: api(), source: way.failed(&error) };
        let url = format!("{}/app/installations/{}/access_tokens", api(), self.installation);
        let request = agent
            .post(&url)
            .header("Authorization", format!("Bearer {jwt}"))
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", "2022-11-28");
        let timed = request.config().timeout_global(Some(TIMEOUT)).build();
        let answer = timed.send_empty().map_err(unreachable)?;
        let status = answer.status().as_u16();
        let wait = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| retry_after::parse(value, Timestamp::now()));
        let mut body = Vec::new();
        let read = answer.into_body().into_reader().take(MAX_ANSWER).read_to_end(&mut body);
        read.map_err(|error| unreachable(error.into()))?;
        if status == 201 {
            return serde_json::from_slice(&body).map_err(|_| AppError::Nonsense { api: api() });
        }
        let said = serde_json::from_slice(&body)
            .map_or_else(|_| "no reason".to_owned(), |r: Refusal| r.message.chars().take(200).collect());
        Err(match status {
            401 => AppError::Refused { api: api(), said },
            404 => AppError::NoInstallation { api: api(), installation: self.installation.clone(), said },
            _ => AppError::Status { api: api(), status, said, wait },
        })
    }

    /// A JSON Web Token (RFC 7519), signed with RSA and SHA-256 (RS256).
    fn jwt(&self, now: Timestamp) -> Result<String, AppError> {
        let pem = self.key.read_text()?;
        let key = key(pem.expose()).ok_or(AppError::Key)?;
        let now = now.millis() / 1000;
        let claims = serde_json::json!({
            "iat": now.saturating_sub(BACKDATED), "exp": now + VALID, "iss": self.app,
        });
        let part = |json: String| BASE64_URL_SAFE_NO_PAD.encode(json);
        let signed =
            format!("{}.{}", part(r#"{"alg":"RS256","typ":"JWT"}"#.to_owned()), part(claims.to_string()));
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| AppError::Key)?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The key of a PEM text, as GitHub gives it (PKCS#1) or converted (PKCS#8). Where a variable cannot hold
/// lines they may be written as `\n`.
fn key(pem: &str) -> Option<KeyPair> {
    let pem = pem.replace("\\n", "\n");
    let key = ureq::tls::PrivateKey::from_pem(pem.as_bytes()).ok()?;
    KeyPair::from_der(key.der()).or_else(|_| KeyPair::from_pkcs8(key.der())).ok()
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}

impl PartialEq for GithubApp {
    /// The token is none of what was set.
    fn eq(&self, other: &Self) -> bool {
        let set = |app: &Self| (app.app.clone(), app.installation.clone(), app.key.clone(), app.api.clone());
        set(self) == set(other)
    }
}

impl Eq for GithubApp {}

impl fmt::Debug for GithubApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GithubApp({})", self.app)
    }
}
