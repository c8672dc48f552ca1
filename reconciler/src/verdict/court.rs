//! One pass of judging: the candidates of a commit beside what is served.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::cache::JudgedSkill;
use super::claims::{Claim, conflicts, conflicts_of_all};
use super::rules::{
    by_gravity, denied, judge_failed, judge_unsure, lfs_pointer, name_twins, not_a_skill, path_invalid,
    root_skill, skill_lost,
};
use super::version::Site;
use super::{HeldSkill, Judged, Law, SkillVerdict, Standing};
use crate::desired::{Candidate, Desired, Kind};
use crate::finding::{Finding, Severity};
use crate::ids::{Digest, SkillId, Timestamp};
use crate::path::TreePath;
use crate::policy::Excepted;
use crate::tree::{AcceptedTree, SkillVersion, Skills};

/// How often newly held skills may bring their old names and places back into the comparison before
/// everything that is new is held: only a chain made for it is longer.
const MAX_ROUNDS: usize = 8;

/// A candidate, and how it stands.
struct Case<'a> {
    candidate: &'a Candidate,
    id: SkillId,
    judged: Arc<JudgedSkill>,
    /// What is served of it.
    served: Option<&'a Arc<SkillVersion>>,
    across: Vec<Finding>,
    /// What is to be served; none where the candidate is held.
    version: Option<Arc<SkillVersion>>,
}

impl Case<'_> {
    fn hold(&mut self, finding: Finding) {
        self.across.push(finding);
        self.version = None;
    }

    fn is_root(&self) -> bool {
        matches!(self.candidate.kind, Kind::Root(_))
    }

    /// Whether it is a file that is no skill and that nobody took for one.
    fn is_stray(&self, served: &Skills) -> bool {
        let is_flat = matches!(self.candidate.kind, Kind::Flat { .. });
        let is_pointer = self.judged.findings.iter().any(|finding| finding.rule == lfs_pointer::RULE.id);
        let is_plain = is_flat && !self.judged.fronted && !is_pointer;
        is_plain && !self.candidate.asked && !served.contains_key(&self.id)
    }
}

/// A served skill without a candidate, and why it stays.
enum Kept {
    /// Git has its directory, and no skill in it.
    Lost,
    /// A candidate owns its directory now; it stays as long as that one is held.
    Swallowed(usize),
    /// Perhaps the skill that `SKILLS_PATH` itself was, whose name cannot be read any more.
    Orphan,
}

/// Everything that is weighed in one pass.
pub(super) struct Court<'a> {
    desired: &'a Desired,
    served: &'a Skills,
    law: &'a Law,
    block: Option<Severity>,
    cases: Vec<Case<'a>>,
    /// Whether two cases go by one id.
    has_twins: bool,
    /// The served skills that are no case's.
    unmet: Vec<&'a SkillId>,
    kept: BTreeMap<&'a SkillId, Kept>,
    strays: Vec<Finding>,
    excepted: Vec<Excepted>,
}

impl<'a> Court<'a> {
    pub(super) fn new(desired: &'a Desired, served: &'a Skills, law: &'a Law) -> Self {
        let (strays, block) = (desired.strays.clone(), law.judging.block);
        let (kept, excepted) = (BTreeMap::new(), Vec::new());
        let (cases, has_twins, unmet) = (Vec::with_capacity(desired.candidates.len()), false, Vec::new());
        Self { desired, served, law, block, cases, has_twins, unmet, kept, strays, excepted }
    }

    /// Takes a candidate in, by what was found in it alone.
    pub(super) fn admit(&mut self, candidate: &'a Candidate, judged: Arc<JudgedSkill>) {
        let id = candidate.id.clone();
        let case = Case { candidate, id, judged, served: None, across: Vec::new(), version: None };
        if case.is_stray(self.served) {
            self.strays.push(not_a_skill::plain(candidate.entry()));
        } else {
            self.cases.push(case);
        }
    }

    /// Decides.
    pub(super) fn decide(mut self) -> Judged {
        self.name_root();
        self.heed_policy();
        self.meet_served();
        for at in 0..self.cases.len() {
            self.propose(at);
        }
        self.hold_root_beside_others();
        self.look_for_lost();
        self.hold_conflicts();
        self.finish()
    }

    /// A root skill goes by its name; alone it owns what would be stray.
    fn name_root(&mut self) {
        if let [case] = self.cases.as_mut_slice()
            && case.is_root()
        {
            self.strays.clear();
        }
        for case in self.cases.iter_mut().filter(|case| case.is_root()) {
            let name = case.judged.name.as_deref().filter(|name| !name.contains('/'));
            if let Some(name) = name.filter(|name| TreePath::parse(name.as_bytes()).is_ok()) {
                case.id = SkillId::new(name);
            }
        }
    }

