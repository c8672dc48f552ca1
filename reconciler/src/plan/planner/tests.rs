//! Plans are carried out on a model of a volume that refuses what a file system would refuse.

use proptest::prelude::*;

use super::*;
use crate::ids::Digest;
use crate::observed::{Stamp, Unowned};

/// What is at a path of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File { content: u8, mode: u32, links: u64 },
    Link,
    Directory,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    nodes: BTreeMap<String, Node>,
    kept: Vec<Node>,
}

fn path(text: &str) -> TreePath {
    text.parse().expect("a plain path")
}

fn digest(content: u8) -> Digest {
    Digest::of(&[content])
}

fn plain(content: u8) -> Node {
    Node::File { content, mode: 0o644, links: 1 }
}

fn revision() -> CommitId {
    "a".repeat(40).parse().expect("an id")
}

impl Model {
    fn put(&mut self, at: &str, node: Node) {
        let mut above: Vec<TreePath> = path(at).ancestors().collect();
        above.reverse();
        for above in above {
            match self.nodes.get(above.as_str()) {
                None | Some(Node::Directory) => self.nodes.insert(above.to_string(), Node::Directory),
                Some(_) => return,
            };
        }
        self.take(at);
        self.nodes.insert(at.to_owned(), node);
    }

    /// Takes away what is at a path and below it.
    fn take(&mut self, at: &str) -> Vec<Node> {
        let below = format!("{at}/");
        let gone: Vec<String> =
            self.nodes.keys().filter(|p| *p == at || p.starts_with(&below)).cloned().collect();
        gone.iter().filter_map(|p| self.nodes.remove(p)).collect()
    }

    fn has_below(&self, at: &str) -> bool {
        let below = format!("{at}/");
        self.nodes.keys().any(|p| p.starts_with(&below))
    }

    fn observe(&self, skills: [&Skills; 2]) -> Observed {
        let asked: BTreeSet<TreePath> =
            skills.iter().flat_map(|s| s.values()).flat_map(|v| v.files.keys().cloned()).collect();
        let above: BTreeSet<TreePath> = asked.iter().flat_map(TreePath::ancestors).collect();
        let mut observed = Observed::default();
        for (text, node) in &self.nodes {
            let at = path(text);
            if asked.contains(&at) || above.contains(&at) {
                observed.found.insert(at, found(node));
            } else if at.parent().is_none_or(|parent| above.contains(&parent)) {
                observed.unowned.insert(Unowned { path: text.clone(), directory: *node == Node::Directory });
            }
        }
        observed
    }

    fn apply(&mut self, plan: &Plan) {
        for step in &plan.steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Keep { path, clear, .. } => {
                assert!(self.nodes.contains_key(path.as_str()), "nothing to keep at {path}");
                if *clear {
                    let taken = self.take(path.as_str());
                    self.kept.extend(taken);
                } else {
                    self.kept.push(self.nodes[path.as_str()].clone());
                }
            }
            Step::PublishDirectory { path, files } => {
                assert!(!self.nodes.contains_key(path.as_str()), "{path} is there");
                self.assert_directory_above(path);
                for (file, version) in files {
                    assert!(file.is_below(path));
                    self.put(file.as_str(), published(version));
                }
            }
            Step::Publish { path, file } => {
                self.assert_directory_above(path);
                assert_ne!(self.nodes.get(path.as_str()), Some(&Node::Directory), "{path}/ is there");
                self.nodes.insert(path.to_string(), published(file));
            }
            Step::Remove { path } => {
                let gone = self.nodes.remove(path.as_str());
                assert!(!matches!(gone, None | Some(Node::Directory)), "nothing to unlink at {path}");
            }
            Step::RemoveDirectory { path } => {
                assert_eq!(self.nodes.get(path.as_str()), Some(&Node::Directory), "{path} is no directory");
                if !self.has_below(path.as_str()) {
                    self.nodes.remove(path.as_str());
                }
            }
        }
    }

    fn assert_directory_above(&self, path: &TreePath) {
        if let Some(parent) = path.parent() {
            assert_eq!(self.nodes.get(parent.as_str()), Some(&Node::Directory), "no directory for {path}");
        }
    }
}

