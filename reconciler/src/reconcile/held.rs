//! The skills that are not served as git has them, each with what is served instead and since when.

use crate::finding::Held;
use crate::ids::{SkillId, Timestamp};
use crate::plan::Conflict;
use crate::tree::Skills;
use crate::verdict::HeldSkill;

/// The rule that holds a skill for the sake of files that are not ours.
pub(super) const CONFLICT: &str = "unowned-conflict";

/// Lists what was held by the judge and by the plan, by skill. A skill that was held by the same rule
/// before keeps its date.
pub(super) fn list<'a>(
    judged: &[HeldSkill],
    conflicts: impl Iterator<Item = &'a Conflict>,
    served: &Skills,
    before: &[Held],
    now: Timestamp,
) -> Vec<Held> {
    let since = |skill: &SkillId, rule: &str| {
        before.iter().find(|held| held.skill == *skill && held.rule == rule).map_or(now, |held| held.since)
    };
    let serving = |skill: &SkillId| served.get(skill).map(|version| version.revision);
    let judged = judged.iter().map(|HeldSkill { skill, finding }| Held {
        skill: skill.clone(),
        rule: finding.rule.clone(),
        path: finding.path.clone(),
        line: finding.line,
        message: format!("{}. {}", finding.message, finding.help),
        serving: serving(skill),
        since: since(skill, &finding.rule),
    });
    let conflicts = conflicts.map(|conflict| Held {
        skill: conflict.skill.clone(),
        rule: CONFLICT.to_owned(),
        path: conflict.path.to_string(),
        line: None,
        message: conflict.to_string(),
        serving: serving(&conflict.skill),
        since: since(&conflict.skill, CONFLICT),
    });
    let mut held: Vec<Held> = judged.chain(conflicts).collect();
    held.sort_by(|one, other| one.skill.cmp(&other.skill));
    held
}
