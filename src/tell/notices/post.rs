//! Sends a notice. The address is a credential: no text of an error holds it.

use std::time::Duration;

use super::message::Message;
use super::{Form, Notify};
use crate::config::SecretError;
use crate::web::{Address, Request, Web, WebError};

/// Says why a notice did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// The address cannot be read.
    #[error("cannot read NOTIFY_URL")]
    Secret(#[from] SecretError),
    /// The address is none.
    #[error("NOTIFY_URL: the value (not shown) is not {0}")]
    Address(String),
    /// No answer.
    #[error("the host of NOTIFY_URL cannot be asked")]
    Unreachable(#[from] WebError),
    /// Somebody must mend it.
    #[error("the host of NOTIFY_URL refuses the notice ({status}): {help}")]
    Refused {
        /// The status.
        status: u16,
        /// What to do.
        help: &'static str,
    },
    /// It may work later.
    #[error("the host of NOTIFY_URL cannot take the notice now ({status})")]
    Later {
        /// The status.
        status: u16,
        /// When to come again.
        pause: Option<Duration>,
    },
    /// The service ends.
    #[error("sending the notice was given up")]
    GivenUp,
}

impl PostError {
    /// How long the other side asks us to stay away.
    pub(super) fn pause(&self) -> Option<Duration> {
        if let Self::Later { pause, .. } = self { *pause } else { None }
    }

    /// Whether it may work later without anybody doing something.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Later { .. } | Self::GivenUp => true,
            Self::Unreachable(error) => error.is_passing(),
            _ => false,
        }
    }
}

/// Posts a notice and waits for the answer.
///
/// # Errors
/// Where it was not taken.
pub(super) fn send(notify: &Notify, message: &Message) -> Result<(), PostError> {
    let text = notify.url.read()?;
    let address = Address::parse(&text, notify.insecure).map_err(PostError::Address)?;
    let form = notify.form.unwrap_or_else(|| form_of(address.host()));
    let request = Request {
        method: "POST",
        url: address.expose().to_owned(),
        headers: Vec::new(),
        body: Some(message.body(form)),
    };
    let answer = Web::new(notify.route.clone()).send(&request)?;
    let (status, pause) = (answer.status, answer.retry_after);
    let help = match status {
        200..=299 => return Ok(()),
        300..=399 => "a redirect is not followed; set the address that it leads to",
        401 | 403 => "it wants another address, or does not take notices from here",
        404 | 410 => "the webhook is gone; make a new one there and set its address",
        429 | 500..=599 => return Err(PostError::Later { status, pause }),
        _ => "it does not take this form; set NOTIFY_FORMAT to json, slack or discord",
    };
    Err(PostError::Refused { status, help })
}

/// The form that a host takes.
fn form_of(host: &str) -> Form {
    match host {
        "hooks.slack.com" => Form::Slack,
        "discord.com" | "discordapp.com" => Form::Discord,
        _ => Form::Json,
    }
}