fn found(node: &Node) -> Found {
    let stamp = Stamp { dev: 1, ino: 1, size: 1, mtime_ns: 0, ctime_ns: 0 };
    match node {
        Node::File { content, mode, links } => {
            Found::File { digest: Some(digest(*content)), mode: *mode, links: *links, stamp }
        }
        Node::Link => Found::Symlink(b"elsewhere".to_vec()),
        Node::Directory => Found::Directory,
    }
}

/// The content of a file in the model is the first byte of its blob's id.
fn published(version: &FileVersion) -> Node {
    Node::File { content: version.blob.oid().as_bytes()[0], mode: version.mode.bits(), links: 1 }
}

fn file(content: u8, mode: FileMode) -> FileVersion {
    let blob = format!("{content:02x}").repeat(20).parse().expect("an id");
    FileVersion { blob, digest: digest(content), size: 1, mode }
}

fn skill(files: &[(&str, u8)], entry: &str) -> Arc<SkillVersion> {
    let files = files.iter().map(|(at, content)| (path(at), file(*content, FileMode::Regular))).collect();
    Arc::new(SkillVersion { revision: revision(), entry: path(entry), name: None, files })
}

fn skills(list: &[(&str, Arc<SkillVersion>)]) -> Skills {
    list.iter().map(|(id, version)| (SkillId::new(id), Arc::clone(version))).collect()
}

fn served_by(skills: &Skills) -> Model {
    let mut model = Model::default();
    for (at, version) in skills.values().flat_map(|version| &version.files) {
        model.put(at.as_str(), published(version));
    }
    model
}

fn plan_for(accepted: &Skills, inventory: &Skills, model: &Model, adopt: bool) -> Plan {
    let observed = model.observe([accepted, inventory]);
    let options = PlanOptions { adopt, prune_limit: None };
    plan(revision(), &AcceptedTree::vouch(accepted.clone()), &Arc::new(inventory.clone()), &observed, options)
        .expect("no guard is set")
}

fn pdf(content: u8) -> Arc<SkillVersion> {
    skill(&[("pdf/SKILL.md", content), ("pdf/lib/a.py", content)], "pdf/SKILL.md")
}

#[test]
fn a_new_skill_is_one_rename_of_a_complete_directory() {
    let plan = plan_for(&skills(&[("pdf", pdf(1))]), &Skills::new(), &Model::default(), false);
    assert_eq!(
        plan.to_string(),
        "add pdf: new in git\n  add pdf/SKILL.md\n  add pdf/lib/a.py\npublish pdf/ (2 files)\n"
    );
}

#[test]
fn the_entry_changes_last_and_what_is_dropped_goes_after_it() {
    let before =
        skills(&[("pdf", skill(&[("pdf/SKILL.md", 1), ("pdf/old", 1), ("pdf/z", 1)], "pdf/SKILL.md"))]);
    let after = skill(&[("pdf/SKILL.md", 2), ("pdf/z", 2), ("pdf/zz/new", 2)], "pdf/SKILL.md");
    let plan = plan_for(&skills(&[("pdf", after)]), &before, &served_by(&before), false);
    let steps: Vec<_> = plan.to_string().lines().skip(5).map(str::to_owned).collect();
    assert_eq!(
        steps,
        ["publish pdf/zz/ (1 files)", "publish pdf/z", "publish pdf/SKILL.md", "unlink pdf/old"]
    );
}

#[test]
fn a_skill_that_goes_loses_its_entry_first_and_its_empty_directories_last() {
    let before = skills(&[("pdf", pdf(1))]);
    let mut model = served_by(&before);
    model.put("pdf/notes.txt", plain(9));
    let plan = plan_for(&Skills::new(), &before, &model, false);
    assert_eq!(
        plan.to_string(),
        "remove pdf: gone from git\n  remove pdf/SKILL.md\n  remove pdf/lib/a.py\nunlink pdf/SKILL.md\n\
         unlink pdf/lib/a.py\nrmdir pdf/lib/\nrmdir pdf/\nunowned pdf/notes.txt\n"
    );
    model.apply(&plan);
    assert!(model.nodes.contains_key("pdf/notes.txt") && !model.nodes.contains_key("pdf/lib"));
}

