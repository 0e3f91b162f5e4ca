//! What the logs, `Debug` and the errors of calls show.

use bytes::Bytes;
use http::Request;
use sinch_batch_auth::AccessToken;
use sinch_batch_client::{Client, Region};
use sinch_batch_models::{
    AppId, BatchId, CancelBatchRequest, Channel, ConsentRecord, ConsentType, ContactId, ContactIdentity,
    CreateContactsRequest, DeleteContactsRequest, InsertConsentsRequest, Language, NewContact, ProjectId,
};
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::batch;
use crate::log::Log;

#[tokio::test(start_paused = true)]
async fn logs_and_errors_show_no_token_number_text_or_parameter() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        // Times could hold any digits.
        .without_time()
        .with_span_events(FmtSpan::NEW | FmtSpan::ACTIVE)
        .with_writer(move || writer.clone())
        .finish();
    let printed = async {
        let mut printed = String::new();
        let ines = NewContact::new([ContactIdentity::new(Channel::Sms, "+15550100001")], Language::EnUs)
            .with_display_name("Ines");
        let consents = InsertConsentsRequest::new(
            AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"),
            [ConsentRecord::new("+15550100001", ConsentType::OptOutAll)],
        );
        for status in [200, 400, 401, 404, 429, 500] {
            let client = Client::builder(ProjectId::new("p"), AccessToken::new("very-secret"))
                .with_region(Region::Eu)
                .with_transport(move |_: Request<Bytes>| async move {
                    let body = r#"{"error":{"message":"no such +1 555 010 0001","details":["Ines"]}}"#;
                    Ok(http::Response::builder().status(status).body(Bytes::from(body)).unwrap())
                })
                .build()
                .unwrap();
            printed.push_str(&format!("{client:?}"));
            for error in [
                client.send_batch(&batch()).await.err(),
                client.batch_status(&BatchId::new("b")).await.err(),
                client.find_batches("order", "order-4711").await.err(),
                client.cancel_batch(&CancelBatchRequest::metadata("order", "order-4711")).await.err(),
                client.create_contacts(&CreateContactsRequest::new([ines.clone()])).await.err(),
                client.delete_contacts(&DeleteContactsRequest::new([ContactId::new("c")])).await.err(),
                client.insert_consents(&consents).await.err(),
            ] {
                let Some(error) = error else { continue };
                printed.push_str(&format!("{error} {error:?} {:?}", error.kind()));
                let mut cause = std::error::Error::source(&error);
                while let Some(link) = cause {
                    printed.push_str(&format!("{link} {link:?}"));
                    cause = link.source();
                }
            }
        }
        printed
    }
    .with_subscriber(subscriber)
    .await;
    let log = log.text();
    assert!(log.contains("/v1/projects/{project_id}/messages"), "{log}");
    for hidden in ["very-secret", "5550100001", "555 010", "Ines", "Hello", "4711"] {
        assert!(!printed.contains(hidden), "{hidden}: {printed}");
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
}

#[tokio::test]
async fn response_that_repeats_the_request_does_not_show() {
    let ines = NewContact::new([ContactIdentity::new(Channel::Sms, "+15550100001")], Language::EnUs)
        .with_display_name("Ines Oberhof");
    for (status, body) in [
        (400, r#"{"error":{"message":"Hello Ines (order): Oberhof is no name","status":"INVALID_ARGUMENT"}}"#),
        (400, r#"{"message":"Ines","status":"Ines Oberhof is bad"}"#),
        (502, "<html><title>cannot pass on Hello Ines</title>"),
        (502, "the request of Ines was lost"),
        (200, "the request of Ines was lost"),
    ] {
        let client = Client::builder(ProjectId::new("p"), AccessToken::new("very-secret"))
            .with_region(Region::Eu)
            .with_transport(move |_: Request<Bytes>| async move {
                Ok(http::Response::builder().status(status).body(Bytes::from(body)).unwrap())
            })
            .build()
            .unwrap();
        let sent = client.send_batch(&batch()).await.unwrap_err();
        assert!(!format!("{sent} {sent:?}").contains("Ines"), "{sent} {sent:?}");
        if sent.status() == Some(400) {
            // Only who asks for the personal data gets it.
            assert!(sent.service_message().unwrap().contains("Ines"));
        }
        let made = client.create_contacts(&CreateContactsRequest::new([ines.clone()])).await.unwrap_err();
        assert!(!format!("{made} {made:?}").contains("Ines"), "{made} {made:?}");
        assert!(!format!("{made} {made:?}").contains("Oberhof"), "{made} {made:?}");
    }
}
