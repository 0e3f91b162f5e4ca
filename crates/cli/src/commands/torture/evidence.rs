//! What is there when a story is over: at the service, and in the ledger.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;
use sinch_batch::ledger::{BatchStage, LedgerError};
use sinch_batch::simulator::{FaultKind, MessageStatus, SimulatedOperation, Simulator};
use sinch_batch::tracking::Progress;

use super::judge::{Kept, Served, Stage};
use super::processes::CAMPAIGN;
use super::setup::Wrong;
use super::story::Story;
use crate::fail::Failure;
use crate::ledgers::{self, Place};

/// How many requests something went wrong with. That each send takes its time is not counted.
pub(super) fn faults(simulator: &Simulator) -> u64 {
    let delayed_send = (SimulatedOperation::SendBatch.name(), Some(FaultKind::Delay.name()));
    let requests = simulator.requests();
    let met = requests.iter().filter(|request| request.fault.is_some());
    met.filter(|request| (request.operation, request.fault) != delayed_send).count() as u64
}

/// Every message that the service accepted.
pub(super) fn served(simulator: &Simulator) -> Vec<Served> {
    let messages = simulator.messages();
    let served = messages.into_iter().map(|message| Served {
        identity: message.identity,
        progress: match message.status {
            MessageStatus::Queued => Progress::Queued,
            MessageStatus::Delivered => Progress::Delivered,
            MessageStatus::Read => Progress::Read,
            MessageStatus::Failed => Progress::Failed,
            _ => Progress::Accepted,
        },
    });
    served.collect()
}

/// What the ledger says of each row.
pub(super) async fn kept(ledger: &Place, rows: u64) -> Result<Vec<Kept>, Wrong> {
    let failed = |error: LedgerError| format!("the ledger cannot be read: {error}");
    let told = |failure: Failure| format!("the ledger cannot be read: {}", failure.sentence());
    let ledger = ledgers::open(ledger).await.map_err(told)?;
    let mut kept = vec![Kept { stage: Stage::Open, progress: Progress::Planned }; rows as usize];
    let campaign = ledger.campaign(CAMPAIGN).await.map_err(failed)?;
    let Some(campaign) = campaign else { return Ok(kept) };
    for batch in ledger.batches(campaign.id, 0, u32::MAX >> 1).await.map_err(failed)? {
        let stage = match batch.stage {
            BatchStage::Accepted => Stage::Accepted,
            BatchStage::Planned | BatchStage::Refused => Stage::Open,
            _ => Stage::Unknown,
        };
        for (row, _) in batch.rows.iter() {
            let message = ledger.message(campaign.id, row).await.map_err(failed)?;
            let progress = message.map_or(Progress::Accepted, |message| message.progress);
            if let Some(place) = usize::try_from(row - 1).ok().and_then(|at| kept.get_mut(at)) {
                *place = Kept { stage, progress };
            }
        }
    }
    Ok(kept)
}

/// Writes down what the service has seen, and the plan.
pub(super) fn write(folder: &Path, story: &Story, simulator: &Simulator) -> io::Result<()> {
    fs::write(folder.join("plan.txt"), format!("{story:#?}\n"))?;
    fs::write(folder.join("service-messages.jsonl"), lines(&simulator.messages()))?;
    fs::write(folder.join("service-requests.jsonl"), lines(&simulator.requests()))
}

fn lines<T: Serialize>(values: &[T]) -> String {
    values.iter().filter_map(|value| serde_json::to_string(value).ok()).map(|line| line + "\n").collect()
}