#[test]
fn drifted_bytes_are_kept_before_they_are_replaced() {
    let before = skills(&[("pdf", pdf(1))]);
    let mut model = served_by(&before);
    model.put("pdf/SKILL.md", plain(7));
    let plan = plan_for(&before, &before, &model, false);
    assert_eq!(
        plan.to_string(),
        "restore pdf: the volume drifted\n  update pdf/SKILL.md\nkeep pdf/SKILL.md\npublish pdf/SKILL.md\n"
    );
}

#[test]
fn a_mode_or_a_second_link_is_put_right_and_needs_no_keeping() {
    let before = skills(&[("pdf", pdf(1))]);
    for node in
        [Node::File { content: 1, mode: 0o600, links: 1 }, Node::File { content: 1, mode: 0o644, links: 2 }]
    {
        let mut model = served_by(&before);
        model.put("pdf/lib/a.py", node);
        let plan = plan_for(&before, &before, &model, false);
        assert_eq!(
            plan.steps,
            [Step::Publish { path: path("pdf/lib/a.py"), file: file(1, FileMode::Regular) }]
        );
    }
}

#[test]
fn a_mode_that_git_changed_is_no_drift() {
    let before = skills(&[("pdf", pdf(1))]);
    let mut next = (*pdf(1)).clone();
    next.files.insert(path("pdf/lib/a.py"), file(1, FileMode::Executable));
    let plan = plan_for(&skills(&[("pdf", Arc::new(next))]), &before, &served_by(&before), false);
    assert_eq!(plan.changes[0].why, Why::GitChanged);
}

#[test]
fn a_foreign_file_holds_the_skill_at_its_last_good_version() {
    let before = skills(&[("pdf", pdf(1))]);
    let mut model = served_by(&before);
    model.put("pdf/new", plain(9));
    let next = skill(&[("pdf/SKILL.md", 2), ("pdf/lib/a.py", 2), ("pdf/new", 2)], "pdf/SKILL.md");
    let plan = plan_for(&skills(&[("pdf", next)]), &before, &model, false);
    assert!(plan.is_empty() && *plan.next == before, "{plan}");
    assert_eq!(plan.conflicts[0].path, path("pdf/new"));
    assert_eq!(plan.conflicts[0].found, "a file with other bytes");
}

#[test]
fn same_bytes_become_ours_without_an_effect() {
    let wanted = skills(&[("f", skill(&[("f.md", 3)], "f.md"))]);
    let plan = plan_for(&wanted, &Skills::new(), &served_by(&wanted), false);
    assert_eq!(plan.to_string(), "adopt f: the same bytes were there already\n");
    assert_eq!(*plan.next, wanted);
}

#[test]
fn taking_over_keeps_the_old_bytes() {
    let wanted = skills(&[("f", skill(&[("f.md", 3)], "f.md"))]);
    let mut model = Model::default();
    model.put("f.md", plain(9));
    let plan = plan_for(&wanted, &Skills::new(), &model, true);
    model.apply(&plan);
    assert_eq!((model.nodes["f.md"].clone(), model.kept), (plain(3), vec![plain(9)]));
    assert_eq!((plan.changes[0].action, plan.changes[0].why), (SkillAction::Adopt, Why::TakenOver));
}

#[test]
fn a_directory_in_a_files_place_is_moved_aside_with_all_in_it() {
    let before = skills(&[("pdf", pdf(1))]);
    let mut model = served_by(&before);
    model.take("pdf/SKILL.md");
    model.put("pdf/SKILL.md/theirs", plain(9));
    let plan = plan_for(&before, &before, &model, false);
    model.apply(&plan);
    assert!(model.kept.contains(&plain(9)) && model.nodes["pdf/SKILL.md"] == plain(1));
}

