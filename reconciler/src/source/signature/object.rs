//! A commit or a tag taken apart: what was signed, and by which signature.

use git2::{ErrorCode, ObjectType, Oid};

use super::super::mirror::{Mirror, MirrorError};

/// In which form a signature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ssh,
    Pgp,
    Other,
}

/// What was signed.
#[derive(Debug)]
pub(super) struct Signed {
    /// What it is, for errors.
    pub(super) what: String,
    pub(super) kind: Kind,
    pub(super) signature: Vec<u8>,
    pub(super) content: Vec<u8>,
    /// When it was made, as it says: seconds since 1970.
    pub(super) at: i64,
}

/// How a signature begins, at the end of a tag.
const BEGIN: [&str; 4] = [
    "-----BEGIN SSH SIGNATURE-----",
    "-----BEGIN PGP SIGNATURE-----",
    "-----BEGIN PGP MESSAGE-----",
    "-----BEGIN SIGNED MESSAGE-----",
];

fn kind(signature: &[u8]) -> Kind {
    match BEGIN.iter().position(|begin| signature.starts_with(begin.as_bytes())) {
        Some(0) => Kind::Ssh,
        Some(1 | 2) => Kind::Pgp,
        _ => Kind::Other,
    }
}

/// A commit; none where nobody signed it.
pub(super) fn commit(mirror: &Mirror, id: Oid) -> Result<Option<Signed>, MirrorError> {
    let what = format!("commit {id}");
    let found = mirror.git().find_commit(id).map_err(|error| mirror.damaged(&what, error))?;
    match mirror.git().extract_signature(&id, None) {
        Ok((signature, content)) => Ok(Some(Signed {
            what,
            kind: kind(&signature),
            signature: signature.to_vec(),
            content: content.to_vec(),
            at: found.committer().when().seconds(),
        })),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(mirror.damaged(&what, error)),
    }
}

/// The name that a tag gives itself, and what was signed; none where nobody did.
pub(super) fn tag(mirror: &Mirror, id: Oid) -> Result<(String, Option<Signed>), MirrorError> {
    let damaged = |error| mirror.damaged(&format!("tag {id}"), error);
    let odb = mirror.git().odb().map_err(damaged)?;
    let object = odb.read(id).map_err(damaged)?;
    if object.kind() != ObjectType::Tag {
        return Err(damaged(git2::Error::from_str("it is no tag")));
    }
    let found = mirror.git().find_tag(id).map_err(damaged)?;
    let name = String::from_utf8_lossy(found.name_bytes()).into_owned();
    let at = found.tagger().map_or(0, |tagger| tagger.when().seconds());
    let what = format!("the tag {name} ({id})");
    let content = object.data();
    let signed = begin_of_signature(content).map(|begin| Signed {
        what,
        kind: kind(&content[begin..]),
        signature: content[begin..].to_vec(),
        content: content[..begin].to_vec(),
        at,
    });
    Ok((name, signed))
}

/// Where the signature of a tag begins: as git itself finds it, at the last line of its body that begins
/// one.
fn begin_of_signature(content: &[u8]) -> Option<usize> {
    let body = content.windows(2).position(|two| two == b"\n\n")? + 1;
    let begins = |at: &usize| {
        content[*at] == b'\n' && BEGIN.iter().any(|begin| content[*at + 1..].starts_with(begin.as_bytes()))
    };
    (body..content.len()).rev().find(begins).map(|newline| newline + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_of_a_tag_is_what_stands_at_its_end() {
        let head = "object x\ntype commit\ntag v1\ntagger a <a> 1 +0000\n\nmessage\n";
        let signed = format!("{head}-----BEGIN SSH SIGNATURE-----\nabc\n");
        assert_eq!(begin_of_signature(signed.as_bytes()), Some(head.len()));
        assert_eq!(begin_of_signature(head.as_bytes()), None);
        let empty = "object x\ntag v1\n\n-----BEGIN PGP SIGNATURE-----\n";
        assert_eq!(begin_of_signature(empty.as_bytes()), Some(17));
        assert_eq!(kind(&empty.as_bytes()[17..]), Kind::Pgp);
        assert_eq!(kind(b"-----BEGIN SIGNED MESSAGE-----"), Kind::Other);
    }
}
