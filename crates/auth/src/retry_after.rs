//! How long a service asks to be left alone.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};

/// The longest wait that is believed: one hour.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// Reads `Retry-After`, which holds seconds or an HTTP date. A date in the past is no wait at all,
/// more than [`LONGEST`] is [`LONGEST`], and what cannot be read is as good as absent.
pub fn read(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only digits: what does not fit is merely too long.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    let wait = at.duration_since(now).max(SignedDuration::ZERO);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_absurd_ones_cut() {
        let now = "1994-11-06T08:49:30Z".parse().unwrap();
        for (text, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("86400", Some(3600)),
            ("99999999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Sun, 06 Nov 2094 08:49:37 GMT", None), // that day is a Saturday
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(3600)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(read(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
        assert_eq!(read(&HeaderMap::new(), now), None);
    }
}
