//! Makes a staged plan show: one rename or unlink a step, then the directories durable.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::keep::check_unchanged;
use super::late::{Late, Witness};
use super::pace::{PACE, left_since};
use super::stage::{STAGED_SENTINEL, staged_name};
use super::{
    Applied, ApplyError, DISPLACED, SENTINEL, SYNC_ONE_BY_ONE, Staged, Vacate, Written, failed, open_parent,
    parent_of,
};
use crate::cancel::Cancel;
use crate::observed::{Found, Known, Stamp, StatCache};
use crate::path::TreePath;
use crate::plan::{Plan, Step};
use crate::source::Mirror;
use crate::volume::{Directory, kind, now_ns};

/// So many files are held open at a time after they lost their names; of more the first are looked at
/// again at once.
const WITNESSES: usize = 128;

/// Publishes; what it did before an error is made durable too, since the next pass will find it done.
///
/// `about` is told each file that is replaced or removed, between the last look at it and that.
pub(super) fn publish(
    staged: &Staged<'_>,
    mirror: &Mirror,
    cancel: &Cancel,
    late: &mut Vec<Late>,
    about: &dyn Fn(&TreePath),
) -> Result<Applied, ApplyError> {
    let mut publisher = Publisher::new(staged, mirror, about);
    let done = publisher.steps(cancel).and_then(|()| publisher.sentinel());
    let synced = publisher.sync();
    publisher.settle(0);
    late.append(&mut publisher.late);
    let written = staged.written.iter().map(|written| &written.path);
    staged.target.recent().remember(written.chain(publisher.unlinked.iter().copied()));
    done.and(synced)?;
    let signed = !publisher.touched.is_empty();
    Ok(Applied { known: publisher.stamps(), signed })
}

struct Publisher<'s> {
    staged: &'s Staged<'s>,
    start: Instant,
    /// The directory that was used last: the files of a skill come in a row.
    parent: Option<(&'s str, Directory)>,
    /// The directories whose entries changed.
    touched: BTreeSet<&'s str>,
    /// The paths at which nothing stands any more.
    freed: HashSet<&'s TreePath>,
    unlinked: Vec<&'s TreePath>,
    mirror: &'s Mirror,
    about: &'s dyn Fn(&TreePath),
    /// The files that lost their names lately.
    witnesses: VecDeque<Witness<'s>>,
    late: Vec<Late>,
}

impl<'s> Publisher<'s> {
    fn new(staged: &'s Staged<'s>, mirror: &'s Mirror, about: &'s dyn Fn(&TreePath)) -> Self {
        let start = Instant::now();
        let (parent, touched, freed, unlinked) = Default::default();
        let (witnesses, late) = Default::default();
        Self { staged, start, parent, touched, freed, unlinked, mirror, about, witnesses, late }
    }

    fn steps(&mut self, cancel: &Cancel) -> Result<(), ApplyError> {
        let plan = self.staged.order.plan;
        cancel.check()?;
        let owners = owners(plan);
        let mut current = None;
        for (index, step) in plan.steps.iter().enumerate() {
            if owners[index] != current {
                cancel.check()?;
                current = owners[index];
            }
            self.step(index, step)?;
        }
        Ok(())
    }

    fn step(&mut self, index: usize, step: &'s Step) -> Result<(), ApplyError> {
        match step {
            Step::Keep { path, .. } => self.vacate(index, path),
            Step::PublishDirectory { path, .. } => self.publish_directory(index, path),
            Step::Publish { path, .. } => self.publish_file(index, path),
            Step::Remove { path } => self.remove(path),
            Step::RemoveDirectory { path } => self.remove_directory(path),
        }
    }

    /// The directory that holds a path, opened once for paths that follow each other.
    fn parent(&mut self, path: &'s TreePath) -> Result<&Directory, ApplyError> {
        let wanted = parent_of(path);
        let opened = match self.parent.take() {
            Some((open, directory)) if open == wanted => directory,
            _ => open_parent(self.staged.target, path)?,
        };
        Ok(&self.parent.insert((wanted, opened)).1)
    }

    /// The same where the path is only to go: none where its directory went before.
    fn remaining_parent(&mut self, path: &'s TreePath) -> Result<Option<&Directory>, ApplyError> {
        let wanted = parent_of(path);
        let is_open = self.parent.as_ref().is_some_and(|(open, _)| *open == wanted);
        if !is_open && matches!(self.staged.target.directory().below(wanted), Err(Errno::NOENT)) {
            return Ok(None);
        }
        self.parent(path).map(Some)
    }

