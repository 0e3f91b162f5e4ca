//! Requests written and answers read: values in, values out.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sinch_batch_auth::retry_after;
use sinch_batch_models::batch::CancelWhich;
use sinch_batch_models::wire::parse;
use sinch_batch_models::{
    AnyJson, BatchId, BatchSent, BatchStatus, BatchStatuses, CancelBatchRequest, ConsentsInserted,
    CreateContactsRequest, DeleteContactsRequest, ErrorBody, InsertConsentsRequest, SendBatchRequest,
};

use crate::endpoint::{Endpoint, encode, segment};
use crate::{Accepted, Error, Operation, Response};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("sinch-batch/", env!("CARGO_PKG_VERSION")));

pub(crate) fn send_batch(to: &Endpoint, request: &SendBatchRequest) -> Result<Request<Bytes>, Error> {
    let operation = Operation::SendBatch;
    let recipients = request.recipients.len();
    // One allocation for a body that may have megabytes; its neighbours are mostly as long.
    let expected = to.recipient_bytes.load(Ordering::Relaxed) * recipients;
    let mut body = Vec::with_capacity(expected + expected / 16);
    request.write_json(&mut body).map_err(|error| Error::request(operation, error))?;
    to.recipient_bytes.store(body.len() / recipients, Ordering::Relaxed);
    write_body(operation, to.at("messages"), body)
}

pub(crate) fn cancel_batch(to: &Endpoint, request: &CancelBatchRequest) -> Result<Request<Bytes>, Error> {
    let operation = Operation::CancelBatch;
    match &request.which {
        CancelWhich::Batch(id) if id.is_empty() => Err(Error::request(operation, "the batch id is empty")),
        CancelWhich::Metadata { key, .. } if key.is_empty() => {
            Err(Error::request(operation, "the key of the batch metadata is empty"))
        }
        _ => write_json(operation, to.at("messages"), request),
    }
}

pub(crate) fn batch_status(to: &Endpoint, batch_id: &BatchId) -> Result<Request<Bytes>, Error> {
    let operation = Operation::BatchStatus;
    let segment = segment(batch_id.as_str())
        .ok_or_else(|| Error::request(operation, "this is no batch id: it is empty or a dot"))?;
    write(operation, to.at(&format!("messages/{segment}")), Bytes::new())
}

pub(crate) fn find_batches(to: &Endpoint, key: &str, value: &str) -> Result<Request<Bytes>, Error> {
    let query = format!("messages?metadataKey={}&metadataValue={}", encode(key), encode(value));
    write(Operation::FindBatches, to.at(&query), Bytes::new())
}

pub(crate) fn create_contacts(to: &Endpoint, request: &CreateContactsRequest) -> Result<Request<Bytes>, Error> {
    write_json(Operation::CreateContacts, to.at("contacts"), request)
}

pub(crate) fn delete_contacts(to: &Endpoint, request: &DeleteContactsRequest) -> Result<Request<Bytes>, Error> {
    write_json(Operation::DeleteContacts, to.at("contacts"), request)
}

pub(crate) fn insert_consents(to: &Endpoint, request: &InsertConsentsRequest) -> Result<Request<Bytes>, Error> {
    write_json(Operation::InsertConsents, to.at("consents"), request)
}

fn write_json(operation: Operation, url: String, body: &impl Serialize) -> Result<Request<Bytes>, Error> {
    let body = serde_json::to_vec(body).map_err(|error| Error::request(operation, error))?;
    write_body(operation, url, body)
}

fn write_body(operation: Operation, url: String, body: Vec<u8>) -> Result<Request<Bytes>, Error> {
    let mut request = write(operation, url, body.into())?;
    request.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(request)
}

fn write(operation: Operation, url: String, body: Bytes) -> Result<Request<Bytes>, Error> {
    Request::builder()
        .method(operation.method())
        .uri(url)
        .header(ACCEPT, JSON)
        .header(USER_AGENT, AGENT)
        .body(body)
        .map_err(|error| Error::request(operation, error))
}

pub(crate) fn batch_sent(answer: &http::Response<Bytes>, now: Timestamp) -> Result<Response<BatchSent>, Error> {
    let sent: Response<BatchSent> = read(Operation::SendBatch, answer, now)?;
    if sent.batch_id.is_empty() {
        let why = "the batch id is empty".into();
        return Err(Error::answer(Operation::SendBatch, sent.http_status, Some(why)));
    }
    Ok(sent)
}

/// The answer to an operation whose reference describes no body: nothing, or any JSON.
pub(crate) fn taken(
    operation: Operation,
    answer: &http::Response<Bytes>,
    now: Timestamp,
) -> Result<Response<Accepted>, Error> {
    if is_empty_success(answer) {
        return Ok(Response::new(Accepted(None), answer));
    }
    Ok(read::<AnyJson>(operation, answer, now)?.map(|said| Accepted(Some(said))))
}

