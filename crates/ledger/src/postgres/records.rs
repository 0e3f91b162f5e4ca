//! Rows of the tables as records, and back.

use std::sync::Arc;
use std::time::Duration;

use sinch_batch_models::{BatchId, BatchState, Fingerprint, Timestamp};
use sinch_batch_tracking::{MessageState, Progress, RowKey, Tally};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::fault::storage;
use super::need::text;
use crate::campaign::{CampaignId, CampaignRecord, NewCampaign};
use crate::entry::BatchStage;
use crate::error::{LedgerError, LedgerErrorKind};
use crate::rows::RowSpans;
use crate::status::{BatchCounts, Phase};
use crate::store::{Batch, Deferred, Hold, Orphan, Sums};
use crate::worker::{ProcessId, Worker};

/// The place of what is said about a batch as a whole among what is deferred.
pub(super) const WHOLE_BATCH: i64 = -1;

pub(super) const CAMPAIGN: &str = "id, name, key, project, app, service, input, input_fingerprint, message, \
     message_fingerprint, request, request_fingerprint, n_rows, n_skipped, batch_size, practice, settings, created, \
     parent, root";

pub(super) const SUMS: &str = "campaign, phase, behind, pruned, n_rows, n_skipped, n_suppressed, n_accepted, n_unknown, \
     n_doubled, n_systemic, batches_planned, batches_accepted, batches_unknown, batches_refused, batches_skipped, \
     pending, queued, delivered, read, failed, cancelled, runs, resend_after";

pub(super) const BATCH: &str = "b.campaign, b.number, b.first_row, b.rows, b.at_byte, b.n_bytes, b.digest, b.stage, \
     b.attempts, b.uncertain, b.batch_id, b.state, b.last_attempt, b.why, b.doubled, b.recalled, b.send_after, \
     b.worker, b.token, b.lease_until, b.may_leave_until, b.in_call, b.lapsed_worker, b.lapsed_at";

pub(super) const WORKER: &str = "name, boot, namespace, pid, started";

/// How far a message has got.
pub(super) const STATE: &str = "progress, code, description, at";

pub(super) fn read_campaign(row: &Row) -> Result<CampaignRecord, LedgerError> {
    let created = get::<String>(row, 17)?.parse().map_err(|_| damaged())?;
    let mut new = NewCampaign::new(get::<String>(row, 1)?, get::<String>(row, 2)?, number(row, 12)?, created);
    new.project = get(row, 3)?;
    new.app = get(row, 4)?;
    new.service = get(row, 5)?;
    new.input = get(row, 6)?;
    new.input_fingerprint = fingerprint(row, 7)?;
    new.message = get(row, 8)?;
    new.message_fingerprint = fingerprint(row, 9)?;
    new.request = get(row, 10)?;
    new.request_fingerprint = fingerprint(row, 11)?;
    new.skipped = number(row, 13)?;
    new.batch_size = small(row, 14)?;
    new.practice = get(row, 15)?;
    new.settings = get(row, 16)?;
    new.parent = get::<Option<i64>>(row, 18)?.map(CampaignId::new);
    new.root = get::<Option<i64>>(row, 19)?.map(CampaignId::new);
    Ok(new.with_id(campaign(row, 0)?))
}

fn fingerprint(row: &Row, at: usize) -> Result<Option<Fingerprint>, LedgerError> {
    let text: String = get(row, at)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| damaged()) }
}

pub(super) fn read_sums(row: &Row) -> Result<Sums, LedgerError> {
    let mut sums = Sums::new(number(row, 4)?, number(row, 5)?, 0);
    sums.phase = read_phase(get(row, 1)?)?;
    sums.behind = get(row, 2)?;
    sums.pruned = get(row, 3)?;
    sums.suppressed = number(row, 6)?;
    sums.accepted = number(row, 7)?;
    sums.unknown = number(row, 8)?;
    sums.doubled = number(row, 9)?;
    sums.systemic = number(row, 10)?;
    sums.batches = BatchCounts {
        planned: number(row, 11)?,
        accepted: number(row, 12)?,
        unknown: number(row, 13)?,
        refused: number(row, 14)?,
        skipped: number(row, 15)?,
    };
    sums.messages = Tally {
        pending: number(row, 16)?,
        queued: number(row, 17)?,
        delivered: number(row, 18)?,
        read: number(row, 19)?,
        failed: number(row, 20)?,
        cancelled: number(row, 21)?,
    };
    sums.runs = number(row, 22)?;
    sums.resend_after = Duration::from_micros(number(row, 23)?);
    Ok(sums)
}

/// Reads the columns of [`BATCH`], from one on.
pub(super) fn read_batch(row: &Row, at: usize) -> Result<Batch, LedgerError> {
    let lapsed = match (get::<Option<String>>(row, at + 22)?, maybe_time(row, at + 23)?) {
        (Some(worker), Some(at)) => Some((worker.into(), at)),
        _ => None,
    };
    let rows: RowSpans = get::<&str>(row, at + 3)?.parse().map_err(|_| damaged())?;
    Ok(Batch {
        campaign: campaign(row, at)?,
        number: small(row, at + 1)?,
        first_row: number(row, at + 2)?,
        rows: Arc::new(rows),
        at_byte: number(row, at + 4)?,
        n_bytes: number(row, at + 5)?,
        digest: get::<&[u8]>(row, at + 6)?.try_into().map_err(|_| damaged())?,
        stage: read_stage(get(row, at + 7)?)?,
        attempts: small(row, at + 8)?,
        uncertain: get(row, at + 9)?,
        batch_id: get::<Option<String>>(row, at + 10)?.map(BatchId::new),
        state: get::<Option<&str>>(row, at + 11)?.map(BatchState::from),
        last_attempt: maybe_time(row, at + 12)?,
        why: get(row, at + 13)?,
        doubled: small(row, at + 14)?,
        recalled: get(row, at + 15)?,
        send_after: maybe_time(row, at + 16)?,
        hold: Hold {
            worker: get::<Option<&str>>(row, at + 17)?.map(Arc::from),
            token: number(row, at + 18)?,
            until: maybe_time(row, at + 19)?,
            may_leave_until: maybe_time(row, at + 20)?,
            in_call: get(row, at + 21)?,
            lapsed,
        },
    })
}

