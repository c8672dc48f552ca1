//! Combinations: rules over findings. Two weak signs of one technique, near one another, make a strong one.

use super::rule::{Detect, Within};
use super::rules::RULES;
use super::sight::Sight;

/// What the combining rules see in the sights of one skill.
///
/// A sight that is quoted in documentation counts for nothing here. The place is that of the first part.
pub(super) fn combine(sights: &[Sight]) -> Vec<Sight> {
    let mut combined: Vec<Sight> = Vec::new();
    for (index, rule) in RULES.iter().enumerate() {
        let Detect::Together { parts, within } = rule.detect else { continue };
        let Some((first, others)) = parts.split_first() else { continue };
        let known: Vec<&Sight> = sights.iter().chain(&combined).collect();
        let anchors = known.iter().filter(|sight| is_of(sight, first));
        let found = anchors.filter(|anchor| others.iter().all(|part| has_near(&known, anchor, part, within)));
        let found: Vec<Sight> = found.map(|anchor| Sight { rule: index, ..(*anchor).clone() }).collect();
        combined.extend(found);
    }
    combined
}

fn is_of(sight: &Sight, part: &[&str]) -> bool {
    !sight.quoted && sight.rule_id().is_some_and(|id| part.contains(&id))
}

fn has_near(known: &[&Sight], anchor: &Sight, part: &[&str], within: Within) -> bool {
    known.iter().any(|sight| {
        is_of(sight, part)
            && match within {
                Within::Skill => true,
                Within::Lines(lines) => {
                    sight.path == anchor.path && sight.place.line.abs_diff(anchor.place.line) <= lines
                }
            }
    })
}
