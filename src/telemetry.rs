//! The log: on stderr, as text on a terminal and as JSON elsewhere.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{Log, LogFormat};
use crate::render::Style;

/// Starts logging; a second call changes nothing. `style` says whether stderr takes colours.
pub(crate) fn start(log: &Log, style: Style) {
    let format = log.format.unwrap_or(if stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json });
    // The directives were checked with the settings; what they do not name is not logged.
    let filter = EnvFilter::builder().parse_lossy(&log.level);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(style == Style::Colour)
        .with_span_events(FmtSpan::NONE);
    // An error says that a log runs already, which is what is wanted.
    let _ = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
