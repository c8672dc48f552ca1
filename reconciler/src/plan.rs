//! The plan: what to change and why, decided in values. Execution has no choice left to make.
//!
//! `accepted + inventory + observed → plan` is pure. What a plan says is what `diff` prints, the API
//! returns, the audit stores and the tests compare.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, Digest, SkillId};
use crate::observed::{Found, Observed, Unowned};
use crate::path::TreePath;
use crate::tree::{AcceptedTree, FileMode, FileVersion, SkillVersion, Skills};

/// What happens to a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SkillAction {
    /// It was not served.
    Add,
    /// Another version of it is served.
    Update,
    /// It is no longer served.
    Remove,
    /// The same version is served again as it was accepted: the volume had drifted.
    Restore,
    /// It was on the volume already and is now ours.
    Adopt,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileAction {
    /// Nothing was at its path.
    Add,
    /// Something else was at its path.
    Update,
    /// Nothing will be at its path.
    Remove,
}

/// Why a skill changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// Git has it and the inventory does not.
    #[serde(rename = "new in git")]
    GitAdded,
    /// Git has another version of it.
    #[serde(rename = "git changed")]
    GitChanged,
    /// Git has it no more.
    #[serde(rename = "gone from git")]
    GitRemoved,
    /// Somebody changed it on the volume.
    #[serde(rename = "the volume drifted")]
    Drifted,
    /// Git has another version of it, and somebody changed it on the volume.
    #[serde(rename = "git changed, and the volume drifted")]
    GitChangedAndDrifted,
    /// The same bytes were on the volume already.
    #[serde(rename = "the same bytes were there already")]
    SameBytes,
    /// `ADOPT`: other bytes were on the volume; they are kept and replaced.
    #[serde(rename = "taken over from files that were not ours")]
    TakenOver,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What happens to one file, for its reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Its path below the target.
    pub path: TreePath,
    /// What happens to it.
    pub action: FileAction,
    /// The SHA-256 of what is on the volume; none where nothing is, or nothing that was read.
    pub from: Option<Digest>,
    /// The SHA-256 of what will be there; none where nothing will be.
    pub to: Option<Digest>,
}

/// What stands at a path and must be kept before the path is used: a drifted file, or one that is
/// taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The bytes of a file, read into the object database of the mirror. A file over the limit of
    /// [`KEEP_BY_RENAME`] is moved aside instead of read.
    File {
        /// How many bytes it had at the look.
        size: u64,
    },
    /// The text of a symbolic link, likewise; the link is replaced, never followed.
    Link,
    /// A directory: moved aside whole, since what is in it is not ours to judge. An empty one is
    /// removed.
    Directory,
    /// A pipe, socket or device: replaced; it has no bytes to keep.
    Special,
}

/// A drifted file above this many bytes is moved aside by a rename instead of stored (16 MiB): its
/// size is somebody else's choice, and reading it would be paid by the pass.
pub const KEEP_BY_RENAME: u64 = 16 << 20;

/// One effect on the volume. The steps of a plan are done in their order, but that everything is
/// kept and staged before the first of them shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Step {
    /// Saves what stands at the path. A file and a link stay until a publish replaces or a remove
    /// unlinks them; a directory, and a file too large to store, is gone from its path afterwards,
    /// and so is anything that stands where a directory is needed (`clear`).
    Keep {
        /// The path.
        path: TreePath,
        /// What stands there.
        what: Keep,
        /// Whether the path must be free afterwards.
        clear: bool,
    },
    /// Puts a complete directory, which does not exist, in its place by one rename.
    PublishDirectory {
        /// The directory.
        path: TreePath,
        /// All files below it, by their path below the target.
        files: BTreeMap<TreePath, FileVersion>,
    },
    /// Puts a file in its place by one rename over whatever file is there; its directory exists.
    Publish {
        /// The path.
        path: TreePath,
        /// The file.
        file: FileVersion,
    },
    /// Unlinks a file of ours.
    Remove {
        /// The path.
        path: TreePath,
    },
    /// Removes a directory of ours if it is empty; one that holds files that are not ours stays.
    RemoveDirectory {
        /// The path.
        path: TreePath,
    },
}

/// What happens to one skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillChange {
    /// The skill.
    pub skill: SkillId,
    /// What happens to it.
    pub action: SkillAction,
    /// Why.
    pub why: Why,
    /// Its files that change.
    pub files: Vec<FileChange>,
}

/// A path that git wants and where something of somebody else's stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The skill, held for it.
    pub skill: SkillId,
    /// The path below the target.
    pub path: TreePath,
    /// What stands there, in words.
    pub found: String,
}

