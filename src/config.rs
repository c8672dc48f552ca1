//! The settings: fragments (environment, flags) → inputs (one text a setting) → [`Settings`].
//!
//! Pure: the environment is an argument, and only `main` reads it. Everything that is wrong is
//! reported at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use globset::Glob;
use reconciler::finding::Severity;
use reconciler::guard::Rewind;
use reconciler::options::{Hold, Layout, OnCondemned, OnUnowned};
use reconciler::path::TreePath;
use reconciler::plan::PruneLimit;
use reconciler::source::{Credentials, Reference, RepoUrl, Route, Ssh, Verify};
use reconciler::verdict::Hook;
use reconciler::window::Windows;

use crate::forge::{For, Forge, ForgeSettings};
use crate::identity::Identity;
use crate::tell::applied::OnApplied;
use crate::tell::notices::{Form, Notify};
use crate::web::Address;

mod engine;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod inputs;
mod parse;
mod problem;
mod secret;
mod source;
mod table;

use inputs::Inputs;
pub(crate) use problem::{Problem, Problems, Warning, closest};
pub(crate) use secret::{Secret, SecretError, webhook_secrets};
pub(crate) use table::{Kind, SETTINGS, Setting, find as find_setting};

/// What the process was given besides its flags.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ambient {
    /// The variables of the environment.
    pub variables: Vec<(OsString, OsString)>,
    /// The directory that relative paths are seen from: absolute.
    pub directory: PathBuf,
    /// The name of this host.
    pub host_name: String,
}

impl Ambient {
    /// A variable, as it is.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsString> {
        self.variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value)
    }
}

/// The flags that were given: their values by the variable of their setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flags(pub BTreeMap<&'static str, OsString>);

/// What a verb needs of the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// `SKILLS_REPO` must be set.
    pub repository: bool,
    /// A command is supervised: `PORT` is its, and never ours.
    pub command: bool,
}

/// The settings, parsed and whole. Paths are absolute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// `SKILLS_REPO`, without credentials in it; set wherever [`Demand::repository`] was.
    pub repository: Option<RepoUrl>,
    /// `SKILLS_REF`; the remote's HEAD where it is not set.
    pub reference: Reference,
    /// `SKILLS_PATH`; none for the root of the repository.
    pub root: Option<TreePath>,
    /// `SKILLS_INCLUDE`; empty for all.
    pub include: Vec<Glob>,
    /// `SKILLS_EXCLUDE`.
    pub exclude: Vec<Glob>,
    /// `SKILLS_DIR`.
    pub target: PathBuf,
    /// `STATE_DIR`; none for the default, which depends on the target's file system.
    pub state: Option<PathBuf>,
    /// `ENVIRONMENT_NAME`.
    pub environment: String,
    /// `REQUIRE_MOUNT`.
    pub require_mount: bool,
    /// `INSECURE_HTTP`.
    pub insecure_http: bool,
    /// What is sent to the repository.
    pub credentials: Credentials,
    /// What is shown to a repository over SSH.
    pub ssh: Ssh,
    /// `CA_FILE`, and the standard variables of proxies.
    pub route: Route,
    /// `VERIFY` and what belongs to it; none where nothing must be signed.
    pub verify: Option<Verify>,
    /// How long things may take.
    pub timing: Timing,
    /// How much may be kept.
    pub limits: Limits,
    /// What may enter, and what happens to the rest.
    pub rules: Rules,
    /// Where HTTP listens, and who may call.
    pub http: Http,
    /// The forge that has the repository.
    pub forge: ForgeSettings,
    /// Where notices go; none where `NOTIFY_URL` is not set.
    pub notify: Option<Notify>,
    /// `ON_APPLIED`, with the variables that it sees and `ON_APPLIED_TIMEOUT`.
    pub on_applied: Option<OnApplied>,
    /// The projection of the audit; none where `NEO4J_URI` is not set.
    pub neo4j: Option<Neo4j>,
    /// `SKILL_SYNC_UID`; none for who started us.
    pub identity: Option<Identity>,
    /// The supervised agent.
    pub child: Child,
    /// The log.
    pub log: Log,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    /// `POLL_INTERVAL`: one second or more.
    pub poll_interval: Duration,
    /// `RECHECK_INTERVAL`.
    pub recheck_interval: Duration,
    /// `FETCH_TIMEOUT`.
    pub fetch_timeout: Duration,
    /// `CLONE_TIMEOUT`.
    pub clone_timeout: Duration,
    /// `LOCK_WAIT`; may be zero.
    pub lock_wait: Duration,
    /// `PASS_TIMEOUT`.
    pub pass_timeout: Duration,
    /// `DRIFT_KEEP`.
    pub drift_keep: Duration,
    /// `AUDIT_KEEP`; none for ever.
    pub audit_keep: Option<Duration>,
}

