//! Nonces and pace of several machines.

use std::time::{Duration, Instant};

use sinch_batch_ledger::PostgresLedger;
use sinch_batch_ledger::postgres::{SharedNonce, SharedNonceState};
use sinch_batch_models::Timestamp;

use super::server::server;

const HOLD: Duration = Duration::from_secs(60);

fn nonce(key: u8, body: u8) -> SharedNonce {
    SharedNonce::new([key; 16], [body; 16], Timestamp::now() + Duration::from_secs(600))
}

/// Two machines.
async fn two() -> Option<(PostgresLedger, PostgresLedger)> {
    let url = server()?.schema();
    Some((PostgresLedger::open(&url).await.unwrap(), PostgresLedger::open(&url).await.unwrap()))
}

#[tokio::test]
async fn nonce_is_new_to_one_receiver_alone() {
    let Some((one, other)) = two().await else { return };
    let callback = nonce(1, 1);
    assert_eq!(one.claim_once(&callback, HOLD).await.unwrap(), SharedNonceState::New);
    assert_eq!(other.claim_once(&callback, HOLD).await.unwrap(), SharedNonceState::InProgress);
    assert_eq!(other.claim_once(&nonce(1, 2), HOLD).await.unwrap(), SharedNonceState::Conflict);
    one.keep_once(&callback).await.unwrap();
    assert_eq!(other.claim_once(&callback, HOLD).await.unwrap(), SharedNonceState::Duplicate);
    assert_eq!(other.claim_once(&nonce(1, 2), HOLD).await.unwrap(), SharedNonceState::Conflict);
    // What was kept stays.
    one.release_once(&callback).await.unwrap();
    assert_eq!(other.claim_once(&callback, HOLD).await.unwrap(), SharedNonceState::Duplicate);
}

#[tokio::test]
async fn nonce_that_was_released_or_lapsed_is_new_again() {
    let Some((one, other)) = two().await else { return };
    let callback = nonce(1, 1);
    assert_eq!(one.claim_once(&callback, HOLD).await.unwrap(), SharedNonceState::New);
    // Nobody releases what another has claimed with another body.
    other.release_once(&nonce(1, 2)).await.unwrap();
    assert_eq!(other.claim_once(&callback, HOLD).await.unwrap(), SharedNonceState::InProgress);
    one.release_once(&callback).await.unwrap();
    assert_eq!(other.claim_once(&callback, Duration::ZERO).await.unwrap(), SharedNonceState::New);
    // That receiver died.
    assert_eq!(one.claim_once(&callback, HOLD).await.unwrap(), SharedNonceState::New);
    // It was applied in the end, though its claim had lapsed and was swept.
    other.keep_once(&nonce(2, 2)).await.unwrap();
    assert_eq!(one.claim_once(&nonce(2, 2), HOLD).await.unwrap(), SharedNonceState::Duplicate);
}

#[tokio::test]
async fn nonces_are_forgotten_an_hour_after_their_time() {
    let Some((one, other)) = two().await else { return };
    let old = |key, seconds| {
        SharedNonce::new([key; 16], [key; 16], Timestamp::now().checked_sub(Duration::from_secs(seconds)).unwrap())
    };
    for nonce in [old(1, 3700), old(2, 3700), old(3, 3500), nonce(4, 4)] {
        one.claim_once(&nonce, Duration::ZERO).await.unwrap();
        one.keep_once(&nonce).await.unwrap();
    }
    assert_eq!(other.sweep_once().await.unwrap(), 2);
    assert_eq!(one.sweep_once().await.unwrap(), 0);
    assert_eq!(one.claim_once(&nonce(4, 4), HOLD).await.unwrap(), SharedNonceState::Duplicate);
}

#[tokio::test]
async fn pace_is_shared_and_held() {
    let Some((one, other)) = two().await else { return };
    let gap = Duration::from_secs(1);
    // A second's worth leaves at once; whoever comes next waits for what the other has reserved.
    let start = Instant::now();
    assert_eq!(one.reserve("project", 20, gap).await.unwrap(), Duration::ZERO);
    let wait = other.reserve("project", 20, gap).await.unwrap();
    assert!(wait <= 19 * gap && wait + start.elapsed() + gap / 10 >= 19 * gap, "{wait:?}");
    let wait = one.reserve("project", 1, gap).await.unwrap();
    assert!(wait > 37 * gap && wait <= 39 * gap, "{wait:?}");
    assert_eq!(other.reserve("another", 1, gap).await.unwrap(), Duration::ZERO);
    assert_eq!(one.pace_held_until("another").await.unwrap(), None);
    // A 429 holds all, and a shorter one does not shorten it.
    other.hold_pace("another", Duration::from_secs(90)).await.unwrap();
    other.hold_pace("another", Duration::from_secs(2)).await.unwrap();
    let wait = one.reserve("another", 1, gap).await.unwrap();
    assert!(wait > Duration::from_secs(60) && wait <= Duration::from_secs(90), "{wait:?}");
    let held = one.pace_held_until("another").await.unwrap().unwrap();
    let left = held.as_second() - Timestamp::now().as_second();
    assert!((60..=91).contains(&left), "{left} s");
    assert_eq!(one.pace_held_until("project").await.unwrap(), None);
}