/// What one pass will do, and nothing else.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// What changes, by skill.
    pub changes: Vec<SkillChange>,
    /// How, in order.
    pub steps: Vec<Step>,
    /// What is there besides and stays as it is.
    pub unowned: Vec<Unowned>,
    /// The inventory after it: what we own where all steps are done.
    #[serde(skip)]
    pub next: Skills,
    /// Skills that keep their last good version for the sake of files that are not ours.
    #[serde(skip)]
    pub conflicts: Vec<Conflict>,
}

impl Plan {
    /// Whether there is nothing to do, adopting included.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many bytes it will write on the target's file system.
    pub fn bytes_to_write(&self) -> u64 {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Publish { file, .. } => file.size,
                Step::PublishDirectory { files, .. } => files.values().map(|file| file.size).sum(),
                Step::Keep { .. } | Step::Remove { .. } | Step::RemoveDirectory { .. } => 0,
            })
            .sum()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{} {}: {}", word(change.action), change.skill, change.why)?;
            for file in &change.files {
                writeln!(f, "  {} {}", word(file.action), file.path)?;
            }
        }
        for step in &self.steps {
            match step {
                Step::Keep { path, .. } => writeln!(f, "keep {path}")?,
                Step::PublishDirectory { path, files } => {
                    writeln!(f, "publish {path}/ ({} files)", files.len())?
                }
                Step::Publish { path, .. } => writeln!(f, "publish {path}")?,
                Step::Remove { path } => writeln!(f, "unlink {path}")?,
                Step::RemoveDirectory { path } => writeln!(f, "rmdir {path}/")?,
            }
        }
        for conflict in &self.conflicts {
            writeln!(f, "held {}: {} at {} is not ours", conflict.skill, conflict.found, conflict.path)?;
        }
        self.unowned.iter().try_for_each(|unowned| {
            writeln!(f, "unowned {}{}", unowned.path, if unowned.directory { "/" } else { "" })
        })
    }
}

/// An action as the word that JSON has for it.
fn word(action: impl Serialize) -> String {
    serde_json::to_value(action).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A share of the owned skills, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneLimit(pub u8);

/// However small the inventory, so many skills may go without asking.
const PRUNE_ALWAYS: usize = 3;

/// A change that is too large to make without a person's word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the change would remove {removed} of {owned} skills, more than the {limit} % that PRUNE_LIMIT allows; \
     if that is meant, confirm revision {revision}"
)]
pub struct PruneGuard {
    /// The commit that would remove them.
    pub revision: CommitId,
    /// How many skills would go.
    pub removed: usize,
    /// How many are owned.
    pub owned: usize,
    /// The limit, in percent.
    pub limit: u8,
}

/// How a plan is made.
#[derive(Debug, Clone, Copy)]
pub struct PlanOptions {
    /// Take over files that are not ours at paths that git wants; their bytes are kept.
    pub adopt: bool,
    /// How many of the owned skills may go at once; none where a person confirmed it.
    pub prune_limit: Option<PruneLimit>,
}

/// Makes the plan that turns what was observed into what was accepted.
///
/// # Errors
/// [`PruneGuard`] where it would remove more skills than the limit allows.
pub fn plan(
    revision: CommitId,
    accepted: &AcceptedTree,
    inventory: &Skills,
    observed: &Observed,
    options: PlanOptions,
) -> Result<Plan, PruneGuard> {
    let mut planner = Planner::new(accepted, inventory, observed, options.adopt);
    for (skill, version) in accepted.skills() {
        planner.serve(skill, version);
    }
    for (skill, version) in inventory {
        if !accepted.skills().contains_key(skill) {
            planner.remove(skill, version);
        }
    }
    planner.remove_directories();
    let plan = planner.finish();
    guard_prune(revision, &plan, inventory, options.prune_limit)?;
    Ok(plan)
}

fn guard_prune(
    revision: CommitId,
    plan: &Plan,
    inventory: &Skills,
    limit: Option<PruneLimit>,
) -> Result<(), PruneGuard> {
    let Some(PruneLimit(limit)) = limit else { return Ok(()) };
    let removed = plan.changes.iter().filter(|change| change.action == SkillAction::Remove).count();
    let owned = inventory.len();
    if removed > PRUNE_ALWAYS && removed * 100 > owned * usize::from(limit) {
        return Err(PruneGuard { revision, removed, owned, limit });
    }
    Ok(())
}

