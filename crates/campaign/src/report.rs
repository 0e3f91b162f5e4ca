//! What became of a campaign, as one JSON object, written as it is read: memory does not grow with
//! batches or failures.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use sinch_batch_ledger::{
    BatchRecord, BatchStage, CampaignRecord, CampaignStatus, Ledger, LedgerError, MessageFailure,
};
use sinch_batch_models::Timestamp;
use sinch_batch_tracking::{RetryClass, advice, class_of};
use thiserror::Error;

use crate::request::CampaignRequest;

/// How many batches or failures are read from the ledger at a time.
const PAGE: u32 = 1000;

/// Why a report could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The ledger could not be read.
    #[error("the ledger could not be read")]
    Ledger(#[from] LedgerError),
    /// The report could not be written out.
    #[error("the report could not be written")]
    Write(#[from] std::io::Error),
}

#[derive(Serialize)]
struct Messages {
    pending: u64,
    queued: u64,
    delivered: u64,
    read: u64,
    failed: u64,
    cancelled: u64,
}

#[derive(Serialize)]
struct BatchLine<'a> {
    batch_id: Option<&'a str>,
    rows: u64,
    status: &'a str,
    /// How many further ids the service has shown for it.
    #[serde(skip_serializing_if = "is_zero")]
    doubled: u32,
    /// When it leaves, if it was scheduled.
    #[serde(skip_serializing_if = "Option::is_none")]
    send_after: Option<Timestamp>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct FailureLine<'a> {
    row: u64,
    line: u64,
    code: &'a str,
    description: &'a str,
}

/// The word for how a batch stands: the service's own once it is known, else ours
/// (`ACCEPTED`, `UNKNOWN`, `REFUSED`, `PLANNED`).
pub fn batch_status(batch: &BatchRecord) -> &str {
    match (batch.stage, &batch.state) {
        (BatchStage::Accepted, Some(state)) => state.as_str(),
        (BatchStage::Accepted, None) => "ACCEPTED",
        (BatchStage::Refused, _) => "REFUSED",
        (BatchStage::Planned, _) => "PLANNED",
        (BatchStage::Skipped, _) => "SKIPPED",
        (_, _) => "UNKNOWN",
    }
}

/// Writes a campaign's report as one JSON object.
///
/// # Errors
/// When the ledger cannot be read or the output cannot be written; then what is written is cut off.
pub async fn write_json<W: Write>(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    mut out: W,
) -> Result<CampaignStatus, ReportError> {
    let status = write_fields(ledger, campaign, &mut out).await?;
    out.write_all(b"}\n")?;
    out.flush()?;
    Ok(status)
}

/// Writes a campaign's report as [`write_json`] does, and after its own fields those of `more`, which is
/// written as an object.
///
/// # Errors
/// As of [`write_json`].
pub async fn write_json_with<W: Write, T: Serialize + ?Sized>(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    more: &T,
    mut out: W,
) -> Result<CampaignStatus, ReportError> {
    let status = write_fields(ledger, campaign, &mut out).await?;
    let more = json(more)?;
    let fields = more.strip_prefix('{').and_then(|more| more.strip_suffix('}')).unwrap_or_default();
    let comma = if fields.is_empty() { "" } else { "," };
    writeln!(out, "{comma}{fields}}}")?;
    out.flush()?;
    Ok(status)
}

