//! What the target holds, as far as readers stumble over it.

use std::fs::DirEntry;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Check, Subject, counted, some};

/// The entries that are looked at: what is beyond is not worth the wait.
const MOST_ENTRIES: usize = 200_000;

/// How many watches are left for others beside those on the target.
const WATCHES_FOR_OTHERS: u64 = 1024;

/// The largest `SKILL.md` that readers load, in bytes.
const LARGEST_ENTRY: u64 = 256_000;

/// The depth below which no reader looks for a skill.
const DEEPEST: usize = 6;

/// What was found below the target, in paths relative to it.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Files and directories.
    pub entries: usize,
    /// Directories with a `SKILL.md`.
    pub folders: Vec<String>,
    /// `.md` files directly in it that are no documents of a repository.
    pub flat: Vec<String>,
    /// Files with more than one link.
    pub linked: Vec<String>,
    /// Entries of skills below a directory that begins with a dot.
    pub dotted: Vec<String>,
    /// Entries of skills that are too deep.
    pub deep: Vec<String>,
    /// Entries of skills in another spelling, such as `skill.md`.
    pub misnamed: Vec<String>,
    /// Entries of skills that are too large.
    pub large: Vec<String>,
    /// Links to something else.
    pub symlinks: Vec<String>,
}

impl Held {
    /// Looks below a directory; one that cannot be read holds nothing.
    pub(super) fn look(target: &Path) -> Self {
        let mut held = Self::default();
        let mut open = vec![PathBuf::new()];
        while let Some(below) = open.pop() {
            for entry in std::fs::read_dir(target.join(&below)).into_iter().flatten().flatten() {
                if held.entries >= MOST_ENTRIES {
                    return held;
                }
                let path = below.join(entry.file_name());
                if !path.to_string_lossy().starts_with(".skill-sync") {
                    held.entries += 1;
                    if held.add(&entry, &path) {
                        open.push(path);
                    }
                }
            }
        }
        held
    }

