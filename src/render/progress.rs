//! The progress of a first clone, on a terminal.

use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use reconciler::reconcile::Reached;
use reconciler::source;

/// A line on stderr that says how far a fetch is; invisible where nobody would see it move.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

/// How often the line moves while nothing arrives.
const TICK: Duration = Duration::from_millis(120);

impl Progress {
    /// A line that shows nothing before something arrives; `visible` on a terminal only.
    pub(crate) fn new(visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Shows how far the fetch of a pass is.
    pub(crate) fn follow(&self, reached: Reached) {
        if let Reached::Bytes(seen) = reached {
            self.update(seen);
        }
    }

    /// Shows how many of the objects have arrived, and in how many bytes.
    pub(crate) fn update(&self, seen: source::Progress) {
        self.bar.set_message(line(seen.received_objects, seen.total_objects, seen.received_bytes));
        self.bar.enable_steady_tick(TICK);
    }
}

impl Drop for Progress {
    /// Takes the line away.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `total` is 0 where the server has not said it.
fn line(received: u64, total: u64, bytes: u64) -> String {
    match received.saturating_mul(100).checked_div(total) {
        Some(percent) => {
            format!("fetching: {received} of {total} objects ({percent} %), {}", HumanBytes(bytes))
        }
        None => format!("fetching: {}", HumanBytes(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_objects_and_bytes() {
        assert_eq!(line(50, 200, 2048), "fetching: 50 of 200 objects (25 %), 2.00 KiB");
        assert_eq!(line(0, 0, 10), "fetching: 10 B");
    }
}
