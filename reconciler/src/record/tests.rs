//! Stories of the record on a real database in a real directory.

mod audit;
mod history;
mod intent;
mod opening;
mod ownership;
mod reading;
mod tracing;

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::finding::{Class, Finding, Held, Severity};
use crate::ids::{BlobId, Digest, SkillId};
use crate::report::{Outcome, StagesMs};
use crate::tree::{FileMode, FileVersion, Files, SkillVersion};

/// A state directory, its record, and what it should say is served.
pub(crate) struct Place {
    directory: TempDir,
    pub(crate) record: Record,
    pub(crate) served: Skills,
    clock: u64,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let record = Record::open(&directory.path().join("state/state.db"), "test").unwrap();
        Self { directory, record, served: Skills::new(), clock: 1_700_000_000_000 }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("state/state.db")
    }

    /// A second passes.
    fn tick(&mut self) -> Timestamp {
        self.clock += 1_000;
        Timestamp::from_millis(self.clock)
    }

    /// Minutes pass.
    pub(crate) fn wait_minutes(&mut self, minutes: u64) {
        self.clock += minutes * 60_000;
    }

    /// The process dies and another one starts.
    fn restart(&mut self) {
        self.record = Record::open(&self.path(), "test").unwrap();
    }

    fn begin(&mut self) -> PassId {
        let at = self.tick();
        self.record.begin(Trigger::Poll, at).unwrap()
    }

    /// A pass that ends without a change; the report is for `edit` to complete.
    pub(crate) fn pass(&mut self, outcome: Outcome, edit: impl FnOnce(&mut PassReport)) -> PassReport {
        let mut report = report(self.begin(), outcome, self.tick());
        edit(&mut report);
        let judged = report.revision.map(|_| Findings::new());
        let applied = report.revision.map(source);
        let end = End {
            report: &report,
            plan: None,
            inventory: &self.served,
            known: &StatCache::new(),
            findings: judged.as_ref(),
            applied: applied.as_ref(),
            left: None,
            commit: None,
        };
        self.record.finish(&end).unwrap();
        report
    }

    /// A whole pass that serves these skills from here on.
    pub(crate) fn serve(&mut self, next: Skills, revision: CommitId) -> PassReport {
        self.serve_by(next, revision, None)
    }

    /// The same, and who made the commit.
    fn serve_by(&mut self, next: Skills, revision: CommitId, commit: Option<&CommitFacts>) -> PassReport {
        let plan = plan(&self.served, next);
        self.carry_out(plan, revision, commit)
    }

    /// A whole pass that puts right what drifted.
    pub(crate) fn restore(&mut self, changes: Vec<SkillChange>) -> PassReport {
        let plan = Plan { changes, next: Arc::new(self.served.clone()), ..Plan::default() };
        self.carry_out(plan, commit(1), None)
    }

    fn carry_out(&mut self, plan: Plan, revision: CommitId, commit: Option<&CommitFacts>) -> PassReport {
        let pass = self.begin();
        self.record.intend(pass, &source(revision), &plan, &self.served, &[]).unwrap();
        let mut report = report(pass, Outcome::Applied, self.tick());
        report.revision = Some(revision);
        report.applied_revision = Some(revision);
        report.changes = plan.changes.clone();
        let end = End {
            report: &report,
            plan: Some(&plan),
            inventory: &self.served,
            known: &StatCache::new(),
            findings: Some(&Findings::new()),
            applied: Some(&source(revision)),
            left: None,
            commit,
        };
        self.record.finish(&end).unwrap();
        self.served = Arc::unwrap_or_clone(plan.next);
        report
    }

    fn kinds(&self) -> Vec<String> {
        self.record.audit_after(0, 1_000).unwrap().into_iter().map(|record| record.kind).collect()
    }
}

pub(crate) fn commit(number: u64) -> CommitId {
    format!("{number:040x}").parse().unwrap()
}

pub(crate) fn source(commit: CommitId) -> AppliedSource {
    let path = Some("skills".parse().unwrap());
    AppliedSource {
        repo: "file:///repo".into(),
        path,
        reference: "refs/heads/main".into(),
        commit,
        layout: None,
    }
}

fn report(pass: PassId, outcome: Outcome, started_at: Timestamp) -> PassReport {
    PassReport {
        pass,
        trigger: Trigger::Poll,
        outcome,
        revision: None,
        applied_revision: None,
        started_at,
        duration_ms: 7,
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

fn file(content: &str) -> FileVersion {
    let blob = git2::Oid::hash_object(git2::ObjectType::Blob, content.as_bytes()).unwrap();
    FileVersion {
        blob: BlobId::from(blob),
        digest: Digest::of(content.as_bytes()),
        size: content.len() as u64,
        mode: FileMode::Regular,
    }
}

/// A skill with an entry and one support file for each other content.
fn skill(name: &str, revision: CommitId, contents: &[&str]) -> (SkillId, Arc<SkillVersion>) {
    let path = |name: String| name.parse::<TreePath>().unwrap();
    let entry = path(format!("{name}/SKILL.md"));
    let mut files: Files = [(entry.clone(), file(contents[0]))].into_iter().collect();
    for (number, content) in contents.iter().enumerate().skip(1) {
        files.insert(path(format!("{name}/scripts/{number}.sh")), file(content));
    }
    let version = SkillVersion { revision, entry, name: Some(name.into()), files };
    (SkillId::new(name), Arc::new(version))
}

pub(crate) fn skills<const N: usize>(of: [(&str, &str); N], revision: CommitId) -> Skills {
    of.into_iter().map(|(name, content)| skill(name, revision, &[content])).collect()
}

fn plan(before: &Skills, next: Skills) -> Plan {
    let plan = Plan { next: Arc::new(next), ..Plan::default() };
    Plan { changes: super::intent::changes(before, &plan), ..plan }
}

pub(crate) fn held(skill: &str, rule: &str, since: Timestamp) -> Held {
    Held {
        skill: SkillId::new(skill),
        rule: rule.into(),
        path: format!("{skill}/SKILL.md"),
        line: Some(1),
        message: "no front matter".into(),
        serving: Some(commit(1)),
        since,
    }
}

fn finding(rule: &str) -> Finding {
    Finding {
        rule: rule.into(),
        severity: Severity::Low,
        class: Class::Structure,
        path: "a.md".into(),
        line: None,
        column: None,
        message: "odd".into(),
        help: "make it even".into(),
    }
}
