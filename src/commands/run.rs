//! `run`: the service, until it is told to stop.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use reconciler::cancel::Cancel;
use reconciler::options::Options;
use reconciler::reconcile::OpenError;
use reconciler::report::error_text;
use reconciler::status::StatusFacts;
use reconciler::target::TargetError;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::{Context, Done, Failure};
use crate::config::{Secret, Settings, webhook_secrets};
use crate::control::ControlSocket;
use crate::daemon::signals::Signals;
use crate::daemon::{Daemon, End, Handle, Intervals, Opening, Passes, StateDir};
use crate::graph::{self, Projection};
use crate::http::auth::SecretSource;
use crate::http::ledger::Ledger;
use crate::http::limits::Limits;
use crate::http::webhook::Followed;
use crate::http::{self, Service, server};
use crate::metrics::Metrics;
use crate::render::service::Greeting;
use crate::supervise::{self, Place};
use crate::tell;

/// How many threads serve requests: they only hand over, the work is done elsewhere.
const WORKERS: usize = 2;

/// How many threads may wait for disks at once: one for the pass, the others for readers.
const BLOCKING: usize = 64;

/// Runs the service.
pub(crate) fn run(context: &Context) -> Done {
    run_as(context, Beside::Nobody)
}

/// Runs the service as the child of a parent that starts the agent when we say so.
pub(crate) fn run_beside_agent(context: &Context) -> Done {
    // The agent may run as the same user: what we hold is not its to read.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("cannot hide our memory from other processes")?;
    run_as(context, Beside::Agent)
}

/// Whether an agent waits for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nobody,
    Agent,
}

fn run_as(context: &Context, beside: Beside) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()
        .context("cannot start the threads of the service")?;
    let ended = runtime.block_on(serve(context, beside));
    // Whatever still runs was given its time: the next start settles it.
    runtime.shutdown_background();
    ended
}

async fn serve(context: &Context, beside: Beside) -> Done {
    let mut signals = Signals::catch().context("cannot catch signals")?;
    if beside == Beside::Agent {
        supervise::hold().context("cannot watch the parent")?;
    }
    let cancel = Cancel::new();
    let fixed = context.settings.state.clone();
    let options = context.options_in(fixed.clone().unwrap_or_default())?;
    let opening = Opening::new(options.clone(), fixed);
    let opened = open(opening, context, &cancel);
    let passes = tokio::select! {
        passes = opened => passes?,
        () = signals.stop() => {
            cancel.cancel();
            return Ok(ExitCode::SUCCESS);
        }
    };
    let (host, port) = (context.settings.http.host, context.settings.http.port);
    let listener = server::listen(host, port)?;
    let address = listener.local_addr().context("cannot read the address that we listen on")?;
    let running = Running::start(context, &options, passes, cancel, listener)?;
    greet(context, &options, address);
    tokio::spawn(signals.forward(running.handle.clone()));
    if beside == Beside::Agent {
        let place = Place { target: options.target.clone(), state: running.state.clone() };
        tokio::spawn(supervise::announce(running.handle.watch(), place));
    }
    running.end().await
}

/// Opens the engine. That another controller has the target is the only reason to end: whatever else
/// keeps it closed is no reason to be away, and the first pass says what it is.
async fn open(opening: Opening, context: &Context, cancel: &Cancel) -> Result<Passes, Failure> {
    let (wait, voice, cancel) = (context.settings.timing.lock_wait, context.voice, cancel.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let engine = match opening.open(wait, &cancel) {
            Err(OpenError::Target(held @ TargetError::Held { .. })) => return Err(held),
            opened => opened.ok(),
        };
        Ok(Passes::new(opening, engine, voice))
    });
    let opened = opened.await.context("opening the state was given up")?;
    opened.map_err(|held| Failure::new(held.remedy().outcome().exit_code(), held))
}

/// Says what is followed, where the skills are, where we listen, and what to try next.
fn greet(context: &Context, options: &Options, address: SocketAddr) {
    let Context { settings, voice, program, .. } = context;
    let (repository, reference) = (options.source.url.to_string(), options.source.reference.to_string());
    voice.greet(&Greeting {
        repository: &repository,
        root: options.selection.root.as_ref().map(|root| root.as_str()),
        reference: &reference,
        target: &options.target,
        state: settings.state.as_deref(),
        address,
        webhooks: settings.http.webhook_secret.is_some(),
        program,
    });
}

/// Everything that runs beside the daemon.
struct Running {
    handle: Handle,
    state: watch::Receiver<StateDir>,
    daemon: JoinHandle<End>,
    servers: [JoinHandle<()>; 2],
    stop: watch::Sender<bool>,
}

