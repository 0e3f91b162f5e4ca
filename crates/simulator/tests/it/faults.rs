//! Faults on demand, and a webhook that is not well.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sinch_batch_simulator::{Fault, FaultKind, SimulatedOperation, SimulatorConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Caller, Webhook, crowd, to};

#[tokio::test]
async fn send_can_be_accepted_and_not_confirmed() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThen500));
    assert_eq!(caller.send(&crowd(0, 1)).await.status, 500);
    assert_eq!(caller.simulator.stats().batches, 1);

    caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenDrop));
    // A request that is refused anyway does not use the fault up.
    assert_eq!(caller.send(&json!({})).await.status, 400);
    assert!(caller.call("POST", "/messages", &crowd(1, 1).to_string()).await.is_err());
    assert_eq!(caller.simulator.stats().batches, 2);
    assert_eq!(caller.send(&crowd(2, 1)).await.status, 200);
    let expected = [("200".into(), 1), ("400".into(), 1), ("500".into(), 1), ("dropped".into(), 1)];
    assert_eq!(caller.simulator.stats().requests["send_batch"], expected.into());
}

#[tokio::test]
async fn every_operation_can_be_refused() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let operations = [
        (SimulatedOperation::SendBatch, "POST", "/messages"),
        (SimulatedOperation::CancelBatch, "DELETE", "/messages"),
        (SimulatedOperation::FindBatches, "GET", "/messages?metadataKey=a&metadataValue=b"),
        (SimulatedOperation::BatchStatus, "GET", "/messages/x"),
        (SimulatedOperation::CreateContacts, "POST", "/contacts"),
        (SimulatedOperation::DeleteContacts, "DELETE", "/contacts"),
        (SimulatedOperation::InsertConsents, "POST", "/consents"),
    ];
    for (operation, method, path) in operations {
        for (fault, status) in [(FaultKind::Refuse500, 500), (FaultKind::Refuse503, 503), (FaultKind::RateLimit, 429)] {
            caller.simulator.inject(Fault::new(operation, fault).with_retry_after("7"));
            let said = caller.call(method, path, &crowd(0, 1).to_string()).await.unwrap();
            assert_eq!(said.status, status, "{operation:?}");
            assert_eq!(said.retry_after.as_deref(), (status == 429).then_some("7"));
        }
        caller.simulator.inject(Fault::new(operation, FaultKind::Drop));
        assert!(caller.call(method, path, "").await.is_err(), "{operation:?}");
    }
    caller.simulator.inject(Fault::new(SimulatedOperation::Token, FaultKind::RateLimit).with_times(2));
    assert_eq!(caller.ask_token("a", "b").await.unwrap().status, 429);
    caller.simulator.clear_faults();
    assert_eq!(caller.ask_token("a", "b").await.unwrap().status, 200);
    assert_eq!(caller.simulator.stats().batches, 0);
}

#[tokio::test]
async fn dropped_connection_ends_without_a_byte() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    caller.simulator.inject(Fault::new(SimulatedOperation::Token, FaultKind::Drop));
    let addr = caller.simulator.api_url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"POST /oauth2/token HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn request_that_hangs_ends_with_the_simulator() {
    for (fault, accepted) in [(FaultKind::Hang, 0), (FaultKind::AcceptThenHang, 1)] {
        hangs_until_the_end(fault, accepted).await;
    }
}

async fn hangs_until_the_end(fault: FaultKind, accepted: usize) {
    let caller = Caller::start(SimulatorConfig::default()).await;
    caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, fault));
    let request = caller
        .http
        .post(format!("{}/v1/projects/p/messages", caller.simulator.api_url()))
        .bearer_auth(&caller.token)
        .body(crowd(0, 1).to_string());
    let hanging = tokio::spawn(request.send());
    while !caller.simulator.stats().requests["send_batch"].contains_key("hung") {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());
    assert_eq!(caller.simulator.messages().len(), accepted);
    assert_eq!(caller.send(&crowd(0, 1)).await.status, 200, "others go on");
    caller.simulator.shutdown().await;
    assert!(hanging.await.unwrap().is_err());
}

#[tokio::test]
async fn callbacks_are_redelivered_until_accepted() {
    let webhook = Webhook::start(Timestamp::now).await;
    let config = to(&webhook).with_fail_percent(0.0).with_read_percent(0.0);
    let caller = Caller::start(config.with_callback_retries(5, Duration::from_millis(1))).await;
    for status in [503, 429] {
        webhook.answer(status);
        let before = caller.simulator.stats().callbacks;
        caller.send(&crowd(0, 1)).await;
        while caller.simulator.stats().callbacks.retried < before.retried + 3 {
            tokio::task::yield_now().await;
        }
        webhook.answer(200);
        caller.simulator.idle().await;
        let after = caller.simulator.stats().callbacks;
        assert_eq!((after.acknowledged, after.given_up), (before.acknowledged + 3, 0), "{after:?}");
        assert_eq!(after.sent, after.acknowledged + after.retried);
    }
    webhook.answer(401);
    let before = caller.simulator.stats().callbacks;
    caller.send(&crowd(0, 1)).await;
    caller.simulator.idle().await;
    let after = caller.simulator.stats().callbacks;
    assert_eq!((after.refused, after.sent), (3, before.sent + 3), "a refusal is final");
}

#[tokio::test]
async fn dead_webhook_blocks_nothing() {
    // An address where nobody listens any more.
    let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = SimulatorConfig::default().with_callback_url(format!("http://{addr}/"));
    let caller = Caller::start(config.with_callback_retries(3, Duration::from_millis(1))).await;
    caller.send(&crowd(0, 200)).await;
    caller.simulator.idle().await;
    let stats = caller.simulator.stats();
    assert_eq!((stats.messages.pending, stats.messages.queued, stats.callbacks.acknowledged), (0, 0, 0));
    assert_eq!(stats.callbacks.sent, 3 * stats.callbacks.given_up);

    // One that takes connections and never answers does not hold up the end.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let caller = Caller::start(SimulatorConfig::default().with_callback_url(url)).await;
    caller.send(&crowd(0, 200)).await;
    let _connection = silent.accept().await.unwrap();
    caller.simulator.shutdown().await;
}

#[tokio::test]
async fn callbacks_can_be_lost_or_come_twice() {
    let webhook = Webhook::start(Timestamp::now).await;
    let config = to(&webhook).with_fail_percent(0.0).with_read_percent(0.0);
    let caller = Caller::start(config.with_callback_retries(5, Duration::from_millis(1))).await;
    for (fault, received) in [(FaultKind::Drop, 0), (FaultKind::AcceptThen500, 6), (FaultKind::Refuse503, 3)] {
        let before = webhook.received().len();
        caller.simulator.inject(Fault::new(SimulatedOperation::Callback, fault).with_times(3));
        caller.send(&crowd(0, 1)).await;
        caller.simulator.idle().await;
        assert_eq!(webhook.received().len() - before, received, "{fault:?}");
    }
    assert_eq!(caller.simulator.stats().callbacks.not_sent, 3);
}
