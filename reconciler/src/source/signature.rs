//! Whose word counts: a commit, or a tag, is followed only where somebody signed it who may.
//!
//! Signatures are judged by the programs that git itself asks, `ssh-keygen -Y verify` and `gpgv`, so that
//! what git calls good is good here, with the same files of who may sign. What they read is a stranger's, and
//! they read it in processes of their own, without an environment and with a deadline.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use git2::{ErrorCode, Oid};
use serde::{Deserialize, Serialize};

use super::mirror::{Mirror, MirrorError};
use crate::ids::CommitId;
use crate::report::Remedy;

mod object;
mod pgp;
mod program;
mod ssh;

use object::{Kind, Signed};
pub use program::ProgramError;
use program::Scratch;

/// The last commit that was verified: with [`Mode::Range`] later ones are verified from there.
const VERIFIED: &str = "refs/skill-sync/verified";
/// Below it are the signed tags by the commits that they vouch for, for a rollback to them.
const TAGS: &str = "refs/skill-sync/signed/";

/// Which signatures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// By SSH.
    Ssh,
    /// By OpenPGP.
    Pgp,
    /// By either, where it is known who may sign by it.
    Any,
}

/// What must be signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// What is followed: the commit, or the annotated tag that names it.
    #[default]
    Head,
    /// That, and every commit since the last verified one.
    Range,
}

/// Whose word counts, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// Which signatures count.
    pub accept: Accept,
    /// What must be signed.
    pub mode: Mode,
    /// Who may sign by SSH: git's file of allowed signers.
    pub signers: Option<PathBuf>,
    /// Who may sign by OpenPGP: exported public keys.
    pub keyring: Option<PathBuf>,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// The principal of the allowed signers, or the user id of the key: any text.
    pub name: String,
    /// The fingerprint of the key.
    pub key: String,
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.key)
    }
}

/// Says why a commit is not followed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what the messages name")]
pub enum SignatureError {
    #[error(
        "{what} is not signed by anybody, and VERIFY wants it to be; sign it (`git {command}`) and push again"
    )]
    Unsigned { what: String, command: &'static str },
    #[error("{what} is signed by {who}, and that does not count: {why}")]
    Refused { what: String, who: String, why: String },
    #[error("{what} is signed by {form}, and VERIFY does not take that; sign it otherwise, or change VERIFY")]
    Form { what: String, form: &'static str },
    #[error(
        "the signed tag that {reference} names calls itself `{name}`: it was signed for another name, and may have been \
         put there by somebody else"
    )]
    Renamed { reference: String, name: String },
    #[error(
        "the mirror's history ends at {commit}, so not every commit since the last verified one can be verified; \
         VERIFY_MODE=head verifies the newest alone"
    )]
    Cut { commit: Oid },
    #[error("cannot read {}, which {setting} names", path.display())]
    Setting { setting: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{} holds no OpenPGP key, and VERIFY_KEYRING names it: {detail}", path.display())]
    Keyring { path: PathBuf, detail: String },
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl SignatureError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Program(error) => error.remedy(),
            Self::Mirror(error) => error.remedy(),
            Self::Setting { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => Remedy::Person,
                _ => Remedy::Retry(None),
            },
            _ => Remedy::Person,
        }
    }
}

/// What a pass wants to follow.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The full name of what is followed.
    pub reference: &'a str,
    /// The commit that it comes to.
    pub commit: CommitId,
    /// The annotated tag in between, where there is one.
    pub tag: Option<&'a str>,
    /// Whether an operator ordered this very commit: then what vouched for it before does so again.
    pub pinned: bool,
}

impl Verify {
    /// Verifies what a pass wants to follow, and says who signed it. What was verified is noted in the
    /// mirror.
    ///
    /// # Errors
    /// The first commit or tag that nobody signed who may, and what stands in the way of telling.
    pub fn check(&self, mirror: &Mirror, claim: Claim<'_>) -> Result<Signer, SignatureError> {
        let scratch = Scratch::make(&mirror.path().join("verify"))?;
        let tag = if claim.pinned { known_tag(mirror, claim.commit) } else { claim.tag.map(str::to_owned) };
        let signer = match tag.as_deref().and_then(|tag| Oid::from_str(tag).ok()) {
            Some(tag) => self.check_tag(mirror, &scratch, claim, tag)?,
            None => self.check_commit(mirror, &scratch, claim.commit.oid())?,
        };
        if claim.pinned {
            return Ok(signer);
        }
        if self.mode == Mode::Range {
            for commit in since_verified(mirror, claim.commit)? {
                self.check_commit(mirror, &scratch, commit)?;
            }
        }
        mirror.pin_commit(VERIFIED, claim.commit)?;
        Ok(signer)
    }

    fn check_commit(&self, mirror: &Mirror, scratch: &Scratch, id: Oid) -> Result<Signer, SignatureError> {
        let signed = object::commit(mirror, id)?;
        let unsigned = || SignatureError::Unsigned { what: format!("commit {id}"), command: "commit -S" };
        self.judge(scratch, &signed.ok_or_else(unsigned)?)
    }

    fn check_tag(
        &self,
        mirror: &Mirror,
        scratch: &Scratch,
        claim: Claim<'_>,
        id: Oid,
    ) -> Result<Signer, SignatureError> {
        let (name, signed) = object::tag(mirror, id)?;
        let what = || format!("the tag {name} ({id})");
        let signed = signed.ok_or_else(|| SignatureError::Unsigned { what: what(), command: "tag -s" })?;
        let signer = self.judge(scratch, &signed)?;
        // A tag that is known by its commit alone was compared when it was followed.
        if claim.tag.is_some()
            && claim.reference.strip_prefix("refs/tags/").is_some_and(|short| short != name)
        {
            return Err(SignatureError::Renamed { reference: claim.reference.to_owned(), name });
        }
        mirror.pin_object(&format!("{TAGS}{}", claim.commit), id)?;
        Ok(signer)
    }

    fn judge(&self, scratch: &Scratch, signed: &Signed) -> Result<Signer, SignatureError> {
        let form = |form| SignatureError::Form { what: signed.what.clone(), form };
        match (signed.kind, self.accept, &self.signers, &self.keyring) {
            (Kind::Ssh, Accept::Ssh | Accept::Any, Some(signers), _) => ssh::judge(scratch, signed, signers),
            (Kind::Pgp, Accept::Pgp | Accept::Any, _, Some(keyring)) => pgp::judge(scratch, signed, keyring),
            (Kind::Ssh, ..) => Err(form("SSH")),
            (Kind::Pgp, ..) => Err(form("OpenPGP")),
            (Kind::Other, ..) => Err(form("X.509, or in a form that is not known")),
        }
    }
}

/// The signed tag that vouched for a commit when it was followed.
fn known_tag(mirror: &Mirror, commit: CommitId) -> Option<String> {
    mirror.git().refname_to_id(&format!("{TAGS}{commit}")).ok().map(|id| id.to_string())
}

/// Every commit that the last verified one does not contain, the newest aside: it was looked at. The first
/// commit that is ever followed is where trust begins.
fn since_verified(mirror: &Mirror, head: CommitId) -> Result<BTreeSet<Oid>, SignatureError> {
    let verified = match mirror.git().refname_to_id(VERIFIED) {
        Ok(id) => id,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(BTreeSet::new()),
        Err(source) => return Err(mirror.damaged(VERIFIED, source).into()),
    };
    let (between, cut) = mirror.between(verified.into(), head)?;
    match cut {
        Some(commit) => Err(SignatureError::Cut { commit }),
        None => Ok(between),
    }
}
