//! Requests as values of `http` and readers of their responses, for programs that send by themselves.
//!
//! [`Client`](crate::Client) is made of these. A request lacks its `Authorization: Bearer`, which changes from
//! attempt to attempt; a response 401 may ask for a new token, see
//! [`says_expired`](sinch_batch_auth::says_expired). A reader takes the time by the system's clock to read a
//! `Retry-After` that is a date.
//!
//! ```
//! use bytes::Bytes;
//! use jiff::Timestamp;
//! use sinch_batch_client::{Region, wire};
//! use sinch_batch_models::{BatchId, ProjectId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = wire::Endpoint::of_region(Region::Eu, &ProjectId::new("my-project"))?;
//! let request = wire::batch_status(&endpoint, &BatchId::new("01KZJ5B9EJM0ERNYK07S4K8JPG"))?;
//! assert_eq!(request.method(), "GET");
//!
//! // … send it with whatever you have …
//! let response = http::Response::new(Bytes::from(r#"{"batch_id": "01KZJ5B9EJM0ERNYK07S4K8JPG", "status": "SENT"}"#));
//!
//! let status = wire::read_batch_status(&response, Timestamp::now())?;
//! assert_eq!(status.http_status, 200);
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request};
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

pub use crate::endpoint::Endpoint;
use crate::endpoint::{encode, segment};
use crate::{Accepted, Error, Operation, Response};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("sinch-batch/", env!("CARGO_PKG_VERSION")));

/// What a recipient takes in a body, about; more costs a copy.
const RECIPIENT_BYTES: usize = 256;

/// The request that sends one message to up to 1000 recipients.
///
/// # Errors
/// [`ErrorKind::Request`](crate::ErrorKind::Request) if the message cannot be written.
pub fn send_batch(to: &Endpoint, request: &SendBatchRequest) -> Result<Request<Bytes>, Error> {
    let operation = Operation::SendBatch;
    let mut body = Vec::with_capacity(1024 + RECIPIENT_BYTES * request.recipients.len());
    request.write_json(&mut body).map_err(|error| Error::request(operation, error))?;
    write_body(operation, to.at("messages"), body)
}

/// The request that cancels one batch, or all with some batch metadata.
///
/// # Errors
/// [`ErrorKind::Request`](crate::ErrorKind::Request) if the batch id or the key is empty.
pub fn cancel_batch(to: &Endpoint, request: &CancelBatchRequest) -> Result<Request<Bytes>, Error> {
    let operation = Operation::CancelBatch;
    match &request.which {
        CancelWhich::Batch(id) if id.is_empty() => Err(Error::request(operation, "the batch id is empty")),
        CancelWhich::Metadata { key, .. } if key.is_empty() => {
            Err(Error::request(operation, "the key of the batch metadata is empty"))
        }
        _ => write_json(operation, to.at("messages"), request),
    }
}

/// The request for the status of one batch.
///
/// # Errors
/// [`ErrorKind::Request`](crate::ErrorKind::Request) if the batch id is empty or a dot.
pub fn batch_status(to: &Endpoint, batch_id: &BatchId) -> Result<Request<Bytes>, Error> {
    let operation = Operation::BatchStatus;
    let segment =
        segment(batch_id.as_str()).ok_or_else(|| Error::request(operation, "not a batch id: it is empty or a dot"))?;
    write(operation, to.at(&format!("messages/{segment}")), Bytes::new())
}

/// The request for all batches with a value under a key of their batch metadata.
///
/// # Errors
/// [`ErrorKind::Request`](crate::ErrorKind::Request) if the URL is too long.
pub fn find_batches(to: &Endpoint, key: &str, value: &str) -> Result<Request<Bytes>, Error> {
    let query = format!("messages?metadataKey={}&metadataValue={}", encode(key), encode(value));
    write(Operation::FindBatches, to.at(&query), Bytes::new())
}

/// The request that creates up to 1000 contacts.
///
/// # Errors
/// [`ErrorKind::Request`](crate::ErrorKind::Request) if it cannot be written.
pub fn create_contacts(to: &Endpoint, request: &CreateContactsRequest) -> Result<Request<Bytes>, Error> {
    write_json(Operation::CreateContacts, to.at("contacts"), request)
}

