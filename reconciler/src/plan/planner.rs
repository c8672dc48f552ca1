//! How a plan is made: first what each skill may become, then what that takes, in order.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{
    Conflict, FileAction, FileChange, Keep, PRUNE_ALWAYS, Plan, PlanOptions, PruneGuard, PruneLimit,
    SkillAction, SkillChange, Step, Why,
};
use crate::ids::{CommitId, SkillId};
use crate::observed::{Found, Observed};
use crate::path::TreePath;
use crate::tree::{AcceptedTree, FileMode, FileVersion, Files, SkillVersion, Skills, are_same, beside};
use crate::verdict::Abilities;

/// Makes the plan that turns what was observed into what was accepted.
///
/// `observed` must have looked at every path of `accepted` and of `inventory`. A skill that is served as
/// it was accepted, and lies on the volume as it was left, costs a comparison of pointers.
///
/// # Errors
/// [`PruneGuard`] where it would remove more skills than the limit allows.
pub fn plan(
    revision: CommitId,
    accepted: &AcceptedTree,
    inventory: &Arc<Skills>,
    observed: &Observed,
    options: PlanOptions,
) -> Result<Plan, PruneGuard> {
    let unowned = observed.unowned.iter().cloned().collect();
    if Arc::ptr_eq(accepted.skills(), inventory) && observed.is_as_left() {
        return Ok(Plan { next: Arc::clone(inventory), unowned, ..Plan::default() });
    }
    let volume = Volume::new(inventory, observed, options.adopt);
    let (goal, conflicts) = settle_conflicts(&volume, accepted.skills());
    guard_prune(revision, &goal, inventory, options.prune_limit)?;
    let mut planner = Planner::new(&volume, &goal);
    for (skill, version, served) in volume.unsettled(&goal) {
        planner.serve(skill, version, served);
    }
    for (skill, version, _) in beside(inventory, &goal).filter(|(_, _, goal)| goal.is_none()) {
        planner.remove(skill, version);
    }
    planner.remove_directories();
    let Planner { plan, next, .. } = planner;
    let next = if are_same(&next, inventory) { Arc::clone(inventory) } else { next };
    Ok(Plan { conflicts, unowned, next, ..plan })
}

/// A skill that has files of somebody else's in its way keeps its last good version, and so do the
/// skills that it would swallow: they go when it comes.
fn settle_conflicts(volume: &Volume<'_>, accepted: &Arc<Skills>) -> (Arc<Skills>, Vec<Conflict>) {
    let found = volume.unsettled(accepted).filter_map(|(skill, version, _)| volume.conflict(skill, version));
    let conflicts: Vec<Conflict> = found.collect();
    let mut shared = Arc::clone(accepted);
    if conflicts.is_empty() {
        return (shared, conflicts);
    }
    let goal = Arc::make_mut(&mut shared);
    for Conflict { skill, .. } in &conflicts {
        goal.remove(skill);
    }
    for Conflict { skill, .. } in &conflicts {
        let swallowed = format!("{skill}/");
        let keeps = |(id, _): &(&SkillId, _)| *id == skill || id.as_str().starts_with(&swallowed);
        for (id, served) in volume.inventory.iter().filter(keeps) {
            goal.entry(id.clone()).or_insert_with(|| Arc::clone(served));
        }
    }
    (shared, conflicts)
}

fn guard_prune(
    revision: CommitId,
    goal: &Skills,
    inventory: &Skills,
    limit: Option<PruneLimit>,
) -> Result<(), PruneGuard> {
    let Some(PruneLimit(limit)) = limit else { return Ok(()) };
    let removed = beside(inventory, goal).filter(|(_, _, goal)| goal.is_none()).count();
    let owned = inventory.len();
    if removed > PRUNE_ALWAYS && removed * 100 > owned * usize::from(limit) {
        return Err(PruneGuard { revision, removed, owned, limit });
    }
    Ok(())
}

/// What is there and whose it is.
struct Volume<'a> {
    inventory: &'a Skills,
    observed: &'a Observed,
    adopt: bool,
    /// Each path of ours, as we published it. A pass that finds nothing to do needs none of them.
    owned: OnceCell<HashMap<&'a TreePath, &'a FileVersion>>,
    /// The directories above them, the only ones that are ours to remove. Few passes need them.
    directories: OnceCell<BTreeSet<TreePath>>,
}

/// What one wanted file takes.
enum Need {
    /// It is there already, ours or not: then it is ours from now on.
    Nothing,
    Publish {
        change: FileChange,
        keep: Option<Keep>,
        drifted: bool,
    },
}

impl<'a> Volume<'a> {
    fn new(inventory: &'a Skills, observed: &'a Observed, adopt: bool) -> Self {
        Self { inventory, observed, adopt, owned: OnceCell::new(), directories: OnceCell::new() }
    }

