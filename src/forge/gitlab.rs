//! GitLab's REST API: <https://docs.gitlab.com/api/project_webhooks/> and `/api/commits`.

use serde_json::{Value, json};

use super::call::{Call, CommitStatus, Hook, Sent, State, Wanted, text};

pub(super) fn headers(token: &str) -> Vec<(&'static str, String)> {
    vec![("private-token", token.to_owned()), ("accept", "application/json".to_owned())]
}

/// A project by its path, which stands in one segment.
fn project(repository: &str) -> String {
    format!("/projects/{}", repository.replace('/', "%2F"))
}

pub(super) fn list(repository: &str) -> Call {
    Call::get(format!("{}/hooks?per_page=100", project(repository)))
}

/// GitLab turns a webhook off that fails too often, for a while or for good.
pub(super) fn hook(value: &Value) -> Option<Hook> {
    let active = matches!(value["alert_status"].as_str(), None | Some("executable"));
    Some(Hook { id: value["id"].as_u64()?, url: text(value, "url"), active })
}

fn fields(wanted: &Wanted) -> Value {
    json!({
        "url": wanted.url, "token": wanted.secret, "push_events": true, "tag_push_events": true,
        "enable_ssl_verification": true,
    })
}

pub(super) fn create(repository: &str, wanted: &Wanted) -> Call {
    Call::send("POST", format!("{}/hooks", project(repository)), fields(wanted))
}

pub(super) fn update(repository: &str, id: u64, wanted: &Wanted) -> Call {
    Call::send("PUT", format!("{}/hooks/{id}", project(repository)), fields(wanted))
}

pub(super) fn deliveries(repository: &str, id: u64) -> Call {
    Call::get(format!("{}/hooks/{id}/events?per_page=10", project(repository)))
}

pub(super) fn sent(value: &Value) -> Sent {
    let answer = match &value["response_status"] {
        Value::String(status) => status.clone(),
        other => other.to_string(),
    };
    Sent { at: text(value, "created_at"), event: text(value, "trigger"), answer }
}

/// The longest description, in characters.
pub(super) const DESCRIPTION: usize = 255;

/// GitLab says `failed` for what others call a failure.
pub(super) fn status(repository: &str, status: &CommitStatus) -> Call {
    let state = if status.state == State::Failure { "failed" } else { status.state.word() };
    let body = json!({ "state": state, "name": status.context, "description": status.description });
    Call::send("POST", format!("{}/statuses/{}", project(repository), status.revision), body)
}

/// Whether a refusal says that the commit has this status already.
pub(super) fn is_unchanged(message: &str) -> bool {
    message.contains("Cannot transition status")
}
