//! How long to stay away from who could not be told.

use std::time::Duration;

/// The first wait; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(2);

/// The longest wait, but for what the other side asks for.
const LONGEST: Duration = Duration::from_secs(300);

/// The wait after the `failures`th failure in a row; what the other side asked for is never shortened.
pub(super) fn after(failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    asked.unwrap_or_default().max(doubled.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_five_minutes_and_never_shortens_what_was_asked() {
        let seconds =
            |failures, asked: Option<u64>| after(failures, asked.map(Duration::from_secs)).as_secs();
        assert_eq!([1, 2, 3, 9, 400].map(|n| seconds(n, None)), [2, 4, 8, 300, 300]);
        assert_eq!(seconds(1, Some(900)), 900);
        assert_eq!(seconds(9, Some(1)), 300);
    }
}