    fn owned(&self) -> &HashMap<&'a TreePath, &'a FileVersion> {
        self.owned.get_or_init(|| self.inventory.values().flat_map(|version| &version.files).collect())
    }

    /// The skills that are not both served as they are wanted and on the volume as they were left, each
    /// with what is served of it.
    fn unsettled<'s>(
        &'s self,
        wanted: &'s Skills,
    ) -> impl Iterator<Item = (&'s SkillId, &'s Arc<SkillVersion>, Option<&'s Arc<SkillVersion>>)> {
        let is_as_left = self.observed.is_as_left();
        let lies = move |version: &SkillVersion| {
            is_as_left || version.files.keys().all(|path| self.observed.is_left(path))
        };
        beside(wanted, self.inventory).filter(move |(_, version, served)| {
            served.is_none_or(|served| !Arc::ptr_eq(served, version) || !lies(version))
        })
    }

    fn owned_directories(&self) -> &BTreeSet<TreePath> {
        self.directories.get_or_init(|| self.owned().keys().flat_map(|path| path.ancestors()).collect())
    }

    /// Whether we published a file or a directory at a path, or a file where a directory above it is
    /// now: what stands there is drift, not somebody else's.
    fn is_ours(&self, path: &TreePath) -> bool {
        self.owned().contains_key(path)
            || self.owned_directories().contains(path)
            || path.ancestors().any(|above| self.owned().contains_key(&above))
    }

    fn has_foreign_below(&self, directory: &TreePath) -> bool {
        let below = format!("{directory}/");
        self.observed.unowned.iter().any(|unowned| unowned.path.starts_with(&below))
    }

    /// The first thing of somebody else's that is in a skill's way.
    fn conflict(&self, skill: &SkillId, version: &SkillVersion) -> Option<Conflict> {
        if self.adopt {
            return None;
        }
        version.files.iter().find_map(|(path, file)| {
            let (path, found) = self.in_the_way(path, file)?;
            Some(Conflict { skill: skill.clone(), path, found: describe(found).to_owned() })
        })
    }

    fn in_the_way(&self, path: &TreePath, file: &FileVersion) -> Option<(TreePath, &'a Found)> {
        match self.observed.at(path) {
            None => self.observed.obstruction(path).filter(|(above, _)| !self.is_ours(above)),
            Some(Found::File { digest, .. }) if *digest == Some(file.digest) => None,
            Some(_) if self.owned().contains_key(path) => None,
            Some(Found::Directory) if self.has_foreign_below(path) => Some((path.clone(), &Found::Directory)),
            // It stands where a directory of ours was, or is that directory.
            Some(_) if self.is_ours(path) => None,
            Some(found) => Some((path.clone(), found)),
        }
    }

    /// Compares one wanted file with what is at its path.
    fn need(&self, path: &TreePath, file: &FileVersion) -> Need {
        let owned = self.owned().get(path).copied();
        let change = |action, from| FileChange { path: path.clone(), action, from, to: Some(file.digest) };
        match self.observed.at(path) {
            None => {
                Need::Publish { change: change(FileAction::Add, None), keep: None, drifted: owned.is_some() }
            }
            Some(Found::File { digest, mode, links, stamp }) => {
                let same = *digest == Some(file.digest);
                if same && is_plain(*mode, *links, file.mode) {
                    return Need::Nothing;
                }
                // Git has the bytes of what it wants and of what we published.
                let in_git = same || owned.is_some_and(|owned| *digest == Some(owned.digest));
                let as_published = owned.is_some_and(|owned| {
                    *digest == Some(owned.digest) && is_plain(*mode, *links, owned.mode)
                });
                Need::Publish {
                    change: change(FileAction::Update, *digest),
                    keep: (!in_git).then_some(Keep::File { size: stamp.size }),
                    drifted: owned.is_some() && !as_published,
                }
            }
            Some(Found::Directory)
                if self.owned_directories().contains(path) && !self.has_foreign_below(path) =>
            {
                Need::Publish { change: change(FileAction::Add, None), keep: None, drifted: false }
            }
            Some(other) => Need::Publish {
                change: change(FileAction::Update, None),
                keep: Some(keep_of(other)),
                drifted: owned.is_some(),
            },
        }
    }
}

/// What one skill takes, before any of it is put in order.
#[derive(Default)]
struct Needs {
    files: Vec<Publication>,
    drifted: bool,
}

/// A file to be published.
struct Publication {
    path: TreePath,
    file: FileVersion,
    change: FileChange,
    keep: Option<Keep>,
}

