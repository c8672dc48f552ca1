//! The file watch on the target: a change to a file of ours brings an early pass.
//!
//! Quiet for what we write ourselves, and for what is not ours: an event says only where to look, and
//! what counts is whether a file's stamp is still the one that the last pass left. It is an
//! acceleration and nothing else: where it fails, the poll finds the same. While all is watched and
//! nothing happens, polls are spared their look ([`Vigil`]). What the system does not tell a watched
//! directory, such as a second name given to a file or a store through a mapped page, is left to the
//! recheck then.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, EventKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use reconciler::observed::{Stamp, Vigil};
use reconciler::path::{RESERVED_PREFIX, TreePath};
use reconciler::tree::Skills;
use reconciler::trigger::Trigger;
use tokio::sync::watch::error::RecvError;
use tokio::sync::{Notify, watch};

use crate::daemon::{Handle, Served, View};

/// How long events are collected before we look: an editor's save is several.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// How many paths are remembered between two looks; beyond, everything is looked at.
const PATHS: usize = 10_000;

/// What we own on the volume, by path.
#[derive(Debug, Default)]
struct Owned {
    files: BTreeMap<TreePath, Option<Stamp>>,
    directories: BTreeSet<TreePath>,
}

impl Owned {
    fn of(served: &Served) -> Self {
        let stamp = |path: &TreePath| served.known.get(path).map(|known| known.stamp);
        let paths = served.skills.values().flat_map(|version| version.files.keys());
        let files: BTreeMap<_, _> = paths.map(|path| (path.clone(), stamp(path))).collect();
        let directories = files.keys().flat_map(TreePath::ancestors).collect();
        Self { files, directories }
    }

    /// Whether something of ours at `touched`, or below it, is not as the last pass left it.
    fn is_changed(&self, target: &Path, touched: &TreePath) -> bool {
        let below = self
            .files
            .range(touched..)
            .take_while(|(path, _)| path.as_str().starts_with(touched.as_str()))
            .filter(|(path, _)| *path == touched || path.is_below(touched));
        below.into_iter().any(|(path, stamp)| differs(target, path, *stamp))
    }

    fn is_anything_changed(&self, target: &Path) -> bool {
        self.files.iter().any(|(path, stamp)| differs(target, path, *stamp))
    }
}

/// Whether a file is another than the one of this stamp; one that was never stamped is.
fn differs(target: &Path, path: &TreePath, stamp: Option<Stamp>) -> bool {
    let Some(stamp) = stamp else { return true };
    let Ok(found) = std::fs::symlink_metadata(target.join(path.as_str())) else { return true };
    let ns = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    let found = Stamp {
        dev: found.dev(),
        ino: found.ino(),
        size: found.size(),
        mtime_ns: ns(found.mtime(), found.mtime_nsec()),
        ctime_ns: ns(found.ctime(), found.ctime_nsec()),
    };
    found != stamp
}

/// What the watcher's own thread leaves for us.
#[derive(Debug, Default)]
struct Inbox {
    target: PathBuf,
    touched: Mutex<Touched>,
    bell: Notify,
    vigil: Vigil,
}

#[derive(Debug, Default)]
struct Touched {
    paths: HashSet<PathBuf>,
    /// Events were lost: everything must be looked at.
    lost: bool,
}

