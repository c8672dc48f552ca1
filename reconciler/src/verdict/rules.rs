//! The rules: one file each, with its id, its words and its tests; the table is what exists.
//!
//! A rule says what it saw and where. What that means for a skill is decided by [`super::judge`].

use super::subject::Subject;
use crate::desired::{ContentError, shown};
use crate::finding::{Class, Finding, Place, Severity};
use crate::options::Judging;
use crate::scan::{self, RuleMeta};

pub(crate) mod bom;
pub(crate) mod compatibility_long;
pub(crate) mod crlf;
pub(crate) mod denied;
pub(crate) mod description_long;
pub(crate) mod description_missing;
pub(crate) mod encoding;
pub(crate) mod entry_too_large;
pub(crate) mod frontmatter_character;
pub(crate) mod frontmatter_duplicate_key;
pub(crate) mod frontmatter_invalid;
pub(crate) mod frontmatter_missing;
pub(crate) mod frontmatter_not_mapping;
pub(crate) mod frontmatter_recovered;
pub(crate) mod frontmatter_unclosed;
pub(crate) mod judge_failed;
pub(crate) mod judge_hold;
pub(crate) mod judge_unsure;
pub(crate) mod lfs_pointer;
pub(crate) mod name_format;
pub(crate) mod name_mismatch;
pub(crate) mod name_missing;
pub(crate) mod name_twins;
pub(crate) mod not_a_skill;
pub(crate) mod object_malformed;
pub(crate) mod path_invalid;
pub(crate) mod path_twins;
pub(crate) mod policy_exception;
pub(crate) mod root_skill;
pub(crate) mod skill_lost;
pub(crate) mod skill_twins;
pub(crate) mod special_file;
pub(crate) mod stray_submodule;
pub(crate) mod submodule;
pub(crate) mod symlink;
pub(crate) mod too_large;
pub(crate) mod too_many_files;
pub(crate) mod unknown_field;

/// Grows with every change of what a rule finds in the same bytes, so that what was judged before is
/// judged again.
const REVISION: u32 = 1;

/// How many times one rule is reported for one skill: the first ones say it.
const MAX_HITS: usize = 20;

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// The stable id, as it stands in findings and in documentation.
    pub id: &'static str,
    /// What it finds, in a few words.
    pub title: &'static str,
    /// What kind of thing it looks for.
    pub class: Class,
    /// How grave that is.
    pub severity: Severity,
    /// How grave it is where the Agent Skills reference rules are asked for.
    pub strict: Severity,
    /// What to do about it.
    pub help: &'static str,
    /// Why the rule exists.
    pub why: &'static str,
    /// How it looks.
    pub check: Check,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// One skill alone; what it finds is remembered with the skill's content.
    Skill(fn(&Subject<'_>) -> Result<Vec<Hit>, ContentError>),
    /// All skills of a commit, and what is served; looked at afresh in each pass.
    Across,
}

/// All rules.
pub static RULES: &[&Rule] = &[
    &encoding::RULE,
    &entry_too_large::RULE,
    &frontmatter_missing::RULE,
    &frontmatter_unclosed::RULE,
    &frontmatter_invalid::RULE,
    &frontmatter_not_mapping::RULE,
    &frontmatter_duplicate_key::RULE,
    &frontmatter_character::RULE,
    &description_missing::RULE,
    &path_invalid::RULE,
    &path_twins::RULE,
    &symlink::RULE,
    &submodule::RULE,
    &special_file::RULE,
    &lfs_pointer::RULE,
    &object_malformed::RULE,
    &too_many_files::RULE,
    &too_large::RULE,
    &skill_twins::RULE,
    &name_twins::RULE,
    &skill_lost::RULE,
    &root_skill::RULE,
    &denied::RULE,
    &name_missing::RULE,
    &name_format::RULE,
    &name_mismatch::RULE,
    &description_long::RULE,
    &compatibility_long::RULE,
    &unknown_field::RULE,
    &frontmatter_recovered::RULE,
    &bom::RULE,
    &crlf::RULE,
    &not_a_skill::RULE,
    &stray_submodule::RULE,
    &policy_exception::RULE,
    &judge_hold::RULE,
    &judge_unsure::RULE,
    &judge_failed::RULE,
];

/// What a rule saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The file or directory, below `SKILLS_PATH`.
    pub path: String,
    /// The place in it, where there is one.
    pub place: Option<Place>,
    /// What was seen, in one sentence.
    pub message: String,
}

impl Hit {
    /// Something about the file that makes the candidate a skill.
    pub(super) fn entry(subject: &Subject<'_>, place: Place, message: impl Into<String>) -> Self {
        Self { path: subject.candidate.entry(), place: Some(place), message: message.into() }
    }

