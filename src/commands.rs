//! The verbs: what each does with settings and engine, and the boundary where errors are shown.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::CommandFactory as _;
use reconciler::cancel::Cancel;
use reconciler::options::Options;
use reconciler::reconcile::{DATABASE, Engine};
use reconciler::record::{Record, RecordError};
use reconciler::source::child;
use reconciler::target::is_on_root;
use serde::Serialize;

use crate::cli::{self, Cli, Command, FETCH_CHILD, Format};
use crate::config::{self, Ambient, Demand, Flags, LogFormat, Problem, Settings, Warning};
use crate::daemon::{Voice, state_beside};
use crate::identity::IdentityError;
use crate::render::error::{Report, WrongSettings};
use crate::render::escape::terminal;
use crate::render::progress::Progress;
use crate::render::{self, Style, Text};
use crate::telemetry;

mod audit;
mod diff;
mod doctor;
mod drift;
mod explain;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod healthcheck;
mod history;
mod once;
mod orders;
mod reconcile;
mod run;
mod service;
mod state;
mod status;
mod supervise;
mod trace;
mod validate;
mod webhook;

/// The exit code of wrong usage and wrong settings, and of `diff`, `validate` and `audit verify`
/// that could not tell.
const USAGE: u8 = 2;

/// This program, as Linux runs it, also after its file was replaced by a newer one.
const OUR_PROGRAM: &str = "/proc/self/exe";

/// What a verb works with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The settings.
    pub settings: Settings,
    /// The flags that they were read from, beside the environment.
    pub flags: Flags,
    /// The directories in which commands are looked for (`PATH`).
    pub search: OsString,
    /// Where a look without a state directory puts what it fetches (`TMPDIR`).
    pub temporary: PathBuf,
    /// How stdout is written.
    pub style: Style,
    /// How a service speaks on stderr.
    pub voice: Voice,
    /// This program, as it was called.
    pub program: String,
}

impl Context {
    /// The state directory: the one that is set, else the one beside the target.
    pub(crate) fn state(&self) -> Result<PathBuf, Failure> {
        let target = &self.settings.target;
        match &self.settings.state {
            Some(state) => Ok(state.clone()),
            None => Ok(state_beside(target)?),
        }
    }

    /// The engine, with the locks of its target: whoever holds them already is not waited for.
    pub(crate) fn engine(&self) -> Result<Engine, Failure> {
        let options = self.options()?;
        Engine::open(options, Duration::ZERO, &Cancel::new())
            .map_err(|error| Failure::new(error.remedy().outcome().exit_code(), error))
    }

    /// What the engine is told.
    pub(crate) fn options(&self) -> Result<Options, Failure> {
        self.options_in(self.state()?)
    }

    /// The same, with that state directory.
    pub(crate) fn options_in(&self, state: PathBuf) -> Result<Options, Failure> {
        let child = [OUR_PROGRAM, FETCH_CHILD].map(OsString::from).to_vec();
        Ok(self
            .settings
            .options(state, child)
            .context("SKILLS_REPO: not set, and required; set it, or give --repo URL")?)
    }

    /// The progress of a fetch, where somebody looks.
    fn progress(&self) -> Progress {
        Progress::new(stderr().is_terminal())
    }

    /// The record, for reading: beside a running service or without one.
    fn record(&self) -> Result<Record, Failure> {
        Record::open_read_only(&self.state()?.join(DATABASE)).map_err(Failure::record)
    }

    /// Prints a result in the form that was asked for.
    fn print<T: Serialize + ?Sized>(&self, format: Format, value: &T) -> Result<(), Failure>
    where
        for<'a> Text<'a, T>: Display,
    {
        let printed = match format {
            Format::Text => render::print(Text(value, self.style)),
            Format::Json => render::print_json(value),
        };
        Ok(printed.context("cannot write to stdout")?)
    }
}

/// Why a verb could not do what it was asked for, and what it exits with.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    error: anyhow::Error,
    help: Option<String>,
}

impl Failure {
    /// A failure that exits with `code`.
    fn new(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into(), help: None }
    }

    /// A record that does not answer: the exit code says who must act.
    fn record(error: RecordError) -> Self {
        Self::new(error.remedy().outcome().exit_code(), error)
    }

    /// The same with another exit code.
    fn code(self, code: u8) -> Self {
        Self { code, ..self }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    /// What is not said otherwise may succeed later.
    fn from(error: E) -> Self {
        Self::new(1, error)
    }
}

/// What a verb came to.
pub(crate) type Done = Result<ExitCode, Failure>;

/// Runs the command line to its exit code.
pub(crate) fn run(argv: &[OsString], ambient: &Ambient) -> ExitCode {
    // ssh asks for the passphrase of a key: it starts us with a question and no verb.
    if ambient.variable(child::ASKPASS).is_some() {
        return child::askpass(stdout());
    }
    let style = Style::of(stderr().is_terminal(), &ambient.variables);
    let (cli, unknown) = match cli::parse(argv.to_vec()) {
        Ok(parsed) => parsed,
        Err(error) => return render::usage(&error),
    };
    match start(cli, unknown, ambient, (style, argv)) {
        Ok(code) => code,
        Err(failure) => {
            let Failure { code, error, help } = failure;
            render::print_error(Report { error: &error, help: help.as_deref(), style });
            ExitCode::from(code)
        }
    }
}

/// Where temporary files go, as everywhere on Linux.
fn temporary(ambient: &Ambient) -> PathBuf {
    let named = ambient.variable("TMPDIR").filter(|named| !named.is_empty());
    named.map_or_else(|| PathBuf::from("/tmp"), |named| ambient.directory.join(named))
}

