//! What is there when a story is over: at the service, in the ledger, and in the reports.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;
use sinch_batch::ledger::{BatchStage, CampaignRecord, CampaignStatus, Ledger, LedgerError, Phase};
use sinch_batch::models::BatchState;
use sinch_batch::simulator::{FaultKind, MessageOutcome, MessageStatus, SimulatedOperation, Simulator};
use sinch_batch::tracking::{BatchKey, Progress, class_of};

use super::judge::{Campaign, Choice, Kept, Served, Stage, Sums};
use super::setup::Wrong;
use super::story::Story;
use crate::fail::Failure;
use crate::ledgers::{self, AnyLedger, Place};

/// The most batches or messages that a story has.
const ALL: u32 = u32::MAX >> 1;

/// How many requests something went wrong with. That each send takes its time is not counted.
pub(super) fn faults(simulator: &Simulator) -> u64 {
    let delayed_send = (SimulatedOperation::SendBatch.name(), Some(FaultKind::Delay.name()));
    let requests = simulator.requests();
    let met = requests.iter().filter(|request| request.fault.is_some());
    met.filter(|request| (request.operation, request.fault) != delayed_send).count() as u64
}

/// Every message that the service accepted. `keys` are those of the campaigns of the line.
pub(super) fn served(simulator: &Simulator, story: &Story, keys: &[Option<String>]) -> Vec<Served> {
    let mut outcomes_drawn: BTreeMap<String, usize> = BTreeMap::new();
    let messages = simulator.messages();
    let served = messages.into_iter().map(|message| {
        let key = message.batch_key.as_deref().and_then(|key| key.parse::<BatchKey>().ok());
        let key = key.map(|key| key.campaign.as_str().to_owned());
        let campaign = key.and_then(|key| keys.iter().position(|one| one.as_deref() == Some(&*key)));
        let progress = match message.status {
            MessageStatus::Queued => Progress::Queued,
            MessageStatus::Delivered => Progress::Delivered,
            MessageStatus::Read => Progress::Read,
            MessageStatus::Failed => Progress::Failed,
            _ => Progress::Accepted,
        };
        let mut class = None;
        if progress > Progress::Accepted {
            let drawn = outcomes_drawn.entry(message.identity.clone()).or_default();
            let outcome = story.outcome_of(&message.identity, *drawn);
            *drawn += 1;
            // The script says why; the service's list does not.
            if let (Progress::Failed, MessageOutcome::Failed { code }) = (progress, &outcome) {
                class = Some(class_of(Some(code)));
            }
        }
        Served { identity: message.identity, campaign, progress, class }
    });
    served.collect()
}

/// A campaign of the line, as the ledger has it.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) key: Option<String>,
    pub(super) campaign: Campaign,
}

/// What the ledger says of a campaign.
pub(super) async fn recorded(ledger: &Place, name: &str, choice: Choice, rows: u64) -> Result<Recorded, Wrong> {
    let ledger = open(ledger).await?;
    let Some(record) = ledger.campaign(name).await.map_err(failed)? else {
        // Nobody began it: all rows are open, or nothing was chosen.
        let none = if choice == Choice::All { Some(Kept::OPEN) } else { None };
        let (skipped, planned) = if choice == Choice::All { (0, rows) } else { (rows, 0) };
        let sums = Sums { rows, skipped, planned, ..Sums::default() };
        let campaign =
            Campaign { choice, is_cancelled: false, sums, kept: vec![none; rows as usize], report: Vec::new() };
        return Ok(Recorded { key: None, campaign });
    };
    let status = ledger.status(record.id).await.map_err(failed)?;
    let kept = kept(&*ledger, &record, rows).await.map_err(failed)?;
    let is_cancelled = status.phase == Phase::Cancelled;
    let campaign = Campaign { choice, is_cancelled, sums: sums(&status), kept, report: Vec::new() };
    Ok(Recorded { key: Some(record.key.as_str().to_owned()), campaign })
}

/// Where a campaign stands; none if there is none of that name.
pub(super) async fn phase(ledger: &Place, name: &str) -> Result<Option<Phase>, Wrong> {
    let ledger = open(ledger).await?;
    let Some(record) = ledger.campaign(name).await.map_err(failed)? else { return Ok(None) };
    Ok(Some(ledger.status(record.id).await.map_err(failed)?.phase))
}

fn sums(status: &CampaignStatus) -> Sums {
    let &CampaignStatus { rows, skipped, planned, accepted, unknown, messages, .. } = status;
    Sums { rows, skipped, planned, accepted, unknown, recalled: messages.cancelled, messages: messages.total() }
}

async fn kept(ledger: &dyn Ledger, record: &CampaignRecord, rows: u64) -> Result<Vec<Option<Kept>>, LedgerError> {
    let mut kept = vec![None; rows as usize];
    let messages = ledger.messages(record.id, 0, ALL).await?;
    let messages: BTreeMap<u64, Progress> = messages.into_iter().map(|(row, state)| (row, state.progress)).collect();
    for batch in ledger.batches(record.id, 0, ALL).await? {
        let is_recalled = batch.state == Some(BatchState::Cancelled);
        for (row, _) in batch.rows.iter() {
            let progress = messages.get(&row).copied().unwrap_or(Progress::Accepted);
            let stage = match batch.stage {
                BatchStage::Accepted if is_recalled && progress <= Progress::Accepted => Stage::Recalled,
                BatchStage::Accepted => Stage::Accepted,
                BatchStage::Planned | BatchStage::Refused => Stage::Open,
                BatchStage::Skipped => continue,
                _ => Stage::Unknown,
            };
            if let Some(place) = usize::try_from(row - 1).ok().and_then(|at| kept.get_mut(at)) {
                *place = Some(Kept { stage, progress });
            }
        }
    }
    Ok(kept)
}

/// The words of a report with the file's own columns, by row.
pub(super) fn words(report: &str) -> Vec<String> {
    // No cell of ours is quoted.
    report.lines().skip(1).map(|line| line.split(',').nth(2).unwrap_or_default().to_owned()).collect()
}

async fn open(ledger: &Place) -> Result<AnyLedger, Wrong> {
    let told = |failure: Failure| format!("the ledger cannot be read: {}", failure.sentence());
    ledgers::open(ledger).await.map_err(told)
}

fn failed(error: LedgerError) -> Wrong {
    format!("the ledger cannot be read: {error}")
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
