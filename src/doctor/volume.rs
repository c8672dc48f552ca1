//! The file system below the target and the state directory.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use reconciler::target::is_on_root;
use rustix::fs::{Access, StatVfs, StatVfsMountFlags};

use super::{Check, Subject};

/// Less room than this, in bytes (64 MiB), is little: a pass keeps the old bytes beside the new ones.
const LITTLE_ROOM: u64 = 64 << 20;

/// Fewer free files than this are few.
const FEW_FILES: u64 = 1000;

/// File systems that tell a watcher nothing of what another machine or the host writes.
const REMOTE: [&str; 7] = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs"];

pub(super) fn checks(subject: Subject<'_>) -> Vec<Check> {
    let target = &subject.settings.target;
    let mut checks = vec![target_itself(target), writable(target)];
    checks.extend(file_system(target));
    checks.push(mount(subject));
    checks.push(state(subject));
    checks
}

/// The path itself, or the nearest above it that exists.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|above| above.exists()).unwrap_or(path)
}

fn target_itself(target: &Path) -> Check {
    let shown = target.display();
    match target.symlink_metadata() {
        Ok(found) if found.is_dir() => Check::ok("target", format!("`{shown}` is a directory")),
        Ok(found) if found.is_symlink() => Check::problem(
            "target",
            format!(
                "`{shown}` is a symbolic link (git-sync publishes so): watchers lose what it leads to when it moves"
            ),
            "give SKILLS_DIR a directory of its own, and point the agent there",
        ),
        Ok(_) => Check::problem(
            "target",
            format!("`{shown}` is a file, not a directory"),
            "move it away, or set SKILLS_DIR to another path",
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Check::note("target", format!("`{shown}` is not there yet; the first pass makes it"))
        }
        Err(error) => {
            let help =
                "let the user of skill-sync pass through the directories above it, or run it as their owner";
            Check::problem("target", format!("cannot look at `{shown}`: {error}"), help)
        }
    }
}

fn writable(target: &Path) -> Check {
    let at = existing(target);
    let (shown, ours) = (at.display(), rustix::process::geteuid().as_raw());
    match rustix::fs::access(at, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Check::ok("writable", format!("uid {ours} may write in `{shown}`")),
        Err(rustix::io::Errno::ROFS) => Check::problem(
            "writable",
            format!("`{shown}` is on a file system that is mounted read-only"),
            "mount the volume for writing, at the directory that holds SKILLS_DIR",
        ),
        Err(error) => Check::problem(
            "writable",
            format!("uid {ours} may not write in `{shown}`{}: {error}", owner(at)),
            "run skill-sync as its owner (in a container: as root, or with SKILL_SYNC_UID), or change its owner",
        ),
    }
}

fn owner(path: &Path) -> String {
    let said = |found: Metadata| {
        format!(" (owner {}:{}, mode {:04o})", found.uid(), found.gid(), found.permissions().mode() & 0o7777)
    };
    path.metadata().map(said).unwrap_or_default()
}

fn file_system(target: &Path) -> Vec<Check> {
    let at = existing(target);
    let Ok(room) = rustix::fs::statvfs(at) else { return Vec::new() };
    let mut checks = vec![space(&room)];
    if let Some((device, kind)) = mounted(at) {
        let said = format!("`{}` is on {device} ({kind})", at.display());
        checks.push(match REMOTE.contains(&kind.as_str()) {
            false => Check::ok("file-system", said),
            true => Check::warning(
                "file-system",
                format!(
                    "{said}: watchers here hear nothing of what another machine writes, and neither do we"
                ),
                "run skill-sync and the agent on one machine, or let the agent poll (chokidar: usePolling)",
            ),
        });
    }
    if room.f_flag.contains(StatVfsMountFlags::RDONLY) {
        let help = "mount the volume for writing";
        checks.push(Check::problem("file-system", format!("`{}` is mounted read-only", at.display()), help));
    }
    checks
}

fn space(room: &StatVfs) -> Check {
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let said = format!("{} MiB are free", free >> 20);
    // Some file systems count no files: they have none to run out of.
    let few_files = room.f_files > 0 && room.f_favail < FEW_FILES;
    match (free < LITTLE_ROOM, few_files) {
        (false, false) => Check::ok("space", said),
        (true, _) => Check::warning(
            "space",
            format!("only {said}"),
            "free some, or enlarge the volume; DRIFT_KEEP and DRIFT_MAX_BYTES say how much is kept",
        ),
        (false, true) => Check::warning(
            "space",
            format!("only {} more files fit on the file system", room.f_favail),
            "remove files, or make the file system anew with more of them",
        ),
    }
}

/// What is mounted where a path is, and the kind of its file system.
fn mounted(path: &Path) -> Option<(String, String)> {
    let path = path.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let found = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, at, kind) = (fields.next()?, fields.next()?, fields.next()?);
        let at = PathBuf::from(at.replace("\\040", " "));
        path.starts_with(&at).then(|| (at.components().count(), device.to_owned(), kind.to_owned()))
    });
    // Of two at one place the later one is seen.
    found.max_by_key(|(depth, ..)| *depth).map(|(_, device, kind)| (device, kind))
}

fn mount(subject: Subject<'_>) -> Check {
    let target = &subject.settings.target;
    let on_root = is_on_root(target);
    match (on_root, subject.settings.require_mount) {
        (false, _) => Check::ok("mount", format!("`{}` is on a volume of its own", target.display())),
        (true, true) => Check::problem(
            "mount",
            format!("`{}` would be on the root file system, and a volume is required", target.display()),
            "mount the volume at the directory that holds it, or set REQUIRE_MOUNT=false",
        ),
        (true, false) => Check::note(
            "mount",
            format!(
                "`{}` is on the root file system: in a container it is lost with it (REQUIRE_MOUNT=true refuses that)",
                target.display()
            ),
        ),
    }
}

fn state(subject: Subject<'_>) -> Check {
    let (target, state) = (&subject.settings.target, subject.state);
    let device = |path: &Path| existing(path).metadata().map(|found| found.dev()).ok();
    let shown = state.display();
    if device(state) != device(target) {
        return Check::problem(
            "state",
            format!(
                "the state directory `{shown}` is on another file system than the target: nothing can be renamed between them"
            ),
            "set STATE_DIR to a directory on the target's file system",
        );
    }
    let Ok(found) = state.metadata() else {
        return Check::ok("state", format!("the state will be in `{shown}`, on the target's file system"));
    };
    let ours = rustix::process::geteuid();
    if !ours.is_root() && found.uid() != ours.as_raw() {
        return Check::problem(
            "state",
            format!(
                "the state directory `{shown}` belongs to uid {}, and we are uid {}",
                found.uid(),
                ours.as_raw()
            ),
            "run skill-sync as its owner, or change the owner of all that is in it",
        );
    }
    if found.permissions().mode() & 0o077 != 0 {
        return Check::warning(
            "state",
            format!("others may read the state directory `{shown}`"),
            "nothing, where skill-sync runs next it closes it; else chmod 0700",
        );
    }
    Check::ok("state", format!("the state is in `{shown}`, on the target's file system, closed to others"))
}
