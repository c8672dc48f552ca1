//! What is served, judged by today's rules: a version that they would hold is condemned.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::subject::Subject;
use super::{Abilities, ContentKey, HeldSkill, JudgeCache, Judged, Law, Standing, judged_alone};
use crate::desired::{Candidate, Content, ContentError, Entry, EntryKind, Kind, SKILL_FILE, tree_id};
use crate::ids::{BlobId, SkillId, Timestamp, TreeId};
use crate::tree::{SkillVersion, Skills, beside};

/// A served version as trees in memory, over the content that has its files.
pub(super) struct ServedContent<'a> {
    trees: HashMap<TreeId, Vec<Entry>>,
    content: &'a dyn Content,
}

impl Content for ServedContent<'_> {
    fn tree(&self, id: TreeId) -> Result<Vec<Entry>, ContentError> {
        self.trees.get(&id).cloned().ok_or(ContentError::Missing { id: id.oid() })
    }

    fn read(&self, id: BlobId) -> Result<Vec<u8>, ContentError> {
        self.content.read(id)
    }

    fn size(&self, id: BlobId) -> Result<u64, ContentError> {
        self.content.size(id)
    }
}

/// A served version as a candidate. Where git had it at the same place without links, its key is the
/// one under which it was judged when it came.
pub(super) fn candidate<'a>(
    id: &SkillId,
    version: &SkillVersion,
    content: &'a dyn Content,
) -> Option<(Candidate, ServedContent<'a>)> {
    let mut served = ServedContent { trees: HashMap::new(), content };
    let entry = version.entry.as_str();
    let directory = entry.strip_suffix(SKILL_FILE).and_then(|rest| rest.strip_suffix('/'));
    let (source, kind) = match directory {
        Some(directory) => {
            let below = |path: &str| path.strip_prefix(directory)?.strip_prefix('/').map(str::to_owned);
            let files = version.files.iter().filter_map(|(path, file)| {
                let kind = EntryKind::File { blob: file.blob, mode: file.mode };
                Some((below(path.as_str())?, kind))
            });
            (directory, Kind::Folder(served.add(files.collect())?))
        }
        None => {
            let file = version.files.get(&version.entry)?;
            (entry, Kind::Flat { blob: file.blob, mode: file.mode })
        }
    };
    let source = source.as_bytes().to_vec();
    Some((Candidate { id: id.clone(), kind, source, asked: true }, served))
}

impl ServedContent<'_> {
    /// Makes the trees of these files, by their path below; gives the id that git has for the whole.
    fn add(&mut self, files: BTreeMap<String, EntryKind>) -> Option<TreeId> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut below: BTreeMap<String, BTreeMap<String, EntryKind>> = BTreeMap::new();
        for (path, kind) in files {
            match path.split_once('/') {
                Some((name, rest)) => {
                    below.entry(name.to_owned()).or_default().insert(rest.to_owned(), kind);
                }
                None => entries.push(Entry { name: path.into_bytes(), kind }),
            }
        }
        for (name, files) in below {
            let kind = EntryKind::Directory(self.add(files)?);
            entries.push(Entry { name: name.into_bytes(), kind });
        }
        // Git's order: a directory sorts as if its name ended in a slash.
        entries.sort_by_cached_key(|entry| {
            let slash = matches!(entry.kind, EntryKind::Directory(_)).then_some(b'/');
            entry.name.iter().copied().chain(slash).collect::<Vec<u8>>()
        });
        let id = tree_id(&entries)?;
        self.trees.insert(id, entries);
        Some(id)
    }
}

impl Judged {
    /// Looks for what stays served although today's rules would hold it: only a skill that is held can
    /// be one, and nothing is read that was judged before.
    pub(super) fn condemn(
        &mut self,
        served: &Skills,
        content: &dyn Content,
        law: &Law,
        cache: &mut dyn JudgeCache,
    ) {
        for held in &self.held {
            let stays = self.accepted.skills().get(&held.skill);
            let Some(version) = stays.filter(|version| served.get(&held.skill) == Some(version)) else {
                continue;
            };
            let Some((candidate, content)) = candidate(&held.skill, version, content) else { continue };
            let judged = match judged_alone(&candidate, &content, served, law, cache) {
                Ok(judged) => judged,
                Err(error) => {
                    let error = crate::report::error_text(&error);
                    tracing::warn!(skill = %held.skill, error, "what is served could not be judged again");
                    continue;
                }
            };
            let ruled = law.policy().rule(&held.skill, &judged.findings, Timestamp::now());
            let findings = ruled.map_or_else(|| judged.findings.clone(), |ruled| ruled.findings);
            if let Some(finding) = findings.into_iter().find(|finding| finding.holds(law.judging.block)) {
                self.condemned.push(HeldSkill { skill: held.skill.clone(), finding });
            }
        }
    }

