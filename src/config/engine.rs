//! The settings as the engine takes them.

use std::ffi::OsString;
use std::path::PathBuf;

use reconciler::guard::Rewind;
use reconciler::options::{Judging, Options, Selection};
use reconciler::source::{self, Source};
use reconciler::verdict::Law;

use super::Settings;

impl Settings {
    /// What the engine is told; `state` is the directory that was resolved for it, and `child` the
    /// program and its arguments that fetch.
    ///
    /// None where `SKILLS_REPO` is not set.
    pub(crate) fn options(&self, state: PathBuf, child: Vec<OsString>) -> Option<Options> {
        Some(Options {
            source: self.source(child)?,
            selection: self.selection(),
            target: self.target.clone(),
            state,
            environment: self.environment.clone(),
            judging: self.judging(),
            policy: self.rules.policy_file.clone(),
            judge: self.rules.judge.clone(),
            holds_unsure: self.rules.holds_unsure,
            on_condemned: self.rules.on_condemned,
            on_unowned: self.rules.unowned,
            hold: self.rules.hold,
            adopt: self.rules.adopt,
            prune_limit: self.rules.prune_limit,
            rewind: self.rules.rewind.unwrap_or(match self.verify {
                Some(_) => Rewind::Refuse,
                None => Rewind::Accept,
            }),
            verify: self.verify.clone(),
            windows: self.rules.windows.clone(),
            require_mount: self.require_mount,
            drift_keep: self.timing.drift_keep,
            drift_max_bytes: self.limits.drift_max_bytes,
            audit_keep: self.timing.audit_keep,
        })
    }

    fn source(&self, child: Vec<OsString>) -> Option<Source> {
        let limits = source::Limits {
            fetch_timeout: self.timing.fetch_timeout,
            clone_timeout: self.timing.clone_timeout,
            max_repo_bytes: self.limits.max_repo_bytes,
            max_object_bytes: self.limits.max_object_bytes,
            max_memory: self.limits.max_fetch_memory,
        };
        Some(Source {
            url: self.repository.clone()?,
            reference: self.reference.clone(),
            credentials: self.credentials.clone(),
            ssh: self.ssh.clone(),
            route: self.route.clone(),
            limits,
            child,
            insecure_http: self.insecure_http,
        })
    }

    /// Which skills of a commit, or of a directory, are wanted.
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            root: self.root.clone(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            layout: self.rules.layout,
        }
    }

    /// What skills are judged by, the policy aside.
    pub(crate) fn law(&self) -> Law {
        Law::new(self.judging()).with_judge(self.rules.judge.clone(), self.rules.holds_unsure)
    }

    /// What may enter.
    pub(crate) fn judging(&self) -> Judging {
        Judging { strict: self.rules.strict, block: self.rules.scan_block }
    }
}
