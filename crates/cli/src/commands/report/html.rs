//! The values of a report in HTML, from the ledger.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use sinch_batch::campaign::report::{ReportError, batch_status, for_each_batch};
use sinch_batch::ledger::{BatchRecord, BatchStage, CampaignRecord, CampaignStatus, Ledger, Pulse};
use sinch_batch::models::{Message, Timestamp};
use sinch_batch::pages::report::{
    AttemptsView, BatchView, FailureView, PulseView, ReasonView, ReportView, RetryAdvice,
};
use sinch_batch::tracking::{self, RetryClass};

use crate::ledgers;
use crate::ledgers::Place;
use crate::run::{Next, next_command};

/// How many failures are listed, and how many batches.
const LISTED: usize = 1000;

/// Everything the report shows, as the ledger has it now.
pub(super) async fn view(
    ledger: &dyn Ledger,
    path: &Place,
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
    kept_sums(&mut view, ledger, campaign).await?;
    Ok(view)
}

fn head(view: &mut ReportView, campaign: &CampaignRecord, path: &Place) {
    view.practice = campaign.practice;
    view.created = Some(campaign.created);
    let message: Option<Message> = serde_json::from_str(&campaign.message).ok();
    view.message_kind = message.as_ref().and_then(Message::kind).unwrap_or_default().to_owned();
    view.message_fingerprint = campaign.message_fingerprint.map(|known| known.to_string()).unwrap_or_default();
    let file = Path::new(&campaign.input).file_name();
    view.input = file.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    view.input_fingerprint = campaign.input_fingerprint.map(|known| known.to_string()).unwrap_or_default();
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

/// The first of them: the rest is in the CSV.
async fn failures(view: &mut ReportView, ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<(), ReportError> {
    let listed = ledger.failures(campaign.id, 0, LISTED as u32).await?;
    view.failures = listed
        .into_iter()
        .map(|failure| FailureView {
            row: failure.row,
            line: failure.line,
            code: failure.code.map_or_else(|| "UNKNOWN".to_owned(), Into::into),
            description: failure.description.unwrap_or_default(),
        })
        .collect();
    Ok(())
}

/// Failures by reason and events by minute, as the ledger sums them.
async fn kept_sums(view: &mut ReportView, ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<(), ReportError> {
    let reasons = ledger.reasons(campaign.id).await?;
    view.reasons = reasons.into_iter().map(|one| reason(one.code, one.count)).collect();
    let pulse = ledger.pulse(campaign.id, Timestamp::MIN, Timestamp::MAX).await?;
    view.first_receipt = first_receipt(&pulse);
    view.pulse = pulse.iter().map(in_minute).collect();
    Ok(())
}

fn in_minute(pulse: &Pulse) -> PulseView {
    PulseView {
        from: pulse.from(),
        accepted: pulse.accepted,
        queued: pulse.queued,
        delivered: pulse.delivered,
        read: pulse.read,
        failed: pulse.failed,
    }
}

/// From the minute of the first acceptance to that of the first receipt.
fn first_receipt(pulse: &[Pulse]) -> Option<Duration> {
    let accepted = pulse.iter().find(|it| it.accepted > 0)?;
    let receipt = pulse.iter().find(|it| it.queued + it.delivered + it.read + it.failed > 0)?;
    let minutes = u64::try_from(receipt.minute.saturating_sub(accepted.minute)).unwrap_or(0);
    Some(Duration::from_secs(minutes.saturating_mul(60)))
}

fn reason(code: String, count: u64) -> ReasonView {
    let advice = match tracking::class_of(Some(&code)) {
        RetryClass::Again => RetryAdvice::TryAgain,
        RetryClass::Ask => RetryAdvice::Ask,
        RetryClass::Fix => RetryAdvice::Fix,
        RetryClass::Never => RetryAdvice::Never,
    };
    let what_to_do = tracking::advice(Some(&code));
    ReasonView::new(code, count, advice, what_to_do)
}
