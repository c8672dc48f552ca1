//! Skills on the volume that nobody published: what an agent would load and we do not own.

use std::io::Read as _;

use rustix::fs::FileType;

use super::Unowned;
use crate::desired::SKILL_FILE;
use crate::skill::is_fronted;
use crate::volume::{Directory, kind};

/// How deep below an unowned directory a `SKILL.md` is looked for: consumers look in categories too.
const DEPTH: usize = 3;

/// How many directories are looked into for one look; more is somebody's data, and costs the pass.
const DIRECTORIES: usize = 1_000;

/// How much of a flat file is read to see whether it begins with front matter.
const HEAD: u64 = 1_024;

/// Which of the unowned paths are, or hold, what an agent would load as a skill. A link counts by what
/// it is, a link: its target is not followed, but a link that is named like a skill is one.
pub(crate) fn planted(root: &Directory, unowned: impl Iterator<Item = Unowned>) -> Vec<Unowned> {
    let mut left = DIRECTORIES;
    unowned.filter(|one| is_planted(root, one, &mut left)).collect()
}

fn is_planted(root: &Directory, one: &Unowned, left: &mut usize) -> bool {
    let (above, name) = one.path.rsplit_once('/').unwrap_or(("", &one.path));
    let Ok(parent) = root.below(above) else { return false };
    if name.starts_with('.') {
        return false;
    }
    if one.directory {
        return parent.child(name).is_ok_and(|directory| holds_skill(&directory, DEPTH, left));
    }
    match parent.entry(name) {
        // Whoever follows it finds what it likes.
        Ok(Some(stat)) if kind(&stat) == FileType::Symlink => leads_to_skill(root, one),
        Ok(Some(stat)) if kind(&stat) == FileType::RegularFile => {
            name == SKILL_FILE
                || (above.is_empty() && name.ends_with(".md") && begins_as_skill(&parent, name))
        }
        _ => false,
    }
}

fn holds_skill(directory: &Directory, depth: usize, left: &mut usize) -> bool {
    if *left == 0 {
        return false;
    }
    *left -= 1;
    if directory.entry(SKILL_FILE).is_ok_and(|found| found.is_some()) {
        return true;
    }
    depth > 0
        && directory
            .names()
            .unwrap_or_default()
            .iter()
            .filter(|name| !name.starts_with('.'))
            .any(|name| directory.child(name).is_ok_and(|below| holds_skill(&below, depth - 1, left)))
}

/// A link to a directory with a `SKILL.md`, or to a flat skill.
fn leads_to_skill(root: &Directory, one: &Unowned) -> bool {
    let exists = |path: &str| {
        rustix::fs::statat(root.descriptor(), path, rustix::fs::AtFlags::empty())
            .is_ok_and(|stat| kind(&stat) == FileType::RegularFile)
    };
    exists(&format!("{}/{SKILL_FILE}", one.path)) || (one.path.ends_with(".md") && exists(&one.path))
}

fn begins_as_skill(parent: &Directory, name: &str) -> bool {
    let Ok(file) = parent.file(name) else { return false };
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head).is_ok() && is_fronted(&head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_would_load_is_planted_and_the_rest_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("evil/SKILL.md", "no front matter is needed");
        write("team/deep/evil/SKILL.md", "x");
        write("flat.md", "---\nname: x\n---\n");
        write("notes.md", "# Notes\n");
        write("cache/data.bin", "x");
        write(".hidden/SKILL.md", "x");
        write("elsewhere.d/below/to/far/away/SKILL.md", "x");
        std::os::unix::fs::symlink("evil", directory.path().join("link")).unwrap();
        std::os::unix::fs::symlink("cache", directory.path().join("data")).unwrap();
        let unowned =
            ["evil/", "team/", "flat.md", "notes.md", "cache/", ".hidden/", "elsewhere.d/", "link", "data"];
        let unowned = unowned.map(|path| Unowned {
            path: path.trim_end_matches('/').to_owned(),
            directory: path.ends_with('/'),
        });
        let root = Directory::open(directory.path()).unwrap();
        let found: Vec<String> =
            planted(&root, unowned.into_iter()).into_iter().map(|one| one.path).collect();
        assert_eq!(found, ["evil", "team", "flat.md", "link"]);
    }
}
