//! What the service tells a person who looks at its terminal: where it works as it begins, and then a
//! line for each thing that happens.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use reconciler::finding::Held;
use reconciler::plan::SkillChange;
use reconciler::report::PassReport;

use super::Text;
use super::escape::{Terminal, shell};
use super::pass::{counts, done, tone, word, write_place};
use super::style::{Style, Tone};

/// How many skills are named; the history has all of them.
const NAMED: usize = 10;

/// What a service says as it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greeting<'a> {
    /// The repository, without credentials.
    pub repository: &'a str,
    /// The directory of it that holds the skills; none for its root.
    pub root: Option<&'a str>,
    /// The reference of it.
    pub reference: &'a str,
    /// Where the skills are.
    pub target: &'a Path,
    /// The state directory, where one is set.
    pub state: Option<&'a Path>,
    /// Where HTTP listens.
    pub address: SocketAddr,
    /// Whether webhooks are taken.
    pub webhooks: bool,
    /// This program, as it was called.
    pub program: &'a str,
}

impl fmt::Display for Text<'_, Greeting<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(greeting, style) = *self;
        let name = |name| style.paint(Tone::Dim, format!("{name:9}"));
        let root = greeting.root.map(|root| format!(", {root}")).unwrap_or_default();
        let from = format!("{}{root} at {}", greeting.repository, greeting.reference);
        writeln!(f, "{} {}", style.paint(Tone::Strong, "skill-sync follows"), Terminal(from))?;
        writeln!(f, "  {} {}", name("skills"), Terminal(greeting.target.display()))?;
        writeln!(f, "  {} http://{}", name("listening"), near(greeting.address))?;
        if !greeting.webhooks {
            let why = "off until GITHUB_WEBHOOK_SECRET is set; the poll finds each push";
            writeln!(f, "  {} {why}", name("webhooks"))?;
        }
        writeln!(f, "  {} edit a skill there and watch it come back, or ask:", name("try"))?;
        writeln!(f, "  {} {}", name(""), Terminal(greeting.status()))
    }
}

impl Greeting<'_> {
    /// The command that shows the status of this very service, from any directory.
    fn status(&self) -> String {
        let path = |path: &Path| shell(&path.to_string_lossy());
        let mut command = format!("{} status --dir {}", shell(self.program), path(self.target));
        if let Some(state) = self.state {
            command += &format!(" --state-dir {}", path(state));
        }
        command
    }
}

/// Where a service that listens everywhere is reached from here.
fn near(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("localhost:{}", address.port()),
        false => address.to_string(),
    }
}

/// What a pass brought, after another or as the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct News<'a> {
    /// The pass before.
    pub before: Option<&'a PassReport>,
    /// The pass.
    pub report: &'a PassReport,
    /// How many skills are served now.
    pub serving: usize,
}

impl fmt::Display for Text<'_, News<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(&news, style) = *self;
        let News { before, report, .. } = news;
        if before.is_some() || report.error.is_some() {
            changed(f, style, &report.changes)?;
        }
        let recovered = before.is_none_or(|before| before.error.is_some());
        match &report.error {
            Some(error) => writeln!(f, "{}: {}", outcome(style, report), Terminal(error))?,
            None if recovered || report.changes.is_empty() => summary(f, style, news)?,
            None => {}
        }
        held(f, style, news)?;
        match &report.note {
            Some(note) => writeln!(f, "{} {}", style.paint(Tone::Notice, "note"), Terminal(note)),
            None => Ok(()),
        }
    }
}

fn outcome(style: Style, report: &PassReport) -> String {
    style.paint(tone(report.outcome), word(report.outcome)).to_string()
}

/// One line for a whole pass: what was done, and to which skills.
fn summary(f: &mut fmt::Formatter<'_>, style: Style, news: News<'_>) -> fmt::Result {
    let report = news.report;
    write!(f, "{}", outcome(style, report))?;
    if let Some(revision) = report.revision {
        write!(f, " {}", revision.short())?;
    }
    match report.changes.as_slice() {
        [] => writeln!(f, "{}; {} served", counts(&[], &report.held), skills(news.serving)),
        // What is held has lines of its own.
        changes => writeln!(f, "{} ({})", counts(changes, &[]), names(changes)),
    }
}

fn skills(count: usize) -> String {
    if count == 1 { "1 skill is".to_owned() } else { format!("{count} skills are") }
}

fn names(changes: &[SkillChange]) -> String {
    let named = changes.iter().take(NAMED).map(|change| Terminal(&change.skill).to_string());
    let mut names = named.collect::<Vec<_>>().join(", ");
    if let Some(more) = changes.len().checked_sub(NAMED).filter(|more| *more > 0) {
        names += &format!(" and {more} more");
    }
    names
}

