use reconciler::ids::{CommitId, PassId, SkillId, Timestamp};
use reconciler::plan::{FileChange, Why};
use reconciler::report::StagesMs;
use reconciler::trigger::Trigger;

use super::*;

fn revision() -> Option<CommitId> {
    "3f2a".repeat(10).parse().ok()
}

fn report(outcome: Outcome) -> PassReport {
    PassReport {
        pass: PassId(12),
        trigger: Trigger::Manual,
        outcome,
        revision: revision(),
        applied_revision: revision(),
        started_at: Timestamp::from_millis(1_700_000_000_000),
        duration_ms: 41,
        stages_ms: StagesMs::default(),
        changes: Vec::new(),
        held: Vec::new(),
        warnings: Vec::new(),
        exceptions: Vec::new(),
        condemned: Vec::new(),
        planted: None,
        quarantined: Vec::new(),
        overwritten: Vec::new(),
        unowned: Vec::new(),
        error: None,
        signer: None,
        note: None,
        retry_after: None,
        opens_at: None,
    }
}

fn update(skill: &str) -> SkillChange {
    let path = format!("{skill}.md").parse().expect("a plain path");
    let file = FileChange { path, action: FileAction::Update, from: None, to: None };
    SkillChange {
        skill: SkillId::new(skill),
        action: SkillAction::Update,
        why: Why::GitChanged,
        files: vec![file],
        gains: Default::default(),
    }
}

fn held(serving: Option<CommitId>) -> Held {
    Held {
        skill: SkillId::new("horde\x1b-swarm"),
        rule: "frontmatter-missing".to_owned(),
        path: "horde-swarm.md".to_owned(),
        line: Some(1),
        message: "the file begins without front matter; add it".to_owned(),
        serving,
        since: Timestamp::from_millis(1_700_000_000_000),
    }
}

#[test]
fn a_pass_says_what_it_changed_and_what_it_holds() {
    let report = PassReport {
        changes: vec![update("golden-horde")],
        held: vec![held(revision()), held(None)],
        ..report(Outcome::Degraded)
    };
    crate::render::assert_shown(
        Text(&report, Style::Plain).to_string(),
        snapbox::str![[r#"
degraded 3f2a3f2a3f2a in 41 ms: 1 updated, 2 held
  update  golden-horde: git changed
          ~ golden-horde.md
  held    horde\u{1b}-swarm: its version of 3f2a3f2a3f2a stays, held since 2023-11-14T22:13:20.000Z
          horde-swarm.md:1: frontmatter-missing: the file begins without front matter; add it
  held    horde\u{1b}-swarm: nothing of it is served, held since 2023-11-14T22:13:20.000Z
          horde-swarm.md:1: frontmatter-missing: the file begins without front matter; add it

"#]],
    );
}

#[test]
fn a_pass_that_changed_nothing_is_one_line() {
    let text = Text(&report(Outcome::InSync), Style::Plain).to_string();
    assert_eq!(text, "in sync 3f2a3f2a3f2a in 41 ms\n");
}

#[test]
fn a_pass_that_failed_says_why_and_names_no_commit() {
    let failed = PassReport {
        revision: None,
        error: Some("cannot reach `git.example`\n\x1b[1m".to_owned()),
        ..report(Outcome::Failed)
    };
    let text = Text(&failed, Style::Plain).to_string();
    assert_eq!(text, "failed in 41 ms\n  error: cannot reach `git.example`\\u{a}\\u{1b}[1m\n");
}

#[test]
fn a_difference_says_would_and_names_what_is_not_ours() {
    let unowned = |n: u32| Unowned { path: format!("cache-{n}"), directory: true };
    let mut diff = Diff {
        guard: None,
        revision: revision(),
        changes: vec![update("golden-horde")],
        held: vec![held(None)],
        kept: Vec::new(),
        warnings: Vec::new(),
        unowned: (0..7).map(unowned).collect(),
    };
    crate::render::assert_shown(
        Text(&diff, Style::Plain).to_string(),
        snapbox::str![[r#"
would apply 3f2a3f2a3f2a: 1 updated, 1 held
  update  golden-horde: git changed
          ~ golden-horde.md
  held    horde\u{1b}-swarm: nothing of it is served
          horde-swarm.md:1: frontmatter-missing: the file begins without front matter; add it
  unowned cache-0/: not ours, and left as it is
  unowned cache-1/: not ours, and left as it is
  unowned cache-2/: not ours, and left as it is
  unowned cache-3/: not ours, and left as it is
  unowned cache-4/: not ours, and left as it is
  unowned and 2 more

"#]],
    );
    diff.changes.clear();
    diff.held.clear();
    diff.unowned.clear();
    let text = Text(&diff, Style::Plain).to_string();
    assert_eq!(text, "nothing would change at 3f2a3f2a3f2a\n");
}
