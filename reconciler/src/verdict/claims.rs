//! What two skills must not share: an id, a place on the volume, a name. Who is served stays; a
//! newcomer is held; of two newcomers both are.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::rules::{name_twins, skill_twins};
use super::version::unit;
use crate::desired::Candidate;
use crate::finding::Finding;
use crate::ids::SkillId;
use crate::path::fold;
use crate::tree::{SkillVersion, Skills};

/// A skill that is about to be served, and what it takes.
pub(super) struct Claim<'a> {
    /// The case that it is of; none where a served skill stays without one.
    pub(super) case: Option<usize>,
    /// Its id.
    pub(super) id: &'a SkillId,
    /// Its candidate; none where it has none.
    candidate: Option<&'a Candidate>,
    /// What would be served.
    pub(super) version: &'a SkillVersion,
    keeps_place: bool,
    keeps_bytes: bool,
    keeps_name: bool,
}

impl<'a> Claim<'a> {
    /// A skill with a candidate: `case` where it is the candidate that would be served.
    pub(super) fn new(
        case: Option<usize>,
        id: &'a SkillId,
        candidate: &'a Candidate,
        version: &'a SkillVersion,
        served: &Skills,
    ) -> Self {
        let before = served.get(id);
        let keeps_place = before.is_some_and(|before| before.entry == version.entry);
        let keeps_bytes = before.is_some_and(|before| before.same_bytes(version));
        let keeps_name = before.is_some_and(|before| before.name == version.name);
        Self { case, id, candidate: Some(candidate), version, keeps_place, keeps_bytes, keeps_name }
    }

    /// A served skill that stays without a candidate.
    pub(super) fn kept(id: &'a SkillId, version: &'a SkillVersion) -> Self {
        Self {
            case: None,
            id,
            candidate: None,
            version,
            keeps_place: true,
            keeps_bytes: true,
            keeps_name: true,
        }
    }

    /// Where it is in git, or was.
    fn path(&self) -> String {
        self.candidate.map_or_else(|| self.version.entry.to_string(), Candidate::entry)
    }

    /// The case, where it takes something that it does not have yet.
    pub(super) fn newcomer(&self) -> Option<usize> {
        self.case.filter(|_| !self.keeps_place || !self.keeps_name)
    }
}

/// The cases that are to be held, with what holds them.
pub(super) fn conflicts(claims: &[Claim<'_>]) -> BTreeMap<usize, Finding> {
    let mut held = BTreeMap::new();
    let mut places: HashMap<Cow<'_, str>, Vec<&Claim<'_>>> = HashMap::new();
    let mut ids: HashMap<Cow<'_, str>, Vec<&Claim<'_>>> = HashMap::new();
    let mut names: HashMap<&str, Vec<&Claim<'_>>> = HashMap::new();
    for claim in claims {
        places.entry(folded(unit(claim.version))).or_default().push(claim);
        ids.entry(folded(claim.id.as_str())).or_default().push(claim);
        if let Some(name) = &claim.version.name {
            names.entry(name).or_default().push(claim);
        }
    }
    for group in ids.values().chain(places.values()) {
        hold_twins(group, &mut held);
    }
    for claim in claims {
        let unit = folded(unit(claim.version));
        for above in unit.match_indices('/').filter_map(|(at, _)| places.get(&unit[..at])) {
            hold_twins(&[above.as_slice(), &[claim]].concat(), &mut held);
        }
    }
    for (name, group) in names {
        hold(
            group.as_slice(),
            |claim| claim.keeps_name,
            &mut held,
            |claim, other| name_twins::at(claim.path(), name, &other.path()),
        );
    }
    held
}

/// Holds the newcomers to a place or an id. With `LAYOUT=folder` a flat skill and a folder of its name have one
/// entry, and both would keep it: who was there is told by the bytes, else by the name. Where that is said of
/// both neither is let in, and the last good version stays.
fn hold_twins(group: &[&Claim<'_>], held: &mut BTreeMap<usize, Finding>) {
    let keepers: Vec<&Claim<'_>> = group.iter().copied().filter(|claim| claim.keeps_place).collect();
    let share = keepers.windows(2).any(|two| two[0].version.entry == two[1].version.entry);
    let sole = |keeps: fn(&Claim<'_>) -> bool| {
        (keepers.iter().filter(|claim| keeps(claim)).count() == 1).then_some(keeps)
    };
    let was_there = sole(|claim| claim.keeps_bytes).or(sole(|claim| claim.keeps_name));
    let keeps = |claim: &Claim<'_>| {
        claim.keeps_place && (!share || was_there.is_some_and(|was_there| was_there(claim)))
    };
    hold(group, keeps, held, |claim, other| skill_twins::at(claim.path(), &other.path()));
}

/// Holds the newcomers of a group that wants one thing.
fn hold(
    group: &[&Claim<'_>],
    keeps: impl Fn(&Claim<'_>) -> bool,
    held: &mut BTreeMap<usize, Finding>,
    finding: impl Fn(&Claim<'_>, &Claim<'_>) -> Finding,
) {
    for (at, claim) in group.iter().enumerate() {
        let other = group.iter().enumerate().find(|(n, _)| *n != at).map(|(_, other)| other);
        if let (Some(case), Some(other)) = (claim.case, other)
            && !keeps(claim)
        {
            held.entry(case).or_insert_with(|| finding(claim, other));
        }
    }
}

/// Folds case and Unicode form; what is plain already is borrowed.
fn folded(text: &str) -> Cow<'_, str> {
    match text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(fold(text)),
    }
}
