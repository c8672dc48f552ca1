use super::*;
use crate::verdict::rules::testing::{Made, commit, file, link, nest, skill, write_tree};

struct Repository {
    _directory: tempfile::TempDir,
    git: git2::Repository,
}

impl Repository {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let git = git2::Repository::init_bare(directory.path()).unwrap();
        Self { _directory: directory, git }
    }

    fn commit(&self, files: &[(&str, Made<'_>)]) -> CommitId {
        commit(&self.git, write_tree(&self.git, &nest(files)))
    }

    fn read(&self, commit: CommitId, path: &str) -> Result<Desired, DesiredError> {
        let root = (!path.is_empty()).then(|| path.parse().unwrap());
        let selection = Selection { root, ..Selection::default() };
        read(&self.git, commit, &selection, &mut Memory::default())
    }
}

fn ids(desired: &Desired) -> Vec<&str> {
    desired.candidates.iter().map(|candidate| candidate.id.as_str()).collect()
}

#[test]
fn the_outermost_skill_file_owns_all_below() {
    let repository = Repository::new();
    let commit = repository.commit(&[
        ("a/SKILL.md", file(b"x")),
        ("a/examples/b/SKILL.md", file(b"x")),
        ("c/d/SKILL.md", file(b"x")),
        ("c/skill.md", file(b"lower case is none")),
        (".hidden/e/SKILL.md", file(b"x")),
        ("f/.hidden/g/SKILL.md", file(b"x")),
        ("h/SKILL.md/x", file(b"a directory is none")),
    ]);
    assert_eq!(ids(&repository.read(commit, "").unwrap()), ["a", "c/d"]);
}

#[test]
fn only_what_is_below_the_path_is_read() {
    let repository = Repository::new();
    let commit = repository.commit(&[
        ("x.md", file(b"x")),
        ("teams/skills/a/SKILL.md", file(b"x")),
        ("teams/skills/b.md", file(b"x")),
    ]);
    assert_eq!(ids(&repository.read(commit, "teams/skills").unwrap()), ["b", "a"]);
}

#[test]
fn a_path_in_a_hidden_directory_is_read_when_it_is_asked_for() {
    let repository = Repository::new();
    let commit = repository.commit(&[(".claude/skills/a/SKILL.md", file(b"x"))]);
    assert_eq!(ids(&repository.read(commit, ".claude/skills").unwrap()), ["a"]);
}

#[test]
fn a_missing_path_waits_for_a_word_and_says_so() {
    let repository = Repository::new();
    let commit = repository.commit(&[("a.md", file(b"x"))]);
    let error = repository.read(commit, "skills").unwrap_err();
    assert_eq!(error.remedy(), Remedy::Confirm);
    let expected = format!(
        "`skills` does not exist in commit {commit}; correct SKILLS_PATH, or confirm the commit to remove all skills"
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_empty_path_waits_for_a_word_and_says_so() {
    let repository = Repository::new();
    let commit = repository.commit(&[("README.md", file(b"x")), (".gitignore", file(b"x"))]);
    let error = repository.read(commit, "").unwrap_err();
    assert_eq!(error.remedy(), Remedy::Confirm);
    assert!(error.to_string().starts_with(&format!("`.` holds no skill in commit {commit}")), "{error}");
    assert!(Desired::empty(commit, &Selection::default()).candidates.is_empty());
}

#[test]
fn a_path_that_is_no_directory_needs_a_person() {
    let repository = Repository::new();
    let commit = repository.commit(&[
        ("f", file(b"x")),
        ("l", link(b"d")),
        ("s", Made::Submodule),
        ("d/x", file(b"")),
    ]);
    for (path, what) in [("f", "file"), ("l", "symbolic link"), ("s", "submodule")] {
        let error = repository.read(commit, path).unwrap_err();
        assert_eq!(error.remedy(), Remedy::Person);
        assert!(error.to_string().contains(&format!("`{path}` is a {what} in commit")), "{error}");
    }
}

#[test]
fn globs_choose_by_id_and_by_path() {
    let repository = Repository::new();
    let commit = repository.commit(&[
        ("golden-horde.md", file(b"x")),
        ("pdf-tools/SKILL.md", file(b"x")),
        ("draft/one/SKILL.md", file(b"x")),
    ]);
    let globs = |texts: &[&str]| texts.iter().map(|text| globset::Glob::new(text).unwrap()).collect();
    for (include, exclude, expected) in [
        (vec!["*.md"], vec![], vec!["golden-horde"]),
        (vec!["golden-horde", "pdf-*"], vec![], vec!["golden-horde", "pdf-tools"]),
        (vec![], vec!["draft/**"], vec!["golden-horde", "pdf-tools"]),
    ] {
        let selection =
            Selection { include: globs(&include), exclude: globs(&exclude), ..Selection::default() };
        let desired = read(&repository.git, commit, &selection, &mut Memory::default()).unwrap();
        assert_eq!(ids(&desired), expected);
    }
}

#[test]
fn a_tree_without_end_outside_of_skills_is_refused() {
    let repository = Repository::new();
    let many = |one| Made::Many(50, Box::new(one));
    let commit = repository.commit(&[("t", many(many(many(many(file(b"x"))))))]);
    let error = repository.read(commit, "").unwrap_err();
    assert_eq!(error.remedy(), Remedy::Person);
    assert!(
        error.to_string().starts_with("more than 100000 files and directories outside of skills"),
        "{error}"
    );
}

#[test]
fn a_thousand_directories_in_each_other_are_refused_without_falling_down() {
    let repository = Repository::new();
    let mut deep = Made::Tree(vec![(b"x", file(b"x"))]);
    for _ in 0..1_000 {
        deep = Made::Tree(vec![(b"d", deep)]);
    }
    let commit = repository.commit(&[("d", deep)]);
    let error = repository.read(commit, "").unwrap_err();
    assert!(error.to_string().contains("is deeper than 64 directories"), "{error}");
}

#[test]
fn hostile_names_at_the_top_are_candidates_at_most() {
    let repository = Repository::new();
    let skill = skill("a");
    let top: Vec<(&[u8], Made<'_>)> = vec![
        (b"..", Made::Tree(vec![(b"SKILL.md", file(skill.as_bytes()))])),
        (b".git", Made::Tree(vec![(b"SKILL.md", file(skill.as_bytes()))])),
        (b"git~1", Made::Tree(vec![(b"SKILL.md", file(skill.as_bytes()))])),
        (b"a\nb.md", file(skill.as_bytes())),
        (b"-rf.md", file(skill.as_bytes())),
    ];
    let commit = commit(&repository.git, write_tree(&repository.git, &top));
    assert_eq!(ids(&repository.read(commit, "").unwrap()), ["a\nb", "-rf", "git~1"]);
}

#[test]
fn memory_spares_the_second_look_and_forgets_what_went() {
    let repository = Repository::new();
    let mut memory = Memory::default();
    let one = repository.commit(&[("a/SKILL.md", file(b"x")), ("b/c/SKILL.md", file(b"y"))]);
    let selection = Selection::default();
    let first = read(&repository.git, one, &selection, &mut memory).unwrap();
    assert_eq!(memory.len(), 3);
    let again = read(&repository.git, one, &selection, &mut memory).unwrap();
    assert_eq!(ids(&first), ids(&again));
    let two = repository.commit(&[("a/SKILL.md", file(b"x"))]);
    read(&repository.git, two, &selection, &mut memory).unwrap();
    assert_eq!(memory.len(), 1);
}

mod directory {
    use std::os::unix::fs::symlink;

    use super::*;

    fn below(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        directory
    }

    fn read(path: &std::path::Path) -> (Desired, DirectoryContent) {
        from_directory(path, &Selection::default()).unwrap()
    }

    #[test]
    fn it_is_read_as_a_commit_of_it_would_be() {
        let files = [("a/SKILL.md", "x"), ("a/b/c.txt", "y"), ("d.md", "z"), (".git/config", "no")];
        let directory = below(&files);
        let (desired, _) = read(directory.path());
        let repository = Repository::new();
        let made: Vec<_> = files[..3].iter().map(|(path, text)| (*path, file(text.as_bytes()))).collect();
        let in_git = repository.read(repository.commit(&made), "").unwrap();
        let shape = |desired: &Desired| -> Vec<_> {
            desired.candidates.iter().map(|one| (one.id.clone(), one.source.clone())).collect()
        };
        assert_eq!(shape(&desired), shape(&in_git));
        let Kind::Flat { blob, .. } = desired.candidates[0].kind else { panic!("d.md is flat") };
        assert!(matches!(in_git.candidates[0].kind, Kind::Flat { blob: same, .. } if same == blob));
    }

    #[test]
    fn one_that_is_a_skill_is_that_one_with_all_below_it() {
        let directory = below(&[("pdf/SKILL.md", "x"), ("pdf/sub/SKILL.md", "y")]);
        for path in ["pdf", "pdf/SKILL.md"] {
            let (desired, content) = read(&directory.path().join(path));
            assert_eq!(ids(&desired), ["pdf"]);
            assert_eq!(desired.candidates[0].entry(), "SKILL.md");
            let Kind::Folder(tree) = desired.candidates[0].kind else { panic!("it is a folder") };
            assert_eq!(content.tree(tree).unwrap().len(), 2);
        }
    }

    #[test]
    fn a_single_file_is_that_skill_whatever_is_in_it() {
        let directory = below(&[("notes.md", "plain")]);
        let (desired, _) = read(&directory.path().join("notes.md"));
        assert_eq!(ids(&desired), ["notes"]);
        assert!(desired.candidates[0].asked);
    }

    #[test]
    fn links_are_not_followed_out_of_it() {
        let outside = below(&[("secret/SKILL.md", "x")]);
        let directory = below(&[("a.md", "x")]);
        symlink(outside.path().join("secret"), directory.path().join("secret")).unwrap();
        let (desired, _) = read(directory.path());
        assert_eq!(ids(&desired), ["a"]);
        assert_eq!(desired.strays[0].path, "secret");
    }

    #[test]
    fn one_that_does_not_exist_is_named() {
        let directory = below(&[]);
        let error = from_directory(&directory.path().join("none"), &Selection::default()).unwrap_err();
        assert!(error.to_string().ends_with("none`"), "{error}");
    }
}
