//! Tokens: asked for, used, expired.

use std::time::Duration;

use sinch_batch_simulator::{Fault, FaultKind, SimulatedOperation, SimulatorConfig};

use crate::support::{Caller, crowd, said};

#[tokio::test]
async fn token_is_for_those_with_credentials() {
    let config = SimulatorConfig::default().with_credentials("key", "a~b+c d");
    let simulator = sinch_batch_simulator::Simulator::start(config).await.unwrap();
    let caller =
        Caller { simulator, http: reqwest::Client::builder().no_proxy().build().unwrap(), token: String::new() };
    // Plain, as Sinch's own clients do, and form-encoded, as the RFC has it.
    for (id, secret, status) in [
        ("key", "a~b+c d", 200),
        ("key", "a%7Eb%2Bc+d", 200),
        ("key", "a", 401),
        ("other", "a~b+c d", 401),
        ("key", "", 401),
    ] {
        let said = caller.ask_token(id, secret).await.unwrap();
        assert_eq!(said.status, status, "{secret}");
        if status == 401 {
            assert_eq!(said.body["error"], "invalid_client");
        } else {
            assert_eq!(
                (said.body["expires_in"].as_u64(), said.body["token_type"].as_str()),
                (Some(3599), Some("bearer"))
            );
        }
    }
    let form = "application/x-www-form-urlencoded";
    for (content, body, error) in [
        (form, "", "invalid_request"),
        (form, "grant_type=password", "unsupported_grant_type"),
        ("application/json", "grant_type=client_credentials", "invalid_request"),
    ] {
        let request = caller.http.post(caller.simulator.auth_url()).basic_auth("key", Some("a~b+c d"));
        let said = said(request.header("content-type", content).body(body)).await.unwrap();
        assert_eq!((said.status, said.body["error"].as_str()), (400, Some(error)));
    }
    let stats = caller.simulator.stats();
    assert_eq!(stats.requests["token"], [("200".into(), 2), ("400".into(), 3), ("401".into(), 3)].into());
}

#[tokio::test]
async fn token_expires_and_says_so() {
    let mut caller = Caller::start(SimulatorConfig::default()).await;
    assert_eq!(caller.send(&crowd(0, 1)).await.status, 200);
    let old = caller.token.clone();
    caller.simulator.advance(Duration::from_secs(3599));
    let said = caller.send(&crowd(1, 1)).await;
    assert_eq!(said.status, 401);
    assert!(
        said.challenge.starts_with(r#"Bearer error="invalid_token", error_description="Jwt expired at "#),
        "{said:?}"
    );

    caller.renew().await;
    assert_ne!(caller.token, old);
    assert_eq!(caller.send(&crowd(1, 1)).await.status, 200);

    for token in ["never issued", ""] {
        caller.token = token.to_owned();
        let said = caller.send(&crowd(2, 1)).await;
        assert_eq!(said.status, 401);
        assert!(said.challenge.starts_with("Bearer") && !said.challenge.contains("expired"), "{said:?}");
    }
    assert_eq!(caller.simulator.stats().batches, 2);
}

#[tokio::test]
async fn token_can_be_made_to_expire() {
    let mut caller = Caller::start(SimulatorConfig::default()).await;
    caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, FaultKind::ExpireToken));
    for _ in 0..2 {
        let said = caller.send(&crowd(0, 1)).await;
        assert_eq!(said.status, 401);
        assert!(said.challenge.contains("expired"));
    }
    caller.simulator.inject(Fault::new(SimulatedOperation::Token, FaultKind::ExpireToken));
    caller.renew().await;
    assert!(caller.send(&crowd(0, 1)).await.challenge.contains("expired"));
    caller.renew().await;
    assert_eq!(caller.send(&crowd(0, 1)).await.status, 200);
}
