//! By what skills are judged: the settings, the rules that are compiled once for all of them, and the
//! operator's policy.

use std::path::Path;
use std::sync::OnceLock;

use super::hook::{Bench, Hook};
use super::rules;
use crate::ids::Digest;
use crate::options::Judging;
use crate::policy::{Policy, PolicyError};
use crate::scan::{self, RuleMeta, ScanError, Scanner};

/// What a commit is judged by. It is made once and serves every pass until something in it changes.
pub struct Law {
    /// What may enter.
    pub judging: Judging,
    policy: Policy,
    scanner: OnceLock<Scanner>,
    judge: Option<Bench>,
    /// Whether a skill that the operator's judge is unsure about waits.
    holds_unsure: bool,
    rules: String,
    /// The policy's text and the digest of the scan's rules that this law was made of.
    made_of: Option<(String, String)>,
}

impl Law {
    /// The rules of this program. The scanner is compiled by the first skill that needs it: a pass
    /// that finds nothing new never pays for that.
    pub fn new(judging: Judging) -> Self {
        let rules = fingerprint(&judging, &scan::digest(), None);
        let (policy, scanner) = (Policy::default(), OnceLock::new());
        Self { judging, policy, scanner, judge: None, holds_unsure: false, rules, made_of: None }
    }

    /// The same with the operator's judge, where there is one; what it is unsure about waits where
    /// `holds_unsure`.
    #[must_use]
    pub fn with_judge(self, judge: Option<Hook>, holds_unsure: bool) -> Self {
        let judge = judge.map(Bench::new);
        let rules = fingerprint(&self.judging, &scan::digest(), judge.as_ref());
        Self { judge, holds_unsure, rules, ..self }
    }

    /// Takes in what the policy says now. What was compiled is compiled again only where it changed.
    ///
    /// # Errors
    /// [`PolicyError`]; the law stays as it was.
    pub fn renew(&mut self, policy: Option<&Path>) -> Result<(), PolicyError> {
        self.judge.iter().for_each(Bench::rest);
        let Some(path) = policy else { return Ok(()) };
        let text = Policy::load(path)?;
        let parsed = Policy::parse(path, &text)?;
        let yara = |source| PolicyError::Yara { path: path.to_owned(), source };
        let digest = scan::digest_with(parsed.yara()).map_err(yara)?;
        let made_of = Some((text, digest));
        if self.made_of == made_of {
            return Ok(());
        }
        let compiled = match parsed.yara() {
            [] => None,
            files => Some(Scanner::with_operator_rules(files).map_err(yara)?),
        };
        parsed.check(&handbook(compiled.as_ref()))?;
        let digest = made_of.as_ref().map_or("", |(_, digest)| digest);
        self.rules = fingerprint(&self.judging, digest, self.judge.as_ref());
        if compiled.is_some() || !self.policy.yara().is_empty() {
            self.scanner = compiled.map_or_else(OnceLock::new, OnceLock::from);
        }
        (self.policy, self.made_of) = (parsed, made_of);
        Ok(())
    }

    /// What the operator says.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The operator's judge.
    pub(super) fn judge(&self) -> Option<&Bench> {
        self.judge.as_ref()
    }

    /// Whether a skill that it is unsure about waits.
    pub(super) fn holds_unsure(&self) -> bool {
        self.holds_unsure
    }

    /// Every rule that a finding may name: this program's, and the operator's.
    pub fn handbook(&self) -> Vec<RuleMeta> {
        handbook(self.scanner.get())
    }

    /// Names all that decides what is found in a skill: what was judged under another name is judged
    /// again.
    pub fn fingerprint(&self) -> &str {
        &self.rules
    }

    /// The scanner.
    ///
    /// # Errors
    /// Where its rules cannot be used.
    pub fn scanner(&self) -> Result<&Scanner, ScanError> {
        match self.scanner.get() {
            Some(scanner) => Ok(scanner),
            None => {
                let compiled = Scanner::new()?;
                Ok(self.scanner.get_or_init(|| compiled))
            }
        }
    }
}

/// The rules of this program, and an operator's, whose ids have a slash.
fn handbook(scanner: Option<&Scanner>) -> Vec<RuleMeta> {
    let operators = scanner.into_iter().flat_map(|scanner| scanner.rules());
    rules::handbook().into_iter().chain(operators.filter(|rule| rule.id.contains('/')).cloned()).collect()
}

fn fingerprint(judging: &Judging, scanner: &str, judge: Option<&Bench>) -> String {
    let judge = judge.map(|judge| judge.hook().digest().to_string()).unwrap_or_default();
    let text = format!("{}\0{scanner}\0{judge}\0{}", rules::fingerprint(judging), env!("CARGO_PKG_VERSION"));
    Digest::of(text.as_bytes()).to_string()
}