    /// Something about a member, by its raw path in the skill.
    pub(super) fn member(subject: &Subject<'_>, path: &[u8], message: impl Into<String>) -> Self {
        Self { path: subject.candidate.shown(path), place: None, message: message.into() }
    }
}

impl Rule {
    /// What people are told of it.
    pub fn meta(&self) -> RuleMeta {
        let mut title = self.title.to_owned();
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let strict = match self.strict == self.severity {
            true => String::new(),
            false => format!(" With --strict it is {}.", self.strict),
        };
        RuleMeta {
            id: self.id.to_owned(),
            looks_for: format!("{title}.{strict}"),
            title,
            why: self.why.to_owned(),
            severity: self.severity,
            class: self.class,
            help: self.help.to_owned(),
            references: Vec::new(),
            hits: Vec::new(),
            misses: Vec::new(),
            reported: true,
        }
    }

    /// A rule about the form of a skill that holds it, with and without `--strict`.
    const fn error(id: &'static str, title: &'static str, check: Check) -> Self {
        Self {
            id,
            title,
            class: Class::Structure,
            severity: Severity::Critical,
            strict: Severity::Critical,
            help: "",
            why: "",
            check,
        }
    }

    /// A rule about the form of a skill that warns.
    const fn warning(id: &'static str, title: &'static str, check: Check) -> Self {
        Self { severity: Severity::Low, strict: Severity::Low, ..Self::error(id, title, check) }
    }

    /// A rule of the Agent Skills reference: a warning, and an error with `--strict`.
    const fn reference(id: &'static str, title: &'static str, check: Check) -> Self {
        Self { severity: Severity::Low, ..Self::error(id, title, check) }
    }

    /// The finding that a hit is.
    pub(super) fn finding(&self, hit: Hit, strict: bool) -> Finding {
        Finding {
            rule: self.id.to_owned(),
            severity: if strict { self.strict } else { self.severity },
            class: self.class,
            path: hit.path,
            line: hit.place.map(|place| place.line),
            column: hit.place.map(|place| place.column),
            message: hit.message,
            help: self.help.to_owned(),
        }
    }

    /// The finding of a rule that looks across skills.
    pub(crate) fn across(&self, path: String, message: String) -> Finding {
        self.finding(Hit { path, place: None, message }, false)
    }
}

/// What the rules find in one skill, the gravest first, then by path and place.
pub(super) fn examine(subject: &Subject<'_>) -> Result<Vec<Finding>, ContentError> {
    let mut findings = Vec::new();
    for rule in RULES {
        if let Check::Skill(check) = rule.check {
            let hits = check(subject)?.into_iter().take(MAX_HITS);
            findings.extend(hits.map(|hit| rule.finding(hit, subject.strict)));
        }
    }
    findings.sort_by(by_gravity);
    Ok(findings)
}

/// The gravest first; then by path and place.
pub(crate) fn by_gravity(one: &Finding, other: &Finding) -> std::cmp::Ordering {
    let place = |finding: &Finding| (finding.line, finding.column);
    other
        .severity
        .cmp(&one.severity)
        .then_with(|| one.path.cmp(&other.path))
        .then(place(one).cmp(&place(other)))
}

/// Names the rules as they are now: what was judged under another name is judged again.
pub fn fingerprint(judging: &Judging) -> String {
    let mut text = format!("{REVISION}\0{}\0", judging.strict);
    for Rule { id, class, severity, strict, help, .. } in RULES {
        text += &format!("{id}\0{class}\0{severity}\0{strict}\0{help}\0");
    }
    crate::ids::Digest::of(text.as_bytes()).to_string()
}

/// The rule of an id.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// Every rule of this program, for people: those about the form of a skill, then those of the scan.
pub fn handbook() -> Vec<RuleMeta> {
    RULES.iter().map(|rule| rule.meta()).chain(scan::handbook()).collect()
}

/// A text out of a repository, in quotes and not longer than a line.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{}`", shown(text.as_bytes())),
    }
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_an_id_of_its_own_and_all_of_its_words() {
        let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES {
            assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", rule.id);
            for words in [rule.title, rule.help, rule.why] {
                assert!(words.len() > 10, "{} lacks words", rule.id);
            }
            assert!(find(rule.id).is_some_and(|found| found.title == rule.title));
        }
    }

    #[test]
    fn the_fingerprint_tells_strict_from_lenient() {
        let judging = |strict| Judging { strict, block: None };
        assert_ne!(fingerprint(&judging(true)), fingerprint(&judging(false)));
    }
}