    /// Weighs the findings as the operator's policy has it.
    fn heed_policy(&mut self) {
        let (policy, now) = (self.law.policy(), Timestamp::now());
        for case in &mut self.cases {
            if self.law.holds_unsure() && case.judged.findings.iter().any(is_unsure) {
                let findings = &mut Arc::make_mut(&mut case.judged).findings;
                let unsure = findings.iter_mut().filter(|finding| is_unsure(finding));
                unsure.for_each(|finding| finding.severity = Severity::Critical);
            }
            if let Some(ruled) = policy.rule(&case.id, &case.judged.findings, now) {
                let judged = JudgedSkill { findings: ruled.findings, ..(*case.judged).clone() };
                case.judged = Arc::new(judged);
                self.excepted.extend(ruled.excepted);
            }
        }
        self.strays.extend(policy.warnings(now));
    }

    /// Finds what is served of each case: one walk over both, in the order of the ids.
    fn meet_served(&mut self) {
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        order.sort_by(|one, other| self.cases[*one].id.cmp(&self.cases[*other].id));
        self.has_twins = order.windows(2).any(|two| self.cases[two[0]].id == self.cases[two[1]].id);
        let mut served = self.served.iter().peekable();
        let mut met = None;
        for at in order {
            let case = &mut self.cases[at];
            while let Some((id, _)) = served.next_if(|(id, _)| **id < case.id) {
                self.unmet.extend((met != Some(id)).then_some(id));
            }
            if let Some((id, version)) = served.peek().filter(|(id, _)| **id == case.id) {
                (met, case.served) = (Some(*id), Some(*version));
            }
        }
        self.unmet.extend(served.map(|(id, _)| id).filter(|id| met != Some(*id)));
    }

    /// The version that a candidate would be served as, where nothing in it alone holds it.
    fn propose(&mut self, at: usize) {
        let case = &mut self.cases[at];
        let has = |denied: &Digest| case.judged.files.values().any(|file| file.digest == *denied);
        if let Some(reason) = self.law.policy().denies(&case.id, has) {
            return case.hold(denied::at(case.candidate.entry(), reason));
        }
        if case.judged.findings.iter().any(|finding| finding.holds(self.block)) {
            return;
        }
        if case.is_root() && case.id == case.candidate.id {
            let why = "it has no name that a directory can have";
            return case.hold(root_skill::nameless(case.candidate.entry(), why));
        }
        let site = Site::of(case.candidate, &case.id, self.desired.layout);
        match site.and_then(|site| site.version(&case.judged, self.desired.commit, case.served)) {
            Ok(version) => case.version = Some(version),
            Err(error) => case.hold(path_invalid::RULE.across(case.candidate.entry(), error.to_string())),
        }
    }

    fn hold_root_beside_others(&mut self) {
        let beside = self.cases.iter().find(|case| !case.is_root()).map(|case| case.candidate.entry());
        let other = beside.or_else(|| self.desired.excluded.clone());
        let root = self.cases.iter_mut().find(|case| case.is_root());
        if let (Some(other), Some(root)) = (other, root) {
            root.hold(root_skill::beside(root.candidate.entry(), &other));
        }
    }

    /// Looks at what is served and has no candidate.
    fn look_for_lost(&mut self) {
        let gone: Vec<_> = self.unmet.iter().copied().filter(|id| self.desired.wants(id)).collect();
        if gone.is_empty() {
            return;
        }
        let is_folder = |case: &Case<'_>| matches!(case.candidate.kind, Kind::Folder(_));
        let folders = self.cases.iter().enumerate().filter(|(_, case)| is_folder(case));
        let folders = folders.map(|(at, case)| (case.id.as_str(), at)).collect();
        let orphaned = self.cases.iter().any(|case| case.is_root() && case.id == case.candidate.id);
        let mut kept = BTreeMap::new();
        for id in gone {
            let why = match self.owner(id, &folders) {
                Some(owner) => Kept::Swallowed(owner),
                None if self.desired.has_remains(id) => Kept::Lost,
                None if orphaned => Kept::Orphan,
                None => continue,
            };
            kept.insert(id, why);
        }
        self.kept = kept;
        self.name_orphan();
    }

    /// A root skill without a readable name goes by that of the one skill that it can have been.
    fn name_orphan(&mut self) {
        let mut orphans = self.kept.iter().filter(|(_, kept)| matches!(kept, Kept::Orphan));
        if let (Some((id, _)), None) = (orphans.next(), orphans.next()) {
            let id = SkillId::clone(id);
            self.kept.remove(&id);
            for case in self.cases.iter_mut().filter(|case| case.is_root()) {
                (case.id, case.served) = (id.clone(), self.served.get(&id));
            }
        }
    }

    /// The candidate whose directory holds that of a skill.
    fn owner(&self, id: &SkillId, folders: &HashMap<&str, usize>) -> Option<usize> {
        if let [case] = self.cases.as_slice()
            && case.is_root()
        {
            return self.desired.has_remains(id).then_some(0);
        }
        let id = id.as_str();
        id.match_indices('/').find_map(|(at, _)| folders.get(&id[..at]).copied())
    }