    /// What the plan takes to be at a path by now.
    fn expected(&self, path: &TreePath) -> Option<&'s Found> {
        if self.freed.contains(path) { None } else { self.staged.order.observed.at(path) }
    }

    fn publish_file(&mut self, index: usize, path: &'s TreePath) -> Result<(), ApplyError> {
        let (staged, about) = (self.staged, self.about);
        let (expected, start, name) = (self.expected(path), self.start, staged_name(index));
        let parent = self.parent(path)?;
        let now = paced(staged, start, parent, path)?;
        let mut witness = None;
        let renamed = match (expected, now) {
            (Some(Found::Directory), Some(_)) => return Err(ApplyError::Occupied { path: path.clone() }),
            (Some(found), Some(now)) => {
                check_unchanged(Some(found), &now, parent, path)?;
                witness = Witness::hold(parent, path, expected, &now)?;
                about(path);
                staged.staging.directory.rename(&name, parent, path.file_name())
            }
            // Gone since the look: what is wanted there is what was wanted.
            (_, None) => staged.staging.directory.rename_new(&name, parent, path.file_name()),
            (None, Some(_)) => Err(Errno::EXIST),
        };
        renamed.map_err(|errno| match errno {
            Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => ApplyError::raced(path),
            other => failed(|| format!("rename staged file over `{path}`"))(other),
        })?;
        self.watch(witness);
        self.touched.insert(parent_of(path));
        Ok(())
    }

    fn publish_directory(&mut self, index: usize, path: &'s TreePath) -> Result<(), ApplyError> {
        let staged = self.staged;
        let (expected, start) = (self.expected(path), self.start);
        let parent = self.parent(path)?;
        let now = paced(staged, start, parent, path)?;
        if now.is_some() && expected == Some(&Found::Directory) {
            return Err(ApplyError::Occupied { path: path.clone() });
        }
        let renamed = staged.staging.directory.rename_new(&staged_name(index), parent, path.file_name());
        renamed.map_err(|errno| match errno {
            Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR => ApplyError::raced(path),
            other => failed(|| format!("rename staged directory to `{path}`"))(other),
        })?;
        self.touched.insert(parent_of(path));
        Ok(())
    }

    /// Frees the path of something kept, where the plan wants it free.
    fn vacate(&mut self, index: usize, path: &'s TreePath) -> Result<(), ApplyError> {
        let staged = self.staged;
        let Some(vacate) = staged.vacate.get(&index).filter(|vacate| !matches!(vacate, Vacate::Later)) else {
            return Ok(());
        };
        let (expected, about) = (self.expected(path), self.about);
        let parent = self.parent(path)?;
        let now = look(parent, path)?.ok_or_else(|| ApplyError::raced(path))?;
        check_unchanged(expected, &now, parent, path)?;
        // What is moved aside goes on living there.
        let goes = expected.filter(|_| matches!(vacate, Vacate::Discard));
        let witness = Witness::hold(parent, path, goes, &now)?;
        about(path);
        let moved = match (vacate, &staged.displaced) {
            (Vacate::Remove, _) => parent.remove(path.file_name()),
            (Vacate::Displace(id), Some(displaced)) => parent.rename_new(path.file_name(), displaced, id),
            _ => {
                let name = staged_name(index);
                parent.rename_new(path.file_name(), &staged.staging.directory, &name)
            }
        };
        moved.map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTEMPTY => ApplyError::raced(path),
            other => failed(|| format!("move `{path}` aside"))(other),
        })?;
        self.watch(witness);
        self.gone(path);
        Ok(())
    }

    fn remove(&mut self, path: &'s TreePath) -> Result<(), ApplyError> {
        let (expected, about) = (self.expected(path), self.about);
        let Some(parent) = self.remaining_parent(path)? else { return Ok(()) };
        let Some(now) = look(parent, path)? else { return Ok(()) };
        if kind(&now) == FileType::Directory {
            return Err(ApplyError::raced(path));
        }
        check_unchanged(expected, &now, parent, path)?;
        let witness = Witness::hold(parent, path, expected, &now)?;
        about(path);
        match parent.unlink(path.file_name()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(|| format!("unlink `{path}`"))(errno)),
        }
        self.watch(witness);
        self.unlinked.push(path);
        self.gone(path);
        Ok(())
    }

    fn remove_directory(&mut self, path: &'s TreePath) -> Result<(), ApplyError> {
        let Some(parent) = self.remaining_parent(path)? else { return Ok(()) };
        match parent.remove(path.file_name()) {
            Ok(()) => self.gone(path),
            // It is gone already, or holds what is not ours and stays.
            Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(Errno::NOTDIR) => return Err(ApplyError::raced(path)),
            Err(errno) => return Err(failed(|| format!("remove the directory `{path}`"))(errno)),
        }
        Ok(())
    }

    /// Holds on to a file that lost its name, until all is published.
    fn watch(&mut self, witness: Option<Witness<'s>>) {
        self.witnesses.extend(witness);
        self.settle(WITNESSES);
    }

    /// Looks at the files that lost their names again, until so many are left.
    fn settle(&mut self, left: usize) {
        while self.witnesses.len() > left {
            let late = self.witnesses.pop_front().and_then(|one| one.settle(self.staged, self.mirror));
            self.late.extend(late);
        }
    }

    /// Notes that nothing stands at a path any more, nor below it.
    fn gone(&mut self, path: &'s TreePath) {
        self.freed.insert(path);
        self.touched.insert(parent_of(path));
        if self.parent.as_ref().is_some_and(|(open, _)| is_at_or_below(open, path)) {
            self.parent = None;
        }
    }

    /// Renames the sentinel over its last version, where anything changed.
    fn sentinel(&mut self) -> Result<(), ApplyError> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let (root, staging) = (self.staged.target.directory(), &self.staged.staging.directory);
        let named = || failed(|| format!("rename staged file over `{SENTINEL}`"));
        let now = root.entry(SENTINEL).map_err(named())?;
        self.touched.insert("");
        match now {
            // The name is ours, what is in it may not be: it stays, in the state directory.
            Some(now) if kind(&now) == FileType::Directory => self.displace_sentinel()?,
            Some(now) => std::thread::sleep(capped(left_since(Stamp::of(&now).ctime_ns), self.start)),
            None => {}
        }
        staging.rename(STAGED_SENTINEL, root, SENTINEL).map_err(named())
    }

    fn displace_sentinel(&self) -> Result<(), ApplyError> {
        let id = self.staged.target.recent().next_id(self.staged.order.pass);
        let move_it = || {
            let displaced = self.staged.open_displaced()?;
            self.staged.target.directory().rename_new(SENTINEL, &displaced, &id)?;
            displaced.sync()
        };
        move_it().map_err(failed(|| format!("move `{SENTINEL}` aside")))
    }

    /// Makes the touched directories durable; one that is gone has its parent for it.
    fn sync(&self) -> Result<(), ApplyError> {
        let target = self.staged.target;
        let root = target.directory();
        if let Some(displaced) = &self.staged.displaced {
            let what = || format!("sync the directory `{}`", target.state().join(DISPLACED).display());
            displaced.sync().map_err(failed(what))?;
        }
        if self.touched.len() > SYNC_ONE_BY_ONE {
            let what = || format!("sync the file system of `{}`", target.path().display());
            return root.sync_file_system().map_err(failed(what));
        }
        for path in &self.touched {
            let synced = match root.below(path) {
                // It went too, and may have made room for a file.
                Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
                directory => directory.and_then(|directory| directory.sync()),
            };
            synced.map_err(failed(|| format!("sync the directory `{path}/`")))?;
        }
        Ok(())
    }

    /// The stamps of what was published, taken after the syncs so that few are too young to be trusted.
    ///
    /// The bytes are those that were staged where inode, size and modification time are: a write since
    /// would have set the last.
    fn stamps(&mut self) -> StatCache {
        let staged = self.staged;
        let mut known = StatCache::with_capacity(staged.written.len());
        for Written { path, stamp: then, digest } in &staged.written {
            let read_at_ns = now_ns();
            // What cannot be looked at now is read at the next look.
            let Ok(Ok(Some(now))) = self.parent(path).map(|parent| parent.entry(path.file_name())) else {
                continue;
            };
            let stamp = Stamp::of(&now);
            if stamp == (Stamp { ctime_ns: stamp.ctime_ns, ..*then }) {
                known.insert(path.clone(), Known { stamp, digest: *digest, read_at_ns });
            }
        }
        known
    }
}

