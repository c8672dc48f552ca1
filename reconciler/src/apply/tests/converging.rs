//! Whatever git says next and whatever somebody did on the volume: a pass converges, a second one has
//! nothing to do, and what is not ours stays.

use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;

/// What somebody does at a path of the volume.
#[derive(Debug, Clone, Copy)]
enum Mischief {
    Remove,
    Write,
    Directory,
    Link,
    Mode,
}

const PATHS: [&str; 9] =
    ["a.md", "b.md", "s/SKILL.md", "s/x", "s/d/x", "s/d/e/y", "t/SKILL.md", "t/x/z", "t/x2"];

/// Where somebody else works too: paths of ours, directories above them, and others.
const PLACES: [&str; 9] = ["a.md", "s", "s/SKILL.md", "s/x", "s/d", "s/d/e/y", "t", "t/x", "s/notes"];

fn wanted() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let texts = prop::collection::vec(prop::option::weighted(0.6, 0..3_u8), PATHS.len());
    texts.prop_map(|texts| {
        let some = PATHS.into_iter().zip(texts).filter_map(|(path, text)| Some((path, text?)));
        let files: Vec<_> = some.map(|(path, text)| (path, format!("version {text}"))).collect();
        // A folder without its SKILL.md is no skill.
        let is_skill = |path: &str| match path.split_once('/') {
            Some((top, _)) => files.iter().any(|(other, _)| *other == format!("{top}/SKILL.md")),
            None => true,
        };
        files.iter().filter(|(path, _)| is_skill(path)).cloned().collect()
    })
}

fn mischief() -> impl Strategy<Value = Vec<(&'static str, Mischief)>> {
    let what = prop::sample::select(vec![
        Mischief::Remove,
        Mischief::Write,
        Mischief::Directory,
        Mischief::Link,
        Mischief::Mode,
    ]);
    prop::collection::vec((prop::sample::select(PLACES.to_vec()), what), 0..4)
}

/// Somebody at work: what cannot be done is not done.
fn meddle(world: &World, path: &str, what: Mischief) {
    let at = world.at(path);
    let is_directory = fs::symlink_metadata(&at).is_ok_and(|seen| seen.is_dir());
    if !matches!(what, Mischief::Mode) {
        let _ = if is_directory { fs::remove_dir_all(&at) } else { fs::remove_file(&at) };
    }
    let _ = match what {
        Mischief::Remove => Ok(()),
        Mischief::Write => fs::write(&at, "by hand"),
        Mischief::Directory => fs::create_dir_all(&at).and_then(|()| fs::write(at.join("own"), "by hand")),
        Mischief::Link => symlink("/etc/passwd", &at),
        Mischief::Mode if is_directory => Ok(()),
        Mischief::Mode => fs::set_permissions(&at, fs::Permissions::from_mode(0o600)),
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_pass_converges_and_the_next_has_nothing_to_do(rounds in prop::collection::vec((wanted(), mischief()), 1..4)) {
        let mut world = World::new();
        for (files, mischief) in rounds {
            let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
            match world.serve(&files) {
                Err(ApplyError::Occupied { .. }) => return Ok(()),
                done => prop_assert!(done.is_ok(), "{:?}", done.err()),
            }
            let again = world.decide(&files);
            prop_assert!(again.plan.steps.is_empty(), "{}", again.plan);
            let conflicts: Vec<_> = again.plan.conflicts.iter().map(|held| &held.skill).collect();
            for (skill, version) in world.inventory.iter().filter(|(skill, _)| !conflicts.contains(skill)) {
                for (path, file) in &version.files {
                    let seen = fs::symlink_metadata(world.at(path.as_str()));
                    let seen = seen.map(|seen| (seen.is_file(), seen.nlink(), seen.mode() & 0o7777));
                    prop_assert_eq!(seen.ok(), Some((true, 1, file.mode.bits())), "{} of {}", path, skill);
                    prop_assert_eq!(Digest::of(&fs::read(world.at(path.as_str())).expect("read")), file.digest);
                }
            }
            for (path, what) in mischief {
                meddle(&world, path, what);
            }
        }
    }
}
