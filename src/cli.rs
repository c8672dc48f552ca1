//! The command line: verbs, their flags and the help that teaches them. The flags of settings are
//! made from the settings' own table.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::config::{Flags, Kind, Problem, SETTINGS, Setting};

mod examples;

/// Keeps a directory of AI-agent skills equal to a git branch.
///
/// Push, and the agent has the skill seconds later; break a skill, and it keeps the last good one;
/// edit the directory by hand, and it is put right with nothing lost.
#[derive(Debug, Parser)]
#[command(
    name = "skill-sync",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 100,
    after_help = examples::ROOT
)]
pub(crate) struct Cli {
    /// The flags of settings.
    #[command(flatten)]
    pub settings: Flags,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// The hidden verb that fetches.
pub(crate) const FETCH_CHILD: &str = "fetch-child";

/// The hidden verb that is the service beside a supervised command.
pub(crate) const SERVICE_CHILD: &str = "service-child";

/// The hidden verb that becomes the supervised command.
pub(crate) const AGENT_CHILD: &str = "agent-child";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service: follow the repository until it is told to stop
    #[command(after_help = examples::RUN)]
    Run {
        /// A command to start once a revision is served, with its arguments: the agent. Signals go to
        /// it, and its exit status is ours.
        #[arg(last = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
    /// Run one pass and report it
    #[command(after_help = examples::ONCE)]
    Once {
        #[command(flatten)]
        force: Force,
        #[command(flatten)]
        output: Output,
    },
    /// Ask the running service for a pass
    #[command(after_help = examples::RECONCILE)]
    Reconcile {
        /// Wait for a pass that began after this request, and report it.
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        force: Force,
        #[command(flatten)]
        output: Output,
    },
    /// Show what a pass would change, and change nothing
    #[command(after_help = examples::DIFF)]
    Diff(Output),
    /// Judge the skills below a directory, without a repository
    #[command(after_help = examples::VALIDATE)]
    Validate(Validate),
    /// Say what a rule looks for, why, and what to do about a finding
    #[command(after_help = examples::EXPLAIN)]
    Explain(Explain),
    /// Show what is served, and whether that is what git says
    #[command(after_help = examples::STATUS)]
    Status(Output),
    /// List the passes, the newest first
    #[command(after_help = examples::HISTORY)]
    History(History),
    /// Let the commit that waits be applied, and run a pass
    #[command(after_help = examples::CONFIRM)]
    Confirm {
        /// The revision that waits, or its first digits: the confirmation counts for that one alone.
        #[arg(value_name = "REV")]
        revision: String,
        #[command(flatten)]
        said: Said,
        #[command(flatten)]
        output: Output,
    },
    /// Let passes look and change nothing, until `resume`
    #[command(after_help = examples::SUSPEND)]
    Suspend {
        /// For how long, such as 2h; until `resume` where it is not given.
        #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
        lasting: Option<Duration>,
        /// Why, in a sentence for the audit and for whoever asks for the status.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Serve a revision that was applied before, and stay at it until `resume`
    #[command(after_help = examples::ROLLBACK)]
    Rollback {
        /// A commit or its first digits, HEAD~1 for what was applied before, or pass:12 (or 12).
        #[arg(value_name = "REV")]
        revision: String,
        #[command(flatten)]
        said: Said,
        #[command(flatten)]
        output: Output,
    },
    /// End suspension and rollback: follow the repository again, beginning with a pass
    #[command(after_help = examples::RESUME)]
    Resume {
        #[command(flatten)]
        said: Said,
        #[command(flatten)]
        output: Output,
    },
    /// Bring back bytes that a pass overwrote on the volume
    #[command(subcommand, after_help = examples::DRIFT)]
    Drift(Drift),
    /// Say which commit, pass and actor put something on the volume, from the audit alone
    #[command(after_help = examples::TRACE)]
    Trace {
        /// A file or directory of a skill, below the target or absolute, or the id of a skill.
        #[arg(value_name = "PATH")]
        path: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Read the audit record, or verify that nobody changed it
    #[command(subcommand, after_help = examples::AUDIT)]
    Audit(Audit),
    /// Make a broken database or mirror again
    #[command(subcommand, after_help = examples::STATE)]
    State(State),
    /// Set up the webhook at the forge
    #[command(subcommand, after_help = examples::WEBHOOK)]
    Webhook(Webhook),
    /// Look for what may keep skills from arriving or from being seen, and change nothing
    #[command(after_help = examples::DOCTOR)]
    Doctor(Doctor),
    /// Print a script that completes commands and flags in a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell.
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Ask the local service whether it is alive, for a container's health check
    #[command(after_help = examples::HEALTHCHECK)]
    Healthcheck,
    /// Fetches in a process of its own; started by the other verbs.
    #[command(name = FETCH_CHILD, hide = true)]
    FetchChild {
        /// What it becomes instead.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// The service beside a supervised command; started by `run`.
    #[command(name = SERVICE_CHILD, hide = true)]
    ServiceChild,
    /// Becomes the supervised command; started by `run`.
    #[command(name = AGENT_CHILD, hide = true)]
    AgentChild {
        /// The process that it must not outlive.
        #[arg(long)]
        parent: u32,
        /// The only group that it may be in.
        #[arg(long)]
        group: Option<u32>,
        /// The command and its arguments.
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero());
    parsed.ok_or_else(|| "not a duration such as `90s`, `5m` or `1h30m`".to_owned())
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Output {
    /// For people (text) or for machines (json).
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// Whether a pass goes through a closed sync window.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Force {
    /// Let this one pass through a closed sync window (SYNC_WINDOW); that goes on record.
    #[arg(long)]
    pub force: bool,
    /// Why, in a sentence for the audit.
    #[arg(long, value_name = "TEXT", requires = "force")]
    pub reason: Option<String>,
}

/// What is said with an order.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Said {
    /// Let its pass through a closed sync window (SYNC_WINDOW), too; that goes on record.
    #[arg(long)]
    pub force: bool,
    /// Why, in a sentence for the audit.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// The form of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines: the objects of the contract.
    Json,
}

/// `validate`.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The directory that holds the skills, one skill, its file, or - for a file on stdin.
    #[arg(value_name = "PATH", default_value = ".")]
    pub path: PathBuf,
    /// Judge what PATH was at a revision of the git repository that it is in, without a checkout.
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
    /// Exit 1 also where a finding is at least this grave, held or not.
    #[arg(long, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
    /// For people (text), for machines (json), for code scanning (sarif), or as annotations of a GitHub
    /// workflow (github).
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "text")]
    pub format: ValidateFormat,
}

/// The form of the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ValidateFormat {
    /// For people, with the lines that they are about.
    Text,
    /// For machines: the object of the contract.
    Json,
    /// SARIF 2.1.0, which code scanning takes.
    Sarif,
    /// Workflow commands, which GitHub shows beside the lines of a pull request.
    Github,
}

