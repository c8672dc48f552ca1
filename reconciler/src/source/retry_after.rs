//! `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.

use std::time::Duration;

use crate::ids::Timestamp;

/// The longest that a server can make us wait: what asks for more is a fault or an attack.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads the header's value; nothing where it is neither. A date in the past is no wait.
pub fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Duration::from_millis(date(value)?.millis_since(now)),
    };
    Some(wait.min(LONGEST))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the one form of date that a server may still send.
fn date(value: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_weekday, rest) = value.split_once(", ")?;
    let mut words = rest.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    if words.next() != Some("GMT") {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    format!("{year}-{month:02}-{day}T{time}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn seconds_and_dates_are_read() {
        let now = at("1994-11-06T08:48:37Z");
        assert_eq!(parse("120", now), Some(Duration::from_secs(120)));
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(parse("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_is_nothing_and_a_year_is_a_day() {
        let now = at("1994-11-06T08:48:37Z");
        for value in ["", "soon", "-1", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994"] {
            assert_eq!(parse(value, now), None, "{value}");
        }
        assert_eq!(parse("31536000", now), Some(LONGEST));
    }
}
