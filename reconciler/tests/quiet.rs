//! Passes that are spared a look: only while somebody watches, and never the one that finds what no
//! watch sees.
#![allow(clippy::unwrap_used, reason = "clippy knows the tests, but not what they are made of")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use git2::{Repository, Signature, Time};
use reconciler::cancel::Cancel;
use reconciler::guard::Rewind;
use reconciler::observed::Vigil;
use reconciler::options::{Hold, Judging, OnCondemned, OnUnowned, Options, Selection};
use reconciler::plan::PruneLimit;
use reconciler::reconcile::Engine;
use reconciler::report::{Outcome, PassReport};
use reconciler::source::{Credentials, Limits, Reference, RepoUrl, Route, Source, Ssh};
use reconciler::trigger::Trigger;
use reconciler::window::Windows;

struct World {
    root: tempfile::TempDir,
    upstream: Repository,
    engine: Engine,
    vigil: Vigil,
}

impl World {
    /// Two skills that are served, and a watch that began before the last look.
    fn new() -> Self {
        Self::with(Hold::Skill)
    }

    fn with(hold: Hold) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut bare = git2::RepositoryInitOptions::new();
        bare.bare(true).initial_head("main").external_template(false);
        let upstream = Repository::init_opts(root.path().join("skills.git"), &bare).unwrap();
        let engine = Engine::open(Options { hold, ..options(root.path()) }, Duration::ZERO, &Cancel::new());
        let mut world = Self { upstream, engine: engine.unwrap(), root, vigil: Vigil::default() };
        world.push("one");
        world.engine.heed(world.vigil.clone());
        assert_eq!(world.pass(Trigger::Start).outcome, Outcome::Applied);
        world.watch();
        assert_eq!(world.pass(Trigger::Poll).outcome, Outcome::InSync);
        world
    }

    /// Says that what is served now is watched.
    fn watch(&self) {
        self.vigil.cover(&self.engine.inventory().skills);
    }

    /// Pushes another version of one skill, beside one that stays as it is.
    fn push(&self, text: &str) {
        let mut tree = self.upstream.treebuilder(None).unwrap();
        for (name, text) in [("a", text), ("b", "nothing")] {
            let text = format!("---\nname: {name}\ndescription: Does {text} when it is asked to.\n---\n");
            let mut skill = self.upstream.treebuilder(None).unwrap();
            skill.insert("SKILL.md", self.upstream.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap();
            tree.insert(name, skill.write().unwrap(), 0o40_000).unwrap();
        }
        let tree = self.upstream.find_tree(tree.write().unwrap()).unwrap();
        let who = Signature::new("t", "t@example.org", &Time::new(1_700_000_000, 0)).unwrap();
        let head = self.upstream.head().and_then(|head| head.peel_to_commit()).ok();
        let parents: Vec<_> = head.iter().collect();
        self.upstream.commit(Some("refs/heads/main"), &who, &who, "push", &tree, &parents).unwrap();
    }

    fn pass(&mut self, trigger: Trigger) -> PassReport {
        let report = self.engine.pass(trigger, &Cancel::new(), &mut |_| {});
        assert_eq!(report.error, None);
        report
    }

    fn file(&self) -> PathBuf {
        self.root.path().join("data/skills/a/SKILL.md")
    }

    fn other(&self) -> PathBuf {
        self.root.path().join("data/skills/b/SKILL.md")
    }

    /// Changes a file of ours, and nobody says so.
    fn drift_unseen(&self) {
        fs::write(self.file(), "drifted").unwrap();
    }

    fn is_drifted(&self) -> bool {
        fs::read_to_string(self.file()).unwrap() == "drifted"
    }
}

fn options(root: &std::path::Path) -> Options {
    Options {
        source: Source {
            url: RepoUrl::parse(root.join("skills.git").to_str().unwrap()).unwrap(),
            reference: Reference::Head,
            credentials: Credentials::None,
            ssh: Ssh::default(),
            route: Route::default(),
            limits: Limits::default(),
            child: vec![env!("CARGO_BIN_EXE_reconciler-fetch").into()],
            insecure_http: false,
        },
        selection: Selection::default(),
        target: root.join("data/skills"),
        state: root.join("data/.skill-sync"),
        environment: "test".to_owned(),
        judging: Judging { strict: false, block: None },
        policy: None,
        judge: None,
        holds_unsure: false,
        on_condemned: OnCondemned::Keep,
        on_unowned: OnUnowned::Keep,
        hold: Hold::Skill,
        adopt: false,
        prune_limit: PruneLimit(50),
        rewind: Rewind::Accept,
        windows: Windows::default(),
        verify: None,
        require_mount: false,
        drift_keep: Duration::from_secs(3_600),
        drift_max_bytes: 1 << 30,
        audit_keep: None,
    }
}

