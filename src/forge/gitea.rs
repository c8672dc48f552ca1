//! The API of Gitea and Forgejo: GitHub's in most of it. It tells no deliveries.

use serde_json::{Value, json};

use super::Forge;
use super::call::{Call, Hook, Wanted, text};

pub(super) fn headers(token: &str) -> Vec<(&'static str, String)> {
    vec![("authorization", format!("token {token}")), ("accept", "application/json".to_owned())]
}

pub(super) fn list(repository: &str) -> Call {
    Call::get(format!("/repos/{repository}/hooks?limit=50"))
}

pub(super) fn hook(value: &Value) -> Option<Hook> {
    let (url, active) = (text(&value["config"], "url"), value["active"].as_bool()?);
    Some(Hook { id: value["id"].as_u64()?, url, active })
}

fn fields(wanted: &Wanted) -> Value {
    let config = json!({ "url": wanted.url, "content_type": "json", "secret": wanted.secret });
    json!({ "active": true, "events": ["push"], "branch_filter": "*", "config": config })
}

pub(super) fn create(forge: Forge, repository: &str, wanted: &Wanted) -> Call {
    let mut body = fields(wanted);
    body["type"] = json!(forge.word());
    Call::send("POST", format!("/repos/{repository}/hooks"), body)
}

pub(super) fn update(repository: &str, id: u64, wanted: &Wanted) -> Call {
    Call::send("PATCH", format!("/repos/{repository}/hooks/{id}"), fields(wanted))
}