#[test]
fn a_link_in_a_directorys_place_is_replaced_and_never_followed() {
    let before = skills(&[("pdf", pdf(1))]);
    let mut model = served_by(&before);
    model.take("pdf");
    model.put("pdf", Node::Link);
    let plan = plan_for(&before, &before, &model, false);
    assert_eq!(plan.steps.len(), 2, "{plan}");
    model.apply(&plan);
    assert_eq!(model.nodes, served_by(&before).nodes);
}

#[test]
fn a_file_may_become_a_directory_and_a_directory_a_file() {
    let file = skills(&[("pdf", skill(&[("pdf/SKILL.md", 1), ("pdf/lib", 1)], "pdf/SKILL.md"))]);
    let directory = skills(&[("pdf", pdf(1))]);
    for (before, after) in [(&file, &directory), (&directory, &file)] {
        let mut model = served_by(before);
        let plan = plan_for(after, before, &model, false);
        model.apply(&plan);
        assert_eq!(model.nodes, served_by(after).nodes, "{plan}");
    }
}

#[test]
fn a_directory_with_foreign_files_does_not_become_a_file() {
    let before = skills(&[("pdf", pdf(1))]);
    let after = skills(&[("pdf", skill(&[("pdf/SKILL.md", 1), ("pdf/lib", 1)], "pdf/SKILL.md"))]);
    let mut model = served_by(&before);
    model.put("pdf/lib/theirs", plain(9));
    let plan = plan_for(&after, &before, &model, false);
    assert!(plan.is_empty() && plan.conflicts[0].found == "a directory", "{plan}");
}

#[test]
fn swallowed_skills_stay_while_the_one_that_swallows_is_in_conflict() {
    let before = skills(&[("a/b", skill(&[("a/b/SKILL.md", 1)], "a/b/SKILL.md"))]);
    let after = skills(&[("a", skill(&[("a/SKILL.md", 2), ("a/b/SKILL.md", 2)], "a/SKILL.md"))]);
    let mut model = served_by(&before);
    let accepted = plan_for(&after, &before, &model, false);
    assert_eq!(accepted.changes.len(), 2, "{accepted}");
    model.put("a/SKILL.md", plain(9));
    let held = plan_for(&after, &before, &model, false);
    assert!(held.is_empty() && *held.next == before, "{held}");
}

#[test]
fn removing_most_skills_needs_a_persons_word() {
    let many: Vec<(String, Arc<SkillVersion>)> =
        (0..8).map(|n| (format!("s{n}"), skill(&[(&format!("s{n}.md"), n)], &format!("s{n}.md")))).collect();
    let inventory: Skills = many.iter().map(|(id, v)| (SkillId::new(id), Arc::clone(v))).collect();
    let observed = served_by(&inventory).observe([&inventory, &inventory]);
    let options = PlanOptions { adopt: false, prune_limit: Some(PruneLimit(50)) };
    let owned = Arc::new(inventory.clone());
    let keep = |n: usize| AcceptedTree::vouch(inventory.clone().into_iter().take(n).collect::<Skills>());
    let error = plan(revision(), &keep(3), &owned, &observed, options).expect_err("5 of 8 is too many");
    assert!(error.to_string().contains("would remove 5 of 8 skills"), "{error}");
    assert!(plan(revision(), &keep(4), &owned, &observed, options).is_ok(), "4 of 8 is half");
}