/// How grave a finding must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "they are the severities, by their names")]
pub(crate) enum FailOn {
    Low,
    Medium,
    High,
    Critical,
}

/// `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The id of the rule, as findings show it.
    #[arg(value_name = "RULE")]
    pub rule: String,
    #[command(flatten)]
    pub output: Output,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The directory of who reads the skills: its packages and its sources are looked at. That of CMD where
    /// it is not given.
    #[arg(long, value_name = "DIR")]
    pub consumer: Option<PathBuf>,
    #[command(flatten)]
    pub output: Output,
    /// The command that `run` would start, with its arguments.
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub page: Page,
    #[command(flatten)]
    pub output: Output,
}

/// Which part of a long list.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Page {
    /// How many to show.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only those before this number.
    #[arg(long, value_name = "NUMBER")]
    pub before: Option<u64>,
}

impl Page {
    /// How many to show.
    pub(crate) fn limit(self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}

/// `state`.
#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Set aside what is broken and make it again from what is served
    #[command(after_help = examples::STATE_REBUILD)]
    Rebuild(Output),
}

/// `webhook`.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Make the webhook at the forge, or set the one right that is there
    #[command(after_help = examples::WEBHOOK_REGISTER)]
    Register(Register),
}

/// `webhook register`.
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Where the forge reaches this service, such as `https://skills.example.org`; the path is added.
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Change nothing: say whether the webhook is there, and what was delivered last.
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub output: Output,
}

