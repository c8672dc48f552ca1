//! Settings → what the engine is told.

use std::ffi::OsString;
use std::path::PathBuf;

use reconciler::options::{Judging, Options, Selection};
use reconciler::source::{Limits, RepoUrl, Source};

use super::Settings;

impl Settings {
    /// What the engine is told: to follow `url`, keep its state in `state`, and run `child` to fetch.
    pub(crate) fn options(&self, url: RepoUrl, state: PathBuf, child: Vec<OsString>) -> Options {
        Options {
            source: self.source(url, child),
            selection: self.selection(),
            target: self.target.clone(),
            state,
            environment: self.environment.clone(),
            judging: self.judging(),
            hold: self.rules.hold,
            adopt: self.rules.adopt,
            prune_limit: self.rules.prune_limit,
            require_mount: self.require_mount,
            drift_max_bytes: self.limits.drift_max_bytes,
        }
    }

    fn source(&self, url: RepoUrl, child: Vec<OsString>) -> Source {
        Source {
            url,
            reference: self.reference.clone().unwrap_or_default(),
            credentials: self.credentials.clone(),
            limits: Limits {
                fetch_timeout: self.timing.fetch_timeout,
                clone_timeout: self.timing.clone_timeout,
                max_repo_bytes: self.limits.max_repo_bytes,
                ..Limits::default()
            },
            child,
            insecure_http: self.insecure_http,
        }
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

    /// What may enter.
    pub(crate) fn judging(&self) -> Judging {
        Judging { strict: self.rules.strict, block: self.rules.scan_block }
    }
}