/// What a plan is gathered in, skill by skill.
struct Planner<'a> {
    volume: &'a Volume<'a>,
    goal: &'a Arc<Skills>,
    /// Each path that will be ours: what leaves one skill for another is not removed.
    wanted: OnceCell<BTreeSet<&'a TreePath>>,
    /// The inventory after the plan.
    next: Arc<Skills>,
    /// Whether something of ours is at a path that is wanted no more.
    drops: bool,
    /// Directories that this plan makes.
    made: BTreeSet<TreePath>,
    /// Paths that this plan has freed already.
    freed: BTreeSet<TreePath>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn new(volume: &'a Volume<'a>, goal: &'a Arc<Skills>) -> Self {
        Self {
            volume,
            goal,
            wanted: OnceCell::new(),
            next: Arc::clone(goal),
            drops: false,
            made: BTreeSet::new(),
            freed: BTreeSet::new(),
            plan: Plan::default(),
        }
    }

    fn is_wanted(&self, path: &TreePath) -> bool {
        let wanted = || self.goal.values().flat_map(|version| version.files.keys()).collect();
        self.wanted.get_or_init(wanted).contains(path)
    }

    /// Plans one skill that is to be served.
    fn serve(&mut self, skill: &SkillId, version: &Arc<SkillVersion>, served: Option<&Arc<SkillVersion>>) {
        let needs = self.needs(version);
        let replaced = served.is_none_or(|served| !served.same_bytes(version));
        if let Some(served) = served.filter(|served| !replaced && !Arc::ptr_eq(served, version)) {
            Arc::make_mut(&mut self.next).insert(skill.clone(), Arc::clone(served));
        }
        if !replaced && needs.files.is_empty() {
            return;
        }
        let (action, why) = reason(served, version, &needs);
        let mut files: Vec<FileChange> = needs.files.iter().map(|file| file.change.clone()).collect();
        self.publish(&version.entry, needs.files);
        let dropped = served.iter().flat_map(|served| served.files.keys());
        let dropped = dropped.filter(|path| !version.files.contains_key(path));
        let dropped: Vec<_> = dropped.filter(|path| !self.is_wanted(path)).collect();
        self.drops |= !dropped.is_empty();
        files.extend(dropped.into_iter().filter_map(|path| self.unlink(path)));
        self.plan.changes.push(SkillChange {
            skill: skill.clone(),
            action,
            why,
            files,
            gains: Abilities::default(),
        });
    }

    fn needs(&self, version: &SkillVersion) -> Needs {
        let mut needs = Needs::default();
        for (path, file) in &version.files {
            match self.volume.need(path, file) {
                Need::Nothing => {}
                Need::Publish { change, keep, drifted } => {
                    needs.drifted |= drifted;
                    needs.files.push(Publication { path: path.clone(), file: *file, change, keep });
                }
            }
        }
        needs
    }

    /// Puts the files of a skill in order: room first, then new directories and support files, and
    /// whatever holds the entry last, since that is what consumers act on.
    fn publish(&mut self, entry: &TreePath, files: Vec<Publication>) {
        let mut fresh: BTreeMap<TreePath, Files> = BTreeMap::new();
        let mut single = Vec::new();
        for Publication { path, file, keep, .. } in files {
            self.make_room(&path, keep);
            match self.topmost_missing(&path) {
                Some(directory) => {
                    fresh.entry(directory).or_default().insert(path, file);
                }
                None => single.push((path, file)),
            }
        }
        for (path, files) in &mut fresh {
            files.close();
            let inner = files.keys().flat_map(TreePath::ancestors).filter(|above| above.is_below(path));
            self.made.extend(inner.chain([path.clone()]));
        }
        let directories = fresh
            .into_iter()
            .map(|(path, files)| (files.contains_key(entry), Step::PublishDirectory { path, files }));
        let singles = single.into_iter().map(|(path, file)| (path == *entry, Step::Publish { path, file }));
        let (last, first): (Vec<_>, Vec<_>) = directories.chain(singles).partition(|(is_entry, _)| *is_entry);
        self.plan.steps.extend(first.into_iter().chain(last).map(|(_, step)| step));
    }

    fn make_room(&mut self, path: &TreePath, keep: Option<Keep>) {
        self.clear_above(path);
        match keep {
            Some(what) => {
                let clear = what == Keep::Directory;
                if clear {
                    self.freed.insert(path.clone());
                }
                self.plan.steps.push(Step::Keep { path: path.clone(), what, clear });
            }
            // A directory of ours is in the way: its files, wanted no more, go first.
            None if self.volume.observed.at(path) == Some(&Found::Directory) => self.empty(path),
            None => {}
        }
    }

    /// Frees the nearest path above that something stands on where a directory is needed.
    fn clear_above(&mut self, path: &TreePath) {
        let Some((above, found)) = self.volume.observed.obstruction(path) else { return };
        if self.freed.contains(&above) {
            return;
        }
        match (found, self.volume.owned().get(&above)) {
            // A file as we published it: the new version has a directory of that name.
            (Found::File { digest, .. }, Some(owned)) if *digest == Some(owned.digest) => {
                self.plan.steps.push(Step::Remove { path: above.clone() });
            }
            _ => self.plan.steps.push(Step::Keep { path: above.clone(), what: keep_of(found), clear: true }),
        }
        self.freed.insert(above);
    }

    /// Unlinks all files of ours below a directory, and then the directories from the deepest up.
    fn empty(&mut self, directory: &TreePath) {
        let volume = self.volume;
        let below: BTreeSet<&TreePath> =
            volume.owned().keys().copied().filter(|path| path.is_below(directory)).collect();
        for path in &below {
            if volume.observed.at(path) == Some(&Found::Directory) && self.free(path) {
                let (path, what) = ((*path).clone(), Keep::Directory);
                self.plan.steps.push(Step::Keep { path, what, clear: true });
            } else {
                self.unlink(path);
            }
        }
        let inner: BTreeSet<TreePath> = below.iter().flat_map(|path| path.ancestors()).collect();
        for path in inner.into_iter().rev().filter(|path| path == directory || path.is_below(directory)) {
            let Some(found) = volume.observed.at(&path).filter(|_| self.free(&path)) else { continue };
            self.plan.steps.push(match found {
                Found::Directory => Step::RemoveDirectory { path },
                drifted => Step::Keep { path, what: keep_of(drifted), clear: true },
            });
        }
    }

    /// Notes that a path is to be freed; false where it is already, alone or with what it lies in.
    fn free(&mut self, path: &TreePath) -> bool {
        !path.ancestors().any(|above| self.freed.contains(&above)) && self.freed.insert(path.clone())
    }

    /// The topmost directory above a path that does not exist, if one does not.
    fn topmost_missing(&self, path: &TreePath) -> Option<TreePath> {
        let exists = |above: &TreePath| {
            self.made.contains(above) || self.volume.observed.at(above) == Some(&Found::Directory)
        };
        path.ancestors().take_while(|above| !exists(above)).last()
    }

    /// Plans a skill that git has no more: its entry goes first.
    fn remove(&mut self, skill: &SkillId, version: &SkillVersion) {
        let rest = version.files.keys().filter(|path| **path != version.entry);
        let order: Vec<_> =
            std::iter::once(&version.entry).chain(rest).filter(|path| !self.is_wanted(path)).collect();
        self.drops |= !order.is_empty();
        let files = order.into_iter().filter_map(|path| self.unlink(path)).collect();
        let (action, why) = (SkillAction::Remove, Why::GitRemoved);
        self.plan.changes.push(SkillChange {
            skill: skill.clone(),
            action,
            why,
            files,
            gains: Abilities::default(),
        });
    }

    /// Unlinks one file of ours; what drifted is kept first, and a directory in its place is not ours.
    fn unlink(&mut self, path: &TreePath) -> Option<FileChange> {
        let found = self.volume.observed.at(path)?;
        if *found == Found::Directory {
            return None;
        }
        let from = match found {
            Found::File { digest, .. } => *digest,
            _ => None,
        };
        if self.free(path) {
            if from.is_none() || from != self.volume.owned().get(path).map(|owned| owned.digest) {
                self.plan.steps.push(Step::Keep { path: path.clone(), what: keep_of(found), clear: false });
            }
            self.plan.steps.push(Step::Remove { path: path.clone() });
        }
        Some(FileChange { path: path.clone(), action: FileAction::Remove, from, to: None })
    }

    /// Removes the directories that held files of ours and will hold none, the deepest first.
    fn remove_directories(&mut self) {
        if !self.drops {
            return;
        }
        let wanted = self.goal.values().flat_map(|version| version.files.keys());
        let kept: BTreeSet<TreePath> = wanted.flat_map(TreePath::ancestors).collect();
        let volume = self.volume;
        for path in volume.owned_directories().iter().rev() {
            let exists = volume.observed.at(path) == Some(&Found::Directory);
            if exists && !kept.contains(path) && self.free(path) {
                self.plan.steps.push(Step::RemoveDirectory { path: path.clone() });
            }
        }
    }
}

fn reason(served: Option<&Arc<SkillVersion>>, version: &SkillVersion, needs: &Needs) -> (SkillAction, Why) {
    match served {
        None if needs.files.is_empty() => (SkillAction::Adopt, Why::SameBytes),
        None if needs.files.iter().any(|file| file.keep.is_some()) => (SkillAction::Adopt, Why::TakenOver),
        None => (SkillAction::Add, Why::GitAdded),
        Some(served) if served.same_bytes(version) => (SkillAction::Restore, Why::Drifted),
        Some(_) if needs.drifted => (SkillAction::Update, Why::GitChangedAndDrifted),
        Some(_) => (SkillAction::Update, Why::GitChanged),
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

#[cfg(test)]
mod tests;
