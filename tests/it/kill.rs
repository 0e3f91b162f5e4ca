//! A campaign over the real ledger, client and simulator, dropped in the middle and gone on with.

use std::sync::Arc;
use std::time::Duration;

use sinch_batch::auth::{ClientCredentials, KeyId, KeySecret, TokenCache};
use sinch_batch::campaign::plan::Plan;
use sinch_batch::campaign::{Ended, Limits, Runner, fresh_key};
use sinch_batch::client::Client;
use sinch_batch::ledger::{Ledger, NewCampaign, SqliteLedger};
use sinch_batch::models::{Template, Timestamp};
use sinch_batch::recipients::{Format, Rows, SkipSet, Source};
use sinch_batch::simulator::{Simulator, SimulatorConfig};
use sinch_batch::{AppId, Message, ProjectId};

const ROWS: u64 = 100;

async fn send(ledger: Arc<SqliteLedger>, simulator: &Simulator, stop_after: u64) -> Option<Ended> {
    let message = Message::text("Hello ${name}");
    let mut file = String::from("SMS,name\n");
    for row in 0..ROWS {
        file.push_str(&format!("+1555010{row:04},Person\n"));
    }
    let campaign = match ledger.campaign("c").await.unwrap() {
        Some(campaign) => campaign,
        None => {
            let mut new = NewCampaign::new("c", fresh_key(), ROWS, Timestamp::now());
            new.batch_size = 10;
            ledger.create(new).await.unwrap()
        }
    };
    let credentials = ClientCredentials::new(KeyId::new("id"), KeySecret::new("secret"))
        .with_token_url(&simulator.auth_url())
        .unwrap();
    let client = Client::builder(ProjectId::new("p"), TokenCache::new(credentials))
        .with_base_url(&simulator.api_url())
        .build()
        .unwrap();
    let file = std::io::Cursor::new(file.into_bytes());
    let source = Source::new(file, Format::Csv, &Template::new(message.clone())).unwrap();
    let open = ledger.open_batches(campaign.id).await.unwrap();
    let frontier = ledger.frontier(campaign.id).await.unwrap();
    let plan = Plan::new(Rows::new(source, SkipSet::none()), &campaign, open, frontier);
    let (enough, mut is_enough) = tokio::sync::watch::channel(0);
    let runner = Runner::new(ledger, Arc::new(client), campaign, AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), message)
        .with_limits(Limits::default().with_settle(Duration::from_secs(1)));
    let run = runner.send(plan, std::future::pending(), |standing| {
        enough.send_replace(standing.batches.total());
    });
    tokio::select! {
        ended = run => Some(ended.unwrap()),
        // Dropped where it stands, as a crash would leave it.
        _ = is_enough.wait_for(|batches| *batches >= stop_after) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_1_a_campaign_dropped_midway_goes_on_and_reaches_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let simulator = Simulator::start(SimulatorConfig::default()).await.unwrap();
    for stop_after in [1, 5] {
        let ledger = Arc::new(SqliteLedger::open(&path).unwrap());
        send(ledger, &simulator, stop_after).await;
    }
    let ledger = Arc::new(SqliteLedger::open(&path).unwrap());
    let ended = send(ledger.clone(), &simulator, u64::MAX).await.unwrap();
    assert!(ended.is_complete(), "{ended:?}");
    let mut identities: Vec<String> = simulator.messages().iter().map(|message| message.identity.to_string()).collect();
    identities.sort();
    assert_eq!(identities.len() as u64, ROWS);
    identities.dedup();
    assert_eq!(identities.len() as u64, ROWS, "someone was sent to twice");
    simulator.shutdown().await;
}
