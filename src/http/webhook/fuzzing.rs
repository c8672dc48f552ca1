//! What must hold of any delivery, whoever made it up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a way to fail")]
#![allow(unreachable_pub, reason = "the crate of fuzz targets is another one")]

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reconciler::source::{Reference, RepoUrl};
use sha2::Sha256;

use super::delivery::{self, Event};
use super::{Followed, verified};
use crate::forge::Forge;

/// The secret that whoever makes up a delivery does not know.
const SECRET: &str = "0f6d1c-only-the-forge-and-we-know-this";

const FORGES: [Forge; 5] = [Forge::Github, Forge::Gitea, Forge::Forgejo, Forge::Gitlab, Forge::Bitbucket];

/// Headers as lines `name: value`, an empty line, and the body.
fn parts(data: &[u8]) -> (HeaderMap, &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n').take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, body)
}

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Nobody makes up a proof without the secret, the forge's own is taken, and of a push nothing is ours but
/// what it names.
pub fn check(data: &[u8]) {
    let (headers, body) = parts(data);
    let secrets = [SECRET.to_owned()];
    let is_told = headers.values().any(|value| value.as_bytes() == SECRET.as_bytes());
    let followed = Followed {
        url: RepoUrl::parse("https://github.com/acme/skills").expect("a URL"),
        reference: Reference::Head,
    };
    for forge in FORGES {
        if let Ok(proof) = delivery::proof(forge, &headers) {
            assert!(is_told || !proof.holds(&secrets, body), "a proof was made up for {forge:?}");
            assert!(is_told || verified(&secrets, &proof, body, true).is_none(), "in a form for {forge:?}");
        }
        if let Ok(delivered) = delivery::read(forge, &headers, body)
            && let Event::Push(push) = delivered.event
        {
            assert!(push.tips.len() <= push.references.len(), "a tip without a reference");
            if let Ok(ours) = followed.ours(&push, Some("refs/heads/main")) {
                assert!(push.references.iter().any(|pushed| pushed == ours), "{ours} was not pushed");
            }
        }
    }
    let mut signed = HeaderMap::new();
    let signature = HeaderValue::from_str(&format!("sha256={}", sign(body))).expect("text");
    signed.insert("x-hub-signature-256", signature);
    let proof = delivery::proof(Forge::Github, &signed).expect("of the right form");
    assert!(proof.holds(&secrets, body), "the forge's own proof is refused");
}