fn is_at_or_below(directory: &str, path: &TreePath) -> bool {
    directory.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn look(parent: &Directory, path: &TreePath) -> Result<Option<Stat>, ApplyError> {
    parent.entry(path.file_name()).map_err(failed(|| format!("look at `{path}`")))
}

/// Looks at a path once it may change again.
fn paced(
    staged: &Staged<'_>,
    start: Instant,
    parent: &Directory,
    path: &TreePath,
) -> Result<Option<Stat>, ApplyError> {
    let now = look(parent, path)?;
    let since = now.as_ref().map_or(Duration::ZERO, |now| left_since(Stamp::of(now).ctime_ns));
    let left = capped(since, start).max(staged.target.recent().left(path));
    if left.is_zero() {
        return Ok(now);
    }
    std::thread::sleep(left);
    look(parent, path)
}

/// What a publish finds was there when it began: it waits once for all of it.
fn capped(left: Duration, start: Instant) -> Duration {
    left.min(PACE.saturating_sub(start.elapsed()))
}

/// Which change each step belongs to, by its place among the changes: what makes room belongs to what
/// comes after it.
pub(super) fn owners(plan: &Plan) -> Vec<Option<usize>> {
    let files = |index: usize| plan.changes[index].files.iter().map(move |file| (&file.path, index));
    let by_path: HashMap<&TreePath, usize> = (0..plan.changes.len()).flat_map(files).collect();
    let mut next = None;
    let owner = |step: &Step| {
        let path = match step {
            Step::PublishDirectory { files, .. } => files.keys().next(),
            Step::Keep { path, .. } | Step::Publish { path, .. } | Step::Remove { path } => Some(path),
            Step::RemoveDirectory { .. } => None,
        };
        next = path.and_then(|path| by_path.get(path).copied()).or(next);
        next
    };
    let mut owners: Vec<_> = plan.steps.iter().rev().map(owner).collect();
    owners.reverse();
    owners
}