#[test]
fn a_poll_under_a_watch_that_saw_nothing_looks_at_nothing_and_the_recheck_looks_at_all() {
    let mut world = World::new();
    world.drift_unseen();
    for trigger in [Trigger::Poll, Trigger::Webhook] {
        let report = world.pass(trigger);
        assert_eq!((report.outcome, report.trigger, report.changes.len()), (Outcome::InSync, trigger, 0));
        assert!(world.is_drifted(), "nobody looked");
    }
    assert_eq!(world.pass(Trigger::Recheck).outcome, Outcome::Applied);
    assert!(!world.is_drifted());
}

#[test]
fn whatever_stirs_makes_the_next_poll_look() {
    let mut world = World::new();
    world.drift_unseen();
    world.vigil.stir();
    assert_eq!(world.pass(Trigger::Poll).outcome, Outcome::Applied);
    assert!(!world.is_drifted());
}

#[test]
fn a_watch_that_does_not_see_all_spares_nothing() {
    let mut world = World::new();
    world.vigil.uncover();
    world.drift_unseen();
    assert_eq!(world.pass(Trigger::Poll).outcome, Outcome::Applied);
    assert!(!world.is_drifted());
}

#[test]
fn who_asks_is_not_put_off() {
    for trigger in [Trigger::Manual, Trigger::Signal, Trigger::Watch] {
        let mut world = World::new();
        world.drift_unseen();
        assert_eq!(world.pass(trigger).outcome, Outcome::Applied, "{trigger}");
        assert!(!world.is_drifted());
    }
}

#[test]
fn a_diff_that_saw_drift_leaves_it_to_the_next_pass_to_see() {
    let mut world = World::new();
    world.drift_unseen();
    world.vigil.stir();
    let diff = world.engine.diff(&Cancel::new(), &mut |_| {}).unwrap();
    assert_eq!(diff.changes.len(), 1);
    assert_eq!(world.pass(Trigger::Poll).outcome, Outcome::Applied);
}

#[test]
fn a_push_is_published_however_still_the_volume_is() {
    let mut world = World::new();
    assert_eq!(world.pass(Trigger::Poll).outcome, Outcome::InSync);
    world.push("two");
    assert_eq!(world.pass(Trigger::Poll).outcome, Outcome::Applied);
    assert!(fs::read_to_string(world.file()).unwrap().contains("Does two"));
}

#[test]
fn under_a_watch_a_push_looks_at_what_it_changes_and_where_something_happened() {
    let mut world = World::new();
    fs::write(world.other(), "drifted").unwrap();
    for push in ["two", "three"] {
        world.push(push);
        assert_eq!(world.pass(Trigger::Webhook).changes.len(), 1, "nobody says that the other drifted");
        assert!(fs::read_to_string(world.file()).unwrap().contains(push));
        world.watch();
    }
    assert_eq!(fs::read_to_string(world.other()).unwrap(), "drifted");
    world.push("four");
    world.vigil.stir_at("b/SKILL.md".parse().unwrap());
    assert_eq!(world.pass(Trigger::Webhook).changes.len(), 2);
    assert!(fs::read_to_string(world.other()).unwrap().contains("Does nothing"));
}

#[test]
fn a_push_that_somebody_waits_for_looks_at_all() {
    for trigger in [Trigger::Manual, Trigger::Signal, Trigger::Recheck] {
        let mut world = World::new();
        fs::write(world.other(), "drifted").unwrap();
        world.push("two");
        assert_eq!(world.pass(trigger).changes.len(), 2, "{trigger}");
    }
}

#[test]
fn a_pass_that_came_to_nothing_leaves_no_ground_for_the_next() {
    let mut world = World::with(Hold::Revision);
    fs::write(world.other(), "drifted").unwrap();
    world.push(&"too much ".repeat(30_000));
    let held = world.engine.pass(Trigger::Poll, &Cancel::new(), &mut |_| {});
    assert!(held.error.is_some(), "{held:?}");
    world.push("two");
    assert_eq!(world.pass(Trigger::Poll).changes.len(), 2, "all was looked at");
}

#[test]
fn a_directory_that_is_not_ours_is_looked_at_by_each_poll() {
    let mut world = World::new();
    fs::create_dir(world.root.path().join("data/skills/cache")).unwrap();
    assert_eq!(world.pass(Trigger::Manual).unowned.len(), 1);
    fs::write(world.root.path().join("data/skills/cache/SKILL.md"), "nobody watches here").unwrap();
    let planted = world.pass(Trigger::Poll).planted.unwrap();
    assert_eq!(planted.len(), 1, "an agent would load it");
}
