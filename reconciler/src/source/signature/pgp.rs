//! Signatures by OpenPGP keys, judged by `gpgv`: GnuPG's verifier, which knows no other keys than those of
//! the file that it is given.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::object::Signed;
use super::program::{Program, Scratch};
use super::{SignatureError, Signer};

const GPGV: Program = Program { name: "gpgv", form: "OpenPGP", package: "gpgv, a part of GnuPG" };

/// How a line of gpgv's verdict begins.
const STATUS: &str = "[GNUPG:] ";

/// The first line of exported keys in their armored form, and the last.
const ARMOR: (&str, &str) = ("-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----");

/// Who signed, if they may.
pub(super) fn judge(scratch: &Scratch, signed: &Signed, keyring: &Path) -> Result<Signer, SignatureError> {
    let unreadable =
        |source| SignatureError::Setting { setting: "VERIFY_KEYRING", path: keyring.to_owned(), source };
    let keys = dearmored(&std::fs::read(keyring).map_err(unreadable)?)
        .map_err(|detail| SignatureError::Keyring { path: keyring.to_owned(), detail })?;
    let keys = scratch.write("keyring.gpg", &keys)?;
    let signature = scratch.write("signature", &signed.signature)?;
    let content = scratch.write("content", &signed.content)?;
    let home = scratch.path("");
    let shown = |path: &Path| path.display().to_string();
    let arguments = ["--homedir", &shown(&home), "--keyring", &shown(&keys), "--status-fd", "1"];
    let said = scratch.run(GPGV, &[&arguments[..], &[&shown(&signature), "-"]].concat(), &content)?;
    verdict(&said.stdout, said.well).map_err(|(who, why)| {
        let what = signed.what.clone();
        SignatureError::Refused { what, who, why }
    })
}

/// What gpgv's lines come to: exactly one signature, and a good one, by a key that is neither expired nor
/// revoked. Else who signed, and why that does not count.
fn verdict(said: &str, well: bool) -> Result<Signer, (String, String)> {
    let lines = said.lines().filter_map(|line| line.strip_prefix(STATUS)?.split_once(' '));
    let lines: Vec<(&str, &str)> = lines.collect();
    let find = |word: &str| lines.iter().find(|(known, _)| *known == word).map(|(_, rest)| *rest);
    let of_key = |rest: &str| {
        let (id, name) = rest.split_once(' ').unwrap_or((rest, ""));
        (id.to_owned(), name.to_owned())
    };
    let refused = |word: &str, why: &str| {
        find(word).map(|rest| {
            let (key, name) = of_key(rest);
            (format!("{name} ({key})"), why.to_owned())
        })
    };
    let bad =
        refused("BADSIG", "the signature is not for this content, which was changed after it was signed")
            .or_else(|| refused("REVKEYSIG", "the key was revoked"))
            .or_else(|| refused("EXPKEYSIG", "the key has expired"))
            .or_else(|| refused("EXPSIG", "the signature has expired"))
            .or_else(|| {
                let (key, _) = of_key(find("NO_PUBKEY")?);
                Some((format!("the key {key}"), "VERIFY_KEYRING does not have it".to_owned()))
            })
            .or_else(|| {
                let (key, _) = of_key(find("ERRSIG")?);
                Some((format!("the key {key}"), "gpgv cannot check it".to_owned()))
            });
    if let Some(refusal) = bad {
        return Err(refusal);
    }
    // One of several could be a stranger's: git takes no more than one either.
    let good = lines.iter().filter(|(word, _)| *word == "GOODSIG").count();
    match (good, find("GOODSIG"), find("VALIDSIG"), well) {
        (1, Some(rest), Some(valid), true) => {
            let key = valid.split(' ').next().unwrap_or_default().to_owned();
            Ok(Signer { name: of_key(rest).1, key })
        }
        _ => Err(("nobody who can be told".to_owned(), "gpgv finds no whole signature".to_owned())),
    }
}

/// Keys in the form that gpgv reads: the binary one. Armored blocks (RFC 9580, section 6.2) are decoded and
/// joined; their checksums, which protect from nothing, are left out.
fn dearmored(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.contains(ARMOR.0) => text,
        _ if bytes.is_empty() => return Err("it is empty".to_owned()),
        // The first byte of a packet has its highest bit set; a keybox names itself.
        _ if bytes[0] & 0x80 != 0 || bytes.get(8..12) == Some(b"KBXf") => return Ok(bytes.to_vec()),
        _ => return Err("it is neither armored nor binary".to_owned()),
    };
    let mut keys = Vec::new();
    for block in text.split(ARMOR.0).skip(1) {
        let block = block.split(ARMOR.1).next().unwrap_or_default();
        let lines = block.lines().map(str::trim).skip(1);
        let is_header = |line: &&str| line.contains(": ");
        let body: String = lines.skip_while(is_header).filter(|line| !line.starts_with('=')).collect();
        keys.extend(BASE64_STANDARD.decode(body).map_err(|error| format!("its armor is broken: {error}"))?);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(of: &[&str]) -> String {
        of.iter().map(|line| format!("{STATUS}{line}\n")).collect()
    }

    #[test]
    fn one_good_signature_counts_and_nothing_beside_it() {
        let good = ["NEWSIG a@b", "GOODSIG 0123456789ABCDEF A <a@b>", "VALIDSIG FPR 2026-01-01 1"];
        let signer = verdict(&lines(&good), true).unwrap();
        assert_eq!((signer.name.as_str(), signer.key.as_str()), ("A <a@b>", "FPR"));
        assert!(verdict(&lines(&good), false).is_err());
        assert!(verdict(&lines(&[good[1], good[2], good[1], good[2]]), true).is_err());
        let with_stranger = lines(&[good[1], good[2], "ERRSIG 00 1 2 3 4 9", "NO_PUBKEY 00"]);
        assert!(verdict(&with_stranger, true).unwrap_err().1.contains("does not have it"));
        for (word, why) in [("BADSIG", "changed after"), ("REVKEYSIG", "revoked"), ("EXPKEYSIG", "expired")] {
            let (who, said) = verdict(&lines(&[&format!("{word} 00FF A <a@b>"), good[2]]), true).unwrap_err();
            assert!(who == "A <a@b> (00FF)" && said.contains(why), "{who} {said}");
        }
        assert!(verdict("", true).is_err());
    }

    #[test]
    fn armored_keys_are_joined_and_binary_ones_taken_as_they_are() {
        let block = |body: &str| format!("{}\nVersion: x\n\n{body}\n=abcd\n{}\n", ARMOR.0, ARMOR.1);
        assert_eq!(dearmored((block("mQEN") + &block("mQ==")).as_bytes()).unwrap(), [0x99, 1, 13, 0x99]);
        assert_eq!(dearmored(&[0x99, 1]).unwrap(), [0x99, 1]);
        assert!(dearmored(b"hello").unwrap_err().contains("neither"));
        assert!(dearmored(block("!!!!").as_bytes()).unwrap_err().contains("armor is broken"));
    }
}