    /// Which case has the say about an id: of twins the one that is to be served, else the first.
    fn spokesmen(&self) -> HashMap<&SkillId, usize> {
        let mut spokesmen = HashMap::new();
        for (at, case) in self.cases.iter().enumerate() {
            if case.version.is_some() {
                spokesmen.insert(&case.id, at);
            } else {
                spokesmen.entry(&case.id).or_insert(at);
            }
        }
        spokesmen
    }

    /// What is to be served of each case: its version, or the last good one where it is held.
    fn outcomes(&self) -> impl Iterator<Item = (usize, &Case<'a>, &Arc<SkillVersion>)> {
        // Only who is held is asked whether it has the say.
        let spokesmen = OnceCell::new();
        self.cases.iter().enumerate().filter_map(move |(at, case)| {
            let has_say = || spokesmen.get_or_init(|| self.spokesmen()).get(&case.id) == Some(&at);
            let last_good = || case.served.filter(|_| has_say());
            case.version.as_ref().or_else(last_good).map(|version| (at, case, version))
        })
    }

    /// The served skills without a candidate that stay.
    fn stays(&self) -> impl Iterator<Item = (&'a SkillId, &'a Arc<SkillVersion>, &Kept)> {
        let stay = self.kept.iter().filter(|(_, kept)| match kept {
            Kept::Lost | Kept::Orphan => true,
            Kept::Swallowed(owner) => self.cases[*owner].version.is_none(),
        });
        stay.filter_map(|(id, kept)| self.served.get_key_value(*id).map(|(id, version)| (id, version, kept)))
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        let mut claims = Vec::new();
        for (at, case, version) in self.outcomes() {
            let newcomer = case.version.is_some().then_some(at);
            claims.push(Claim::new(newcomer, &case.id, case.candidate, version, case.served));
        }
        for (id, version, _) in self.stays() {
            claims.push(Claim::kept(id, version));
        }
        claims
    }

    fn hold_conflicts(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let claims = self.claims();
            let found = match self.has_twins {
                true => conflicts_of_all(&claims.iter().collect::<Vec<_>>()),
                false => conflicts(&claims),
            };
            if found.is_empty() {
                return;
            }
            for (at, finding) in found {
                self.cases[at].hold(finding);
            }
        }
        let newcomers: Vec<usize> = self.claims().iter().filter_map(Claim::newcomer).collect();
        for at in newcomers {
            let path = self.cases[at].candidate.entry();
            self.cases[at].hold(name_twins::chain(path));
        }
    }

    fn finish(self) -> Judged {
        let mut held = BTreeMap::new();
        let mut verdicts = Vec::with_capacity(self.cases.len());
        let stays = self.stays().map(|(id, version, _)| (id, version));
        let outcomes = self.outcomes().map(|(_, case, version)| (&case.id, version));
        let accepted: Skills =
            stays.chain(outcomes).map(|(id, version)| (id.clone(), Arc::clone(version))).collect();
        for (id, _, kept) in self.stays() {
            if matches!(kept, Kept::Lost) {
                let finding = skill_lost::at(id.as_str());
                held.insert(id.clone(), finding.clone());
                verdicts.push(SkillVerdict::lost(id, finding));
            }
        }
        for case in self.cases {
            let standing = if case.version.is_some() { Standing::Accepted } else { Standing::Held };
            let path = case.candidate.entry();
            let verdict =
                SkillVerdict { skill: case.id, path, standing, judged: case.judged, across: case.across };
            if let Some(finding) = verdict.gravest(self.block) {
                held.entry(verdict.skill.clone()).or_insert(finding);
            }
            verdicts.push(verdict);
        }
        let held = held.into_iter().map(|(skill, finding)| HeldSkill { skill, finding }).collect();
        let (accepted, strays, excepted) = (AcceptedTree::vouch(accepted), self.strays, self.excepted);
        Judged { accepted, held, strays, verdicts, excepted, condemned: Vec::new(), gains: BTreeMap::new() }
    }
}

/// Whether the operator's judge could not tell.
fn is_unsure(finding: &Finding) -> bool {
    [judge_failed::RULE.id, judge_unsure::RULE.id].contains(&finding.rule.as_str())
}

impl SkillVerdict {
    fn lost(id: &SkillId, finding: Finding) -> Self {
        Self {
            skill: id.clone(),
            path: id.as_str().to_owned(),
            standing: Standing::Held,
            judged: Arc::default(),
            across: vec![finding],
        }
    }

    /// The gravest finding of a skill that is held.
    fn gravest(&self, block: Option<Severity>) -> Option<Finding> {
        if self.standing != Standing::Held {
            return None;
        }
        let holds = self.findings().filter(|finding| finding.holds(block));
        holds.min_by(|one, other| by_gravity(one, other)).cloned()
    }
}
