//! Whose clock says when a lease is over, and how often the way to the server was lost.

use std::time::Duration;

use sinch_batch_ledger::{CampaignId, Claim, Claimed, Entry, Ledger, NewCampaign, PlannedRows, PostgresLedger, Worker};
use sinch_batch_models::Timestamp;

use super::server::{own_server, server};

const HOUR: Duration = Duration::from_secs(3600);

/// What a clock shows that is right, an hour ahead, or an hour behind.
fn clocks() -> [Timestamp; 3] {
    let now = Timestamp::now();
    [now, now.checked_add(HOUR).unwrap(), now.checked_sub(HOUR).unwrap()]
}

async fn campaign(ledger: &PostgresLedger) -> CampaignId {
    let rows = [(1, 1)].into_iter().collect();
    let plan = vec![PlannedRows { first_row: None, rows, at_byte: 0, n_bytes: 1, digest: [7; 8] }];
    let new = NewCampaign::new("autumn", "key", 1, Timestamp::now());
    ledger.create(new, Box::new(plan)).await.unwrap().campaign.id
}

async fn claim(ledger: &PostgresLedger, campaign: CampaignId, name: &str, now: Timestamp, lease: Duration) -> Claimed {
    let claim = Claim::new(Worker::new(name, None), 1, now).with_lease(lease);
    ledger.claim(campaign, claim).await.unwrap()
}

/// Whether two times are the same but for the time that a test takes.
fn about(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).unsigned_abs() < Duration::from_secs(60)
}

#[tokio::test]
async fn worker_with_a_wrong_clock_takes_nothing_from_another() {
    let Some(server) = server() else { return };
    let ledger = PostgresLedger::open(&server.schema()).await.unwrap();
    let campaign = campaign(&ledger).await;
    let [right, ahead, behind] = clocks();
    let lease = claim(&ledger, campaign, "one", right, HOUR / 2).await.leases.remove(0);
    for wrong in [ahead, behind] {
        let claimed = claim(&ledger, campaign, "two", wrong, HOUR).await;
        assert_eq!(claimed.leases, []);
        // When it lapses is told by the clock of who asks.
        let until = wrong.checked_add(HOUR / 2).unwrap();
        assert!(about(claimed.held[0].until, until), "{claimed:?}");
        assert!(about(ledger.held(campaign, wrong).await.unwrap()[0].until, until));
    }
    // Nor does a wrong clock end a lease that is not over.
    ledger.record(campaign, Entry::Intent { number: 1, token: lease.token, attempt: 1 }, ahead).await.unwrap();
    let renewed = ledger.renew(campaign, "one", vec![(1, lease.token)], HOUR / 2, behind).await.unwrap();
    assert_eq!((renewed.lost, renewed.accepted), (vec![], vec![]));
    assert_eq!(claim(&ledger, campaign, "two", right, HOUR).await.leases, []);
}

#[tokio::test]
async fn lease_that_is_over_is_free_to_a_worker_whose_clock_is_behind() {
    let Some(server) = server() else { return };
    let ledger = PostgresLedger::open(&server.schema()).await.unwrap();
    let campaign = campaign(&ledger).await;
    let [right, ahead, behind] = clocks();
    let lease = claim(&ledger, campaign, "one", ahead, HOUR).await.leases.remove(0);
    ledger.record(campaign, Entry::Intent { number: 1, token: lease.token, attempt: 1 }, right).await.unwrap();
    ledger.renew(campaign, "one", vec![(1, lease.token)], Duration::ZERO, ahead).await.unwrap();
    let late = Entry::Intent { number: 1, token: lease.token, attempt: 2 };
    assert!(ledger.record(campaign, late, behind).await.is_err());
    let taken = claim(&ledger, campaign, "two", behind, HOUR).await.leases.remove(0);
    assert_eq!((taken.number, taken.token), (1, lease.token + 1));
    // The grace counts from a moment that is now by its own clock.
    assert!(about(taken.lapsed_at.unwrap(), behind) && about(taken.may_leave_until.unwrap(), behind), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_counted() {
    let Some(server) = own_server() else { return };
    let ledger = PostgresLedger::open(&server.schema()).await.unwrap();
    let campaign = campaign(&ledger).await;
    ledger.status(campaign).await.unwrap();
    assert_eq!(ledger.losses(), 0);
    // The server restarts while nothing is asked: the next call must find out.
    server.crash();
    ledger.status(campaign).await.unwrap();
    let losses = ledger.losses();
    assert!(losses > 0);
    ledger.status(campaign).await.unwrap();
    assert_eq!(ledger.losses(), losses);
}