/// How much may be kept, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// `MAX_REPO_BYTES`.
    pub max_repo_bytes: u64,
    /// `MAX_OBJECT_BYTES`.
    pub max_object_bytes: u64,
    /// `MAX_FETCH_MEMORY`.
    pub max_fetch_memory: u64,
    /// `DRIFT_MAX_BYTES`.
    pub drift_max_bytes: u64,
}

/// What may enter, and what happens to the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    /// `HOLD`.
    pub hold: Hold,
    /// `LAYOUT`.
    pub layout: Layout,
    /// `STRICT`.
    pub strict: bool,
    /// `ADOPT`.
    pub adopt: bool,
    /// `PRUNE_LIMIT`.
    pub prune_limit: PruneLimit,
    /// `REWIND`; where it is not set it depends on `VERIFY`.
    pub rewind: Option<Rewind>,
    /// `SYNC_WINDOW`; without any, changes may be applied at any time.
    pub windows: Windows,
    /// `SCAN_BLOCK`; none where no security finding holds a skill.
    pub scan_block: Option<Severity>,
    /// `POLICY_FILE`.
    pub policy_file: Option<PathBuf>,
    /// `SCAN_JUDGE`, with the variables that it sees and `SCAN_JUDGE_TIMEOUT`.
    pub judge: Option<Hook>,
    /// Whether `SCAN_JUDGE_UNSURE` is `hold`.
    pub holds_unsure: bool,
    /// `ON_CONDEMNED`.
    pub on_condemned: OnCondemned,
    /// `UNOWNED`.
    pub unowned: OnUnowned,
}

/// Where HTTP listens, and who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Http {
    /// `HOST`.
    pub host: IpAddr,
    /// `SKILL_SYNC_PORT`, else `PORT`, else 3000; 0 for a free one.
    pub port: u16,
    /// Whether `SKILL_SYNC_PORT` was given: beside a supervised command, `PORT` is no port of ours.
    pub named: bool,
    /// `GITHUB_WEBHOOK_SECRET`: one or two secrets ([`webhook_secrets`]); none answers 503.
    pub webhook_secret: Option<Secret>,
    /// `API_TOKEN`; none where the API is for loopback and the control socket only.
    pub api_token: Option<Secret>,
}

/// The projection of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neo4j {
    /// `NEO4J_URI`.
    pub uri: String,
    /// `NEO4J_USER`.
    pub user: Option<String>,
    /// `NEO4J_PASSWORD`.
    pub password: Option<Secret>,
    /// `NEO4J_DATABASE`; none for the server's default.
    pub database: Option<String>,
    /// `NEO4J_CA`: the authorities that its certificate must come from; none for the system's.
    pub ca: Option<PathBuf>,
}

/// The supervised agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Child {
    /// `CHILD_USER`: its uid and gid; none for ours.
    pub user: Option<(u32, u32)>,
    /// `CHILD_ENV`: variables of ours that it may see.
    pub env: Vec<String>,
}

/// The log, on stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// `LOG_FORMAT`; none for text on a terminal and JSON elsewhere.
    pub format: Option<LogFormat>,
    /// `LOG_LEVEL`: a level or directives, already checked.
    pub level: String,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// The port where nobody names one.
const PORT: u16 = 3000;

/// Reads the settings. The flag wins over the variable; an empty value is an unset one.
///
/// # Errors
/// Everything that is wrong, at once; `unknown` are flags that the command line had and nobody knows.
pub(crate) fn load(
    ambient: &Ambient,
    flags: &Flags,
    demand: Demand,
    unknown: Vec<Problem>,
) -> Result<(Settings, Vec<Warning>), Problems> {
    let mut inputs = Inputs::gather(ambient, flags);
    inputs.problems.extend(unknown);
    let settings = settings(&mut inputs, ambient, demand);
    if inputs.problems.is_empty() { Ok((settings, inputs.warnings)) } else { Err(Problems(inputs.problems)) }
}

