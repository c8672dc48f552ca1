//! A policy out of its file: TOML, every key known, every fault with its line.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobMatcher};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Denial, Denied, Exception, MAX_BYTES, Override, Policy, PolicyError, Until, may_be_ruled};
use crate::finding::{Place, Severity};
use crate::ids::Timestamp;
use crate::scan::RuleMeta;

/// The tables of a policy.
const TABLES: [&str; 4] = ["exception", "severity", "deny", "yara"];

/// A day in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Policy {
    /// The text of a policy's file.
    ///
    /// # Errors
    /// Where it cannot be read, or is no text.
    pub(crate) fn load(path: &Path) -> Result<String, PolicyError> {
        let unreadable = |source| PolicyError::Read { path: path.to_owned(), source };
        let mut text = String::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        match u64::try_from(text.len()) {
            Ok(length) if length <= MAX_BYTES => Ok(text),
            _ => Err(PolicyError::TooLarge { path: path.to_owned(), most: MAX_BYTES }),
        }
    }

    /// Reads a policy. Paths in it are relative to its own directory; which rules exist is checked by
    /// [`check`](Self::check), once its own ones are compiled.
    ///
    /// # Errors
    /// The first fault, with its line.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, PolicyError> {
        let reader = Reader { path, text };
        let top = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| reader.line(span.start));
            PolicyError::Syntax { path: path.to_owned(), line, message: error.message().to_owned() }
        })?;
        let mut policy = Self { path: path.to_owned(), ..Self::default() };
        for (key, value) in top.get_ref() {
            match key.get_ref().as_ref() {
                "exception" => policy.exceptions = reader.tables(value, "exception", exception)?,
                "severity" => policy.severities = reader.tables(value, "severity", severity)?,
                "deny" => policy.denials = reader.tables(value, "deny", denial)?,
                "yara" => policy.yara = reader.files(value)?,
                other => return Err(reader.unknown(key.span().start, other, "a policy", &TABLES)),
            }
        }
        Ok(policy)
    }

    /// Whether every rule that it names exists, and is one that a policy has a say about.
    ///
    /// # Errors
    /// The first that is not.
    pub(crate) fn check(&self, known: &[RuleMeta]) -> Result<(), PolicyError> {
        let exceptions = self.exceptions.iter().map(|one| (&one.rule, one.line));
        let named = exceptions.chain(self.severities.iter().map(|one| (&one.rule, one.line)));
        for (rule, line) in named {
            let (path, rule) = (self.path.clone(), rule.clone());
            if !known.iter().any(|one| one.id == rule) {
                let nearest = known.iter().max_by_key(|one| likeness(&one.id, &rule));
                let nearest = nearest.map(|one| one.id.clone()).unwrap_or_default();
                return Err(PolicyError::UnknownRule { path, line, rule, nearest });
            }
            if !may_be_ruled(&rule) {
                return Err(PolicyError::Form { path, line, rule });
            }
        }
        Ok(())
    }
}

/// How alike two ids are: pairs of neighbouring letters that both have, less the difference in length.
fn likeness(id: &str, other: &str) -> usize {
    let pairs: Vec<&[u8]> = other.as_bytes().windows(2).collect();
    let common = id.as_bytes().windows(2).filter(|pair| pairs.contains(pair)).count();
    (3 * common + 100).saturating_sub(id.len().abs_diff(other.len()))
}

/// The file that is read.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

/// One table of an array of tables.
struct Table<'a> {
    reader: &'a Reader<'a>,
    name: &'static str,
    line: u32,
    fields: &'a DeTable<'a>,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> u32 {
        Place::of_offset(self.text, offset).line
    }

    fn unknown(&self, at: usize, key: &str, place: &'static str, known: &[&str]) -> PolicyError {
        let known = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let (path, line, key) = (self.path.to_owned(), self.line(at), key.to_owned());
        PolicyError::UnknownKey { path, line, key, place, known }
    }

    fn wrong(&self, at: usize, key: &'static str, expected: &'static str) -> PolicyError {
        PolicyError::Value { path: self.path.to_owned(), line: self.line(at), key, expected }
    }

    /// Each table of an array of tables, made into what it says.
    fn tables<T>(
        &self,
        value: &Spanned<DeValue<'_>>,
        name: &'static str,
        make: impl Fn(&Table<'_>) -> Result<T, PolicyError>,
    ) -> Result<Vec<T>, PolicyError> {
        let expected = "a list of tables, each under a heading in double brackets";
        let wrong = || self.wrong(value.span().start, name, expected);
        let tables = value.get_ref().as_array().ok_or_else(wrong)?;
        let table = |one: &Spanned<DeValue<'_>>| {
            let fields = one.get_ref().as_table().ok_or_else(wrong)?;
            make(&Table { reader: self, name, line: self.line(one.span().start), fields })
        };
        tables.iter().map(table).collect()
    }

    fn files(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<PathBuf>, PolicyError> {
        let wrong = || self.wrong(value.span().start, "yara", "a list of paths");
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        let beside = self.path.parent().unwrap_or(Path::new(""));
        list.iter()
            .map(|one| one.get_ref().as_str().map(|file| beside.join(file)).ok_or_else(wrong))
            .collect()
    }
}