/// One of the shapes that a skill's files can take; `d` may be a file or a directory.
fn any_version(id: &'static str) -> impl Strategy<Value = Arc<SkillVersion>> {
    let names: [&[&str]; 5] = [&[], &["x"], &["d"], &["d/x", "x"], &["d/x", "d/e/y"]];
    (prop::sample::select(names.to_vec()), prop::collection::vec((0u8..3, any::<bool>()), 4)).prop_map(
        move |(names, contents)| {
            let entry = if id.len() == 1 { format!("{id}/SKILL.md") } else { format!("{id}.md") };
            let all = names.iter().filter(|_| id.len() == 1).map(|name| format!("{id}/{name}"));
            let files =
                std::iter::once(entry.clone()).chain(all).zip(contents).map(|(at, (content, exec))| {
                    let mode = if exec { FileMode::Executable } else { FileMode::Regular };
                    (path(&at), file(content, mode))
                });
            let (revision, entry) = (revision(), path(&entry));
            Arc::new(SkillVersion { revision, entry, name: None, files: files.collect() })
        },
    )
}

fn any_skills() -> impl Strategy<Value = Skills> {
    let one = |id| prop::option::of(any_version(id)).prop_map(move |v| v.map(|v| (SkillId::new(id), v)));
    (one("a"), one("b"), one("flat")).prop_map(|(a, b, c)| [a, b, c].into_iter().flatten().collect())
}

fn any_meddling() -> impl Strategy<Value = Vec<(&'static str, u8)>> {
    let places = vec![
        "a",
        "b",
        "flat.md",
        "a/SKILL.md",
        "a/x",
        "a/d",
        "a/d/x",
        "a/d/e",
        "a/d/e/y",
        "a/own",
        "b/x",
        "b/d/own",
        "own",
        "own/SKILL.md",
        "a/SKILL.md/own",
    ];
    prop::collection::vec((prop::sample::select(places), 0u8..6), 0..6)
}

proptest! {
    /// Whatever was served, is wanted and was done to the volume: a plan can be carried out, gives the
    /// wanted state but for what is in conflict, loses no byte that git does not have, leaves what
    /// is not ours alone, and a second plan is empty.
    #[test]
    fn applying_a_plan_gives_the_wanted_state(
        before in any_skills(), after in any_skills(), meddling in any_meddling(), adopt: bool
    ) {
        let mut model = served_by(&before);
        for (at, what) in meddling {
            match what {
                0..3 => model.put(at, plain(what + 7)),
                3 => { model.take(at); }
                4 => model.put(at, Node::Link),
                _ => model.put(at, Node::Directory),
            }
        }
        let met = model.clone();
        let plan = plan_for(&after, &before, &model, adopt);
        model.apply(&plan);

        for (at, version) in plan.next.values().flat_map(|version| &version.files) {
            prop_assert_eq!(&model.nodes[at.as_str()], &published(version), "{} in\n{}", at, plan);
        }
        let in_conflict = |id: &SkillId| plan.conflicts.iter().any(|c| c.skill == *id);
        for (id, version) in &after {
            let served = plan.next.get(id).is_some_and(|next| next.same_bytes(version));
            prop_assert!(served || in_conflict(id), "{} is neither served nor held:\n{}", id, plan);
        }
        prop_assert!(!adopt || plan.conflicts.is_empty());
        for (at, node) in &met.nodes {
            let stays = model.nodes.get(at) == Some(node);
            let from_git = matches!(node, Node::File { content, .. } if *content < 3);
            let ours = before.values().chain(after.values()).any(|v| v.files.contains_key(&path(at)));
            let kept = stays || from_git || *node == Node::Directory || model.kept.contains(node);
            prop_assert!(kept, "{} is lost by\n{}", at, plan);
            let below_ours = path(at).ancestors().any(|above| {
                before.values().chain(after.values()).any(|v| v.files.contains_key(&above))
            });
            prop_assert!(stays || ours || below_ours || adopt || *node == Node::Directory || *node == Node::Link
                || plan.steps.iter().any(|s| matches!(s, Step::Keep { path, .. } if path.as_str() == at)),
                "{} is not ours and was touched by\n{}", at, plan);
        }
        let again = plan_for(&after, &plan.next, &model, adopt);
        prop_assert!(again.is_empty() && again.steps.is_empty(), "the second plan:\n{}\nafter\n{}", again, plan);
        prop_assert_eq!(&again.next, &plan.next);
    }
}
