//! The settings of the source: what is shown to its server, how it is reached, and whose word counts.

use std::path::{Path, PathBuf};

use reconciler::source::{Accept, Credentials, GithubApp, Mode, Proxies, Route, Ssh, Verify};

use super::inputs::Inputs;
use super::parse::{self, Parsed};
use super::problem::Problem;
use crate::forge::NoApi;
use crate::web::Address;

/// What is sent to the repository: a token, a user with a password, or the tokens of an App.
pub(super) fn credentials(inputs: &mut Inputs<'_>, github: Result<Address, NoApi>) -> Credentials {
    let token = inputs.secret("GITHUB_TOKEN", parse::text);
    let username = inputs.optional("GIT_USERNAME", parse::text);
    let password = inputs.secret("GIT_PASSWORD", parse::text);
    let app = github_app(inputs, github);
    let is_basic = inputs.is_given("GIT_USERNAME") || inputs.is_given("GIT_PASSWORD");
    let is_app = APP.iter().any(|variable| inputs.is_given(variable));
    if [inputs.is_given("GITHUB_TOKEN"), is_basic, is_app].iter().filter(|given| **given).count() > 1 {
        return together(
            inputs,
            "GITHUB_TOKEN, GIT_USERNAME and GIT_PASSWORD, GITHUB_APP_ID",
            "set the token, or the user and the password, or the App, but not both",
        );
    }
    if is_basic && !(inputs.is_given("GIT_USERNAME") && inputs.is_given("GIT_PASSWORD")) {
        return together(
            inputs,
            "GIT_USERNAME and GIT_PASSWORD",
            "the user and the password belong together; set both",
        );
    }
    match (token, username, password, app) {
        (Some(token), ..) => Credentials::Token(token.into()),
        (_, Some(username), Some(password), _) => Credentials::Basic { username, password: password.into() },
        (.., Some(app)) => Credentials::App(app),
        _ => Credentials::None,
    }
}

fn together(inputs: &mut Inputs<'_>, names: &'static str, what: &'static str) -> Credentials {
    inputs.problems.push(Problem::Together { names, what });
    Credentials::None
}

/// What a GitHub App needs, all of it.
const APP: [&str; 3] = ["GITHUB_APP_ID", "GITHUB_APP_INSTALLATION_ID", "GITHUB_APP_PRIVATE_KEY"];

fn github_app(inputs: &mut Inputs<'_>, api: Result<Address, NoApi>) -> Option<GithubApp> {
    let app = inputs.optional(APP[0], parse::id);
    let installation = inputs.optional(APP[1], parse::id);
    let key = inputs.secret(APP[2], parse::private_key);
    let given = APP.iter().filter(|variable| inputs.is_given(variable)).count();
    if given != 0 && given != APP.len() {
        inputs.problems.push(Problem::Together {
            names: "GITHUB_APP_ID, GITHUB_APP_INSTALLATION_ID and GITHUB_APP_PRIVATE_KEY",
            what: "they belong together; set all three",
        });
    }
    let (app, installation, key) = (app?, installation?, key?);
    match api {
        Ok(api) => Some(GithubApp::new(app, installation, key.into(), api.url().clone())),
        Err(error) => {
            inputs.problems.push(Problem::Impossible { variable: APP[0], why: error.to_string() });
            None
        }
    }
}

/// What ssh is given.
pub(super) fn ssh(inputs: &mut Inputs<'_>, directory: &Path) -> Ssh {
    let file = |text: &str| parse::ssh_file(directory, text);
    let wants_agent = inputs.value("SSH_AGENT", parse::switch);
    let agent = if wants_agent { inputs.foreign("SSH_AUTH_SOCK", file) } else { None };
    if wants_agent && inputs.ambient("SSH_AUTH_SOCK").is_none() {
        inputs.problems.push(Problem::Together {
            names: "SSH_AGENT and SSH_AUTH_SOCK",
            what: "the agent is wanted and SSH_AUTH_SOCK does not say where it is; start one, or set SSH_KEY",
        });
    }
    Ssh {
        key: inputs.optional("SSH_KEY", file),
        passphrase: inputs.secret("SSH_KEY_PASSPHRASE", parse::text).map(Into::into),
        known_hosts: inputs.optional("SSH_KNOWN_HOSTS", file),
        agent,
    }
}

/// How HTTP leaves this machine. The proxies are the standard variables, which are not ours alone: an
/// agent beside us needs them too.
pub(super) fn route(inputs: &mut Inputs<'_>, directory: &Path) -> Route {
    let mut standard = |names: [&str; 2]| {
        let given = names.into_iter().find(|name| inputs.ambient(name).is_some())?;
        inputs.foreign(given, parse::proxy)
    };
    let (https, http) = (standard(["HTTPS_PROXY", "https_proxy"]), standard(["HTTP_PROXY", "http_proxy"]));
    let direct = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| inputs.foreign(name, parse::text));
    Route {
        ca_file: inputs.optional("CA_FILE", |text| Ok(parse::path_in(directory, text))),
        proxies: Proxies::new(https, http, &direct.unwrap_or_default()),
    }
}

/// Whose signature a commit needs; none where it needs no one's.
pub(super) fn verify(inputs: &mut Inputs<'_>, directory: &Path) -> Option<Verify> {
    let accept =
        [("none", None), ("ssh", Some(Accept::Ssh)), ("pgp", Some(Accept::Pgp)), ("any", Some(Accept::Any))];
    let modes = [("head", Mode::Head), ("range", Mode::Range)];
    let file = |text: &str| -> Parsed<PathBuf> { Ok(parse::path_in(directory, text)) };
    let mode = inputs.value("VERIFY_MODE", |text| parse::choice(text, &modes));
    let signers = inputs.optional("VERIFY_SIGNERS", file);
    let keyring = inputs.optional("VERIFY_KEYRING", file);
    let accept = inputs.value("VERIFY", |text| parse::choice(text, &accept))?;
    let lacks = match accept {
        Accept::Ssh if signers.is_none() => {
            Some("VERIFY=ssh wants the file of who may sign; set VERIFY_SIGNERS")
        }
        Accept::Pgp if keyring.is_none() => {
            Some("VERIFY=pgp wants the file of public keys; set VERIFY_KEYRING")
        }
        Accept::Any if signers.is_none() && keyring.is_none() => {
            Some("VERIFY=any wants who may sign; set VERIFY_SIGNERS, VERIFY_KEYRING or both")
        }
        _ => None,
    };
    if let Some(what) = lacks {
        let names = "VERIFY, VERIFY_SIGNERS and VERIFY_KEYRING";
        inputs.problems.push(Problem::Together { names, what });
    }
    Some(Verify { accept, mode, signers, keyring })
}
