//! A campaign over the real ledger, client and simulator, dropped in the middle and gone on with.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sinch_batch::auth::{ClientCredentials, KeyId, KeySecret, TokenCache};
use sinch_batch::campaign::{Campaign, CampaignRequest, SendLimits, SendOutcome};
use sinch_batch::client::Client;
use sinch_batch::ledger::{Ledger, SqliteLedger};
use sinch_batch::recipients::{CheckOptions, RecipientFile};
use sinch_batch::simulator::{Fault, FaultKind, SimulatedOperation, Simulator, SimulatorConfig};
use sinch_batch::{AppId, Message, ProjectId};

const ROWS: u64 = 100;

fn client(simulator: &Simulator) -> Client {
    let credentials = ClientCredentials::new(KeyId::new("id"), KeySecret::new("secret"))
        .with_token_url(&simulator.auth_url())
        .unwrap();
    Client::builder(ProjectId::new("p"), TokenCache::new(credentials))
        .with_base_url(&simulator.api_url())
        .build()
        .unwrap()
}

async fn campaign(folder: &Path, simulator: &Simulator) -> Campaign {
    let ledger = Arc::new(SqliteLedger::open(folder.join("ledger.db")).unwrap());
    let path = folder.join("people.csv");
    let campaign = match ledger.campaign("c").await.unwrap() {
        Some(_) => {
            let file = RecipientFile::open(path).unwrap();
            Campaign::resume(ledger.clone(), "c", client(simulator), file).await.unwrap()
        }
        None => {
            let mut file = std::fs::File::create(&path).unwrap();
            writeln!(file, "SMS,name").unwrap();
            (0..ROWS).for_each(|row| writeln!(file, "+1555010{row:04},Person").unwrap());
            let app = AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1");
            let request = CampaignRequest::new(app, Message::text("Hello ${name}"));
            let options = CheckOptions::new().with_batch_size(10);
            let checked = request.check_with(RecipientFile::open(path).unwrap(), &options, |_| {}).unwrap();
            Campaign::begin(ledger.clone(), "c", client(simulator), checked).await.unwrap()
        }
    };
    campaign.with_limits(SendLimits::default().with_resend_after(Duration::from_secs(1)))
}

/// Where a run is dropped: as many calls as it may make at once hang, and so many have hung in all.
struct Crash {
    hanging: u32,
    in_all: usize,
}

/// Sends up to a place and is dropped there, as a crash would leave it; or to the end.
async fn send(folder: &Path, simulator: &Simulator, crash: Option<Crash>) -> Option<SendOutcome> {
    let campaign = campaign(folder, simulator).await;
    let Some(Crash { hanging, in_all }) = crash else {
        return Some(campaign.send(std::future::pending(), |_| {}).await.unwrap());
    };
    let campaign = campaign.with_limits(SendLimits::default().with_in_flight(hanging));
    let stuck = async {
        while simulator.requests().iter().filter(|request| request.ended == "hung").count() < in_all {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = campaign.send(std::future::pending(), |_| {}) => panic!("it was to hang: {outcome:?}"),
        () = stuck => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_1_a_campaign_dropped_midway_goes_on_and_reaches_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::start(SimulatorConfig::default()).await.unwrap();
    // Each interruption is made at a known place: the service has these batches, and nobody here knows.
    for (after, crash) in [(2, Crash { hanging: 2, in_all: 2 }), (1, Crash { hanging: 3, in_all: 5 })] {
        let fault = Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenHang);
        simulator.inject(fault.with_after(after).with_times(crash.hanging.into()));
        assert_eq!(send(folder.path(), &simulator, Some(crash)).await, None);
    }
    let outcome = send(folder.path(), &simulator, None).await.unwrap();
    assert!(outcome.is_complete(), "{outcome:?}");
    let mut identities: Vec<String> = simulator.messages().iter().map(|message| message.identity.to_string()).collect();
    identities.sort();
    assert_eq!(identities.len() as u64, ROWS);
    identities.dedup();
    assert_eq!(identities.len() as u64, ROWS, "someone was sent to twice");
    simulator.shutdown().await;
}