/// What a plan is gathered in, skill by skill.
struct Planner<'a> {
    inventory: &'a Skills,
    observed: &'a Observed,
    adopt: bool,
    /// Who owns each path now, and as which version.
    owned: HashMap<&'a TreePath, &'a FileVersion>,
    /// The directories that hold a path of ours now: only these are ours to remove.
    owned_directories: BTreeSet<TreePath>,
    /// Each path that will be ours: what leaves one skill for another is not removed.
    wanted: BTreeSet<TreePath>,
    /// Directories that this plan makes.
    made: BTreeSet<TreePath>,
    /// Paths that this plan frees by moving aside what stands there.
    cleared: BTreeSet<TreePath>,
    plan: Plan,
}

/// What one file needs.
enum Need {
    Nothing,
    Adopt,
    Publish(FileChange, Option<Keep>),
}

/// What one skill needs, before any of it is put in order.
#[derive(Default)]
struct Needs {
    publish: Vec<(TreePath, FileVersion, FileChange, Option<Keep>)>,
    adopted: bool,
    drifted: bool,
}

impl<'a> Planner<'a> {
    fn new(accepted: &'a AcceptedTree, inventory: &'a Skills, observed: &'a Observed, adopt: bool) -> Self {
        let files = |skills: &'a Skills| skills.values().flat_map(|version| &version.files);
        let owned: HashMap<_, _> = files(inventory).collect();
        Self {
            inventory,
            observed,
            adopt,
            owned_directories: owned.keys().flat_map(|path| path.ancestors()).collect(),
            wanted: files(accepted.skills()).map(|(path, _)| path.clone()).collect(),
            owned,
            made: BTreeSet::new(),
            cleared: BTreeSet::new(),
            plan: Plan { unowned: observed.unowned.iter().cloned().collect(), ..Plan::default() },
        }
    }

    /// Plans one skill that git wants; where files of somebody else's are in its way, its last good
    /// version instead.
    fn serve(&mut self, skill: &SkillId, version: &Arc<SkillVersion>) {
        match self.needs(skill, version) {
            Ok(needs) => self.change(skill, version, needs),
            Err(conflict) => {
                self.plan.conflicts.push(conflict);
                self.keep_last_good(skill);
            }
        }
    }

    fn keep_last_good(&mut self, skill: &SkillId) {
        let Some(served) = self.inventory.get(skill) else { return };
        self.wanted.extend(served.files.keys().cloned());
        // What is served is ours, but a directory of it may have been replaced by something that
        // cannot be told from somebody else's: then there is nothing more to do than to say so.
        if let Ok(needs) = self.needs(skill, served) {
            self.change(skill, served, needs);
        } else {
            self.plan.next.insert(skill.clone(), Arc::clone(served));
        }
    }

    fn needs(&self, skill: &SkillId, version: &SkillVersion) -> Result<Needs, Conflict> {
        let mut needs = Needs::default();
        for (path, file) in &version.files {
            match self.need(skill, path, file)? {
                Need::Nothing => {}
                Need::Adopt => needs.adopted = true,
                Need::Publish(change, keep) => {
                    let owned = self.owned.get(path);
                    needs.drifted |= owned
                        .is_some_and(|owned| change.from != Some(owned.digest) || change.to == change.from);
                    needs.publish.push((path.clone(), *file, change, keep));
                }
            }
        }
        Ok(needs)
    }

    /// Compares one wanted file with what is at its path.
    fn need(&self, skill: &SkillId, path: &TreePath, file: &FileVersion) -> Result<Need, Conflict> {
        let conflict = |path: &TreePath, found: &Found| Conflict {
            skill: skill.clone(),
            path: path.clone(),
            found: describe(found).to_owned(),
        };
        if let Some((above, found)) = self.observed.obstruction(path)
            && !self.owned_directories.contains(&above)
            && !self.adopt
            && !self.owned.contains_key(&above)
        {
            return Err(conflict(&above, found));
        }
        let change = |action, from| FileChange { path: path.clone(), action, from, to: Some(file.digest) };
        let owned = self.owned.get(path).copied();
        let Some(found) = self.observed.at(path) else {
            return Ok(Need::Publish(change(FileAction::Add, None), None));
        };
        match found {
            Found::File { digest, mode, links, stamp } => {
                let same = *digest == Some(file.digest);
                if same && is_plain(*mode, *links, file.mode) {
                    return Ok(if owned.is_some() { Need::Nothing } else { Need::Adopt });
                }
                // Same bytes are ours to take; only their mode or links are put right.
                let known = same || owned.is_some_and(|owned| *digest == Some(owned.digest));
                if owned.is_none() && !same && !self.adopt {
                    return Err(conflict(path, found));
                }
                let keep = (!known).then_some(Keep::File { size: stamp.size });
                Ok(Need::Publish(change(FileAction::Update, *digest), keep))
            }
            // A directory above files of ours is where a file is wanted now: it goes when they do.
            Found::Directory if self.owned_directories.contains(path) && owned.is_none() => {
                Ok(Need::Publish(change(FileAction::Add, None), None))
            }
            _ if owned.is_none() && !self.adopt => Err(conflict(path, found)),
            other => Ok(Need::Publish(change(FileAction::Update, None), Some(keep_of(other)))),
        }
    }

