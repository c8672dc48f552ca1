//! What two skills must not share: an id, a place on the volume, a name. Who is served stays; a
//! newcomer is held; of two newcomers both are.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::rules::{name_twins, skill_twins};
use super::version::unit;
use crate::desired::Candidate;
use crate::finding::Finding;
use crate::ids::SkillId;
use crate::path::fold;
use crate::tree::SkillVersion;

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
    /// A skill with a candidate: `case` where it is the candidate that would be served. `before` is what is
    /// served of it.
    pub(super) fn new(
        case: Option<usize>,
        id: &'a SkillId,
        candidate: &'a Candidate,
        version: &'a SkillVersion,
        before: Option<&Arc<SkillVersion>>,
    ) -> Self {
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

/// The cases that are to be held, with what holds them. No two claims are of one id.
pub(super) fn conflicts(claims: &[Claim<'_>]) -> BTreeMap<usize, Finding> {
    let newcomers: Vec<&Claim<'_>> = claims.iter().filter(|claim| claim.newcomer().is_some()).collect();
    match newcomers.len() {
        0 => BTreeMap::new(),
        few if few * 4 < claims.len() => {
            let met = Met::of(&newcomers);
            conflicts_of_all(&claims.iter().filter(|claim| met.concerns(claim)).collect::<Vec<_>>())
        }
        _ => conflicts_of_all(&claims.iter().collect::<Vec<_>>()),
    }
}

/// What newcomers claim. Who is served stays beside who is served, so that nobody else can be in conflict.
struct Met<'c> {
    ids: HashSet<Cow<'c, str>>,
    names: HashSet<&'c str>,
    units: HashSet<Cow<'c, str>>,
    /// The directories above their places.
    above: HashSet<String>,
}

impl<'c> Met<'c> {
    fn of(newcomers: &[&'c Claim<'_>]) -> Self {
        let units: HashSet<_> = newcomers.iter().map(|claim| folded(unit(claim.version))).collect();
        Self {
            ids: newcomers.iter().map(|claim| folded(claim.id.as_str())).collect(),
            names: newcomers.iter().filter_map(|claim| claim.version.name.as_deref()).collect(),
            above: units.iter().flat_map(|unit| above(unit)).map(str::to_owned).collect(),
            units,
        }
    }

    /// Whether a claim is one of theirs, or may be in conflict with one.
    fn concerns(&self, claim: &Claim<'_>) -> bool {
        let unit = folded(unit(claim.version));
        self.units.contains(&unit)
            || self.above.contains(&*unit)
            || above(&unit).any(|above| self.units.contains(above))
            || self.ids.contains(&folded(claim.id.as_str()))
            || claim.version.name.as_deref().is_some_and(|name| self.names.contains(name))
    }
}

/// The directories above a place.
fn above(unit: &str) -> impl Iterator<Item = &str> {
    unit.match_indices('/').map(|(at, _)| &unit[..at])
}

/// The same where several claims may be of one id.
pub(super) fn conflicts_of_all(claims: &[&Claim<'_>]) -> BTreeMap<usize, Finding> {
    let mut held = BTreeMap::new();
    let mut places: HashMap<Cow<'_, str>, Vec<&Claim<'_>>> = HashMap::new();
    let mut ids: HashMap<Cow<'_, str>, Vec<&Claim<'_>>> = HashMap::new();
    let mut names: HashMap<&str, Vec<&Claim<'_>>> = HashMap::new();
    for claim in claims.iter().copied() {
        places.entry(folded(unit(claim.version))).or_default().push(claim);
        ids.entry(folded(claim.id.as_str())).or_default().push(claim);
        if let Some(name) = &claim.version.name {
            names.entry(name).or_default().push(claim);
        }
    }
    for group in ids.values().chain(places.values()) {
        hold_twins(group, &mut held);
    }
    for claim in claims.iter().copied() {
        let unit = folded(unit(claim.version));
        for above in above(&unit).filter_map(|above| places.get(above)) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::desired::Kind;
    use crate::tree::Files;

    const IDS: [&str; 7] = ["a", "A", "b", "team", "team/a", "team/b", "other/deep/a"];

    fn version(id: &str, flat: bool, name: u8) -> Arc<SkillVersion> {
        let entry = if flat { format!("{id}.md") } else { format!("{id}/SKILL.md") };
        let revision = "c".repeat(40).parse().unwrap();
        let name = Some(format!("name {name}"));
        Arc::new(SkillVersion { revision, entry: entry.parse().unwrap(), name, files: Files::default() })
    }

    proptest! {
        #[test]
        fn only_newcomers_and_what_they_meet_are_weighed(
            served in prop::collection::vec(prop::option::of((any::<bool>(), 0..3_u8)), IDS.len()),
            wanted in prop::collection::vec(prop::option::weighted(0.9, (any::<bool>(), 0..3_u8)), IDS.len()),
            same in prop::collection::vec(prop::bool::weighted(0.8), IDS.len()),
        ) {
            let ids: Vec<SkillId> = IDS.iter().map(SkillId::new).collect();
            let tree = git2::Oid::from_bytes(&[1; 20]).unwrap().into();
            let candidates: Vec<Candidate> = ids.iter().map(|id| {
                let (id, source) = (id.clone(), id.as_str().as_bytes().to_vec());
                Candidate { id, kind: Kind::Folder(tree), source, asked: false }
            }).collect();
            let of = |at: usize, one: (bool, u8)| version(IDS[at], one.0, one.1);
            let served: Vec<_> = served.iter().enumerate().map(|(at, one)| one.map(|one| of(at, one))).collect();
            let wanted: Vec<_> = wanted.iter().enumerate().map(|(at, one)| match &served[at] {
                Some(served) if same[at] => Some(Arc::clone(served)),
                _ => one.map(|one| of(at, one)),
            }).collect();
            let claim = |at: usize| {
                let version = wanted[at].as_ref()?;
                Some(Claim::new(Some(at), &ids[at], &candidates[at], version, served[at].as_ref()))
            };
            let claims: Vec<Claim<'_>> = (0..IDS.len()).filter_map(claim).collect();
            let all = conflicts_of_all(&claims.iter().collect::<Vec<_>>());
            let newcomers: Vec<_> = claims.iter().filter(|claim| claim.newcomer().is_some()).collect();
            let met = Met::of(&newcomers);
            let few = conflicts_of_all(&claims.iter().filter(|claim| met.concerns(claim)).collect::<Vec<_>>());
            prop_assert_eq!(few.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
            let found = conflicts(&claims);
            prop_assert_eq!(found.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
        }
    }
}
