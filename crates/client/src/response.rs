//! A response of the service: the typed body, and the little around it.

use std::ops::Deref;

use http::HeaderMap;
use http::header::DATE;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use sinch_batch_models::AnyJson;

/// A response of the service that reports success.
///
/// It reads like its body:
///
/// ```
/// # use sinch_batch_client::{Response, Error};
/// # use sinch_batch_models::BatchSent;
/// # fn show(sent: Result<Response<BatchSent>, Error>) -> Result<(), Error> {
/// let sent = sent?;
/// println!("{} was accepted with {}", sent.batch_id, sent.http_status);
/// let batch_id = sent.body.batch_id; // to keep it
/// # let _ = batch_id;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Response<T> {
    /// The body; fields that this release does not know are kept in it.
    pub body: T,
    /// The HTTP status, 200 to 299. Only 200 is documented.
    pub http_status: u16,
    /// What names the request in the service's own logs, to quote to its support.
    ///
    /// No such header is documented for this API. One of those in common use is taken if it is there:
    /// `x-request-id`, `x-correlation-id` or `request-id`, in this order.
    pub request_id: Option<Box<str>>,
    /// The time by the service's clock, if it says so in a `Date` header.
    pub date: Option<Timestamp>,
}

impl<T> Response<T> {
    pub(crate) fn read(body: T, response: &http::Response<impl Sized>) -> Self {
        let headers = response.headers();
        Self { body, http_status: response.status().as_u16(), request_id: request_id(headers), date: date(headers) }
    }

    /// A response 200 made by hand, for tests of what is done with it; set the other fields as needed.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn new(body: T) -> Self {
        Self { body, http_status: 200, request_id: None, date: None }
    }

    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Response<U> {
        let Self { body, http_status, request_id, date } = self;
        Response { body: make(body), http_status, request_id, date }
    }
}

impl<T> Deref for Response<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.body
    }
}

/// The service has accepted a request whose response has no described body.
///
/// The outcome comes later: by the status of a batch, or by callbacks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accepted(
    /// The body, if there was one all the same.
    pub Option<AnyJson>,
);

/// Headers that name a request, the most specific first.
const REQUEST_ID: [&str; 3] = ["x-request-id", "x-correlation-id", "request-id"];

/// The longest id of a request that is believed to be one.
const LONGEST: usize = 200;

/// What names a request in the service's logs, if the response says so in visible ASCII.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<Box<str>> {
    REQUEST_ID.iter().filter_map(|name| headers.get(*name)).find_map(|value| {
        let id = value.to_str().ok()?.trim();
        (1..=LONGEST).contains(&id.len()).then(|| id.into())
    })
}

/// What a `Date` header says, in the one form that may be written (RFC 9110, 5.6.7).
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(headers.get(DATE)?.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn first_usable_header_names_the_request() {
        #[track_caller]
        fn check(headers: &[(&'static str, &[u8])], expected: Option<&str>) {
            let headers = headers
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap()));
            assert_eq!(request_id(&headers.collect()).as_deref(), expected);
        }
        check(&[], None);
        check(&[("x-request-id", b" r-1 ")], Some("r-1"));
        check(&[("x-correlation-id", b"c-1"), ("x-request-id", b"r-1")], Some("r-1"));
        check(&[("x-request-id", b""), ("x-correlation-id", b"c-1")], Some("c-1"));
        check(&[("x-request-id", b"\xff"), ("request-id", b"q")], Some("q"));
        check(&[("x-request-id", &[b'x'; LONGEST + 1])], None);
    }

    #[test]
    fn date_is_read_if_it_is_one() {
        for (value, expected) in
            [("Sun, 14 Sep 2031 10:00:00 GMT", Some("2031-09-14T10:00:00Z")), ("soon", None), ("", None)]
        {
            let headers = [(DATE, HeaderValue::from_static(value))].into_iter().collect();
            assert_eq!(date(&headers), expected.map(|at| at.parse().unwrap()), "{value}");
        }
    }
}