    /// Puts what a skill needs in order: room first, new directories whole, support files, the entry
    /// last, and after it what the new version no longer has.
    fn change(&mut self, skill: &SkillId, version: &Arc<SkillVersion>, needs: Needs) {
        let served = self.inventory.get(skill).map(Arc::clone);
        let dropped: Vec<TreePath> = served
            .iter()
            .flat_map(|served| served.files.keys())
            .filter(|path| !self.wanted.contains(*path))
            .cloned()
            .collect();
        let (action, why) = self.reason(served.as_ref(), version, &needs);
        let touched = !needs.publish.is_empty() || !dropped.is_empty();
        let replaced = served.as_ref().is_some_and(|served| !served.same_bytes(version));
        let mut files: Vec<FileChange> =
            needs.publish.iter().map(|(_, _, change, _)| change.clone()).collect();
        self.publish(&version.entry, needs.publish);
        for path in dropped {
            files.extend(self.unlink(&path));
        }
        if touched || replaced || served.is_none() || needs.adopted {
            self.plan.changes.push(SkillChange { skill: skill.clone(), action, why, files });
        }
        let next = match served {
            Some(served) if !replaced => served,
            _ => Arc::clone(version),
        };
        self.plan.next.insert(skill.clone(), next);
    }

    fn reason(
        &self,
        served: Option<&Arc<SkillVersion>>,
        version: &SkillVersion,
        needs: &Needs,
    ) -> (SkillAction, Why) {
        match served {
            None if needs.publish.is_empty() => (SkillAction::Adopt, Why::SameBytes),
            None if needs.publish.iter().any(|(.., keep)| keep.is_some()) => {
                (SkillAction::Adopt, Why::TakenOver)
            }
            None => (SkillAction::Add, Why::GitAdded),
            Some(served) if served.same_bytes(version) => (SkillAction::Restore, Why::Drifted),
            Some(_) if needs.drifted => (SkillAction::Update, Why::GitChangedAndDrifted),
            Some(_) => (SkillAction::Update, Why::GitChanged),
        }
    }

    fn publish(&mut self, entry: &TreePath, files: Vec<(TreePath, FileVersion, FileChange, Option<Keep>)>) {
        let mut fresh: BTreeMap<TreePath, BTreeMap<TreePath, FileVersion>> = BTreeMap::new();
        let mut single = Vec::new();
        for (path, file, _, keep) in files {
            self.clear_above(&path);
            if let Some(what) = keep {
                self.plan.steps.push(Step::Keep { path: path.clone(), what, clear: false });
            } else if self.observed.at(&path) == Some(&Found::Directory) {
                // A directory of ours in the way: its files go first (they are no longer wanted).
                self.empty_directory(&path);
            }
            match self.topmost_missing(&path) {
                Some(directory) => {
                    fresh.entry(directory).or_default().insert(path, file);
                }
                None => single.push((path, file)),
            }
        }
        // The entry is what consumers act on: whatever holds it comes last.
        let (last, first): (Vec<_>, Vec<_>) =
            fresh.into_iter().partition(|(_, files)| files.contains_key(entry));
        let publish_directory = |(path, files)| Step::PublishDirectory { path, files };
        for step in first.into_iter().map(publish_directory) {
            self.make(step);
        }
        let (last_single, single): (Vec<_>, Vec<_>) = single.into_iter().partition(|(path, _)| path == entry);
        for (path, file) in single.into_iter().chain(last_single) {
            self.plan.steps.push(Step::Publish { path, file });
        }
        for step in last.into_iter().map(publish_directory) {
            self.make(step);
        }
    }

    fn make(&mut self, step: Step) {
        if let Step::PublishDirectory { path, files } = &step {
            self.made.insert(path.clone());
            let above = files
                .keys()
                .flat_map(|file| file.ancestors().filter(|d| d.is_below(path)).collect::<Vec<_>>());
            self.made.extend(above);
        }
        self.plan.steps.push(step);
    }