/// The object without its end.
async fn write_fields<W: Write>(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    out: &mut W,
) -> Result<CampaignStatus, ReportError> {
    let status = ledger.status(campaign.id).await?;
    let tally = status.messages;
    let messages = Messages {
        pending: tally.pending,
        queued: tally.queued,
        delivered: tally.delivered,
        read: tally.read,
        failed: tally.failed,
        cancelled: tally.cancelled,
    };
    write!(out, "{{\"campaign\":{}", json(&campaign.name)?)?;
    if let Some(parent) = campaign.parent {
        let campaigns = ledger.campaigns().await?;
        let parent = campaigns.into_iter().find(|one| one.id == parent).map(|one| one.name);
        write!(out, ",\"parent\":{}", json(&parent)?)?;
    }
    let request = CampaignRequest::from_json(campaign.request.as_bytes(), None).ok();
    if let Some(at) = request.as_ref().and_then(CampaignRequest::send_after) {
        write!(out, ",\"send_after\":{}", json(&at)?)?;
    }
    if let Some(spread) = request.as_ref().and_then(CampaignRequest::spread) {
        write!(out, ",\"spread_seconds\":{}", spread.as_secs())?;
    }
    let CampaignStatus { rows, skipped, suppressed, planned, accepted, unknown, doubled, phase, .. } = &status;
    write!(out, ",\"suppressed\":{suppressed},\"cancelled\":{}", tally.cancelled)?;
    let awaiting = status.awaiting();
    write!(out, ",\"phase\":{},\"rows\":{rows},\"skipped\":{skipped},\"planned\":{planned}", json(phase)?)?;
    write!(out, ",\"accepted\":{accepted},\"unknown\":{unknown},\"doubled\":{doubled}")?;
    write!(out, ",\"awaiting\":{awaiting},\"messages\":{}", json(&messages)?)?;
    out.write_all(b",\"batches\":[")?;
    let mut comma = "";
    for_each_batch(ledger, campaign, |batch| {
        // What was never tried has no outcome to report.
        if batch.stage == BatchStage::Planned {
            return Ok(());
        }
        let batch_id = batch.batch_id.as_ref().map(|id| id.as_str());
        write!(
            out,
            "{comma}{}",
            json(&BatchLine {
                batch_id,
                rows: batch.rows.len(),
                status: batch_status(&batch),
                doubled: batch.doubled,
                send_after: batch.send_after,
            })?
        )?;
        comma = ",";
        Ok(())
    })
    .await?;
    let mut counts = BTreeMap::<Option<String>, u64>::new();
    out.write_all(b"],\"failures\":[")?;
    let mut comma = "";
    if status.pruned {
        write!(out, "],\"pruned\":true,\"reasons\":{}", json(&sums_kept(ledger, campaign).await?)?)?;
        return Ok(status);
    }
    for_each_failure(ledger, campaign, |failure| {
        let line = FailureLine {
            row: failure.row,
            line: failure.line,
            code: failure.code.as_deref().unwrap_or("UNKNOWN"),
            description: failure.description.as_deref().unwrap_or(""),
        };
        write!(out, "{comma}{}", json(&line)?)?;
        comma = ",";
        *counts.entry(failure.code).or_default() += 1;
        Ok(())
    })
    .await?;
    write!(out, "],\"reasons\":{}", json(&sums_of(counts))?)?;
    Ok(status)
}

/// How many messages failed for one reason, and what that means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReasonCount {
    /// The service's word, or `UNKNOWN`.
    pub code: String,
    /// How many messages.
    pub messages: u64,
    /// Whether they may be sent again.
    pub class: RetryClass,
    /// What a person may do about it.
    pub advice: &'static str,
}

/// Counts the failures of a campaign by reason, most frequent first.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn failures_by_reason(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
) -> Result<Vec<ReasonCount>, ReportError> {
    if ledger.status(campaign.id).await?.pruned {
        return Ok(sums_kept(ledger, campaign).await?);
    }
    let mut counts = BTreeMap::<Option<String>, u64>::new();
    for_each_failure(ledger, campaign, |failure| {
        *counts.entry(failure.code).or_default() += 1;
        Ok(())
    })
    .await?;
    Ok(sums_of(counts))
}

/// The sums that stay when single messages are pruned.
async fn sums_kept(ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<Vec<ReasonCount>, LedgerError> {
    let reasons = ledger.reasons(campaign.id).await?;
    Ok(sums_of(reasons.into_iter().map(|reason| (Some(reason.code), reason.count)).collect()))
}

fn sums_of(counts: BTreeMap<Option<String>, u64>) -> Vec<ReasonCount> {
    let mut reasons = BTreeMap::<String, ReasonCount>::new();
    for (code, messages) in counts {
        let (class, advice) = (class_of(code.as_deref()), advice(code.as_deref()));
        let code = code.unwrap_or_else(|| "UNKNOWN".to_owned());
        let none = ReasonCount { code: code.clone(), messages: 0, class, advice };
        reasons.entry(code).or_insert(none).messages += messages;
    }
    let mut reasons: Vec<_> = reasons.into_values().collect();
    reasons.sort_by(|one, other| other.messages.cmp(&one.messages).then_with(|| one.code.cmp(&other.code)));
    reasons
}

/// Reads every batch of a campaign, by number, a page at a time.
///
/// # Errors
/// When the ledger cannot be read, or `each` says so.
pub async fn for_each_batch(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    mut each: impl FnMut(BatchRecord) -> std::io::Result<()>,
) -> Result<(), ReportError> {
    let mut after = 0;
    loop {
        let page = ledger.batches(campaign.id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number;
        page.into_iter().try_for_each(&mut each)?;
    }
}

/// Reads every failed message of a campaign, by row, a page at a time.
///
/// # Errors
/// When the ledger cannot be read, or `each` says so.
pub async fn for_each_failure(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    mut each: impl FnMut(MessageFailure) -> std::io::Result<()>,
) -> Result<(), ReportError> {
    let mut after = 0;
    loop {
        let page = ledger.failures(campaign.id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.row;
        page.into_iter().try_for_each(&mut each)?;
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> std::io::Result<String> {
    serde_json::to_string(value).map_err(std::io::Error::other)
}
