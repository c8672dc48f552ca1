//! The operator's word on findings: exceptions that end, other severities, skills that are denied, and
//! YARA rules of the operator's own.
//!
//! It lies outside of the repository, so that nothing in there can switch a rule off, and it is read at
//! each pass. What it says is applied to findings that are there already: no skill is scanned again for
//! it, but where its YARA rules change.

mod error;
mod read;

use std::path::PathBuf;
use std::time::Duration;

use globset::GlobMatcher;
use serde::{Deserialize, Serialize};

pub use error::PolicyError;

use crate::finding::{Class, Finding, Severity};
use crate::ids::{Digest, SkillId, Timestamp};
use crate::tree::SkillVersion;
use crate::verdict::rules::{self, policy_exception};

/// So long before its end an exception is warned of.
const NOTICE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The largest policy that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// What the operator says.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The file; none where there is no policy.
    path: PathBuf,
    exceptions: Vec<Exception>,
    severities: Vec<Override>,
    denials: Vec<Denial>,
    yara: Vec<PathBuf>,
}

/// A finding that is accepted for a reason.
#[derive(Debug, Clone)]
struct Exception {
    rule: String,
    skill: GlobMatcher,
    reason: String,
    /// When it ends; none where it does not.
    until: Option<Until>,
    line: u32,
}

/// A day; what lasts until then ends with it, in UTC.
#[derive(Debug, Clone)]
struct Until {
    day: String,
    end: Timestamp,
}

/// Another severity of a rule.
#[derive(Debug, Clone)]
struct Override {
    rule: String,
    severity: Severity,
    line: u32,
}

/// A skill that must not be on the volume.
#[derive(Debug, Clone)]
struct Denial {
    what: Denied,
    reason: String,
}

#[derive(Debug, Clone)]
enum Denied {
    /// By its id.
    Skill(GlobMatcher),
    /// By the SHA-256 of one of its files.
    Digest(Digest),
}

/// A finding that an exception of the policy took away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excepted {
    /// The skill.
    pub skill: SkillId,
    /// The rule.
    pub rule: String,
    /// The file that the rule is about.
    pub path: String,
    /// The line, from 1, where there is one.
    pub line: Option<u32>,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is; none where no end is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What the policy makes of the findings of a skill.
#[derive(Debug, Default)]
pub(crate) struct Ruled {
    /// The findings that count, with the severities that count.
    pub findings: Vec<Finding>,
    /// What was taken away.
    pub excepted: Vec<Excepted>,
}

impl Policy {
    /// The operator's YARA files.
    pub fn yara(&self) -> &[PathBuf] {
        &self.yara
    }

    /// What the findings of a skill are worth at that moment; none where the policy says nothing of them.
    pub(crate) fn rule(&self, skill: &SkillId, findings: &[Finding], now: Timestamp) -> Option<Ruled> {
        if !findings.iter().any(|finding| self.concerns(skill, finding, now)) {
            return None;
        }
        let mut ruled = Ruled::default();
        for finding in findings {
            match self.exception(skill, finding, now) {
                Some(exception) => ruled.excepted.push(exception.excepted(skill, finding)),
                None => ruled.findings.push(self.weighed(finding)),
            }
        }
        ruled.findings.sort_by(rules::by_gravity);
        Some(ruled)
    }

    fn concerns(&self, skill: &SkillId, finding: &Finding, now: Timestamp) -> bool {
        self.severity(finding).is_some() || self.exception(skill, finding, now).is_some()
    }

    fn exception(&self, skill: &SkillId, finding: &Finding, now: Timestamp) -> Option<&Exception> {
        let counts = |one: &&Exception| {
            one.rule == finding.rule && one.stands(now) && one.skill.is_match(skill.as_str())
        };
        self.exceptions.iter().find(counts).filter(|_| may_be_ruled(&finding.rule))
    }

    fn severity(&self, finding: &Finding) -> Option<Severity> {
        let of_rule = self.severities.iter().find(|one| one.rule == finding.rule);
        of_rule.map(|one| one.severity).filter(|_| may_be_ruled(&finding.rule))
    }

    fn weighed(&self, finding: &Finding) -> Finding {
        let severity = self.severity(finding).unwrap_or(finding.severity);
        Finding { severity, ..finding.clone() }
    }

    /// Why a skill must not be served; none where it may. `has` says whether a file of it has a digest.
    pub(crate) fn denies(&self, skill: &SkillId, has: impl Fn(&Digest) -> bool) -> Option<&str> {
        let denial = self.denials.iter().find(|denial| match &denial.what {
            Denied::Skill(glob) => glob.is_match(skill.as_str()),
            Denied::Digest(denied) => has(denied),
        });
        denial.map(|denial| denial.reason.as_str())
    }

    /// Whether it denies anything at all.
    pub(crate) fn denies_any(&self) -> bool {
        !self.denials.is_empty()
    }

    /// Why a served version must not be served; none where it may.
    pub(crate) fn denies_served(&self, skill: &SkillId, version: &SkillVersion) -> Option<&str> {
        self.denies(skill, |denied| version.files.values().any(|file| file.digest == *denied))
    }

    /// Exceptions that have ended, or will within a week.
    pub(crate) fn warnings(&self, now: Timestamp) -> Vec<Finding> {
        let path = self.path.display().to_string();
        let ending = self.exceptions.iter().filter_map(|one| Some((one, one.until.as_ref()?)));
        let soon = Timestamp::from_millis(now.millis().saturating_add(millis(NOTICE)));
        ending
            .filter(|(_, until)| until.end <= soon)
            .map(|(one, until)| {
                let over = until.end <= now;
                policy_exception::at(&path, one.line, &one.rule, one.skill.glob().glob(), &until.day, over)
            })
            .collect()
    }
}

impl Exception {
    fn stands(&self, now: Timestamp) -> bool {
        self.until.as_ref().is_none_or(|until| now < until.end)
    }

    fn excepted(&self, skill: &SkillId, finding: &Finding) -> Excepted {
        Excepted {
            skill: skill.clone(),
            rule: finding.rule.clone(),
            path: finding.path.clone(),
            line: finding.line,
            reason: self.reason.clone(),
            until: self.until.as_ref().map(|until| until.day.clone()),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whether the policy has a say about a rule. What is wrong with the form of a skill makes it no skill,
/// or one that cannot be published: that is no question of policy.
fn may_be_ruled(rule: &str) -> bool {
    rules::find(rule).is_none_or(|rule| rule.class != Class::Structure || rule.severity != Severity::Critical)
}

#[cfg(test)]
mod tests;