impl Table<'_> {
    /// Refuses what is none of these keys.
    fn only(&self, known: &[&str]) -> Result<(), PolicyError> {
        let stranger = self.fields.keys().find(|key| !known.contains(&key.get_ref().as_ref()));
        stranger.map_or(Ok(()), |key| {
            Err(self.reader.unknown(key.span().start, key.get_ref(), heading(self.name), known))
        })
    }

    fn field(&self, key: &'static str) -> Option<&Spanned<DeValue<'_>>> {
        self.fields.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    /// A text that is not empty, and where it is; none where there is no such key.
    fn text(&self, key: &'static str) -> Result<Option<(&str, usize)>, PolicyError> {
        let Some(value) = self.field(key) else { return Ok(None) };
        let at = value.span().start;
        match value.get_ref().as_str().filter(|text| !text.trim().is_empty()) {
            Some(text) => Ok(Some((text, at))),
            None => Err(self.reader.wrong(at, key, "a text that is not empty")),
        }
    }

    fn needed(&self, key: &'static str) -> Result<(&str, usize), PolicyError> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &'static str) -> PolicyError {
        let (path, line, place) = (self.reader.path.to_owned(), self.line, heading(self.name));
        PolicyError::Missing { path, line, place, key }
    }

    fn glob(&self, text: &str, at: usize) -> Result<GlobMatcher, PolicyError> {
        let glob = Glob::new(text).map_err(|_| self.reader.wrong(at, "skill", "a glob over skill ids"))?;
        Ok(glob.compile_matcher())
    }

    /// A day, as a date of TOML or as a text.
    fn day(&self, key: &'static str) -> Result<Option<Until>, PolicyError> {
        let Some(value) = self.field(key) else { return Ok(None) };
        let day = match value.get_ref() {
            DeValue::Datetime(date) => date.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => String::new(),
        };
        let begins: Option<Timestamp> =
            Some(&day).filter(|day| day.len() == 10).and_then(|day| format!("{day}T00:00:00Z").parse().ok());
        let wrong = || self.reader.wrong(value.span().start, key, "a day such as 2030-12-31");
        let begins = begins.ok_or_else(wrong)?;
        Ok(Some(Until { day, end: Timestamp::from_millis(begins.millis().saturating_add(DAY_MS)) }))
    }
}

/// The table's heading, as the file has it.
fn heading(name: &'static str) -> &'static str {
    match name {
        "exception" => "[[exception]]",
        "severity" => "[[severity]]",
        _ => "[[deny]]",
    }
}

fn exception(table: &Table<'_>) -> Result<Exception, PolicyError> {
    table.only(&["rule", "skill", "reason", "until"])?;
    let (rule, at) = table.needed("rule")?;
    let (skill, skill_at) = table.needed("skill")?;
    Ok(Exception {
        rule: rule.to_owned(),
        skill: table.glob(skill, skill_at)?,
        reason: table.needed("reason")?.0.to_owned(),
        until: table.day("until")?,
        line: table.reader.line(at),
    })
}

fn severity(table: &Table<'_>) -> Result<Override, PolicyError> {
    table.only(&["rule", "severity"])?;
    let (rule, at) = table.needed("rule")?;
    let (text, severity_at) = table.needed("severity")?;
    let severity = match text {
        "low" => Severity::Low,
        "medium" => Severity::Medium,
        "high" => Severity::High,
        "critical" => Severity::Critical,
        _ => return Err(table.reader.wrong(severity_at, "severity", "low, medium, high or critical")),
    };
    Ok(Override { rule: rule.to_owned(), severity, line: table.reader.line(at) })
}

fn denial(table: &Table<'_>) -> Result<Denial, PolicyError> {
    table.only(&["skill", "digest", "reason"])?;
    let reason = table.needed("reason")?.0.to_owned();
    let what = match (table.text("skill")?, table.text("digest")?) {
        (Some((skill, at)), None) => Denied::Skill(table.glob(skill, at)?),
        (None, Some((digest, at))) => {
            let wrong = |_| table.reader.wrong(at, "digest", "the SHA-256 of a file, 64 hexadecimal digits");
            Denied::Digest(digest.parse().map_err(wrong)?)
        }
        (Some((_, at)), Some(_)) => {
            return Err(table.reader.wrong(at, "skill", "alone: a denial is by skill or by digest"));
        }
        (None, None) => return Err(table.missing("skill")),
    };
    Ok(Denial { what, reason })
}
