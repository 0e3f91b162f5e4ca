//! Calls over a transport that answers by itself, on a clock that does not wait.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use sinch_batch_auth::{AccessToken, AuthError, AuthErrorKind, BoxFuture, TokenSource};
use sinch_batch_client::{
    Accepted, BuildError, Client, Error, ErrorKind, Reached, Region, RetryPolicy, TransportError,
};
use sinch_batch_models::{
    AppId, BatchId, BatchSent, CancelBatchRequest, Channel, ConsentRecord, ConsentType, ContactId, ContactIdentity,
    CreateContactsRequest, DeleteContactsRequest, InsertConsentsRequest, Language, NewContact, ProjectId,
};
use tokio::time::Instant;

use crate::batch;

/// One turn of the service.
enum Turn {
    Response(u16, &'static [(&'static str, &'static str)], &'static str),
    Refuse,
    Break,
    Hang,
}
use Turn::{Break, Hang, Refuse, Response};

const ACCEPTED: Turn = Response(200, &[], r#"{"batch_id":"b"}"#);
const EXPIRED: Turn =
    Response(401, &[("www-authenticate", r#"Bearer error="invalid_token", error_description="Jwt EXPIRED""#)], "");

/// Gives out `token-1` until that is reported expired, then `token-2`, and so on.
#[derive(Default)]
struct Tokens(Mutex<u32>);

impl TokenSource for Tokens {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, AuthError>> {
        let number = *self.0.lock().unwrap() + 1;
        Box::pin(std::future::ready(Ok(AccessToken::new(format!("token-{number}")))))
    }

    fn expired(&self, token: &AccessToken) {
        let mut dropped = self.0.lock().unwrap();
        assert_eq!(token.expose(), format!("token-{}", *dropped + 1));
        *dropped += 1;
    }
}

struct Service {
    client: Client,
    /// The token of each request.
    seen: Arc<Mutex<Vec<String>>>,
    started: Instant,
}

impl Service {
    fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self::with_policy(RetryPolicy::default(), turns)
    }

    fn with_policy(policy: RetryPolicy, turns: impl IntoIterator<Item = Turn>) -> Self {
        let turns = Mutex::new(turns.into_iter().collect::<VecDeque<_>>());
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let requests = Arc::clone(&seen);
        let client = Client::builder(ProjectId::new("p"), Tokens::default())
            .with_region(Region::Us)
            .with_retry(policy)
            .with_transport(move |request: Request<Bytes>| {
                let token = &request.headers()["authorization"];
                assert!(token.is_sensitive());
                requests.lock().unwrap().push(token.to_str().unwrap().to_owned());
                let turn = turns.lock().unwrap().pop_front().expect("one request too many");
                async move {
                    match turn {
                        Response(status, headers, body) => {
                            let answer = headers
                                .iter()
                                .fold(http::Response::builder().status(status), |answer, (name, value)| {
                                    answer.header(*name, *value)
                                });
                            Ok(answer.body(Bytes::from(body)).unwrap())
                        }
                        Refuse => Err(TransportError::connect("refused")),
                        Break => Err(TransportError::broken("reset")),
                        Hang => pending().await,
                    }
                }
            })
            .build()
            .unwrap();
        Self { client, seen, started: Instant::now() }
    }

    async fn send(&self) -> Result<sinch_batch_client::Response<BatchSent>, Error> {
        self.client.send_batch(&batch()).await
    }

    fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn waited(&self) -> Duration {
        self.started.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn send_that_may_have_arrived_is_made_once() {
    for turn in
        [Break, Hang, Response(500, &[], ""), Response(503, &[("retry-after", "1")], ""), Response(408, &[], "")]
    {
        let service = Service::new([turn]);
        let error = service.send().await.unwrap_err();
        assert_eq!((error.reached_service(), error.is_transient()), (Reached::Unknown, true), "{error}");
        assert_eq!(service.requests(), 1);
    }
    for turn in [Response(200, &[], "<html>"), Response(200, &[], "{}"), Response(307, &[("location", "/")], "")] {
        let service = Service::new([turn]);
        let error = service.send().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnexpectedResponse { .. }));
        assert_eq!(error.reached_service(), Reached::Unknown, "{error}");
        assert_eq!(service.requests(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn send_that_definitely_did_not_arrive_is_repeated() {
    let service = Service::new([Refuse, Response(429, &[], ""), ACCEPTED]);
    assert_eq!(service.send().await.unwrap().batch_id, BatchId::new("b"));
    assert_eq!(service.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn repeated_send_that_may_have_arrived_is_not_repeated_again() {
    let service = Service::new([Refuse, Response(429, &[], ""), Break]);
    assert_eq!(service.send().await.unwrap_err().reached_service(), Reached::Unknown);
}

#[tokio::test(start_paused = true)]
async fn attempts_end() {
    let service = Service::new([Refuse, Refuse, Refuse, Refuse]);
    let error = service.send().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect));
    assert_eq!(error.reached_service(), Reached::No);

    let service = Service::with_policy(RetryPolicy::none(), [Refuse]);
    service.send().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_and_a_long_one_handed_on() {
    let service = Service::new([Response(429, &[("retry-after", "7")], ""), ACCEPTED]);
    service.send().await.unwrap();
    assert_eq!(service.waited().as_secs(), 7);

    let service = Service::new([Response(429, &[("retry-after", "600")], "")]);
    let error = service.send().await.unwrap_err();
    assert_eq!((error.status(), error.retry_after()), (Some(429), Some(Duration::from_secs(600))));
    assert_eq!(error.reached_service(), Reached::No);
    assert_eq!(service.waited(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn refusal_is_final() {
    for status in [400, 401, 403, 404, 413] {
        let service = Service::new([Response(status, &[("www-authenticate", "Bearer")], "")]);
        let error = service.send().await.unwrap_err();
        assert_eq!((error.status(), error.reached_service(), error.is_transient()), (Some(status), Reached::No, false));
        assert_eq!(service.requests(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn reading_is_repeated_after_any_fault_that_may_pass() {
    let service = Service::new([
        Break,
        Response(503, &[], ""),
        Refuse,
        Response(200, &[], r#"{"batch_id":"b","status":"PROCESSED"}"#),
    ]);
    let status = service.client.batch_status(&BatchId::new("b")).await.unwrap();
    assert_eq!(status.body.status.unwrap().as_str(), "PROCESSED");
    assert_eq!(service.requests(), 4);

    let service = Service::new([Hang, Response(200, &[], r#"[{"batch_id":"b","meta_data":{"k":"v"}}]"#)]);
    assert_eq!(service.client.find_batches("k", "v").await.unwrap().len(), 1);
    // The timeout, and then a short wait.
    assert!((30..32).contains(&service.waited().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn contacts_that_may_have_been_made_are_not_made_again() {
    let ines = NewContact::new([ContactIdentity::new(Channel::Sms, "+15550100001")], Language::EnUs);
    let contacts = CreateContactsRequest::new([ines]);
    for turn in [Break, Hang, Response(500, &[], ""), Response(503, &[], "")] {
        let service = Service::new([turn]);
        let error = service.client.create_contacts(&contacts).await.unwrap_err();
        assert_eq!(error.reached_service(), Reached::Unknown, "{error}");
        assert_eq!(service.requests(), 1);
    }
    let service = Service::new([Refuse, Response(429, &[], ""), Response(200, &[], "")]);
    assert_eq!(*service.client.create_contacts(&contacts).await.unwrap(), Accepted(None));
}

#[tokio::test(start_paused = true)]
async fn cancels_deletes_and_opt_outs_are_repeated_after_any_fault_that_may_pass() {
    let faults = || [Break, Response(503, &[], ""), Response(429, &[], "")];
    let service = Service::new(faults().into_iter().chain([Response(200, &[("x-request-id", "r-1")], "{}")]));
    let taken = service.client.cancel_batch(&CancelBatchRequest::batch(BatchId::new("b"))).await.unwrap();
    assert_eq!((taken.http_status, taken.request_id.as_deref()), (200, Some("r-1")));

    let service = Service::new(faults().into_iter().chain([Response(202, &[], "")]));
    let taken = service.client.delete_contacts(&DeleteContactsRequest::new([ContactId::new("c")])).await.unwrap();
    assert_eq!((taken.http_status, taken.request_id), (202, None));

    let service = Service::new(faults().into_iter().chain([Response(200, &[], r#"{"batch_id":"b"}"#)]));
    let opt_out = ConsentRecord::new("+15550100001", ConsentType::OptOutAll);
    let consents = InsertConsentsRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), [opt_out]);
    let inserted = service.client.insert_consents(&consents).await.unwrap();
    assert_eq!(inserted.batch_id.as_ref().unwrap().as_str(), "b");
}

#[tokio::test(start_paused = true)]
async fn expired_token_is_renewed_and_the_send_repeated_once() {
    let service = Service::new([EXPIRED, ACCEPTED]);
    service.send().await.unwrap();
    assert_eq!(*service.seen.lock().unwrap(), ["Bearer token-1", "Bearer token-2"]);
    assert_eq!(service.waited(), Duration::ZERO);

    let service = Service::with_policy(RetryPolicy::none(), [EXPIRED, EXPIRED]);
    let error = service.send().await.unwrap_err();
    assert_eq!((error.status(), error.reached_service(), error.is_credentials()), (Some(401), Reached::No, true));
    assert_eq!(service.requests(), 2);

    // What happens to the repeated request is judged by itself.
    let service = Service::new([EXPIRED, Break]);
    assert_eq!(service.send().await.unwrap_err().reached_service(), Reached::Unknown);
}

#[tokio::test(start_paused = true)]
async fn send_without_a_token_sends_nothing_and_repeats_nothing() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let tokens = move || {
        *count.lock().unwrap() += 1;
        std::future::ready(Err(AuthError::new(AuthErrorKind::Unreachable)))
    };
    let client = Client::builder(ProjectId::new("p"), tokens)
        .with_region(Region::Us)
        .with_transport(|_: Request<Bytes>| async { Err(TransportError::broken("never called")) })
        .build()
        .unwrap();
    let error = client.send_batch(&batch()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Auth(cause) if *cause.kind() == AuthErrorKind::Unreachable));
    assert_eq!((error.reached_service(), error.is_transient(), error.is_credentials()), (Reached::No, true, false));
    assert_eq!(*asked.lock().unwrap(), 1);
    assert_eq!(error.to_string(), "sending a batch failed without a token");
}

#[test]
fn builder_names_what_is_missing() {
    let transport = |_: Request<Bytes>| async { Err(TransportError::broken("never called")) };
    let builder = |project| Client::builder(ProjectId::new(project), AccessToken::new("t")).with_transport(transport);
    assert!(matches!(builder("p").build().unwrap_err(), BuildError::NoRegion));
    assert!(matches!(builder("").with_region(Region::Br).build().unwrap_err(), BuildError::ProjectId));
    let error = builder("p").with_base_url("http://example.com").build().unwrap_err();
    assert_eq!(error.to_string(), "this base URL cannot be used: it is http to another machine, where https is needed");
    assert!(builder("p").with_base_url("http://example.com").with_region(Region::Br).build().is_ok());
}

#[tokio::test]
async fn client_can_be_shared_between_tasks_and_its_errors_kept() {
    fn portable<T: Send>(value: T) -> T {
        value
    }
    fn lasting<T: Send + Sync + 'static>() {}
    lasting::<Client>();
    lasting::<Error>();
    let service = Service::new([ACCEPTED]);
    let client = service.client.clone();
    drop(portable(client.find_batches("k", "v")));
    drop(portable(client.batch_status(&BatchId::new("b"))));
    let sent = tokio::spawn(async move { client.send_batch(&batch()).await }).await.unwrap();
    assert_eq!(sent.unwrap().batch_id, BatchId::new("b"));
}
