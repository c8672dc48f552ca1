//! What is asked of a forge's API, as values: each forge says how, one place sends it.

use serde_json::Value;

/// A call, below the API's base.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// Such as `POST`.
    pub method: &'static str,
    /// The path and query.
    pub path: String,
    /// What is sent.
    pub body: Option<Value>,
}

impl Call {
    /// Looks at something.
    pub(super) fn get(path: String) -> Self {
        Self { method: "GET", path, body: None }
    }

    /// Sends something.
    pub(super) fn send(method: &'static str, path: String, body: Value) -> Self {
        Self { method, path, body: Some(body) }
    }
}

/// A webhook as it must be.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Where it goes.
    pub url: String,
    /// What it is signed with.
    pub secret: String,
}

/// A webhook as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    /// Its number at the forge.
    pub id: u64,
    /// Where it goes.
    pub url: String,
    /// Whether it is sent at all.
    pub active: bool,
}

/// A delivery that the forge made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Sent {
    /// When, as the forge writes it.
    pub at: String,
    /// What of.
    pub event: String,
    /// The status that we answered, or what the forge says instead.
    pub answer: String,
}

/// What a forge shows beside a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitStatus {
    /// The commit.
    pub revision: String,
    /// How it is.
    pub state: State,
    /// A line of text.
    pub description: String,
    /// Which of many statuses of a commit it is.
    pub context: String,
}

/// How a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// A pass is at it.
    Working,
    /// It waits.
    Pending,
    /// It is served.
    Success,
    /// Something of it is not served.
    Failure,
}

impl State {
    /// The word of all the forges.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Working | Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// A text of a value's field; empty where it has none.
pub(super) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}