fn settings(inputs: &mut Inputs<'_>, ambient: &Ambient, demand: Demand) -> Settings {
    let path = |text: &str| Ok(parse::path_in(&ambient.directory, text));
    let repository = inputs.optional("SKILLS_REPO", |text| parse::repository(text, &ambient.directory));
    if demand.repository && !inputs.is_given("SKILLS_REPO") {
        inputs.problems.push(Problem::Missing { variable: "SKILLS_REPO", flag: "--repo URL".to_owned() });
    }
    let insecure_http = inputs.value("INSECURE_HTTP", parse::switch);
    let route = source::route(inputs, &ambient.directory);
    let forge = forge(inputs, repository.as_ref(), insecure_http, route.clone());
    let github = forge.github_api(repository.as_ref(), insecure_http);
    let on_railway = inputs.ambient("RAILWAY_VOLUME_MOUNT_PATH").is_some();
    Settings {
        repository,
        reference: inputs.value("SKILLS_REF", parse::reference),
        root: inputs.value("SKILLS_PATH", parse::tree_path),
        include: inputs.value("SKILLS_INCLUDE", parse::globs),
        exclude: inputs.value("SKILLS_EXCLUDE", parse::globs),
        target: inputs.value("SKILLS_DIR", path),
        state: inputs.optional("STATE_DIR", path),
        environment: environment(inputs, &ambient.host_name),
        require_mount: inputs.optional("REQUIRE_MOUNT", parse::switch).unwrap_or(on_railway),
        insecure_http,
        credentials: source::credentials(inputs, github),
        ssh: source::ssh(inputs, &ambient.directory),
        verify: source::verify(inputs, &ambient.directory),
        timing: timing(inputs),
        limits: Limits {
            max_repo_bytes: inputs.value("MAX_REPO_BYTES", parse::bytes),
            max_object_bytes: inputs.value("MAX_OBJECT_BYTES", parse::bytes),
            max_fetch_memory: inputs.value("MAX_FETCH_MEMORY", parse::bytes),
            drift_max_bytes: inputs.value("DRIFT_MAX_BYTES", parse::bytes),
        },
        rules: rules(inputs, ambient),
        http: http(inputs, demand),
        forge,
        notify: notify(inputs, insecure_http, route.clone()),
        route,
        on_applied: on_applied(inputs, ambient),
        neo4j: neo4j(inputs, ambient),
        identity: inputs.optional("SKILL_SYNC_UID", parse::identity),
        child: child(inputs),
        log: log(inputs),
    }
}

fn environment(inputs: &mut Inputs<'_>, host_name: &str) -> String {
    let railway = inputs.ambient("RAILWAY_ENVIRONMENT_NAME").map(|name| name.to_string_lossy().into_owned());
    inputs.optional("ENVIRONMENT_NAME", parse::text).or(railway).unwrap_or_else(|| host_name.to_owned())
}

fn timing(inputs: &mut Inputs<'_>) -> Timing {
    Timing {
        poll_interval: inputs.value("POLL_INTERVAL", parse::interval),
        recheck_interval: inputs.value("RECHECK_INTERVAL", parse::interval),
        fetch_timeout: inputs.value("FETCH_TIMEOUT", parse::duration),
        clone_timeout: inputs.value("CLONE_TIMEOUT", parse::duration),
        lock_wait: inputs.value("LOCK_WAIT", parse::wait),
        pass_timeout: inputs.value("PASS_TIMEOUT", parse::duration),
        drift_keep: inputs.value("DRIFT_KEEP", parse::duration),
        audit_keep: inputs.optional("AUDIT_KEEP", parse::duration),
    }
}

fn rules(inputs: &mut Inputs<'_>, ambient: &Ambient) -> Rules {
    let hold = [("skill", Hold::Skill), ("revision", Hold::Revision)];
    let layout = [("mirror", Layout::Mirror), ("folder", Layout::Folder)];
    let rewind = [("accept", Rewind::Accept), ("refuse", Rewind::Refuse)];
    let condemned = [("keep", OnCondemned::Keep), ("remove", OnCondemned::Remove)];
    let unowned = [("keep", OnUnowned::Keep), ("quarantine", OnUnowned::Quarantine)];
    let unsure = [("accept", false), ("hold", true)];
    Rules {
        judge: judge(inputs, ambient),
        holds_unsure: inputs.value("SCAN_JUDGE_UNSURE", |text| parse::choice(text, &unsure)),
        hold: inputs.value("HOLD", |text| parse::choice(text, &hold)),
        layout: inputs.value("LAYOUT", |text| parse::choice(text, &layout)),
        strict: inputs.value("STRICT", parse::switch),
        adopt: inputs.value("ADOPT", parse::switch),
        prune_limit: PruneLimit(inputs.value("PRUNE_LIMIT", parse::percent)),
        rewind: inputs.optional("REWIND", |text| parse::choice(text, &rewind)),
        windows: inputs.value("SYNC_WINDOW", parse::windows),
        scan_block: inputs.value("SCAN_BLOCK", parse::threshold),
        policy_file: inputs.optional("POLICY_FILE", |text| Ok(parse::path_in(&ambient.directory, text))),
        on_condemned: inputs.value("ON_CONDEMNED", |text| parse::choice(text, &condemned)),
        unowned: inputs.value("UNOWNED", |text| parse::choice(text, &unowned)),
    }
}

/// The operator's judge. Of our variables it sees `PATH` and those that are named for it.
fn judge(inputs: &mut Inputs<'_>, ambient: &Ambient) -> Option<Hook> {
    let timeout = inputs.value("SCAN_JUDGE_TIMEOUT", parse::duration);
    let command = inputs.optional("SCAN_JUDGE", parse::words).filter(|command| !command.is_empty())?;
    Some(Hook { command, environment: named_for(ambient, b"JUDGE_"), timeout })
}