impl Running {
    fn start(
        context: &Context,
        options: &Options,
        mut passes: Passes,
        cancel: Cancel,
        listener: TcpListener,
    ) -> Result<Self, Failure> {
        let listener =
            tokio::net::TcpListener::from_std(listener).context("cannot use the listening socket")?;
        let (metrics, state, vigil) = (Metrics::new(), passes.state(), passes.vigil());
        let served = passes.served();
        metrics.serving(&served, passes.audit_records());
        let timing = &context.settings.timing;
        let intervals = Intervals { poll: timing.poll_interval, recheck: timing.recheck_interval };
        let (daemon, handle) =
            Daemon::new(passes, served, intervals, (metrics.clone(), context.voice), cancel);
        tell::start(&context.settings, &handle, &state, &metrics);
        let projection = project(&context.settings, (&state, &handle), &metrics);
        let ledger = Ledger::new(state.clone(), facts(&context.settings, options), projection);
        let service = service(&context.settings, options, &handle, ledger, metrics);
        let limits = service.limits();
        let router = http::router(service);
        let (stop, stopped) = watch::channel(false);
        let socket = bind(&state.borrow());
        let control = Control { socket, state: state.clone(), router: router.clone(), limits };
        let servers = [
            tokio::spawn(server::serve(listener, router, limits, stopped.clone())),
            tokio::spawn(control.serve(stopped)),
        ];
        tokio::spawn(crate::watch::run(options.target.clone(), handle.clone(), vigil));
        Ok(Self { handle, state, daemon: tokio::spawn(daemon.run()), servers, stop })
    }

    async fn end(self) -> Done {
        let end = self.daemon.await.context("the service broke off")?;
        // Servers that are gone have stopped.
        let _ = self.stop.send(true);
        if end == End::Clean {
            for server in self.servers {
                // A server that broke off has nothing left to finish.
                drop(server.await);
            }
        }
        info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Starts the projector, where a server is set; whoever asks for the status hears how it is.
fn project(
    settings: &Settings,
    (state, handle): (&watch::Receiver<StateDir>, &Handle),
    metrics: &Metrics,
) -> Option<watch::Receiver<Projection>> {
    let neo4j = settings.neo4j.clone()?;
    let (projection, told) = watch::channel(Projection::default());
    let (environment, state, view) = (settings.environment.clone(), state.clone(), handle.watch());
    let task =
        graph::Task { settings: neo4j, environment, state, view, metrics: metrics.clone(), projection };
    // Nobody waits for it, at the end neither: what it has not sent the next start sends.
    tokio::spawn(task.run());
    Some(told)
}

/// The control socket: it is there once the state directory is ours.
struct Control {
    socket: Option<ControlSocket>,
    state: watch::Receiver<StateDir>,
    router: Router,
    limits: Limits,
}

impl Control {
    async fn serve(mut self, mut stop: watch::Receiver<bool>) {
        if self.socket.is_none() {
            let is_open = |state: &StateDir| matches!(state, StateDir::Open(_));
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                opened = self.state.wait_for(is_open) => match opened {
                    Ok(state) => self.socket = bind(&state),
                    Err(_) => return,
                },
            }
        }
        if let Some(socket) = self.socket {
            server::serve(socket, self.router, self.limits, stop).await;
        }
    }
}

/// Listens in a state directory that is ours. Where that cannot be done the service does its work all
/// the same, and the command line cannot ask it.
fn bind(state: &StateDir) -> Option<ControlSocket> {
    let StateDir::Open(state) = state else { return None };
    match ControlSocket::listen(state) {
        Ok(socket) => Some(socket),
        Err(error) => {
            let error = error_text(&error);
            error!(error, "commands such as `skill-sync reconcile` will not reach this service");
            None
        }
    }
}

/// What the status says of the settings.
fn facts(settings: &Settings, options: &Options) -> StatusFacts {
    StatusFacts {
        environment: settings.environment.clone(),
        repo: options.source.url.to_string(),
        reference: options.source.reference.to_string(),
        reconciling: None,
        next_pass_at: None,
        failing: None,
        projection: None,
    }
}

fn service(
    settings: &Settings,
    options: &Options,
    handle: &Handle,
    ledger: Ledger,
    metrics: Metrics,
) -> Arc<Service> {
    let source = &options.source;
    let told = http::Options {
        followed: Followed { url: source.url.clone(), reference: source.reference.clone() },
        webhook_secrets: settings.http.webhook_secret.clone().map(webhook_source),
        api_token: settings.http.api_token.clone().map(token_source),
        pass_timeout: settings.timing.pass_timeout,
        limits: Limits::default(),
    };
    Service::new(handle.clone(), ledger, metrics, told)
}

fn token_source(secret: Secret) -> SecretSource<String> {
    SecretSource::new(move || secret.read().map_err(|error| error_text(&error)))
}

/// A rotated file is judged as the settings were: one that breaks the rules fails closed.
fn webhook_source(secret: Secret) -> SecretSource<Vec<String>> {
    SecretSource::new(move || {
        let text = secret.read().map_err(|error| error_text(&error))?;
        webhook_secrets(&text).map_err(|expected| format!("GITHUB_WEBHOOK_SECRET must be {expected}"))
    })
}
