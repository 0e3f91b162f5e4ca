//! How columns become values, and values columns.

use std::sync::Arc;

use rusqlite::Row;
use sinch_batch_models::{BatchId, BatchState, Fingerprint, Timestamp};
use sinch_batch_tracking::{MessageState, Progress};

use super::storage;
use crate::campaign::CampaignId;
use crate::entry::BatchStage;
use crate::error::{LedgerError, LedgerErrorKind};
use crate::rows::RowSpans;
use crate::status::Phase;
use crate::store::{Batch, Deferred, Hold};
use crate::worker::{ProcessId, Worker};

/// The place of what is said about a batch as a whole among what is deferred.
pub(super) const WHOLE_BATCH: i64 = -1;

pub(super) fn batch_sql(clause: &str) -> String {
    format!(
        "SELECT campaign, number, rows, at_byte, n_bytes, digest, stage, attempts, uncertain, batch_id, state, \
         last_attempt, why, doubled, worker, token, lease_until, may_leave_until, in_call, lapsed_worker, lapsed_at, \
         first_row, n_rows, recalled, send_after FROM batch {clause}"
    )
}

pub(super) fn read_batch(row: &Row<'_>, rows: Arc<RowSpans>) -> Result<Batch, LedgerError> {
    let lapsed = match (get::<Option<String>>(row, 19)?, maybe_microsecond(row, 20)?) {
        (Some(worker), Some(at)) => Some((worker.into(), at)),
        _ => None,
    };
    Ok(Batch {
        campaign: CampaignId::new(get(row, 0)?),
        number: get(row, 1)?,
        rows,
        first_row: number(row, 21)?,
        at_byte: number(row, 3)?,
        n_bytes: number(row, 4)?,
        digest: get::<Vec<u8>>(row, 5)?.try_into().map_err(|_| damaged())?,
        stage: read_stage(&get::<String>(row, 6)?)?,
        attempts: get(row, 7)?,
        uncertain: get(row, 8)?,
        batch_id: get::<Option<String>>(row, 9)?.map(BatchId::new),
        state: get::<Option<String>>(row, 10)?.map(|state| BatchState::from(state.as_str())),
        last_attempt: maybe_microsecond(row, 11)?,
        why: get(row, 12)?,
        doubled: get(row, 13)?,
        recalled: get(row, 23)?,
        send_after: maybe_microsecond(row, 24)?,
        hold: Hold {
            worker: get::<Option<String>>(row, 14)?.map(Arc::from),
            token: number(row, 15)?,
            until: maybe_microsecond(row, 16)?,
            may_leave_until: maybe_microsecond(row, 17)?,
            in_call: get(row, 18)?,
            lapsed,
        },
    })
}

pub(super) fn read_worker(row: &Row<'_>) -> Result<Worker, LedgerError> {
    let process = match (get::<Option<String>>(row, 1)?, get::<Option<String>>(row, 2)?) {
        (Some(boot), Some(namespace)) => Some(ProcessId::new(boot, namespace, get(row, 3)?, number(row, 4)?)),
        _ => None,
    };
    Ok(Worker::new(get::<String>(row, 0)?, process))
}

pub(super) fn read_rows(row: &Row<'_>) -> Result<RowSpans, LedgerError> {
    get::<String>(row, 2)?.parse().map_err(|_| damaged())
}

pub(super) fn read_stage(name: &str) -> Result<BatchStage, LedgerError> {
    let stages =
        [BatchStage::Planned, BatchStage::Unknown, BatchStage::Accepted, BatchStage::Refused, BatchStage::Skipped];
    stages.into_iter().find(|stage| stage.as_str() == name).ok_or_else(damaged)
}

/// The number of a phase in the file. It is part of the format.
pub(super) fn phase_number(phase: Phase) -> i64 {
    match phase {
        Phase::Running | Phase::Done => 1,
        Phase::Paused => 2,
        Phase::Cancelled => 3,
        Phase::Stopping => 4,
        Phase::Halted => 5,
    }
}

pub(super) fn read_phase(number: i64) -> Result<Phase, LedgerError> {
    match number {
        1 => Ok(Phase::Running),
        2 => Ok(Phase::Paused),
        3 => Ok(Phase::Cancelled),
        4 => Ok(Phase::Stopping),
        5 => Ok(Phase::Halted),
        _ => Err(damaged()),
    }
}

pub(super) fn read_deferred(row: &Row<'_>) -> Result<Deferred, LedgerError> {
    match get::<i64>(row, 1)? {
        WHOLE_BATCH => Ok(Deferred::Batch(BatchState::from(get::<String>(row, 6)?.as_str()))),
        index => Ok(Deferred::Message(index.try_into().map_err(|_| damaged())?, read_state(row, 2)?)),
    }
}

pub(super) fn read_state(row: &Row<'_>, at: usize) -> Result<MessageState, LedgerError> {
    Ok(MessageState {
        progress: match get::<i64>(row, at)? {
            0 => Progress::Planned,
            1 => Progress::Accepted,
            2 => Progress::Queued,
            3 => Progress::Failed,
            4 => Progress::Delivered,
            5 => Progress::Read,
            _ => return Err(damaged()),
        },
        code: get::<Option<String>>(row, at + 1)?.map(Into::into),
        description: get::<Option<String>>(row, at + 2)?.map(Into::into),
        at: maybe_microsecond(row, at + 3)?,
    })
}

/// The number of a progress in the file. It is part of the format.
pub(super) fn progress_number(progress: Progress) -> i64 {
    match progress {
        Progress::Planned => 0,
        Progress::Accepted => 1,
        Progress::Queued => 2,
        Progress::Failed => 3,
        Progress::Delivered => 4,
        Progress::Read => 5,
    }
}

pub(super) fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, at: usize) -> Result<T, LedgerError> {
    row.get(at).map_err(storage)
}

pub(super) fn number(row: &Row<'_>, at: usize) -> Result<u64, LedgerError> {
    get::<i64>(row, at)?.try_into().map_err(|_| damaged())
}

/// A column of a fingerprint; empty for none.
pub(super) fn fingerprint(row: &Row<'_>, at: usize) -> Result<Option<Fingerprint>, LedgerError> {
    let text: String = get(row, at)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| damaged()) }
}

pub(super) fn text_of(fingerprint: Option<Fingerprint>) -> String {
    fingerprint.map(|known| known.to_string()).unwrap_or_default()
}

pub(super) fn time(row: &Row<'_>, at: usize) -> Result<Timestamp, LedgerError> {
    get::<String>(row, at)?.parse().map_err(|_| damaged())
}

pub(super) fn maybe_microsecond(row: &Row<'_>, at: usize) -> Result<Option<Timestamp>, LedgerError> {
    get::<Option<i64>>(row, at)?.map(|time| Timestamp::from_microsecond(time).map_err(|_| damaged())).transpose()
}

pub(super) fn microsecond(row: &Row<'_>, at: usize) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(get(row, at)?).map_err(|_| damaged())
}

pub(super) fn integer(number: u64) -> Result<i64, LedgerError> {
    number.try_into().map_err(|_| LedgerError::impossible("a number is too large for the ledger"))
}

pub(super) fn damaged() -> LedgerError {
    LedgerError::new(LedgerErrorKind::Other, "the ledger file is damaged")
}
