//! Whether a delivery was made by who knows the secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::super::auth::same;

/// What a caller shows for a body; it is worth nothing until [`Proof::holds`].
#[derive(Debug)]
pub(super) enum Proof {
    /// The HMAC-SHA-256 of the body.
    Signature([u8; 32]),
    /// The secret itself. It says nothing of the body.
    Token(Vec<u8>),
    /// The HMAC-SHA-256 of what stands before the body and of the body, where one of several is enough
    /// (Standard Webhooks 1.0).
    Standard {
        /// The delivery's id and time, as they are signed.
        before: Vec<u8>,
        /// The signatures.
        signatures: Vec<[u8; 32]>,
    },
}

impl Proof {
    /// Whether one of the secrets made it for these bytes; the time tells neither which nor how nearly.
    pub(super) fn holds(&self, secrets: &[String], body: &[u8]) -> bool {
        secrets.iter().fold(false, |holds, secret| holds | self.is_of(secret, body))
    }

    fn is_of(&self, secret: &str, body: &[u8]) -> bool {
        match self {
            Self::Signature(signature) => is_signed(secret.as_bytes(), &[body], signature),
            Self::Token(token) => same(secret.as_bytes(), token),
            Self::Standard { before, signatures } => {
                let key = standard_key(secret);
                signatures.iter().fold(false, |any, one| any | is_signed(&key, &[before, body], one))
            }
        }
    }
}

fn is_signed(key: &[u8], parts: &[&[u8]], signature: &[u8; 32]) -> bool {
    Hmac::<Sha256>::new_from_slice(key).is_ok_and(|mut mac| {
        parts.iter().for_each(|part| mac.update(part));
        mac.verify_slice(signature).is_ok()
    })
}

/// The key that a Standard Webhooks secret stands for: what follows `whsec_` is base64.
fn standard_key(secret: &str) -> Vec<u8> {
    use base64::Engine as _;
    let coded = secret.strip_prefix("whsec_");
    let key = coded.and_then(|coded| base64::engine::general_purpose::STANDARD.decode(coded).ok());
    key.unwrap_or_else(|| secret.as_bytes().to_vec())
}

/// A signature of 64 hexadecimal digits.
pub(super) fn from_hex(hex: &[u8]) -> Option<[u8; 32]> {
    let digest = std::str::from_utf8(hex).ok()?.parse::<reconciler::ids::Digest>().ok()?;
    Some(*digest.as_bytes())
}
