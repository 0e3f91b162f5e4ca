//! Tests of a program without any network: prepared responses, errors made by hand, a paused clock.

use std::time::Duration;

use sinch_batch::auth::AccessToken;
use sinch_batch::client::test_util::{Script, error_response, transport_failure};
use sinch_batch::client::{Error, Operation, RetryPolicy, TransportError};
use sinch_batch::{
    AppId, BatchRecipient, Channel, Client, Message, ProjectId, Reached, Recipient, Recipients, Region,
    SendBatchRequest,
};

/// The decision under test: what a queue does with a job whose send failed.
#[derive(Debug, PartialEq)]
enum Job {
    Again(Option<Duration>),
    LookUp,
    Park,
}

fn after(error: &Error) -> Job {
    match error.reached_service() {
        Reached::Unknown => Job::LookUp,
        Reached::No if error.is_transient() => Job::Again(error.retry_after()),
        Reached::No => Job::Park,
    }
}

#[test]
fn job_follows_what_may_have_happened() {
    let send = Operation::SendBatch;
    assert_eq!(after(&error_response(send, 429, "")), Job::Again(None));
    assert_eq!(after(&error_response(send, 400, "")), Job::Park);
    assert_eq!(after(&error_response(send, 503, "")), Job::LookUp);
    assert_eq!(after(&transport_failure(send, TransportError::connect("refused"))), Job::Again(None));
    assert_eq!(after(&transport_failure(send, TransportError::broken("reset"))), Job::LookUp);
}

fn client(script: &Script) -> Client {
    Client::builder(ProjectId::new("a-project"), AccessToken::new("made-up"))
        .with_region(Region::Eu)
        .with_transport(script.clone())
        .build()
        .unwrap()
}

fn hello() -> SendBatchRequest {
    let ines = BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001"));
    SendBatchRequest::new(AppId::new("an-app"), Message::text("Hello"), Recipients::try_from(vec![ines]).unwrap())
}

#[tokio::test(start_paused = true)]
async fn busy_service_is_asked_again_after_a_pause() {
    let script = Script::new().with_response(Operation::SendBatch, 429, "").with_response(
        Operation::SendBatch,
        200,
        r#"{"batch_id": "b"}"#,
    );
    let begin = tokio::time::Instant::now();
    let sent = client(&script).send_batch(&hello()).await.unwrap();
    assert_eq!(sent.batch_id.as_str(), "b");
    assert!(begin.elapsed() > Duration::ZERO, "time stood still but for the pause");
    let bodies: Vec<_> = script.requests().into_iter().map(|request| request.into_body()).collect();
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test(start_paused = true)]
async fn broken_send_is_not_repeated() {
    let script = Script::new().with_failure(Operation::SendBatch, || TransportError::broken("reset"));
    let error = client(&script).send_batch(&hello()).await.unwrap_err();
    assert_eq!((after(&error), script.requests().len()), (Job::LookUp, 1));
}

#[tokio::test(start_paused = true)]
async fn own_pace_turns_repeats_off() {
    let script = Script::new().with_response(Operation::SendBatch, 429, "");
    let error = client(&script).with_retry(RetryPolicy::none()).send_batch(&hello()).await.unwrap_err();
    assert_eq!((after(&error), script.requests().len()), (Job::Again(None), 1));
}
