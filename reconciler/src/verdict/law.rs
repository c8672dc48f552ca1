//! By what skills are judged: the settings, and the rules that are compiled once for all of them.

use std::sync::OnceLock;

use super::rules;
use crate::options::Judging;
use crate::scan::{self, ScanError, Scanner};

/// What a commit is judged by. It is made once and serves every pass until something in it changes.
pub struct Law {
    /// What may enter.
    pub judging: Judging,
    scanner: OnceLock<Scanner>,
    rules: String,
}

impl Law {
    /// The rules of this program. The scanner is compiled by the first skill that needs it: a pass
    /// that finds nothing new never pays for that.
    pub fn new(judging: Judging) -> Self {
        let rules = fingerprint(&judging, &scan::digest());
        Self { judging, scanner: OnceLock::new(), rules }
    }

    /// Names all that decides what is found in a skill: what was judged under another name is judged
    /// again.
    pub fn fingerprint(&self) -> &str {
        &self.rules
    }

    /// The scanner.
    ///
    /// # Errors
    /// Where its rules do not compile.
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

fn fingerprint(judging: &Judging, scanner: &str) -> String {
    let text = format!("{}\0{scanner}", rules::fingerprint(judging));
    crate::ids::Digest::of(text.as_bytes()).to_string()
}
