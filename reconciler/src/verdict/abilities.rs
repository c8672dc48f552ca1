//! What a skill is able to do, for whoever reviews a change: tools, hosts, programs, variables.
//!
//! It is read out of the text, so it names what is written and not what is built at run time.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::subject::Subject;
use crate::desired::ContentError;
use crate::scan::mask;
use crate::skill::Value;
use crate::tree::FileMode;

/// Names of one kind that are kept for one skill: more tell a reviewer nothing.
const MOST: usize = 100;

/// The longest name that is kept, in bytes.
const LONGEST: usize = 120;

/// Files larger than this are not read for it (1 MiB).
const READ: u64 = 1 << 20;

/// What a skill can do, or what a change lets it do that it could not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// What `allowed-tools` names.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tools: BTreeSet<String>,
    /// The hosts of its URLs.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub domains: BTreeSet<String>,
    /// Files that may be executed, or begin as scripts do.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub executables: BTreeSet<String>,
    /// The environment variables that it reads.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub variables: BTreeSet<String>,
}

impl Abilities {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        [&self.tools, &self.domains, &self.executables, &self.variables].iter().all(|set| set.is_empty())
    }

    /// What is here and was not there.
    pub fn beyond(&self, before: &Self) -> Self {
        let new =
            |now: &BTreeSet<String>, before: &BTreeSet<String>| now.difference(before).cloned().collect();
        Self {
            tools: new(&self.tools, &before.tools),
            domains: new(&self.domains, &before.domains),
            executables: new(&self.executables, &before.executables),
            variables: new(&self.variables, &before.variables),
        }
    }

    /// Reads them out of a skill.
    pub(super) fn of(subject: &Subject<'_>) -> Result<Self, ContentError> {
        let mut found = Self::default();
        if let Some(field) = subject.front().and_then(|front| front.field("allowed-tools")) {
            found.add_tools(&field.value);
        }
        if subject.is_too_large() {
            return Ok(found);
        }
        for (path, file) in &subject.files {
            let bytes = if file.size <= READ { Some(subject.read(file)?) } else { None };
            let text = bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
            if file.mode == FileMode::Executable || text.is_some_and(|text| text.starts_with("#!")) {
                add(&mut found.executables, path.as_str());
            }
            for line in text.unwrap_or_default().lines() {
                hosts(line, &mut found.domains);
                variables(line, &mut found.variables);
            }
        }
        Ok(found)
    }

    fn add_tools(&mut self, value: &Value) {
        match value {
            Value::Text(text) => tools(text).into_iter().for_each(|tool| add(&mut self.tools, tool)),
            Value::List(list) => list.iter().for_each(|one| self.add_tools(one)),
            _ => {}
        }
    }
}

fn add(set: &mut BTreeSet<String>, name: &str) {
    if set.len() < MOST && !name.is_empty() && name.len() <= LONGEST {
        set.insert(mask(name));
    }
}

/// The tools of a list with commas or spaces: what is in parentheses belongs to its tool.
fn tools(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut all) = (0_u32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' | ' ' if depth == 0 => {
                all.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    all.push(&text[from..]);
    all
}

/// The hosts of the URLs of a line.
fn hosts(line: &str, into: &mut BTreeSet<String>) {
    for (at, sign) in line.match_indices("://") {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        if !line[..at].ends_with(is_letter) {
            continue;
        }
        let rest = &line[at + sign.len()..];
        let authority =
            rest.split(|c: char| !is_letter(c) && !matches!(c, '@' | ':' | '_' | '%' | '[' | ']')).next();
        let host = authority.unwrap_or_default().rsplit('@').next().unwrap_or_default();
        let host = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host.contains(['.', '[']) || host == "localhost" {
            add(into, &host);
        }
    }
}

/// What stands before the name of a variable that a program reads.
const READERS: [&str; 12] = [
    "process.env.",
    "process.env[",
    "os.environ[",
    "os.environ.get(",
    "os.getenv(",
    "getenv(",
    "ENV[",
    "ENV.fetch(",
    "env::var(",
    "$env:",
    "Deno.env.get(",
    "${",
];

/// The variables that a line reads. A shell's own are upper case by custom; others are its locals.
fn variables(line: &str, into: &mut BTreeSet<String>) {
    let name_at = |rest: &str| -> String {
        let rest = rest.trim_start_matches(['"', '\'', ' ']);
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let is_name = |name: &str| {
        name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && !name.contains(|c: char| c.is_ascii_lowercase())
    };
    let readers = READERS.iter().flat_map(|reader| line.match_indices(reader));
    let dollars = line.match_indices('$');
    for (at, sign) in readers.chain(dollars) {
        let name = name_at(&line[at + sign.len()..]);
        if is_name(&name) && !matches!(name.as_str(), "ARGUMENTS" | "IFS") {
            add(into, &name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> (Vec<String>, Vec<String>) {
        let (mut domains, mut names) = (BTreeSet::new(), BTreeSet::new());
        hosts(line, &mut domains);
        variables(line, &mut names);
        (domains.into_iter().collect(), names.into_iter().collect())
    }

    #[test]
    fn hosts_are_those_of_urls() {
        let line = "see <https://API.example.com:8443/v1?x=y>, ssh://git@github.com/a and http://[::1]/; not a://b or https://$HOST/";
        assert_eq!(found(line).0, ["[::1]", "api.example.com", "github.com"]);
    }

    #[test]
    fn variables_are_those_that_programs_read() {
        for line in [
            "process.env.API_KEY",
            "os.environ['API_KEY']",
            "os.getenv(\"API_KEY\")",
            "curl -H \"X: $API_KEY\"",
            "echo ${API_KEY:-none}",
            "$env:API_KEY",
            "ENV.fetch('API_KEY')",
        ] {
            assert_eq!(found(line).1, ["API_KEY"], "{line}");
        }
        assert_eq!(found("for f in $files; do echo $1 $f $ARGUMENTS; done costs $5").1, [""; 0]);
    }

    #[test]
    fn a_tool_keeps_what_is_in_its_parentheses() {
        assert_eq!(
            tools("Read, Bash(git add:*, git commit:*) Write"),
            ["Read", "", "Bash(git add:*, git commit:*)", "Write"]
        );
    }

    #[test]
    fn only_what_is_new_is_gained() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let before = Abilities { tools: set(&["Read"]), ..Abilities::default() };
        let now = Abilities { tools: set(&["Bash", "Read"]), domains: set(&["x.org"]), ..before.clone() };
        let gained = now.beyond(&before);
        assert_eq!((gained.tools, gained.domains), (set(&["Bash"]), set(&["x.org"])));
        assert!(before.beyond(&now).is_empty());
    }
}
