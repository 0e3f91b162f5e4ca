use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method, Request};
use http_body::Body;
use http_body_util::BodyExt;
use jiff::Timestamp;

use super::time::within;
use super::{LateCallbacks, ReceiverLimits, Rejection};
use crate::Verified;
use crate::verifiers::AnyVerifiers;
use crate::verify::{Signing, in_map};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request that is a callback of the service, of whatever time.
pub(crate) struct Admitted {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) verified: Verified,
    /// The window of its verifier.
    pub(crate) window: Duration,
    signing: Signing,
}

impl Admitted {
    /// Whether it is of a time that is accepted. Asked last, so that a forger learns nothing of the clock.
    ///
    /// It may be the clock here that is wrong, or the service may send again with the time of the first
    /// delivery: so the callback is asked for again, never refused for good.
    pub(crate) fn in_time(self: Box<Self>, late: LateCallbacks) -> Result<Box<Self>, Rejection> {
        match (self.signing, late) {
            (Signing::Future(by), _) => Err(Rejection::Future { by }),
            (Signing::Old(by), LateCallbacks::AskAgain) => Err(Rejection::Old { by }),
            (Signing::Old(_), LateCallbacks::Apply) | (Signing::InTime, _) => Ok(self),
        }
    }
}

/// Reads a request no further than the limits say, and checks everything but its time.
pub(crate) async fn admit<B>(
    request: Request<B>,
    verifiers: &dyn AnyVerifiers,
    limits: &ReceiverLimits,
    now: impl FnOnce() -> Timestamp,
) -> Result<Box<Admitted>, Rejection>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return Err(Rejection::Method);
    }
    if !is_json(&parts.headers) {
        return Err(Rejection::ContentType);
    }
    let chosen;
    let verifier = match verifiers.only() {
        Some(verifier) => verifier,
        None => {
            let found = within(limits.answer, verifiers.choose(&parts)).await.ok_or(Rejection::TimedOut)?;
            chosen = found.map_err(Rejection::Verifiers)?.ok_or(Rejection::NoVerifier)?;
            &chosen
        }
    };
    let body = read(body, &parts.headers, limits.body, limits.read).await?;
    let (verified, signing) = verifier.verify(in_map(&parts.headers), &body, now())?;
    if !verified.apps.is_empty()
        && let Ok(callback) = crate::parse(&body)
    {
        verified.check_app(&callback)?;
    }
    // In a box: it goes through many hands.
    Ok(Box::new(Admitted { parts, body, verified, window: verifier.window(), signing }))
}

async fn read<B>(body: B, headers: &HeaderMap, limit: usize, time: Duration) -> Result<Bytes, Rejection>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let announced = body.size_hint().exact().or_else(|| content_length(headers));
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| limit < length)) {
        return Err(Rejection::TooLarge { limit });
    }
    let whole = async {
        let mut body = pin!(body);
        let mut first = Bytes::new();
        let mut more = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Rejection::Body(error.into().into()))?;
            let Ok(mut data) = frame.into_data() else { continue };
            let length = data.remaining();
            if limit < first.len() + more.len() + length {
                return Err(Rejection::TooLarge { limit });
            }
            // Most callbacks come in one piece, which is not copied.
            if first.is_empty() && more.is_empty() {
                first = data.copy_to_bytes(length);
            } else {
                more.extend_from_slice(&std::mem::take(&mut first));
                more.put(data);
            }
        }
        Ok(if more.is_empty() { first } else { more.freeze() })
    };
    within(time, whole).await.unwrap_or(Err(Rejection::Slow))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `application/json`, or another type that is JSON by its suffix, whatever its parameters; or
/// nothing said, which is not a wrong type.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let Some(said) = types.next() else { return true };
    let Ok(said) = said.to_str() else { return false };
    let essence = said.split(';').next().unwrap_or_default().trim();
    let json = essence.eq_ignore_ascii_case("application/json")
        || essence.split_at_checked("application/".len()).is_some_and(|(kind, rest)| {
            let suffix = rest.len().checked_sub("+json".len()).and_then(|at| rest.get(at..));
            kind.eq_ignore_ascii_case("application/") && suffix.is_some_and(|end| end.eq_ignore_ascii_case("+json"))
        });
    json && types.next().is_none()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn json_goes_by_many_names() {
        let said = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for name in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(name));
            }
            is_json(&headers)
        };
        for good in [
            &[][..],
            &["application/json"],
            &["Application/JSON; charset=utf-8"],
            &["application/json;charset=UTF-8"],
            &["application/cloudevents+json"],
        ] {
            assert!(said(good), "{good:?}");
        }
        for bad in [
            &[""][..],
            &["text/plain"],
            &["text/json"],
            &["application/x-www-form-urlencoded"],
            &["application/jsonx"],
            &["+json"],
            &["application/json", "application/json"],
        ] {
            assert!(!said(bad), "{bad:?}");
        }
    }
}