pub(crate) fn status_of_batch(answer: &http::Response<Bytes>, now: Timestamp) -> Result<Response<BatchStatus>, Error> {
    read(Operation::BatchStatus, answer, now)
}

pub(crate) fn batches_found(answer: &http::Response<Bytes>, now: Timestamp) -> Result<Response<BatchStatuses>, Error> {
    read(Operation::FindBatches, answer, now)
}

/// An id is documented, but no more than an acknowledgement: without one they are recorded too.
pub(crate) fn consents_inserted(
    answer: &http::Response<Bytes>,
    now: Timestamp,
) -> Result<Response<ConsentsInserted>, Error> {
    if is_empty_success(answer) {
        return Ok(Response::new(ConsentsInserted::default(), answer));
    }
    read(Operation::InsertConsents, answer, now)
}

pub(crate) fn is_empty_success(answer: &http::Response<Bytes>) -> bool {
    answer.status().is_success() && answer.body().trim_ascii().is_empty()
}

pub(crate) fn read<T: DeserializeOwned>(
    operation: Operation,
    answer: &http::Response<Bytes>,
    now: Timestamp,
) -> Result<Response<T>, Error> {
    let status = answer.status();
    if status.is_success() {
        return match parse(answer.body()) {
            Ok(body) => Ok(Response::new(body, answer)),
            Err(error) => Err(Error::answer(operation, status.as_u16(), Some(error.into()))),
        };
    }
    if !status.is_client_error() && !status.is_server_error() {
        return Err(Error::answer(operation, status.as_u16(), None));
    }
    let body = ErrorBody::read(answer.body());
    let wait = retry_after::read(answer.headers(), now).or_else(|| retry_delay(&body));
    Err(Error::api(operation, status.as_u16(), body, wait))
}

/// The `retryDelay` of a `google.rpc.RetryInfo` in the details, such as `"2s"` or `"0.5s"`.
fn retry_delay(body: &ErrorBody) -> Option<Duration> {
    let delay = body.details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().and_then(retry_after::believed)
}