pub(super) fn read_worker(row: &Row) -> Result<Worker, LedgerError> {
    let process = match (get::<Option<String>>(row, 1)?, get::<Option<String>>(row, 2)?) {
        (Some(boot), Some(namespace)) => Some(ProcessId::new(boot, namespace, small(row, 3)?, number(row, 4)?)),
        _ => None,
    };
    Ok(Worker::new(get::<String>(row, 0)?, process))
}

/// Reads the columns of [`STATE`], from one on.
pub(super) fn read_state(row: &Row, at: usize) -> Result<MessageState, LedgerError> {
    Ok(MessageState {
        progress: match get::<i16>(row, at)? {
            0 => Progress::Planned,
            1 => Progress::Accepted,
            2 => Progress::Queued,
            3 => Progress::Failed,
            4 => Progress::Delivered,
            5 => Progress::Read,
            _ => return Err(damaged()),
        },
        code: get::<Option<&str>>(row, at + 1)?.map(Into::into),
        description: get::<Option<&str>>(row, at + 2)?.map(Into::into),
        at: maybe_time(row, at + 3)?,
    })
}

/// Reads position, state of a message and state of a batch.
pub(super) fn read_deferred(row: &Row, at: usize) -> Result<Deferred, LedgerError> {
    match get::<i64>(row, at)? {
        WHOLE_BATCH => Ok(Deferred::Batch(BatchState::from(get::<&str>(row, at + 5)?))),
        index => Ok(Deferred::Message(index.try_into().map_err(|_| damaged())?, read_state(row, at + 1)?)),
    }
}

/// Reads key, row, batch id and state.
pub(super) fn read_orphan(row: &Row) -> Result<Orphan, LedgerError> {
    let key = RowKey::new(get::<&str>(row, 0)?, number(row, 1)?);
    Ok(Orphan::new(key, get::<Option<String>>(row, 2)?.map(BatchId::new), read_state(row, 3)?))
}

/// The number of a progress in the tables. It is part of the format.
pub(super) fn progress_number(progress: Progress) -> i16 {
    match progress {
        Progress::Planned => 0,
        Progress::Accepted => 1,
        Progress::Queued => 2,
        Progress::Failed => 3,
        Progress::Delivered => 4,
        Progress::Read => 5,
    }
}

/// The number of a stage in the tables. It is part of the format.
pub(super) fn stage_number(stage: BatchStage) -> i16 {
    match stage {
        BatchStage::Planned => 0,
        BatchStage::Unknown => 1,
        BatchStage::Refused => 2,
        BatchStage::Accepted => 3,
        BatchStage::Skipped => 4,
    }
}

pub(super) fn read_stage(number: i16) -> Result<BatchStage, LedgerError> {
    match number {
        0 => Ok(BatchStage::Planned),
        1 => Ok(BatchStage::Unknown),
        2 => Ok(BatchStage::Refused),
        3 => Ok(BatchStage::Accepted),
        4 => Ok(BatchStage::Skipped),
        _ => Err(damaged()),
    }
}

/// The number of a phase in the tables. It is part of the format.
pub(super) fn phase_number(phase: Phase) -> i16 {
    match phase {
        Phase::Running | Phase::Done => 1,
        Phase::Paused => 2,
        Phase::Cancelled => 3,
        Phase::Stopping => 4,
        Phase::Halted => 5,
    }
}

fn read_phase(number: i16) -> Result<Phase, LedgerError> {
    match number {
        1 => Ok(Phase::Running),
        2 => Ok(Phase::Paused),
        3 => Ok(Phase::Cancelled),
        4 => Ok(Phase::Stopping),
        5 => Ok(Phase::Halted),
        _ => Err(damaged()),
    }
}

pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, LedgerError> {
    row.try_get(at).map_err(storage)
}

pub(super) fn number(row: &Row, at: usize) -> Result<u64, LedgerError> {
    get::<i64>(row, at)?.try_into().map_err(|_| damaged())
}

pub(super) fn small(row: &Row, at: usize) -> Result<u32, LedgerError> {
    get::<i64>(row, at)?.try_into().map_err(|_| damaged())
}

pub(super) fn campaign(row: &Row, at: usize) -> Result<CampaignId, LedgerError> {
    get(row, at).map(CampaignId::new)
}

pub(super) fn time(row: &Row, at: usize) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(get(row, at)?).map_err(|_| damaged())
}

fn maybe_time(row: &Row, at: usize) -> Result<Option<Timestamp>, LedgerError> {
    get::<Option<i64>>(row, at)?.map(|time| Timestamp::from_microsecond(time).map_err(|_| damaged())).transpose()
}

/// A number that is known to fit, or the greatest that does.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn micros(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_microsecond)
}

pub(super) fn maybe_text(of: Option<&str>) -> Option<String> {
    of.map(text)
}

pub(super) fn damaged() -> LedgerError {
    LedgerError::new(LedgerErrorKind::Other, "the tables of the ledger are damaged")
}
