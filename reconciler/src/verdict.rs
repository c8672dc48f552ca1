//! May it enter: each skill of a commit is judged on its own and beside the others, and what is held
//! keeps its last good version.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use crate::desired::{Candidate, Content, ContentError, Desired};
use crate::finding::Finding;
use crate::ids::{CommitId, SkillId};
use crate::policy::Excepted;
use crate::report::Remedy;
use crate::scan::{ScanError, Scanner};
use crate::tree::{AcceptedTree, Skills};

mod abilities;
mod cache;
mod claims;
mod court;
mod hook;
mod law;
mod links;
pub mod rules;
mod scanned;
mod served;
mod subject;
mod version;

pub use abilities::Abilities;
pub use cache::{ContentKey, JudgeCache, JudgedSkill, MemoryCache};
pub use hook::Hook;
pub use law::Law;
pub use links::{LinkFault, MAX_LINKS, MAX_TARGET_BYTES};
pub use subject::{SkillFile, SkillText, Subject};

/// The largest `SKILL.md` or flat file, in bytes: OpenClaw skips larger ones.
pub const MAX_ENTRY_BYTES: u64 = 256_000;

/// The largest file of a skill, in bytes (64 MiB; the largest real skill has 14.7 MB in all).
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// The largest skill, in bytes (256 MiB).
pub const MAX_SKILL_BYTES: u64 = 256 << 20;

/// What judging a commit came to.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What may be served: what was accepted, and the last good version of what was held.
    pub accepted: AcceptedTree,
    /// The skills that are held, by id, each with its gravest finding.
    pub held: Vec<HeldSkill>,
    /// Warnings about what is no skill and looks like one.
    pub strays: Vec<Finding>,
    /// How each skill stands, with all that was found.
    pub verdicts: Vec<SkillVerdict>,
    /// What the operator's policy took away of it.
    pub excepted: Vec<Excepted>,
    /// What each skill that comes, or changes, can do that it could not.
    pub gains: BTreeMap<SkillId, Abilities>,
    /// What stays served although today's rules would hold it, each with its gravest finding.
    pub condemned: Vec<HeldSkill>,
}

/// A skill that is held, and what holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSkill {
    /// The skill.
    pub skill: SkillId,
    /// Its gravest finding; of equal ones the first by path and place.
    pub finding: Finding,
}

/// Whether a skill enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It does.
    Accepted,
    /// It does not.
    Held,
}

/// How one skill stands.
#[derive(Debug, Clone)]
pub struct SkillVerdict {
    /// The skill.
    pub skill: SkillId,
    /// The file that makes it one.
    pub path: String,
    /// Whether it enters.
    pub standing: Standing,
    judged: Arc<JudgedSkill>,
    across: Vec<Finding>,
}

impl SkillVerdict {
    /// All findings, those about the skill alone first.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.judged.findings.iter().chain(&self.across)
    }
}

/// One skill as `validate` reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkillReport {
    /// The skill.
    pub skill: SkillId,
    /// The file that makes it one.
    pub path: String,
    /// Whether it enters.
    pub verdict: Standing,
    /// What was found, the gravest first.
    pub findings: Vec<Finding>,
}

impl Judged {
    /// What was found, by skill; skills without a finding are left out.
    pub fn findings(&self) -> BTreeMap<SkillId, Vec<Finding>> {
        let mut findings: BTreeMap<SkillId, Vec<Finding>> = BTreeMap::new();
        for verdict in &self.verdicts {
            for finding in verdict.findings() {
                findings.entry(verdict.skill.clone()).or_default().push(finding.clone());
            }
        }
        findings
    }

    /// The report of `validate`: every skill, by id.
    pub fn report(&self) -> Vec<SkillReport> {
        let report = |verdict: &SkillVerdict| {
            let mut findings: Vec<Finding> = verdict.findings().cloned().collect();
            findings.sort_by(rules::by_gravity);
            let (skill, path) = (verdict.skill.clone(), verdict.path.clone());
            SkillReport { skill, path, verdict: verdict.standing, findings }
        };
        let mut reports: Vec<SkillReport> = self.verdicts.iter().map(report).collect();
        reports.sort_by(|one, other| (&one.skill, &one.path).cmp(&(&other.skill, &other.path)));
        reports
    }
}