/// Whether an answer says that the token has expired: 401, and the word anywhere in a
/// `WWW-Authenticate`. 407 never does; proxies send similar headers.
pub(crate) fn says_expired(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::UNAUTHORIZED
        && headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .any(|value| value.as_bytes().to_ascii_lowercase().windows(7).any(|word| word == b"expired"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, Reached};
    use sinch_batch_models::{AppId, BatchRecipient, Channel, ContactId, Message, ProjectId, Recipient, Recipients};

    fn endpoint() -> Endpoint {
        Endpoint::new("https://eu.example", &ProjectId::new("p")).unwrap()
    }

    fn answer(status: u16, body: &str) -> http::Response<Bytes> {
        http::Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    #[test]
    fn requests_are_those_of_the_reference() {
        let ines = BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001"));
        let batch =
            SendBatchRequest::new(AppId::new("a"), Message::text("Hello"), Recipients::try_from(vec![ines]).unwrap());
        let request = send_batch(&endpoint(), &batch).unwrap();
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/projects/p/messages"));
        assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(parse::<SendBatchRequest>(request.body()).unwrap(), batch);

        let request = batch_status(&endpoint(), &BatchId::new("a b/c?d")).unwrap();
        assert_eq!((request.method().as_str(), request.uri().path()), ("GET", "/v1/projects/p/messages/a%20b%2Fc%3Fd"));
        assert!(request.body().is_empty());
        for id in ["", ".", ".."] {
            let error = batch_status(&endpoint(), &BatchId::new(id)).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Request));
        }

        let request = find_batches(&endpoint(), "campaign id", "autumn&winter=ä").unwrap();
        assert_eq!(
            request.uri(),
            "https://eu.example/v1/projects/p/messages?metadataKey=campaign%20id&metadataValue=autumn%26winter%3D%C3%A4"
        );
    }

    #[test]
    fn a_send_is_accepted_only_with_a_batch_id() {
        for (status, body) in [(200, r#"{"batch_id":"b"}"#), (202, r#"{"batch_id":"b","send_after":"","new":1}"#)] {
            let sent = batch_sent(&answer(status, body), Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!((sent.http_status, &sent.batch_id), (status, &BatchId::new("b")));
        }
        for (status, body) in
            [(200, ""), (200, "{}"), (200, r#"{"batch_id":""}"#), (200, "<html>"), (302, ""), (101, "")]
        {
            let error = batch_sent(&answer(status, body), Timestamp::UNIX_EPOCH).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::UnexpectedResponse { .. }), "{status} {body}");
            assert_eq!((error.reached_service(), error.is_transient()), (Reached::Unknown, false));
        }
    }

    #[test]
    fn a_delete_carries_its_body_and_names_something() {
        let endpoint = endpoint();
        for (cancel, body) in [
            (CancelBatchRequest::batch(BatchId::new("b")), r#"{"batch_id":"b"}"#),
            (CancelBatchRequest::metadata("k", "v"), r#"{"metadata_key":"k","metadata_value":"v"}"#),
        ] {
            let request = cancel_batch(&endpoint, &cancel).unwrap();
            assert_eq!((request.method().as_str(), request.uri().path()), ("DELETE", "/v1/projects/p/messages"));
            assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
            assert_eq!(request.body(), body);
        }
        for nothing in [CancelBatchRequest::batch(BatchId::new("")), CancelBatchRequest::metadata("", "v")] {
            assert!(matches!(cancel_batch(&endpoint, &nothing).unwrap_err().kind(), ErrorKind::Request));
        }
        let request = delete_contacts(&endpoint, &DeleteContactsRequest::new([ContactId::new("c")])).unwrap();
        assert_eq!((request.method().as_str(), request.uri().path()), ("DELETE", "/v1/projects/p/contacts"));
        assert_eq!(request.body(), r#"{"contact_ids":["c"]}"#);
    }

    #[test]
    fn an_answer_without_a_described_body_may_be_empty_or_any_json() {
        let read = |status, body: &str| taken(Operation::CancelBatch, &answer(status, body), Timestamp::UNIX_EPOCH);
        for (body, said) in
            [("", None), (" \n", None), ("{}", Some("{}")), (r#"{"n":1}"#, Some(r#"{"n":1}"#)), ("[]", Some("[]"))]
        {
            let taken = read(202, body).unwrap();
            assert_eq!(
                (taken.http_status, taken.0.as_ref().map(|said| said.to_string())),
                (202, said.map(str::to_owned))
            );
        }
        assert!(matches!(read(200, "<html>").unwrap_err().kind(), ErrorKind::UnexpectedResponse { status: 200 }));
        assert_eq!(read(403, "").unwrap_err().status(), Some(403));

        let read = |body: &str| consents_inserted(&answer(200, body), Timestamp::UNIX_EPOCH);
        assert_eq!(read("").unwrap().batch_id, None);
        let said = read(r#"{"batch_id":"b","new":1}"#).unwrap();
        assert_eq!((said.batch_id.as_ref().unwrap().as_str(), said.unknown_fields()), ("b", vec!["/new".to_owned()]));
        assert!(read("<html>").is_err());
    }

    #[test]
    fn an_answer_names_its_request() {
        let mut sent = answer(200, r#"{"batch_id":"b"}"#);
        sent.headers_mut().insert("x-request-id", HeaderValue::from_static("r-1"));
        assert_eq!(batch_sent(&sent, Timestamp::UNIX_EPOCH).unwrap().request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn batches_found_are_all_that_the_service_named() {
        for (body, expected) in [
            (r#"[{"batch_id":"b","meta_data":{"k":"1"}},{"batch_id":"other","meta_data":{}},{"status":"READY"}]"#, 3),
            (r#"{"batches":[{"batch_id":"b"}]}"#, 1),
            ("[]", 0),
        ] {
            assert_eq!(batches_found(&answer(200, body), Timestamp::UNIX_EPOCH).unwrap().len(), expected, "{body}");
        }
        // An empty body is not "none": a batch that is there must not look as if it were not.
        for body in ["", "<html>", "7"] {
            assert!(batches_found(&answer(200, body), Timestamp::UNIX_EPOCH).is_err(), "{body}");
        }
    }

    #[test]
    fn the_wait_is_read_from_the_header_and_then_from_the_body() {
        let body = r#"{"error":{"code":429,"details":[{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2s"}]}}"#;
        let mut busy = answer(429, body);
        let wait =
            |answer: &http::Response<Bytes>| batch_sent(answer, Timestamp::UNIX_EPOCH).unwrap_err().retry_after();
        assert_eq!(wait(&busy), Some(Duration::from_secs(2)));
        busy.headers_mut().insert("retry-after", HeaderValue::from_static("7"));
        assert_eq!(wait(&busy), Some(Duration::from_secs(7)));
        for (delay, expected) in [
            ("0.5s", Some(500)),
            ("1e30s", None),
            ("-1s", None),
            ("3600s", Some(3_600_000)),
            ("99999s", None),
            ("2", None),
        ] {
            let body = format!(r#"{{"details":[{{"retryDelay":"{delay}"}}]}}"#);
            assert_eq!(wait(&answer(429, &body)), expected.map(Duration::from_millis), "{delay}");
        }
    }

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