    /// Moves aside what stands where a directory is needed.
    fn clear_above(&mut self, path: &TreePath) {
        let Some((above, found)) = self.observed.obstruction(path) else { return };
        if !self.cleared.insert(above.clone()) {
            return;
        }
        match (found, self.owned.get(&above)) {
            // A file of ours, as we published it: the new version has a directory of that name.
            (Found::File { digest, .. }, Some(owned)) if *digest == Some(owned.digest) => {
                self.plan.steps.push(Step::Remove { path: above });
            }
            _ => self.plan.steps.push(Step::Keep { path: above, what: keep_of(found), clear: true }),
        }
    }

    /// Unlinks all files of ours below a directory, and then the directory.
    fn empty_directory(&mut self, directory: &TreePath) {
        let below: BTreeSet<TreePath> =
            self.owned.keys().filter(|path| path.is_below(directory)).map(|path| (*path).clone()).collect();
        for path in &below {
            if self.cleared.insert(path.clone()) && matches!(self.observed.at(path), Some(Found::File { .. }))
            {
                self.plan.steps.push(Step::Remove { path: path.clone() });
            }
        }
        let inner: BTreeSet<TreePath> = below.iter().flat_map(TreePath::ancestors).collect();
        for path in inner.into_iter().rev().filter(|path| path == directory || path.is_below(directory)) {
            self.plan.steps.push(Step::RemoveDirectory { path });
        }
    }

    /// The topmost directory above `path` that does not exist, if one does not.
    fn topmost_missing(&self, path: &TreePath) -> Option<TreePath> {
        path.ancestors()
            .filter(|above| {
                !self.made.contains(above) && !matches!(self.observed.at(above), Some(Found::Directory))
            })
            .last()
    }

    /// Plans a skill that git has no more: its entry goes first.
    fn remove(&mut self, skill: &SkillId, version: &SkillVersion) {
        let rest = version.files.keys().filter(|path| **path != version.entry);
        let order: Vec<TreePath> = std::iter::once(&version.entry)
            .chain(rest)
            .filter(|path| !self.wanted.contains(*path))
            .cloned()
            .collect();
        let files: Vec<FileChange> = order.iter().filter_map(|path| self.unlink(path)).collect();
        let (action, why) = (SkillAction::Remove, Why::GitRemoved);
        self.plan.changes.push(SkillChange { skill: skill.clone(), action, why, files });
    }

    /// Unlinks one file of ours; what drifted is kept first, and a directory in its place is not ours.
    fn unlink(&mut self, path: &TreePath) -> Option<FileChange> {
        let found = self.observed.at(path)?;
        if *found == Found::Directory || self.cleared.contains(path) {
            return None;
        }
        let from = match found {
            Found::File { digest, .. } => *digest,
            _ => None,
        };
        if from != self.owned.get(path).map(|owned| owned.digest) {
            self.plan.steps.push(Step::Keep { path: path.clone(), what: keep_of(found), clear: false });
        }
        self.plan.steps.push(Step::Remove { path: path.clone() });
        Some(FileChange { path: path.clone(), action: FileAction::Remove, from, to: None })
    }

    /// Removes the directories that held files of ours and will hold none, the deepest first.
    fn remove_directories(&mut self) {
        let kept: BTreeSet<TreePath> =
            self.plan.next.values().flat_map(|v| v.files.keys()).flat_map(TreePath::ancestors).collect();
        let gone: Vec<TreePath> = self
            .owned_directories
            .iter()
            .filter(|path| !kept.contains(*path) && matches!(self.observed.at(path), Some(Found::Directory)))
            .filter(|path| !self.plan.steps.contains(&Step::RemoveDirectory { path: (*path).clone() }))
            .cloned()
            .collect();
        self.plan.steps.extend(gone.into_iter().rev().map(|path| Step::RemoveDirectory { path }));
    }

    fn finish(self) -> Plan {
        self.plan
    }
}

fn is_plain(mode: u32, links: u64, wanted: FileMode) -> bool {
    mode == wanted.bits() && links == 1
}

fn keep_of(found: &Found) -> Keep {
    match found {
        Found::File { stamp, .. } => Keep::File { size: stamp.size },
        Found::Directory => Keep::Directory,
        Found::Symlink(_) => Keep::Link,
        Found::Special(_) => Keep::Special,
    }
}

/// What something on the volume is, in words.
fn describe(found: &Found) -> &'static str {
    match found {
        Found::File { .. } => "a file with other bytes",
        Found::Directory => "a directory",
        Found::Symlink(_) => "a symbolic link",
        Found::Special(_) => "a special file",
    }
}
