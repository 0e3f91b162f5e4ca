//! How long a service asks to be left alone.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use jiff::fmt::{rfc2822::DateTimeParser, strtime};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// The longest wait that is accepted: one hour. Longer values are treated as absent: they are mistakes, or
/// longer than any caller should wait.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// Reads `Retry-After`, which holds seconds or an HTTP date. A date in the past means no wait.
/// More than [`LONGEST`], and what cannot be read, is as good as absent.
///
/// A date is meant by the clock of its writer: it is held against `Date` if that is there, so
/// that a wrong clock here does no harm, else against `now`.
pub fn read(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return believed(Duration::from_secs(text.parse().ok()?));
    }
    let at = date(text)?;
    let now = headers.get(DATE).and_then(|value| date(value.to_str().ok()?)).unwrap_or(now);
    let wait = at.duration_since(now).max(SignedDuration::ZERO);
    believed(Duration::try_from(wait).ok()?)
}

/// The wait, unless it is absurd.
pub fn believed(wait: Duration) -> Option<Duration> {
    Some(wait).filter(|wait| *wait <= LONGEST)
}

/// An HTTP date, also in the two forms that are only to be read any more (RFC 9110, 5.6.7).
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = DateTimeParser::new().parse_timestamp(text) {
        return Some(at);
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"].into_iter().find_map(|form| {
        let at = strtime::parse(form, text).ok()?.to_datetime().ok()?;
        TimeZone::UTC.to_timestamp(at).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_absurd_ones_are_not_believed() {
        let now = "1994-11-06T08:49:30Z".parse().unwrap();
        for (text, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("3600", Some(3600)),
            ("3601", None),
            ("99999999999999999999999999", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Sun, 06 Nov 2094 08:49:37 GMT", None), // that day is a Saturday
            ("Sat, 06 Nov 2094 08:49:37 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(7)),
            ("Sun Nov  6 08:49:37 1994", Some(7)),
            ("-5", None),
            ("+5", None),
            ("5 seconds", None),
            ("Sun, 06 Nov", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(read(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
        assert_eq!(read(&HeaderMap::new(), now), None);
    }

    #[test]
    fn date_is_read_by_the_clock_of_its_writer() {
        let read = |date: &str| {
            let retry_after = "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap();
            let headers = HeaderMap::from_iter([(RETRY_AFTER, retry_after), (DATE, date.parse().unwrap())]);
            read(&headers, Timestamp::UNIX_EPOCH).map(|wait| wait.as_secs())
        };
        assert_eq!(read("Sun, 06 Nov 1994 08:49:30 GMT"), Some(7));
        // By a clock at the epoch it lies decades ahead.
        assert_eq!(read("no date"), None);
    }
}