    /// Adds one entry, and says whether there is more below it.
    fn add(&mut self, entry: &DirEntry, path: &Path) -> bool {
        let Ok(found) = entry.metadata() else { return false };
        let shown = || path.to_string_lossy().into_owned();
        if found.is_symlink() {
            self.symlinks.push(shown());
        }
        if !found.is_file() {
            return found.is_dir();
        }
        if found.nlink() > 1 {
            self.linked.push(shown());
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let parent = path.parent().map(Path::to_string_lossy).unwrap_or_default().into_owned();
        if name == "SKILL.md" {
            self.entry(&shown(), &parent, found.len());
        } else if name.eq_ignore_ascii_case("skill.md") {
            self.misnamed.push(shown());
        } else if parent.is_empty() && name.ends_with(".md") && !is_document(&name) {
            self.flat.push(shown());
        }
        false
    }

    fn entry(&mut self, path: &str, parent: &str, size: u64) {
        self.folders.push(parent.to_owned());
        if parent.split('/').any(|part| part.starts_with('.')) {
            self.dotted.push(path.to_owned());
        }
        if parent.split('/').count() > DEEPEST {
            self.deep.push(path.to_owned());
        }
        if size > LARGEST_ENTRY {
            self.large.push(path.to_owned());
        }
    }
}

/// Documents of a repository are no skills.
fn is_document(name: &str) -> bool {
    let stem = name.trim_end_matches(".md").to_ascii_uppercase();
    ["README", "LICENSE", "CHANGELOG", "CONTRIBUTING", "SECURITY", "CODE_OF_CONDUCT"].contains(&stem.as_str())
}

pub(super) fn checks(subject: Subject<'_>, held: &Held) -> Vec<Check> {
    let mut checks = vec![Check::ok(
        "skills",
        format!(
            "{} and {} are there",
            counted(held.folders.len(), "skill folder"),
            counted(held.flat.len(), "flat skill")
        ),
    )];
    checks.extend(traps(held));
    checks.extend(watches(held.entries));
    checks.extend(path(&subject.settings.target));
    checks
}

/// What is told whoever reads: OpenClaw skips each of them without a word.
fn traps(held: &Held) -> Vec<Check> {
    let told = |paths: &[String], check, what: &str, help: &str| {
        let is = if paths.len() == 1 { "is" } else { "are" };
        (!paths.is_empty()).then(|| Check::warning(check, format!("{} {is} {what}", some(paths)), help))
    };
    let checks = [
        told(
            &held.linked,
            "hard-links",
            "a file with more than one link: OpenClaw skips such a skill, and watchers lose events of it",
            "copy instead of `cp -l` or `rsync --link-dest`; where it is ours, remove it: the next pass puts it back with one link",
        ),
        told(
            &held.dotted,
            "dot-directories",
            "below a directory that begins with a dot: OpenClaw and most watchers do not look there",
            "rename the directory in the repository",
        ),
        told(
            &held.deep,
            "depth",
            "more than six directories deep: OpenClaw does not look there",
            "move it up in the repository",
        ),
        told(
            &held.misnamed,
            "entry-name",
            "not `SKILL.md` in that spelling: readers do not see it",
            "rename it in the repository",
        ),
        told(
            &held.large,
            "entry-size",
            "over 256,000 bytes: OpenClaw skips it",
            "move text into files beside it",
        ),
        told(
            &held.symlinks,
            "links",
            "a symbolic link: readers skip one that leaves the directory",
            "replace it by a copy",
        ),
    ];
    checks.into_iter().flatten().collect()
}

/// Each entry takes a watch of inotify for every watcher, and the kernel limits them for each user.
fn watches(entries: usize) -> Option<Check> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok();
    let limit: u64 = read("max_user_watches")?.trim().parse().ok()?;
    let instances: u64 = read("max_user_instances")?.trim().parse().ok()?;
    Some(judge_watches(u64::try_from(entries).unwrap_or(u64::MAX), limit, instances))
}

fn judge_watches(entries: u64, limit: u64, instances: u64) -> Check {
    // Ours is one for each directory; a chokidar has one for each entry.
    let wanted = entries.saturating_mul(2).saturating_add(WATCHES_FOR_OTHERS);
    let said = format!("{limit} watches and {instances} watchers a user; about {wanted} watches are wanted");
    if wanted <= limit && instances >= 16 {
        return Check::ok("inotify", said);
    }
    Check::warning(
        "inotify",
        format!("the kernel allows {said}: what is beyond is not seen until the next poll"),
        "raise it on the host: sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=1024",
    )
}

/// Filters for dot files are often matched against whole paths.
fn path(target: &Path) -> Option<Check> {
    let has_dot = |part: std::path::Component<'_>| part.as_os_str().to_string_lossy().starts_with('.');
    target.components().any(has_dot).then(|| {
        Check::note(
            "target-path",
            format!(
                "`{}` leads through a directory that begins with a dot: a watcher that ignores dot files by the whole path sees nothing",
                target.display()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn more_entries_than_watches_are_told_with_what_to_raise() {
        assert_eq!(judge_watches(1000, 65_536, 128).level, Level::Ok);
        let few = judge_watches(40_000, 65_536, 128);
        assert_eq!(few.level, Level::Warning);
        assert!(
            few.message.contains("65536 watches") && few.message.contains("81024 watches are wanted"),
            "{few:?}"
        );
        assert!(few.help.is_some_and(|help| help.contains("fs.inotify.max_user_watches")));
        assert_eq!(judge_watches(10, 65_536, 4).level, Level::Warning);
    }

    #[test]
    fn a_path_with_a_dot_directory_is_told() {
        assert!(path(Path::new("/data/skills")).is_none());
        assert!(path(Path::new("/data/.openclaw/skills")).is_some_and(|check| check.message.contains("dot")));
    }
}
