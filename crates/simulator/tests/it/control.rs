//! The control side.

use serde_json::{Value, json};
use sinch_batch_simulator::{Simulator, SimulatorConfig, StartError};

use crate::support::{Caller, batch, crowd};

#[tokio::test]
async fn messages_come_as_lines_in_the_order_they_were_accepted() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let first = caller.send(&batch("Hi ${n}", &[("+15550100001", json!({"n": "A"}))])).await.body["batch_id"].clone();
    for number in 0..20 {
        caller.send(&crowd(number * 100, 100)).await;
    }
    caller.simulator.idle().await;
    let answer = caller.http.get(format!("{}/messages", caller.simulator.control_url())).send().await.unwrap();
    assert!(answer.content_length().is_none(), "it is streamed");
    let text = answer.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2001);
    let keys: Vec<_> = lines[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        ["app_id", "batch_id", "channel", "identity", "index", "metadata", "parameters", "status", "text"]
    );
    assert_eq!((&lines[0]["parameters"], &lines[0]["channel"]), (&json!({"n": "A"}), &json!("SMS")));
    assert_eq!((&lines[0]["batch_id"], &lines[0]["index"], &lines[0]["text"]), (&first, &json!(0), &json!("Hi A")));
    assert!(["delivered", "read", "failed"].contains(&lines[0]["status"].as_str().unwrap()));
    for (place, line) in lines[1..].iter().enumerate() {
        assert_eq!((&line["identity"], &line["index"]), (&json!(format!("+1555{place:07}")), &json!(place % 100)));
    }
}

#[tokio::test]
async fn stats_count_requests_by_operation_and_response() {
    let caller = Caller::start(SimulatorConfig::default().with_fail_percent(100.0)).await;
    caller.send(&crowd(0, 3)).await;
    caller.send(&json!({})).await;
    caller.status("nothing").await;
    caller.simulator.idle().await;
    let stats = caller.control("GET", "/stats", Value::Null).await.body;
    let expected = json!({
        "token": {"200": 1}, "send_batch": {"200": 1, "400": 1}, "batch_status": {"404": 1},
        "find_batches": {}, "cancel_batch": {},
    });
    assert_eq!(stats["requests"], expected);
    assert_eq!(stats["messages"], json!({"pending": 0, "queued": 0, "delivered": 0, "read": 0, "failed": 3}));
    assert_eq!(stats["batches"], 1);
    assert_eq!(stats["callbacks"]["sent"], 0);
}

#[tokio::test]
async fn faults_outcomes_and_the_clock_are_set_from_outside() {
    let mut caller = Caller::start(SimulatorConfig::default().with_fail_percent(0.0)).await;
    let fault = json!({"operation": "send_batch", "fault": "rate_limit", "after": 1, "times": 1, "retry_after": 3});
    assert_eq!(caller.control("POST", "/faults", fault).await.status, 200);
    assert_eq!(caller.send(&crowd(0, 1)).await.status, 200);
    let said = caller.send(&crowd(0, 1)).await;
    assert_eq!((said.status, said.retry_after.as_deref()), (429, Some("3")));
    assert_eq!(said.body["error"]["details"][0]["retryDelay"], "3s");

    caller.control("POST", "/faults", json!({"operation": "send_batch", "fault": "drop", "times": 1000})).await;
    assert_eq!(caller.control("DELETE", "/faults", Value::Null).await.status, 200);
    let outcome = json!({"identity": "+15550000007", "outcome": "failed", "code": "CHANNEL_REJECT"});
    assert_eq!(caller.control("POST", "/outcomes", outcome).await.status, 200);
    caller.send(&crowd(7, 1)).await;
    caller.simulator.idle().await;
    assert_eq!(caller.simulator.stats().messages.failed, 1);

    assert_eq!(caller.control("POST", "/clock", json!({"advance_seconds": 4000})).await.status, 200);
    assert_eq!(caller.send(&crowd(0, 1)).await.status, 401);
    caller.renew().await;
    assert_eq!(caller.send(&crowd(0, 1)).await.status, 200);

    for (path, body) in [
        ("/faults", json!({"operation": "send_batch", "fault": "explode"})),
        ("/faults", json!({"operation": "send_batch", "fault": "drop", "tmies": 1})),
        ("/clock", json!({"advance_seconds": -1})),
        ("/outcomes", json!({"outcome": "read"})),
    ] {
        let said = caller.control("POST", path, body).await;
        assert_eq!(said.status, 400, "{said:?}");
        assert!(said.body["error"].is_string());
    }
    assert_eq!(caller.control("GET", "/nothing", Value::Null).await.status, 404);
}

#[tokio::test]
async fn assumptions_are_listed_with_their_sources() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let listed = caller.control("GET", "/assumptions", Value::Null).await.body;
    assert!(listed.as_array().unwrap().len() > 30);
    assert!(listed[0]["source"].is_string() && listed[0]["behaviour"].is_string());
    assert!(caller.control("GET", "/", Value::Null).await.body["GET /stats"].is_string());
}

#[tokio::test]
async fn simulator_that_cannot_start_says_why() {
    let running = Simulator::start(SimulatorConfig::default()).await.unwrap();
    let taken = running.api_url().trim_start_matches("http://").parse().unwrap();
    let start = async |config: SimulatorConfig| Simulator::start(config).await.unwrap_err();
    let config = SimulatorConfig::default();
    assert!(matches!(start(config.clone().with_addr(taken)).await, StartError::Listen { .. }));
    assert!(matches!(start(config.clone().with_control(taken)).await, StartError::Listen { .. }));
    assert!(matches!(start(config.clone().with_fail_percent(101.0)).await, StartError::Percent));
    for url in ["https://example.com/", "hello", "http://"] {
        assert!(matches!(start(config.clone().with_callback_url(url)).await, StartError::CallbackUrl), "{url}");
    }
    // And the addresses of one that has stopped are free again.
    running.shutdown().await;
    Simulator::start(config.with_addr(taken)).await.unwrap();
}