/// `drift`.
#[derive(Debug, Subcommand)]
pub(crate) enum Drift {
    /// List what is kept, the newest first
    #[command(after_help = examples::DRIFT_LIST)]
    List(Output),
    /// Print the bytes of one of them, and nothing else
    #[command(after_help = examples::DRIFT_SHOW)]
    Show {
        /// Its id, as `drift list` has it.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Write the bytes of one of them to a new file
    #[command(after_help = examples::DRIFT_RESTORE)]
    Restore {
        /// Its id, as `drift list` has it.
        #[arg(value_name = "ID")]
        id: String,
        /// The file to write; it must not be there yet.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Print a git patch that applies to the commit that is served
    #[command(after_help = examples::DRIFT_PATCH)]
    Patch {
        /// Its id; the newest of each path where it is left out.
        #[arg(value_name = "ID")]
        id: Option<String>,
    },
}

/// `audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List the records, the newest first
    #[command(after_help = examples::AUDIT_LIST)]
    List {
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        output: Output,
    },
    /// Walk the chain of hashes and say whether it is whole
    #[command(after_help = examples::AUDIT_VERIFY)]
    Verify {
        /// A file with what `audit anchor` printed: records that were cut off since are told too.
        #[arg(long, value_name = "FILE")]
        anchor: Option<PathBuf>,
        /// Compare the projection in Neo4j with the chain, record by record.
        #[arg(long)]
        neo4j: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Bring the projection in Neo4j up to date; a running service does so by itself
    #[command(after_help = examples::AUDIT_PROJECT)]
    Project {
        /// Give up what is there and disagrees, and make it again: an order, and on record.
        #[arg(long)]
        rebuild: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Print the end of the chain, to be kept where nobody who writes the record can reach it
    #[command(after_help = examples::AUDIT_ANCHOR)]
    Anchor(Output),
    /// Print the records, the oldest first, for another program
    #[command(after_help = examples::AUDIT_EXPORT)]
    Export {
        /// Only those after this number.
        #[arg(long, value_name = "NUMBER", default_value = "0")]
        after: u64,
        /// JSON Lines (jsonl), or CSV for a spreadsheet (csv).
        #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "jsonl")]
        format: ExportFormat,
    },
}

/// The form of exported records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A JSON object a line.
    Jsonl,
    /// Comma-separated values with a head (RFC 4180); what a spreadsheet would take for a formula is
    /// made text by a `'` before it.
    Csv,
}

impl Args for Flags {
    fn augment_args(command: clap::Command) -> clap::Command {
        let flags = SETTINGS.iter().filter_map(|setting| Some(arg(setting, setting.flag?)));
        command.args(flags)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// The settings that `-h` shows; `--help` shows all.
const FIRST: [&str; 5] = ["repo", "ref", "path", "dir", "state-dir"];

fn arg(setting: &Setting, flag: &'static str) -> Arg {
    let default = setting.default.unwrap_or(setting.otherwise);
    let arg = Arg::new(setting.variable)
        .long(flag)
        .global(true)
        .help_heading("Settings")
        .value_name(setting.value)
        .value_parser(ValueParser::os_string())
        .action(ArgAction::Set)
        .hide_short_help(!FIRST.contains(&flag))
        .help(format!("{} [{}; default: {default}]", setting.help, setting.variable));
    match setting.kind {
        Kind::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Kind::Plain | Kind::Secret => arg,
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = SETTINGS.iter().filter(|setting| setting.flag.is_some()).filter_map(|setting| {
            Some((setting.variable, matches.get_one::<OsString>(setting.variable)?.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Reads the command line. Flags that nobody knows are left out and returned beside it, so that they
/// are named together with whatever else is wrong.
///
/// # Errors
/// What clap says: a help or version text, or wrong usage that leaves no verb to go on with.
pub(crate) fn parse(mut argv: Vec<OsString>) -> Result<(Cli, Vec<Problem>), clap::Error> {
    let mut unknown = Vec::new();
    let mut first: Option<clap::Error> = None;
    let mut value_at = None;
    loop {
        let error = match Cli::try_parse_from(&argv) {
            Ok(cli) => return Ok((cli, unknown)),
            Err(error) => error,
        };
        if let Some((at, problem)) = unknown_flag(&argv, &error) {
            let whole = argv.remove(at).to_string_lossy().contains('=');
            value_at = (!whole && at < argv.len()).then_some(at);
            unknown.push(problem);
        } else if let Some(at) = value_at.take().filter(|_| is_stray(&error)) {
            // What stood after the unknown flag was meant as its value.
            argv.remove(at);
        } else {
            return Err(first.unwrap_or(error));
        }
        first.get_or_insert(error);
    }
}

fn unknown_flag(argv: &[OsString], error: &clap::Error) -> Option<(usize, Problem)> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return None };
    let similar = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(similar)) => Some(similar.clone()),
        _ => None,
    };
    let is_it = |arg: &OsString| arg.to_string_lossy().split('=').next() == Some(flag);
    let at = argv.iter().take_while(|arg| *arg != "--").position(is_it).filter(|_| flag.starts_with("--"))?;
    Some((at, Problem::UnknownFlag { flag: flag.clone(), similar }))
}

fn is_stray(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand)
}

#[cfg(test)]
mod tests;
