//! Signatures by SSH keys, judged by `ssh-keygen -Y` as git has it do.

use std::path::Path;

use super::object::Signed;
use super::program::{Program, Scratch};
use super::{SignatureError, Signer};

const SSH_KEYGEN: Program = Program { name: "ssh-keygen", form: "SSH", package: "the OpenSSH client" };

/// What git signs for: a signature for anything else is none.
const NAMESPACE: &str = "git";

/// The longest text of ssh-keygen that an error repeats, in characters.
const MAX_WORDS: usize = 300;

/// Who signed, if they may. What the file says of dates is compared with when the commit says it was
/// made, as git does.
pub(super) fn judge(scratch: &Scratch, signed: &Signed, signers: &Path) -> Result<Signer, SignatureError> {
    let unreadable =
        |source| SignatureError::Setting { setting: "VERIFY_SIGNERS", path: signers.to_owned(), source };
    // A copy: every question is answered from the same file, and its path needs no quoting.
    let allowed = std::fs::read(signers).map_err(unreadable)?;
    scratch.write("signers", &allowed)?;
    scratch.write("signature", &signed.signature)?;
    let content = scratch.write("content", &signed.content)?;
    let ask = |arguments: &[&str]| scratch.run(SSH_KEYGEN, arguments, &content);

    let at = format!("-Overify-time={}", date(signed.at));
    let found = ask(&["-Y", "find-principals", "-s", "signature", "-f", "signers", &at])?;
    let mut why = words(&found.stderr);
    for principal in found.stdout.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let verify =
            ["-Y", "verify", "-n", NAMESPACE, "-f", "signers", "-I", principal, "-s", "signature", &at];
        let verified = ask(&verify)?;
        if verified.well {
            let key = fingerprint(&verified.stdout).unwrap_or_else(|| "an unknown key".to_owned());
            return Ok(Signer { name: principal.to_owned(), key });
        }
        why = words(&(verified.stdout + &verified.stderr));
    }
    let plain = ask(&["-Y", "check-novalidate", "-n", NAMESPACE, "-s", "signature"])?;
    let key = fingerprint(&plain.stdout).filter(|_| plain.well);
    Err(SignatureError::Refused {
        what: signed.what.clone(),
        who: key.as_ref().map_or("nobody who can be told".to_owned(), |key| format!("the key {key}")),
        why: match key {
            Some(_) => format!("VERIFY_SIGNERS does not let it sign at {} UTC ({why})", date(signed.at)),
            None => format!("the signature is broken, or for something else ({})", words(&plain.stderr)),
        },
    })
}

/// `Good "git" signature [for NAME] with ED25519 key SHA256:…`.
fn fingerprint(said: &str) -> Option<String> {
    let line = said.lines().find(|line| line.starts_with("Good "))?;
    line.split(' ').find(|word| word.starts_with("SHA256:")).map(str::to_owned)
}

fn words(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    if words.is_empty() {
        "no reason given".to_owned()
    } else {
        words.join(" ").chars().take(MAX_WORDS).collect()
    }
}

/// A time as ssh-keygen takes it: `YYYYMMDDHHMMSS`.
fn date(seconds: i64) -> String {
    let millis = u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
    let text = crate::ids::Timestamp::from_millis(millis).to_string();
    text.chars().filter(char::is_ascii_digit).take(14).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_ssh_keygen_takes_it() {
        assert_eq!(date(1_700_000_000), "20231114221320");
        assert_eq!(date(-1), "19700101000000");
    }

    #[test]
    fn the_fingerprint_is_read_from_the_verdict_alone() {
        let good = "Good \"git\" signature for a@b with ED25519 key SHA256:abc/+d\n";
        assert_eq!(fingerprint(good).as_deref(), Some("SHA256:abc/+d"));
        assert_eq!(fingerprint("Could not verify SHA256:abc\n"), None);
    }
}