fn start(cli: Cli, unknown: Vec<Problem>, ambient: &Ambient, (style, argv): (Style, &[OsString])) -> Done {
    if let Command::AgentChild { parent, group, command } = &cli.command {
        // The environment is the agent's already.
        return supervise::become_agent(*parent, *group, command);
    }
    let demand = demand(&cli.command);
    let (settings, warnings) = match config::load(ambient, &cli.settings, demand, unknown) {
        Ok(loaded) => loaded,
        Err(problems) => {
            render::print_error(WrongSettings { problems: &problems, style });
            return Ok(ExitCode::from(USAGE));
        }
    };
    become_who_we_are(&cli.command, &settings, argv)?;
    telemetry::start(&settings.log, style);
    // Its parent has shown them.
    if !matches!(cli.command, Command::ServiceChild) {
        warnings.iter().for_each(warn);
    }
    let context = Context {
        voice: voice(settings.log.format, style),
        settings,
        flags: cli.settings,
        search: ambient.variable("PATH").cloned().unwrap_or_default(),
        temporary: temporary(ambient),
        style: Style::of(stdout().is_terminal(), &ambient.variables),
        program: program(argv),
    };
    dispatch(cli.command, &context, ambient)
}

/// This program, as it was called.
fn program(argv: &[OsString]) -> String {
    argv.first().map_or_else(|| "skill-sync".into(), |name| name.to_string_lossy().into_owned())
}

/// With `SKILL_SYNC_UID`, root ends here and the same command line begins anew as that user. Only who fills
/// the volume hands it over; where it is not mounted it is left to a pass to say so.
fn become_who_we_are(command: &Command, settings: &Settings, argv: &[OsString]) -> Result<(), Failure> {
    let failed = |error: IdentityError| Failure::new(error.exit_code(), error);
    // The fetch has no settings and is who its parent is.
    let Some(identity) = settings.identity.filter(|_| !matches!(command, Command::FetchChild { .. })) else {
        return Ok(());
    };
    if identity.is_ours().map_err(failed)? {
        return Ok(());
    }
    let fills = matches!(command, Command::Run { .. } | Command::Once { .. } | Command::State(_));
    if fills && !(settings.require_mount && is_on_root(&settings.target)) {
        let state = settings.state.clone().map_or_else(|| state_beside(&settings.target), Ok)?;
        identity.take_over(&settings.target, &state).map_err(failed)?;
    }
    match identity.execute(OUR_PROGRAM, argv).map_err(failed)? {}
}

/// A person who looks at a terminal is spoken to, unless they asked for JSON.
fn voice(format: Option<LogFormat>, style: Style) -> Voice {
    match stderr().is_terminal() && format != Some(LogFormat::Json) {
        true => Voice::Terminal(style),
        false => Voice::Log,
    }
}

fn warn(warning: &Warning) {
    tracing::warn!("{}", terminal(&warning.to_string()));
}

/// What the verb needs of the settings.
fn demand(command: &Command) -> Demand {
    let needs = |repository, command| Demand { repository, command };
    match command {
        Command::Run { command } => needs(true, !command.is_empty()),
        Command::ServiceChild => needs(true, true),
        Command::Once { .. } | Command::State(_) | Command::Webhook(_) => needs(true, false),
        Command::Doctor(doctor) => needs(false, !doctor.command.is_empty()),
        _ => Demand::default(),
    }
}

/// Prints what completes our commands and flags in a shell.
fn completions(shell: clap_complete::Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "skill-sync", &mut script);
    render::copy(&mut script.as_slice()).context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

fn dispatch(command: Command, context: &Context, ambient: &Ambient) -> Done {
    match command {
        Command::Run { command } if command.is_empty() => run::run(context),
        Command::Run { command } => supervise::run(context, command),
        Command::ServiceChild => run::run_beside_agent(context),
        Command::Reconcile { wait, force, output } => reconcile::run(context, wait, &force, output),
        Command::Healthcheck => healthcheck::run(context),
        Command::Once { force, output } => once::run(context, force, output),
        Command::Confirm { revision, said, output } => {
            orders::run(context, &orders::Command::Confirm { revision }, said, output)
        }
        Command::Rollback { revision, said, output } => {
            orders::run(context, &orders::Command::Rollback { revision }, said, output)
        }
        Command::Resume { said, output } => orders::run(context, &orders::Command::Resume, said, output),
        Command::Suspend { lasting, reason, output } => orders::suspend(context, lasting, reason, output),
        Command::Diff(output) => diff::run(context, output),
        Command::Validate(validate) => validate::run(context, &validate),
        Command::Explain(explain) => explain::run(context, &explain),
        Command::Doctor(doctor) => doctor::run(context, ambient, &doctor),
        Command::Completions { shell } => completions(shell),
        Command::Status(output) => status::run(context, output),
        Command::History(history) => history::run(context, &history),
        Command::Drift(drift) => drift::run(context, &drift),
        Command::State(cli::State::Rebuild(output)) => state::rebuild(context, output),
        Command::Trace { path, output } => trace::run(context, &path, output),
        Command::Audit(audit) => audit::run(context, &audit),
        Command::Webhook(cli::Webhook::Register(asked)) => webhook::register(context, &asked),
        // Its parent gave it no environment: the settings are the defaults, and none is used.
        Command::FetchChild { arguments } => Ok(child::serve(&arguments, stdin(), stdout())),
        Command::AgentChild { parent, group, command } => supervise::become_agent(parent, group, &command),
    }
}