/// Why a commit could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A skill could not be read.
    #[error("cannot read the skill at `{path}`")]
    Content {
        /// The skill's file.
        path: String,
        /// Why.
        source: ContentError,
    },
    /// A skill could not be scanned.
    #[error("cannot scan the skill at `{path}`")]
    Scan {
        /// The skill's file.
        path: String,
        /// Why.
        source: ScanError,
    },
    /// Nothing in the commit is a skill, and nothing that is served is still there.
    #[error(
        "`{path}` holds no skill in commit {commit} that SKILLS_INCLUDE and SKILLS_EXCLUDE let through; \
         correct SKILLS_PATH or the globs, or confirm the commit to remove all skills"
    )]
    NoSkills {
        /// `SKILLS_PATH`.
        path: String,
        /// The commit.
        commit: CommitId,
    },
}

impl JudgeError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Content { source, .. } => source.remedy(),
            Self::Scan { source, .. } => source.remedy(),
            Self::NoSkills { .. } => Remedy::Confirm,
        }
    }
}

/// Judges the skills of a commit beside what is served.
///
/// A skill that `cache` knows is not opened. A held skill keeps the served version, and so does one
/// that stopped being a skill while git still has its directory.
///
/// # Errors
/// Where a skill cannot be read: that is never a reason to hold it. Where there is no skill at all,
/// which waits for an operator's word.
pub fn judge(
    desired: &Desired,
    content: &dyn Content,
    served: &Skills,
    law: &Law,
    cache: &mut dyn JudgeCache,
) -> Result<Judged, JudgeError> {
    let mut court = court::Court::new(desired, served, law);
    for candidate in &desired.candidates {
        court.admit(candidate, judged_alone(candidate, content, served, law, cache)?);
    }
    let mut judged = court.decide();
    if judged.verdicts.is_empty() && judged.accepted.skills().is_empty() && !desired.emptied {
        return Err(JudgeError::NoSkills { path: desired.root.clone(), commit: desired.commit });
    }
    judged.condemn(served, content, law, cache);
    judged.compare(served, content, law, cache);
    Ok(judged)
}

/// What is found in a candidate alone: known, or looked at now and remembered.
fn judged_alone(
    candidate: &Candidate,
    content: &dyn Content,
    served: &Skills,
    law: &Law,
    cache: &mut dyn JudgeCache,
) -> Result<Arc<JudgedSkill>, JudgeError> {
    let key = ContentKey::of(candidate);
    if let Some(judged) = cache.get(&key, law.fingerprint()) {
        return Ok(judged);
    }
    let judged = Arc::new(look(candidate, content, served, law)?);
    // What the clock cut short, a judge that failed did not say, or a limit kept closed, is true of that moment.
    let passing = [rules::judge_failed::RULE.id, rules::object_malformed::RULE.id];
    let failed = judged.findings.iter().any(|finding| passing.contains(&finding.rule.as_str()));
    if Scanner::is_lasting(&judged.findings) && !failed {
        cache.put(&key, law.fingerprint(), &judged);
    }
    Ok(judged)
}

/// Looks at a candidate alone. One that breaks git's format is held for it; what cannot be read
/// fails the pass.
fn look(
    candidate: &Candidate,
    content: &dyn Content,
    served: &Skills,
    law: &Law,
) -> Result<JudgedSkill, JudgeError> {
    let judged = examine(candidate, content, served, law);
    let Some(malformed) = judged.as_ref().err().and_then(JudgeError::malformed) else { return judged };
    let finding = rules::object_malformed::at(candidate.entry(), &malformed.to_string());
    Ok(JudgedSkill { fronted: true, findings: vec![finding], ..JudgedSkill::default() })
}

/// Opens a candidate and applies the rules that look at one skill.
fn examine(
    candidate: &Candidate,
    content: &dyn Content,
    served: &Skills,
    law: &Law,
) -> Result<JudgedSkill, JudgeError> {
    let unreadable = |source| JudgeError::Content { path: candidate.entry(), source };
    let subject = Subject::open(candidate, content, law.judging.strict).map_err(unreadable)?;
    let before = served.get(&candidate.id).map(|version| version.files.values());
    let known: HashMap<_, _> = before.into_iter().flatten().map(|file| (file.blob, file.digest)).collect();
    let mut findings = rules::examine(&subject).map_err(unreadable)?;
    findings.extend(scanned::scan(&subject, law)?);
    if let Some(judge) = law.judge() {
        findings.extend(judge.judge(&subject, &findings).map_err(unreadable)?);
    }
    findings.sort_by(rules::by_gravity);
    let name = subject.front().and_then(|front| front.text("name"));
    Ok(JudgedSkill {
        fronted: subject.fronted,
        name: name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
        files: subject.versions(&known).map_err(unreadable)?,
        abilities: Abilities::of(&subject).map_err(unreadable)?,
        findings,
    })
}

#[cfg(test)]
mod tests;