impl Inbox {
    fn receive(&self, event: notify::Result<notify::Event>) {
        // Who only reads changes nothing.
        let is_read = |event: &notify::Event| {
            matches!(event.kind, EventKind::Access(AccessKind::Open(_) | AccessKind::Read))
        };
        if event.as_ref().is_ok_and(is_read) {
            return;
        }
        self.stir(&event);
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Ok(event) => {
                touched.lost |= event.need_rescan();
                touched.paths.extend(event.paths);
            }
            Err(_) => touched.lost = true,
        }
        if touched.paths.len() > PATHS {
            touched.paths = HashSet::new();
            touched.lost = true;
        }
        self.bell.notify_one();
    }

    /// Whatever it is about: the next poll looks there.
    fn stir(&self, event: &notify::Result<notify::Event>) {
        let Ok(event) = event else { return self.vigil.stir() };
        if event.need_rescan() || event.paths.is_empty() {
            self.vigil.stir();
        }
        for path in &event.paths {
            match Place::of(path, &self.target) {
                Place::Below(path) => self.vigil.stir_at(path),
                Place::Reserved => {}
                Place::Unclear => self.vigil.stir(),
            }
        }
    }

    /// Asks for a look at everything.
    fn lose(&self) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).lost = true;
    }

    fn take(&self) -> Touched {
        std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where an event says that something happened.
enum Place {
    /// Below the target.
    Below(TreePath),
    /// At a name that is ours, and no skill's.
    Reserved,
    /// The target itself, or what no path of ours can be.
    Unclear,
}

impl Place {
    fn of(path: &Path, target: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt as _;
        let Ok(below) = path.strip_prefix(target) else { return Self::Unclear };
        let below = below.as_os_str().as_bytes();
        if below.starts_with(RESERVED_PREFIX.as_bytes()) {
            return Self::Reserved;
        }
        TreePath::parse(below).map_or(Self::Unclear, Self::Below)
    }
}

/// The watch: a watcher on the target and on each directory that holds files of ours.
struct Watch {
    watcher: RecommendedWatcher,
    inbox: Arc<Inbox>,
    target: PathBuf,
    owned: Owned,
    watched: BTreeSet<TreePath>,
    fresh: Vec<TreePath>,
    root: Option<(u64, u64)>,
    /// The skills whose directories are watched.
    skills: Arc<Skills>,
    limit_reached: bool,
}

impl Watch {
    fn new(target: PathBuf, vigil: Vigil) -> notify::Result<Self> {
        let inbox = Arc::new(Inbox { target: target.clone(), vigil, ..Inbox::default() });
        let receiver = Arc::clone(&inbox);
        let watcher = notify::recommended_watcher(move |event| receiver.receive(event))?;
        Ok(Self {
            watcher,
            inbox,
            target,
            owned: Owned::default(),
            watched: BTreeSet::new(),
            fresh: Vec::new(),
            root: None,
            skills: Arc::default(),
            limit_reached: false,
        })
    }

    /// Follows what is served now. What is watched anew may have changed before it was: it is looked
    /// at once.
    fn follow(&mut self, served: &Served) {
        self.owned = Owned::of(served);
        self.skills = Arc::clone(&served.skills);
        let gone: Vec<_> = self.watched.difference(&self.owned.directories).cloned().collect();
        for directory in gone {
            self.unwatch(&directory);
        }
        let root = std::fs::metadata(&self.target).ok().map(|found| (found.dev(), found.ino()));
        if root != self.root {
            self.root = root;
            self.watch_root();
        }
        let new: Vec<_> = self.owned.directories.difference(&self.watched).cloned().collect();
        for directory in new {
            self.watch(directory);
        }
        self.vouch();
    }

    /// Says whether all is watched. On a file system that others write to, over the network or from
    /// beneath, a watch does not hear of it.
    fn vouch(&self) {
        let whole = self.root.is_some() && self.watched.len() == self.owned.directories.len();
        if whole && is_local(&self.target) {
            self.inbox.vigil.cover(&self.skills);
        } else {
            self.inbox.vigil.uncover();
        }
    }

    /// A target that was replaced takes all watches below it with it.
    fn watch_root(&mut self) {
        for directory in std::mem::take(&mut self.watched) {
            self.unwatch(&directory);
        }
        let target = self.target.clone();
        drop(self.watcher.unwatch(&target));
        if !self.add(&target) {
            self.root = None;
        }
        self.inbox.vigil.stir();
    }

    fn watch(&mut self, directory: TreePath) {
        if self.add(&self.target.join(directory.as_str())) {
            self.watched.insert(directory.clone());
            self.fresh.push(directory.clone());
        }
        // What happened before it was watched was not seen. Said before that, a look that begins in between
        // would take it for done.
        self.inbox.vigil.stir_at(directory);
    }

    fn unwatch(&mut self, directory: &TreePath) {
        self.watched.remove(directory);
        // A directory that is gone took its watch with it.
        drop(self.watcher.unwatch(&self.target.join(directory.as_str())));
    }

    fn add(&mut self, path: &Path) -> bool {
        let Err(error) = self.watcher.watch(path, RecursiveMode::NonRecursive) else { return true };
        if matches!(error.kind, ErrorKind::MaxFilesWatch) && !self.limit_reached {
            self.limit_reached = true;
            tracing::warn!(
                "the limit of file watches is reached: drift is found by the poll; \
                 raise fs.inotify.max_user_watches to find it at once"
            );
        }
        false
    }

    /// Whether something of ours changed that no pass of ours changed.
    fn look(&mut self) -> bool {
        let Touched { paths, lost } = self.inbox.take();
        if lost {
            self.watch_anew(|_| true);
            self.fresh.clear();
            return self.owned.is_anything_changed(&self.target);
        }
        let touched: Vec<_> = paths.iter().filter_map(|path| self.below_target(path)).collect();
        self.watch_anew(|directory| touched.iter().any(|path| path == directory || directory.is_below(path)));
        let fresh = std::mem::take(&mut self.fresh);
        touched.iter().chain(&fresh).any(|path| self.owned.is_changed(&self.target, path))
            || paths.contains(&self.target) && self.owned.is_anything_changed(&self.target)
    }

    /// An event on a directory itself may mean that another one stands in its place, which nobody
    /// watches yet.
    fn watch_anew(&mut self, is_meant: impl Fn(&TreePath) -> bool) {
        let meant: Vec<_> = self.owned.directories.iter().filter(|path| is_meant(path)).cloned().collect();
        for directory in meant {
            self.unwatch(&directory);
            self.watch(directory);
        }
        self.vouch();
    }

    fn below_target(&self, path: &Path) -> Option<TreePath> {
        match Place::of(path, &self.target) {
            Place::Below(path) => Some(path),
            // What no path of ours can be is not ours.
            Place::Reserved | Place::Unclear => None,
        }
    }
}

/// Whether all who write to a directory do it through this kernel: the kinds of file systems that are
/// known to be so (their magic numbers are in statfs(2)).
fn is_local(directory: &Path) -> bool {
    const LOCAL: [i128; 8] = [
        0xEF53,      // ext2, ext3, ext4
        0x5846_5342, // xfs
        0x9123_683E, // btrfs
        0x0102_1994, // tmpfs
        0xF2F5_2010, // f2fs
        0x794C_7630, // overlayfs
        0x2FC1_2FC1, // zfs
        0xCA45_1A4E, // bcachefs
    ];
    rustix::fs::statfs(directory).is_ok_and(|found| LOCAL.contains(&i128::from(found.f_type)))
}

/// Watches the target for as long as the daemon runs. Where the system gives no watch at all, the
/// poll is what finds drift.
pub(crate) async fn run(target: PathBuf, daemon: Handle, vigil: Vigil) {
    match Watch::new(target, vigil) {
        Ok(watch) => follow(watch, daemon).await,
        Err(error) => tracing::warn!(%error, "no file watch: drift is found by the poll"),
    }
}

async fn follow(mut watch: Watch, daemon: Handle) {
    let inbox = Arc::clone(&watch.inbox);
    let mut views = daemon.watch();
    let mut followed: Option<Arc<Served>> = None;
    loop {
        // A pass writes: what happens meanwhile is looked at when it has ended.
        let settled = views.wait_for(|view| view.running.is_none() && view.begun > 0).await;
        let Ok((served, begun)) = settled.map(|view| (Arc::clone(&view.served), view.begun)) else { return };
        let is_new = followed.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &served));
        followed = Some(Arc::clone(&served));
        let Some((back, changed)) = look(watch, is_new.then_some(served)).await else { return };
        watch = back;
        let now = daemon.view();
        // A pass that began meanwhile may have written what was looked at: its end is the next look.
        let is_settled = now.begun == begun && now.running.is_none();
        if changed && is_settled && daemon.trigger(Trigger::Watch).await.is_err() {
            return;
        }
        if changed && !is_settled {
            inbox.lose();
            continue;
        }
        if wait(&inbox, &mut views, begun).await.is_err() {
            return;
        }
    }
}

/// Waits for events, and a moment for more of them, or for another pass.
async fn wait(inbox: &Inbox, views: &mut watch::Receiver<View>, begun: u64) -> Result<(), RecvError> {
    let next = async { views.wait_for(|view| view.begun > begun).await.map(|_| ()) };
    tokio::select! {
        () = inbox.bell.notified() => {}
        ended = next => return ended,
    }
    tokio::time::sleep(DEBOUNCE).await;
    Ok(())
}

async fn look(mut watch: Watch, served: Option<Arc<Served>>) -> Option<(Watch, bool)> {
    let looked = tokio::task::spawn_blocking(move || {
        if let Some(served) = served {
            watch.follow(&served);
        }
        let changed = watch.look();
        (watch, changed)
    });
    looked.await.ok()
}

#[cfg(test)]
mod tests;
