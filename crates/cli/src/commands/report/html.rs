//! The values of a report in HTML, from the ledger.

use std::collections::BTreeMap;
use std::path::Path;

use sinch_batch::campaign::report::{ReportError, batch_status, for_each_batch, for_each_failure};
use sinch_batch::ledger::{BatchRecord, BatchStage, CampaignRecord, CampaignStatus, Ledger};
use sinch_batch::models::{Message, Timestamp};
use sinch_batch::pages::report::{AttemptsView, BatchView, FailureView, ReasonView, ReportView};

use super::reasons;
use crate::ledgers;
use crate::run::{Next, next_command};

/// How many failures are listed, and how many batches.
const LISTED: usize = 1000;

/// Everything the report shows, as the ledger has it now.
pub(super) async fn view(
    ledger: &dyn Ledger,
    path: &Path,
    campaign: &CampaignRecord,
    now: Timestamp,
) -> Result<ReportView, ReportError> {
    let status = ledger.status(campaign.id).await?;
    let mut view = ReportView::new(&campaign.name, now);
    head(&mut view, campaign, path);
    sums(&mut view, &status);
    let next = Next { campaign: &campaign.name, ledger: path, keeps: true };
    view.next = next_command(&next, &status).filter(|_| !campaign.practice && status.is_unfinished());
    batches(&mut view, ledger, campaign).await?;
    failures(&mut view, ledger, campaign).await?;
    Ok(view)
}

fn head(view: &mut ReportView, campaign: &CampaignRecord, path: &Path) {
    view.practice = campaign.practice;
    view.created = Some(campaign.created);
    let message: Option<Message> = serde_json::from_str(&campaign.message).ok();
    view.message_kind = message.as_ref().and_then(Message::kind).unwrap_or_default().to_owned();
    view.message_fingerprint.clone_from(&campaign.message_fingerprint);
    let file = Path::new(&campaign.input).file_name();
    view.input = file.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    view.input_fingerprint.clone_from(&campaign.input_fingerprint);
    view.all_failures = format!("sinch-batch report {} --format csv{}", campaign.name, ledgers::option(path));
    env!("CARGO_PKG_VERSION").clone_into(&mut view.version);
}

fn sums(view: &mut ReportView, status: &CampaignStatus) {
    status.phase.as_str().clone_into(&mut view.phase);
    view.rows = status.rows;
    view.skipped = status.skipped;
    view.planned = status.planned;
    view.accepted = status.accepted;
    view.unknown = status.unknown;
    view.doubled = status.doubled;
    view.messages.pending = status.messages.pending;
    view.messages.queued = status.messages.queued;
    view.messages.delivered = status.messages.delivered;
    view.messages.read = status.messages.read;
    view.messages.failed = status.messages.failed;
    view.batches.planned = status.batches.planned;
    view.batches.accepted = status.batches.accepted;
    view.batches.unknown = status.batches.unknown;
    view.batches.refused = status.batches.refused;
}

async fn batches(view: &mut ReportView, ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<(), ReportError> {
    let mut attempts: BTreeMap<u32, u64> = BTreeMap::new();
    for_each_batch(ledger, campaign, |batch| {
        if batch.attempts > 0 {
            *attempts.entry(batch.attempts).or_default() += 1;
        }
        if needs_a_look(&batch) {
            view.n_odd_batches += 1;
            if view.odd_batches.len() < LISTED {
                view.odd_batches.push(shown(&batch));
            }
        }
        Ok(())
    })
    .await?;
    view.attempts = attempts.into_iter().map(|(attempts, batches)| AttemptsView { attempts, batches }).collect();
    Ok(())
}

fn needs_a_look(batch: &BatchRecord) -> bool {
    batch.doubled > 0 || batch.attempts > 1 || matches!(batch.stage, BatchStage::Refused | BatchStage::Unknown)
}

fn shown(batch: &BatchRecord) -> BatchView {
    BatchView {
        number: batch.number.into(),
        first_row: batch.rows.first_row().unwrap_or_default(),
        rows: batch.rows.len(),
        status: batch_status(batch).to_owned(),
        attempts: batch.attempts,
        doubled: batch.doubled,
        batch_id: batch.batch_id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        why: batch.why.clone().unwrap_or_default(),
    }
}

async fn failures(view: &mut ReportView, ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<(), ReportError> {
    let mut by_code: BTreeMap<String, u64> = BTreeMap::new();
    for_each_failure(ledger, campaign, |failure| {
        let code = failure.code.unwrap_or_else(|| "UNKNOWN".to_owned());
        if view.failures.len() < LISTED {
            view.failures.push(FailureView {
                row: failure.row,
                line: failure.line,
                code: code.clone(),
                description: failure.description.unwrap_or_default(),
            });
        }
        *by_code.entry(code).or_default() += 1;
        Ok(())
    })
    .await?;
    view.reasons = by_code.into_iter().map(|(code, count)| reason(code, count)).collect();
    Ok(())
}

fn reason(code: String, count: u64) -> ReasonView {
    let (advice, what_to_do) = reasons::advice(&code);
    ReasonView::new(code, count, advice, what_to_do)
}
