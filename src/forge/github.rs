//! GitHub's REST API: <https://docs.github.com/en/rest/repos/webhooks>, `/deliveries` and `/statuses`.

use serde_json::{Value, json};

use super::call::{Call, CommitStatus, Hook, Sent, Wanted, text};

pub(super) fn headers(token: &str) -> Vec<(&'static str, String)> {
    vec![
        ("authorization", format!("Bearer {token}")),
        ("accept", "application/vnd.github+json".to_owned()),
        ("x-github-api-version", "2022-11-28".to_owned()),
    ]
}

pub(super) fn list(repository: &str) -> Call {
    Call::get(format!("/repos/{repository}/hooks?per_page=100"))
}

pub(super) fn hook(value: &Value) -> Option<Hook> {
    let (url, active) = (text(&value["config"], "url"), value["active"].as_bool()?);
    Some(Hook { id: value["id"].as_u64()?, url, active })
}

fn fields(wanted: &Wanted) -> Value {
    let config = json!({
        "url": wanted.url, "content_type": "json", "secret": wanted.secret, "insecure_ssl": "0",
    });
    json!({ "name": "web", "active": true, "events": ["push"], "config": config })
}

pub(super) fn create(repository: &str, wanted: &Wanted) -> Call {
    Call::send("POST", format!("/repos/{repository}/hooks"), fields(wanted))
}

pub(super) fn update(repository: &str, id: u64, wanted: &Wanted) -> Call {
    Call::send("PATCH", format!("/repos/{repository}/hooks/{id}"), fields(wanted))
}

pub(super) fn deliveries(repository: &str, id: u64) -> Call {
    Call::get(format!("/repos/{repository}/hooks/{id}/deliveries?per_page=10"))
}

pub(super) fn sent(value: &Value) -> Sent {
    let answer = match value["status_code"].as_u64() {
        Some(code) if code > 0 => code.to_string(),
        _ => text(value, "status"),
    };
    Sent { at: text(value, "delivered_at"), event: text(value, "event"), answer }
}

/// The longest description, in characters.
pub(super) const DESCRIPTION: usize = 140;

pub(super) fn status(repository: &str, status: &CommitStatus) -> Call {
    let body = json!({
        "state": status.state.word(), "context": status.context, "description": status.description,
    });
    Call::send("POST", format!("/repos/{repository}/statuses/{}", status.revision), body)
}