/// The request that deletes up to 1000 contacts.
///
/// # Errors
/// [`ErrorKind::Request`](crate::ErrorKind::Request) if it cannot be written.
pub fn delete_contacts(to: &Endpoint, request: &DeleteContactsRequest) -> Result<Request<Bytes>, Error> {
    write_json(Operation::DeleteContacts, to.at("contacts"), request)
}

/// The request that records opt-outs.
///
/// # Errors
/// [`ErrorKind::Request`](crate::ErrorKind::Request) if it cannot be written.
pub fn insert_consents(to: &Endpoint, request: &InsertConsentsRequest) -> Result<Request<Bytes>, Error> {
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

/// Reads the response to [`send_batch`]: accepted only with a batch id.
///
/// # Errors
/// [`Error`] for every other response.
pub fn read_batch_sent(response: &http::Response<Bytes>, now: Timestamp) -> Result<Response<BatchSent>, Error> {
    let sent = match read::<BatchSent>(Operation::SendBatch, response, now) {
        Ok(sent) => sent,
        // The service has the batch: whatever else is odd about its response, the batch is not sent again.
        Err(error) => match BatchSent::lenient(response.body()).filter(|_| response.status().is_success()) {
            Some(sent) => Response::read(sent, response),
            None => return Err(error),
        },
    };
    if sent.batch_id.is_empty() {
        return Err(Error::unexpected(Operation::SendBatch, response, Some("the batch id is empty".into())));
    }
    Ok(sent)
}

/// Reads the response to an operation whose reference describes no body: nothing, or any JSON.
///
/// # Errors
/// [`Error`] for every other response.
pub fn read_accepted(
    operation: Operation,
    response: &http::Response<Bytes>,
    now: Timestamp,
) -> Result<Response<Accepted>, Error> {
    if is_empty_success(response) {
        return Ok(Response::read(Accepted(None), response));
    }
    Ok(read::<AnyJson>(operation, response, now)?.map(|body| Accepted(Some(body))))
}

/// Reads the response to [`batch_status`].
///
/// # Errors
/// [`Error`] for every other response.
pub fn read_batch_status(response: &http::Response<Bytes>, now: Timestamp) -> Result<Response<BatchStatus>, Error> {
    read(Operation::BatchStatus, response, now)
}

/// Reads the response to [`find_batches`]. No entries do not prove that there is no such batch.
///
/// # Errors
/// [`Error`] for every other response.
pub fn read_batches_found(response: &http::Response<Bytes>, now: Timestamp) -> Result<Response<BatchStatuses>, Error> {
    read(Operation::FindBatches, response, now)
}

/// Reads the response to [`insert_consents`]. An id is documented, but no more than an acknowledgement.
///
/// # Errors
/// [`Error`] for every other response.
pub fn read_consents_inserted(
    response: &http::Response<Bytes>,
    now: Timestamp,
) -> Result<Response<ConsentsInserted>, Error> {
    if is_empty_success(response) {
        return Ok(Response::read(ConsentsInserted::default(), response));
    }
    read(Operation::InsertConsents, response, now)
}

pub(crate) fn is_empty_success(response: &http::Response<Bytes>) -> bool {
    response.status().is_success() && response.body().trim_ascii().is_empty()
}

pub(crate) fn read<T: DeserializeOwned>(
    operation: Operation,
    response: &http::Response<Bytes>,
    now: Timestamp,
) -> Result<Response<T>, Error> {
    let status = response.status();
    if status.is_success() {
        return match parse(response.body()) {
            Ok(body) => Ok(Response::read(body, response)),
            Err(_) if is_empty_success(response) => {
                Err(Error::unexpected(operation, response, Some("the body is empty".into())))
            }
            Err(error) => Err(Error::unexpected(operation, response, Some(error.into()))),
        };
    }
    if !status.is_client_error() && !status.is_server_error() {
        return Err(Error::unexpected(operation, response, None));
    }
    let body = ErrorBody::read(response.body());
    let wait = retry_after::read(response.headers(), now).or_else(|| retry_delay(&body));
    Err(Error::api(operation, response, body, wait))
}

/// The `retryDelay` of a `google.rpc.RetryInfo` in the details, such as `"2s"` or `"0.5s"`.
fn retry_delay(body: &ErrorBody) -> Option<Duration> {
    let delay = body.details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().and_then(retry_after::believed)
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
    fn request_is_that_of_the_reference() {
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
    fn send_is_accepted_only_with_a_batch_id() {
        for (status, body) in [
            (200, r#"{"batch_id":"b"}"#),
            (202, r#"{"batch_id":"b","send_after":"","new":1}"#),
            (200, r#"{"batch_id":"b","send_after":1790000000}"#),
            (200, r#"{"send_after":{"seconds":1},"batch_id":"b"}"#),
            (201, r#"{"batch_id":"b","send_after":false,"note":"\ud83d"}"#),
            (200, "\u{feff}{\"batch_id\":\"b\"}"),
        ] {
            let sent = read_batch_sent(&answer(status, body), Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!((sent.http_status, &sent.batch_id), (status, &BatchId::new("b")));
        }
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (200, r#"{"batch_id":""}"#),
            (200, r#"{"batch_id":null,"send_after":1}"#),
            (200, "<html>"),
            (302, ""),
            (101, ""),
        ] {
            let error = read_batch_sent(&answer(status, body), Timestamp::UNIX_EPOCH).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::UnexpectedResponse { .. }), "{status} {body}");
            assert_eq!((error.reached_service(), error.is_transient()), (Reached::Unknown, false));
        }
        let refused = answer(400, r#"{"batch_id":"b","send_after":1}"#);
        assert_eq!(read_batch_sent(&refused, Timestamp::UNIX_EPOCH).unwrap_err().status(), Some(400));
    }

    #[test]
    fn delete_carries_its_body_and_names_something() {
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
    fn response_without_a_described_body_may_be_empty_or_any_json() {
        let read =
            |status, body: &str| read_accepted(Operation::CancelBatch, &answer(status, body), Timestamp::UNIX_EPOCH);
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

        let read = |body: &str| read_consents_inserted(&answer(200, body), Timestamp::UNIX_EPOCH);
        assert_eq!(read("").unwrap().batch_id, None);
        let said = read(r#"{"batch_id":"b","new":1}"#).unwrap();
        assert_eq!((said.batch_id.as_ref().unwrap().as_str(), said.unknown_fields()), ("b", vec!["/new".to_owned()]));
        assert!(read("<html>").is_err());
    }

    #[test]
    fn response_names_its_request() {
        let mut sent = answer(200, r#"{"batch_id":"b"}"#);
        sent.headers_mut().insert("x-request-id", HeaderValue::from_static("r-1"));
        assert_eq!(read_batch_sent(&sent, Timestamp::UNIX_EPOCH).unwrap().request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn find_batches_reads_all_that_the_service_named() {
        for (body, expected) in [
            (r#"[{"batch_id":"b","meta_data":{"k":"1"}},{"batch_id":"other","meta_data":{}},{"status":"READY"}]"#, 3),
            (r#"{"batches":[{"batch_id":"b"}]}"#, 1),
            ("[]", 0),
        ] {
            assert_eq!(
                read_batches_found(&answer(200, body), Timestamp::UNIX_EPOCH).unwrap().len(),
                expected,
                "{body}"
            );
        }
        // An empty body is not "none": a batch that is there must not look as if it were not.
        for body in ["", "<html>", "7"] {
            assert!(read_batches_found(&answer(200, body), Timestamp::UNIX_EPOCH).is_err(), "{body}");
        }
    }

    #[test]
    fn retry_after_is_read_from_the_header_and_then_from_the_body() {
        let body = r#"{"error":{"code":429,"details":[{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2s"}]}}"#;
        let mut busy = answer(429, body);
        let wait =
            |answer: &http::Response<Bytes>| read_batch_sent(answer, Timestamp::UNIX_EPOCH).unwrap_err().retry_after();
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
}
