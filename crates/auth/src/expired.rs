//! The rule for a response that says that the token has expired.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};

/// Whether a response says that its token has expired: 401, and the word anywhere in a `WWW-Authenticate`.
///
/// Such a request was not accepted: call [`TokenSource::expired`](crate::TokenSource::expired), ask for a new
/// token and send it once more. 407 never counts, because proxies send similar headers.
pub fn says_expired(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::UNAUTHORIZED
        && headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .any(|value| value.as_bytes().to_ascii_lowercase().windows(7).any(|word| word == b"expired"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn expired_is_looked_for_anywhere_in_the_header() {
        #[track_caller]
        fn check(status: u16, values: &[&'static str], expected: bool) {
            let headers =
                values.iter().map(|value| (WWW_AUTHENTICATE, HeaderValue::from_static(value))).collect::<HeaderMap>();
            assert_eq!(says_expired(StatusCode::from_u16(status).unwrap(), &headers), expected, "{values:?}");
        }
        check(401, &[r#"Bearer error="invalid_token", error_description="Jwt expired at 2031""#], true);
        check(401, &[r#"Bearer error="EXPIRED""#], true);
        check(401, &["Basic", "Bearer expired"], true);
        check(401, &[r#"Bearer error="invalid_token""#], false);
        check(401, &[], false);
        check(403, &["Bearer expired"], false);
        check(407, &["Bearer expired"], false);
    }
}
