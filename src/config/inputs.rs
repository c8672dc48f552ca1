//! Environment and flags → one text a setting, and the taking of values out of them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::parse::{Parsed, path_in};
use super::problem::{Origin, Problem, Warning, nearest};
use super::secret::Secret;
use super::table::{self, Kind, SETTINGS, Setting};
use super::{Ambient, Flags};

/// Variables that begin so are meant for us, or for nobody.
const PREFIXES: [&str; 2] = ["SKILLS_", "SKILL_SYNC_"];

/// The texts that were given, and what has been found wrong with them so far.
pub(super) struct Inputs<'a> {
    ambient: &'a Ambient,
    given: BTreeMap<&'static str, Given>,
    files: BTreeMap<&'static str, Given>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
}

struct Given {
    text: String,
    origin: Origin,
}

impl<'a> Inputs<'a> {
    /// Gathers what was given for each setting: the flag, else the variable; an empty one is unset.
    pub(super) fn gather(ambient: &'a Ambient, flags: &Flags) -> Self {
        let mut inputs = Self {
            ambient,
            given: BTreeMap::new(),
            files: BTreeMap::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        for setting in SETTINGS {
            inputs.gather_one(setting, flags);
        }
        inputs.unknown_variables();
        inputs
    }

    fn gather_one(&mut self, setting: &'static Setting, flags: &Flags) {
        let flag = flags.0.get(setting.variable).filter(|text| !text.is_empty());
        let given = match (flag, setting.flag) {
            (Some(text), Some(flag)) => self.utf8(text.clone(), format!("--{flag}")),
            _ => self.variable(setting.variable),
        };
        if let Some(given) = given {
            self.given.insert(setting.variable, given);
        }
        if setting.kind == Kind::Secret
            && let Some(file) = self.variable(&format!("{}_FILE", setting.variable))
        {
            self.files.insert(setting.variable, file);
        }
    }

    /// A variable of the environment that is not empty.
    pub(super) fn ambient(&self, name: &str) -> Option<&'a OsStr> {
        let found = self.ambient.variables.iter().find(|(variable, _)| variable == name);
        found.map(|(_, value)| value.as_os_str()).filter(|value| !value.is_empty())
    }

    fn variable(&mut self, name: &str) -> Option<Given> {
        let value = self.ambient(name)?.to_owned();
        self.utf8(value, name.to_owned())
    }

    fn utf8(&mut self, value: OsString, origin: String) -> Option<Given> {
        let origin = Origin(origin);
        match value.into_string() {
            Ok(text) => Some(Given { text, origin }),
            Err(_) => {
                self.problems.push(Problem::NotUtf8(origin));
                None
            }
        }
    }

    fn unknown_variables(&mut self) {
        for (name, _) in &self.ambient.variables {
            let name = name.to_string_lossy();
            let ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            if ours && !is_known(&name) {
                let similar = nearest(&name, SETTINGS.iter().map(|setting| setting.variable));
                self.warnings.push(Warning::UnknownVariable { name: name.into_owned(), similar });
            }
        }
    }

    /// The value of a setting, or its default; none where there is neither, or where it is wrong.
    pub(super) fn optional<T>(
        &mut self,
        variable: &'static str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        let Some(given) = self.given.get(variable) else {
            let default = table::find(variable).and_then(|setting| setting.default)?;
            return parse(default).ok();
        };
        match parse(&given.text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.problems.push(malformed(variable, given, expected));
                None
            }
        }
    }

    /// The value of a setting that has a default. Where the value is wrong a placeholder stands in:
    /// nobody sees it, since a problem ends the start.
    pub(super) fn value<T: Default>(
        &mut self,
        variable: &'static str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> T {
        self.optional(variable, parse).unwrap_or_default()
    }

    /// Where a secret is. Its text is checked now where it is given in the variable; a file is read
    /// at each use.
    pub(super) fn secret<T>(
        &mut self,
        variable: &'static str,
        check: impl Fn(&str) -> Parsed<T>,
    ) -> Option<Secret> {
        match (self.given.get(variable), self.files.get(variable)) {
            (Some(_), Some(_)) => {
                self.problems.push(Problem::TwoSecrets { variable });
                None
            }
            (None, Some(file)) => {
                let path = path_in(&self.ambient.directory, &file.text);
                Some(Secret::File { variable: file.origin.to_string(), path })
            }
            (Some(given), None) => match check(&given.text) {
                Ok(_) => Some(Secret::Value(given.text.clone())),
                Err(expected) => {
                    self.problems.push(malformed(variable, given, expected));
                    None
                }
            },
            (None, None) => None,
        }
    }

    /// The value of a variable that is not ours alone, such as the platform's `PORT`.
    pub(super) fn foreign<T>(&mut self, name: &str, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let given = self.variable(name)?;
        parse(&given.text).map_err(|expected| self.problems.push(malformed(name, &given, expected))).ok()
    }

    /// Whether a setting was given, well or ill.
    pub(super) fn is_given(&self, variable: &str) -> bool {
        self.given.contains_key(variable) || self.files.contains_key(variable)
    }
}

fn malformed(variable: &str, given: &Given, expected: String) -> Problem {
    let origin = given.origin.clone();
    let secret = table::find(variable).is_some_and(|setting| setting.kind == Kind::Secret);
    // Credentials stand before an `@`, in whichever wrong form an address is given.
    if secret || given.text.contains('@') {
        Problem::MalformedSecret { origin, expected }
    } else {
        Problem::Malformed { origin, value: given.text.clone(), expected }
    }
}

fn is_known(name: &str) -> bool {
    let of_file = name.strip_suffix("_FILE").and_then(table::find);
    table::find(name).is_some() || of_file.is_some_and(|setting| setting.kind == Kind::Secret)
}
