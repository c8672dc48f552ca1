//! `webhook register`: makes the forge's webhook what it must be, or says how a person does.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};

use super::{Context, Done, Failure, USAGE};
use crate::cli::Register;
use crate::config::webhook_secrets;
use crate::forge::call::{Hook, Wanted};
use crate::forge::{Api, ApiError, For, Forge, NoApi};
use crate::render::webhook::{ByHand, Checked, Registered};
use crate::web::Address;

/// Registers it, or with `--check` looks only.
pub(crate) fn register(context: &Context, asked: &Register) -> Done {
    let settings = &context.settings;
    let repository = settings.repository.as_ref().ok_or_else(|| {
        Failure::new(USAGE, anyhow!("SKILLS_REPO: not set, and required; set it, or give --repo URL"))
    })?;
    let (forge, _) = settings.forge.forge_of(repository).map_err(wrong)?;
    let url =
        hook_url(&asked.url, forge, settings.insecure_http).map_err(|error| Failure::new(USAGE, error))?;
    let api = match settings.forge.api(repository, settings.insecure_http, For::Webhooks) {
        Ok(api) => api,
        Err(NoApi::Unsupported(_)) => return by_hand(context, asked, forge, url),
        Err(error) => return Err(wrong(error)),
    };
    if asked.check {
        return check(context, asked, &api, &url);
    }
    let secret = secret(context)?;
    let registered = set(&api, Wanted { url, secret }).map_err(refused)?;
    context.print(asked.output.format, &registered)?;
    Ok(ExitCode::SUCCESS)
}

fn by_hand(context: &Context, asked: &Register, forge: Forge, url: String) -> Done {
    context.print(asked.output.format, &ByHand { forge: forge.word(), url })?;
    Ok(ExitCode::SUCCESS)
}

/// Our address at the forge: the path is ours to add.
fn hook_url(text: &str, forge: Forge, insecure: bool) -> Result<String, anyhow::Error> {
    let address =
        Address::parse(text, insecure).map_err(|expected| anyhow!("--url: `{text}` is not {expected}"))?;
    let base = address.expose();
    let path = forge.hook_path();
    Ok(if base.ends_with(&path) { base.to_owned() } else { format!("{base}{path}") })
}

/// The first secret: while one is rotated the second is the one that goes.
fn secret(context: &Context) -> Result<String, Failure> {
    let missing = || anyhow!("GITHUB_WEBHOOK_SECRET: not set, and required; the forge signs with it");
    let secret = context.settings.http.webhook_secret.as_ref();
    let secret = secret.ok_or_else(|| Failure::new(USAGE, missing()))?;
    let text = secret.read().context("GITHUB_WEBHOOK_SECRET cannot be read")?;
    let secrets = webhook_secrets(&text).map_err(|expected| {
        Failure::new(USAGE, anyhow!("GITHUB_WEBHOOK_SECRET: the value (not shown) is not {expected}"))
    })?;
    secrets.into_iter().next().ok_or_else(|| Failure::new(USAGE, missing()))
}

/// The same however often it is done: a webhook that goes there is set right, else one is made.
fn set(api: &Api, wanted: Wanted) -> Result<Registered, ApiError> {
    let same = ours(api, &wanted.url)?;
    let (action, hook) = match same.first() {
        Some(hook) => ("updated", api.update(hook.id, &wanted)?),
        None => ("created", api.create(&wanted)?),
    };
    Ok(Registered {
        forge: api.forge.word(),
        api: api.base.expose().to_owned(),
        repository: api.repository.clone(),
        action,
        id: hook.id,
        url: wanted.url,
        others: same.into_iter().skip(1).map(|hook| hook.id).collect(),
    })
}

fn ours(api: &Api, url: &str) -> Result<Vec<Hook>, ApiError> {
    Ok(api.hooks()?.into_iter().filter(|hook| hook.url == url).collect())
}

fn check(context: &Context, asked: &Register, api: &Api, url: &str) -> Done {
    let hook = ours(api, url).map_err(refused)?.into_iter().next().ok_or_else(|| {
        anyhow!(
            "no webhook of {} goes to {url}; `skill-sync webhook register --url …` makes it",
            api.repository
        )
    })?;
    let checked = Checked {
        forge: api.forge.word(),
        id: hook.id,
        url: url.to_owned(),
        active: hook.active,
        deliveries: api.deliveries(hook.id).map_err(refused)?,
    };
    context.print(asked.output.format, &checked)?;
    Ok(if checked.active { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn wrong(error: NoApi) -> Failure {
    Failure::new(USAGE, error)
}

/// What may pass by itself exits 1, what a person must mend 5.
fn refused(error: ApiError) -> Failure {
    let code = if error.is_passing() { 1 } else { 5 };
    Failure::new(code, error)
}
