//! The port that we listen on, the secrets, and whether a service runs already.

use std::net::TcpListener;

use reconciler::report::error_text;

use super::{Check, Subject};
use crate::config::{Secret, webhook_secrets};

pub(super) fn checks(subject: Subject<'_>) -> Vec<Check> {
    vec![port(subject), webhook(subject), api(subject)]
}

fn port(subject: Subject<'_>) -> Check {
    let (host, port) = (subject.settings.http.host, subject.settings.http.port);
    if subject.runs {
        return Check::ok("service", "a service runs here and answers on its control socket");
    }
    match TcpListener::bind((host, port)) {
        Ok(_) => Check::ok("port", format!("port {port} is free; no service runs here now")),
        Err(error) => Check::problem(
            "port",
            format!("cannot listen on port {port} of {host}: {error}"),
            "stop what listens there, or set SKILL_SYNC_PORT (or HOST) to another",
        ),
    }
}

fn webhook(subject: Subject<'_>) -> Check {
    let Some(secret) = &subject.settings.http.webhook_secret else {
        let every = humantime::format_duration(subject.settings.timing.poll_interval);
        return Check::note(
            "webhook",
            format!("off until GITHUB_WEBHOOK_SECRET is set; the poll finds each push within {every}"),
        );
    };
    let read = secret.read().map_err(|error| error_text(&error));
    match read.and_then(|text| webhook_secrets(&text).map_err(|expected| format!("it must be {expected}"))) {
        Ok(_) => Check::ok("webhook", "deliveries to /webhook/github are believed with a valid signature"),
        Err(why) => Check::problem(
            "webhook",
            format!("GITHUB_WEBHOOK_SECRET cannot be used: {why}"),
            "mend the file; until then each delivery is refused",
        ),
    }
}

fn api(subject: Subject<'_>) -> Check {
    match subject.settings.http.api_token.as_ref().map(Secret::read) {
        None => Check::note("api", "no API_TOKEN: HTTP callers may only look, and only from loopback"),
        Some(Ok(_)) => Check::ok("api", "HTTP callers with the API_TOKEN may look and start passes"),
        Some(Err(error)) => Check::problem(
            "api",
            format!("API_TOKEN cannot be used: {}", error_text(&error)),
            "mend the file; until then every caller is refused",
        ),
    }
}