/// A line for each skill that changed.
fn changed(f: &mut fmt::Formatter<'_>, style: Style, changes: &[SkillChange]) -> fmt::Result {
    for change in changes.iter().take(NAMED) {
        let done = style.paint(Tone::Good, done(change.action));
        writeln!(f, "{done} {}: {}", Terminal(&change.skill), change.why)?;
    }
    match changes.len().checked_sub(NAMED) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(f, "and {more} more; `skill-sync history` has all of them"),
    }
}

/// A line for each skill that is held since this pass.
fn held(f: &mut fmt::Formatter<'_>, style: Style, news: News<'_>) -> fmt::Result {
    let key = |held: &Held| (held.skill.clone(), held.rule.clone(), held.path.clone());
    let before =
        |held: &Held| news.before.is_some_and(|report| report.held.iter().any(|old| key(old) == key(held)));
    for held in news.report.held.iter().filter(|held| !before(held)) {
        write!(f, "{} {}: ", style.paint(Tone::Notice, "held"), Terminal(&held.skill))?;
        write_place(f, held)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use reconciler::ids::{CommitId, SkillId, Timestamp};
    use reconciler::plan::{SkillAction, Why};
    use reconciler::report::Outcome;
    use reconciler::trigger::Trigger;

    use super::*;
    use crate::daemon::tests::report;

    fn change(skill: &str, action: SkillAction, why: Why) -> SkillChange {
        SkillChange { skill: SkillId::new(skill), action, why, files: Vec::new() }
    }

    fn shown(before: Option<&PassReport>, report: &PassReport) -> String {
        Text(&News { before, report, serving: 3 }, Style::Plain).to_string()
    }

    #[test]
    fn the_first_words_say_where_everything_is_and_what_to_try() {
        let greeting = Greeting {
            repository: "/home/me/skills",
            root: Some("examples"),
            reference: "HEAD",
            target: Path::new("/home/me/it's here"),
            state: Some(Path::new("/home/me/.skill-sync")),
            address: "[::]:3000".parse().expect("an address"),
            webhooks: false,
            program: "target/debug/skill-sync",
        };
        let expected = "skill-sync follows /home/me/skills, examples at HEAD\n  \
            skills    /home/me/it's here\n  \
            listening http://localhost:3000\n  \
            webhooks  off until GITHUB_WEBHOOK_SECRET is set; the poll finds each push\n  \
            try       edit a skill there and watch it come back, or ask:\n            \
            target/debug/skill-sync status --dir '/home/me/it'\\''s here' --state-dir /home/me/.skill-sync\n";
        assert_eq!(Text(&greeting, Style::Plain).to_string(), expected);
    }

    #[test]
    fn the_first_pass_is_one_line_and_names_what_it_did() {
        let added = |skill: &str| change(skill, SkillAction::Add, Why::GitAdded);
        let mut first = report(Trigger::Start, Outcome::Applied);
        first.changes = ["a", "b", "c"].map(added).to_vec();
        assert_eq!(shown(None, &first), "applied cccccccccccc: 3 added (a, b, c)\n");
        first.changes = (0..12).map(|number| added(&format!("s{number}"))).collect();
        assert!(shown(None, &first).ends_with("s9 and 2 more)\n"), "{}", shown(None, &first));
        let calm = report(Trigger::Start, Outcome::InSync);
        assert_eq!(shown(None, &calm), "in sync cccccccccccc; 3 skills are served\n");
    }

    #[test]
    fn later_passes_tell_each_change_in_a_line_of_its_own() {
        let before = report(Trigger::Start, Outcome::Applied);
        let mut after = report(Trigger::Watch, Outcome::Degraded);
        after.changes = vec![change("golden-horde", SkillAction::Restore, Why::Drifted)];
        after.held = vec![Held {
            skill: SkillId::new("broken"),
            rule: "frontmatter-missing".to_owned(),
            path: "broken.md".to_owned(),
            line: Some(1),
            message: "no \x1b[2J front matter".to_owned(),
            serving: None::<CommitId>,
            since: Timestamp::from_millis(0),
        }];
        assert_eq!(
            shown(Some(&before), &after),
            "restored golden-horde: the volume drifted\n\
             held broken: broken.md:1: frontmatter-missing: no \\u{1b}[2J front matter\n"
        );
        let again = PassReport { changes: Vec::new(), ..after.clone() };
        assert_eq!(shown(Some(&after), &again), "degraded cccccccccccc: 1 held; 3 skills are served\n");
    }

    #[test]
    fn an_error_is_told_and_so_is_its_end() {
        let good = report(Trigger::Poll, Outcome::InSync);
        let mut failed = report(Trigger::Poll, Outcome::Failed);
        failed.error = Some("no route to host".to_owned());
        assert_eq!(shown(Some(&good), &failed), "failed: no route to host\n");
        assert_eq!(shown(Some(&failed), &good), "in sync cccccccccccc; 3 skills are served\n");
    }
}