fn http(inputs: &mut Inputs<'_>, demand: Demand) -> Http {
    let ours = inputs.optional("SKILL_SYNC_PORT", parse::port);
    let named = inputs.is_given("SKILL_SYNC_PORT");
    let port = match ours {
        None if !demand.command && !named => inputs.foreign("PORT", parse::port),
        ours => ours,
    };
    let port = port.unwrap_or(PORT);
    let agents =
        inputs.ambient("PORT").and_then(|text| text.to_str()).and_then(|text| parse::port(text).ok());
    if demand.command && port != 0 && agents == Some(port) {
        inputs.problems.push(Problem::Together {
            names: "PORT and SKILL_SYNC_PORT",
            what: "are one port, and PORT is the supervised command's; set SKILL_SYNC_PORT to another",
        });
    }
    Http {
        host: inputs.optional("HOST", parse::address).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        port,
        named,
        webhook_secret: inputs.secret("GITHUB_WEBHOOK_SECRET", webhook_secrets),
        api_token: inputs.secret("API_TOKEN", parse::text),
    }
}

fn forge(
    inputs: &mut Inputs<'_>,
    repository: Option<&RepoUrl>,
    insecure: bool,
    route: Route,
) -> ForgeSettings {
    let forges = Forge::ALL.map(|forge| (forge.word(), forge));
    let settings = ForgeSettings {
        forge: inputs.optional("FORGE", |text| parse::choice(text, &forges)),
        api: inputs.optional("FORGE_API", |text| Address::parse(text, insecure)),
        token: inputs.secret("FORGE_TOKEN", parse::text),
        commit_status: inputs.value("COMMIT_STATUS", parse::switch),
        route,
    };
    if settings.commit_status
        && let Some(url) = repository
        && let Err(error) = settings.api(url, insecure, For::Status)
    {
        inputs.problems.push(Problem::Impossible { variable: "COMMIT_STATUS", why: error.to_string() });
    }
    settings
}

fn notify(inputs: &mut Inputs<'_>, insecure: bool, route: Route) -> Option<Notify> {
    let forms = [("json", Form::Json), ("slack", Form::Slack), ("discord", Form::Discord)];
    let form = inputs.optional("NOTIFY_FORMAT", |text| parse::choice(text, &forms));
    let url = inputs.secret("NOTIFY_URL", |text| Address::parse(text, insecure))?;
    Some(Notify { url, form, insecure, route })
}

/// The operator's command. Of our variables it sees `PATH` and those that are named for it.
fn on_applied(inputs: &mut Inputs<'_>, ambient: &Ambient) -> Option<OnApplied> {
    let timeout = inputs.value("ON_APPLIED_TIMEOUT", parse::duration);
    let command = inputs.optional("ON_APPLIED", parse::words).filter(|command| !command.is_empty())?;
    Some(OnApplied { command, environment: named_for(ambient, b"APPLIED_"), timeout })
}

fn named_for(ambient: &Ambient, prefix: &[u8]) -> Vec<(OsString, OsString)> {
    let is_for_it = |name: &OsString| name == "PATH" || name.as_encoded_bytes().starts_with(prefix);
    ambient.variables.iter().filter(|(name, _)| is_for_it(name)).cloned().collect()
}

fn neo4j(inputs: &mut Inputs<'_>, ambient: &Ambient) -> Option<Neo4j> {
    let uri = inputs.optional("NEO4J_URI", parse::neo4j_uri);
    let user = inputs.optional("NEO4J_USER", parse::text);
    let password = inputs.secret("NEO4J_PASSWORD", parse::text);
    let database = inputs.optional("NEO4J_DATABASE", parse::text);
    let ca = inputs.optional("NEO4J_CA", |text| Ok(parse::path_in(&ambient.directory, text)));
    Some(Neo4j { uri: uri?, user, password, database, ca })
}

fn child(inputs: &mut Inputs<'_>) -> Child {
    let user = inputs.optional("CHILD_USER", parse::user);
    if inputs.is_given("CHILD_USER") && inputs.is_given("SKILL_SYNC_UID") {
        inputs.problems.push(Problem::Together {
            names: "SKILL_SYNC_UID and CHILD_USER",
            what: "only root can start the agent as somebody else, and skill-sync would not be root; set one of them",
        });
    }
    Child { user, env: inputs.value("CHILD_ENV", parse::variables) }
}

fn log(inputs: &mut Inputs<'_>) -> Log {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    Log {
        format: inputs.optional("LOG_FORMAT", |text| parse::choice(text, &formats)),
        level: inputs.value("LOG_LEVEL", parse::log_level),
    }
}

#[cfg(test)]
mod tests;