    /// Tells what each skill that comes, or changes, can do that it could not.
    pub(super) fn compare(
        &mut self,
        served: &Skills,
        content: &dyn Content,
        law: &Law,
        cache: &mut dyn JudgeCache,
    ) {
        // The usual one costs a pointer.
        let changes = |(_, next, before): &(_, &Arc<SkillVersion>, Option<&Arc<SkillVersion>>)| {
            before.is_none_or(|before| !Arc::ptr_eq(before, next) && !before.same_bytes(next))
        };
        let changed: BTreeMap<_, _> = beside(self.accepted.skills(), served)
            .filter(changes)
            .map(|(id, _, before)| (id, before))
            .collect();
        for verdict in self.verdicts.iter().filter(|verdict| verdict.standing == Standing::Accepted) {
            let Some(before) = changed.get(&verdict.skill) else { continue };
            let before = before.map(|before| abilities(&verdict.skill, before, content, law, cache));
            let gained = verdict.judged.abilities.beyond(&before.unwrap_or_default());
            if !gained.is_empty() {
                self.gains.insert(verdict.skill.clone(), gained);
            }
        }
    }

    /// Takes what is condemned out of what may be served.
    pub(crate) fn take_off_condemned(&mut self) {
        let mut skills = Skills::clone(self.accepted.skills());
        skills.retain(|id, _| self.condemned.iter().all(|condemned| condemned.skill != *id));
        self.accepted = crate::tree::AcceptedTree::vouch(skills);
    }
}

/// What a served version can do: known, or read again without a scan. Where it cannot be read, all that
/// the new one can do is shown.
fn abilities(
    id: &SkillId,
    version: &SkillVersion,
    content: &dyn Content,
    law: &Law,
    cache: &mut dyn JudgeCache,
) -> Abilities {
    let Some((candidate, content)) = candidate(id, version, content) else { return Abilities::default() };
    if let Some(judged) = cache.get(&ContentKey::of(&candidate), law.fingerprint()) {
        return judged.abilities.clone();
    }
    let subject = Subject::open(&candidate, &content, law.judging.strict);
    subject.and_then(|subject| Abilities::of(&subject)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::{self, Memory};
    use crate::options::{Judging, Selection};
    use crate::verdict::rules::testing::{commit, file, nest, skill, write_tree};
    use crate::verdict::{MemoryCache, judge};

    #[test]
    fn a_served_version_has_the_key_that_it_had_in_git() {
        let directory = tempfile::tempdir().unwrap();
        let git = git2::Repository::init_bare(directory.path()).unwrap();
        let (folder, flat) = (skill("a"), skill("flat"));
        let tree = nest(&[
            ("team/a/SKILL.md", file(folder.as_bytes())),
            ("team/a/lib-z", file(b"z")),
            ("team/a/lib.txt", file(b"y")),
            ("team/a/lib/x.txt", file(b"x")),
            ("flat.md", file(flat.as_bytes())),
        ]);
        let commit = commit(&git, write_tree(&git, &tree));
        let desired = desired::read(&git, commit, &Selection::default(), &mut Memory::default()).unwrap();
        let law = Law::new(Judging { strict: false, block: None });
        let judged = judge(&desired, &git, &Skills::new(), &law, &mut MemoryCache::default()).unwrap();
        assert_eq!(desired.candidates.len(), 2);
        for known in &desired.candidates {
            let version = &judged.accepted.skills()[&known.id];
            let (again, _) = candidate(&known.id, version, &git).unwrap();
            assert_eq!(ContentKey::of(&again), ContentKey::of(known), "{}", known.id);
        }
    }
}
