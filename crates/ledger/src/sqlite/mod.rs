//! A ledger in a SQLite file, which several processes can use at once.

mod columns;
mod copy;
mod schema;
mod sums;
mod tables;
mod thread;

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;
use sinch_batch_models::Timestamp;
use sinch_batch_tracking::{MessageState, Observation};

use self::tables::Tables;
use self::thread::Thread;
use crate::callback::{Applied, CallbackCount, DeferredCounts, ReceivedCallback};
use crate::campaign::{CampaignId, CampaignRecord, Created, NewCampaign};
use crate::decide;
use crate::entry::{BatchRecord, Entry, MessageFailure, RetryRow};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::lease::{Claim, Claimed, Held, Renewed, Run};
use crate::ledger::{BoxFuture, Ledger, Pruned, Reclaimed};
use crate::plan::Plan;
use crate::status::CampaignStatus;
use crate::store::Store;
use crate::sums::{Pulse, ReasonCount, between};
use crate::worker::Worker;

/// A ledger in a SQLite file.
///
/// Writes go to one thread, which commits everything that waits in one transaction and answers after
/// the commit is on the disk; reads go to another and do not wait for writes. Several processes may
/// have the same file open and see each other's writes; a write waits up to 10 seconds for another
/// process. Beside the file SQLite keeps two more, ending in `-wal` and `-shm`, which belong to it:
/// copy all three or none. A file with several names (hard links) is refused: by each name it would be
/// another ledger.
///
/// The futures need no particular runtime. Dropping the ledger waits for the writes it was given.
#[derive(Debug)]
pub struct SqliteLedger {
    writer: Thread,
    reader: Thread,
}

impl SqliteLedger {
    /// Opens a ledger; a file that does not exist or is empty becomes one.
    ///
    /// Blocks for the time the disk needs, and up to 10 seconds if another process is just creating
    /// the file.
    ///
    /// # Errors
    /// `NotALedger`, `TooOld` and `TooNew` if the file is something else, which is left as it is; `Open` if it
    /// cannot be opened, `ReadOnly` if it cannot be written, or another kind that speaks of the storage.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let writer = Thread::writer(Tables::new(schema::open(path)?))?;
        let reader = Thread::reader(Tables::new(schema::open_for_reading(path)?))?;
        Ok(Self { writer, reader })
    }

    /// Does something that reads or writes more than receipts do.
    fn write<'a, T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Tables) -> Result<T, LedgerError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, LedgerError>> {
        self.writer.run(move |tables| {
            tables.settle()?;
            work(tables)
        })
    }
}

/// The name of no worker.
const NOBODY: &str = "";

impl Ledger for SqliteLedger {
    fn create(&self, campaign: NewCampaign, plan: Box<dyn Plan>) -> BoxFuture<'_, Result<Created, LedgerError>> {
        self.write(move |tables| decide::create(tables, campaign.clone(), &*plan))
    }

    fn campaign<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<CampaignRecord>, LedgerError>> {
        let name = name.to_owned();
        self.reader.run(move |tables| tables.campaign(&name))
    }

    fn campaigns(&self) -> BoxFuture<'_, Result<Vec<CampaignRecord>, LedgerError>> {
        self.reader.run(|tables| tables.campaigns())
    }

    fn cancel(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(move |tables| decide::cancel(tables, campaign))
    }

    fn pause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(move |tables| decide::pause(tables, campaign))
    }

    fn halt(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(move |tables| decide::halt(tables, campaign))
    }

    fn unpause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(move |tables| decide::unpause(tables, campaign))
    }

    fn stop(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(move |tables| decide::stop(tables, campaign))
    }

    fn begin_run(&self, campaign: CampaignId, resend_after: Duration) -> BoxFuture<'_, Result<Run, LedgerError>> {
        self.write(move |tables| decide::begin_run(tables, campaign, resend_after))
    }

    fn claim(&self, campaign: CampaignId, claim: Claim) -> BoxFuture<'_, Result<Claimed, LedgerError>> {
        self.write(move |tables| decide::claim(tables, campaign, &claim, Worker::is_gone))
    }

    fn renew<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        held: Vec<(u32, u64)>,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Renewed, LedgerError>> {
        let worker = worker.to_owned();
        self.write(move |tables| decide::renew(tables, campaign, &worker, &held, lease, now))
    }

    fn release<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        let worker = worker.to_owned();
        self.write(move |tables| decide::release(tables, campaign, &worker, now))
    }

    fn held(&self, campaign: CampaignId, now: Timestamp) -> BoxFuture<'_, Result<Vec<Held>, LedgerError>> {
        self.reader.run(move |tables| {
            tables.sums(campaign)?.ok_or_else(LedgerError::no_such_campaign)?;
            tables.held_by_others(campaign, NOBODY, now)
        })
    }

    fn record(&self, campaign: CampaignId, entry: Entry, now: Timestamp) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(move |tables| decide::record(tables, campaign, entry.clone(), now))
    }

    fn apply(&self, observation: Observation) -> BoxFuture<'_, Result<Applied, LedgerError>> {
        self.writer.run(move |tables| decide::apply(tables, &observation))
    }

    fn apply_many(&self, observations: Vec<Observation>) -> BoxFuture<'_, Result<Vec<Applied>, LedgerError>> {
        self.writer
            .run(move |tables| observations.iter().map(|observation| decide::apply(tables, observation)).collect())
    }

    fn apply_callback(&self, callback: ReceivedCallback) -> BoxFuture<'_, Result<Option<Applied>, LedgerError>> {
        self.writer.run(move |tables| decide::apply_callback(tables, &callback))
    }

    fn apply_callbacks(
        &self,
        callbacks: Vec<ReceivedCallback>,
    ) -> BoxFuture<'_, Result<Vec<Option<Applied>>, LedgerError>> {
        self.writer
            .run(move |tables| callbacks.iter().map(|callback| decide::apply_callback(tables, callback)).collect())
    }

    fn callbacks(&self) -> BoxFuture<'_, Result<Vec<CallbackCount>, LedgerError>> {
        self.reader.run(|tables| tables.callbacks())
    }

    fn deferred(&self) -> BoxFuture<'_, Result<DeferredCounts, LedgerError>> {
        self.reader.run(|tables| tables.deferred())
    }

    fn status(&self, campaign: CampaignId) -> BoxFuture<'_, Result<CampaignStatus, LedgerError>> {
        self.reader.run(move |tables| tables.known_sums(campaign).map(|sums| sums.status()))
    }

    fn batches(
        &self,
        campaign: CampaignId,
        after: u32,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>> {
        self.reader.run(move |tables| tables.batches(campaign, after, limit))
    }

    fn failures(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<MessageFailure>, LedgerError>> {
        self.reader.run(move |tables| tables.failures(campaign, after_row, limit))
    }

    fn messages(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(u64, MessageState)>, LedgerError>> {
        self.reader.run(move |tables| tables.messages(campaign, after_row, limit))
    }

    fn retry_rows(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<RetryRow>, LedgerError>> {
        self.reader.run(move |tables| {
            let failures = tables.failures(campaign, after_row, limit)?;
            decide::retry_rows(tables, campaign, failures)
        })
    }

    fn reasons(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Vec<ReasonCount>, LedgerError>> {
        self.reader.run(move |tables| tables.reasons(campaign))
    }

    fn pulse(
        &self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Pulse>, LedgerError>> {
        self.reader.run(move |tables| tables.pulse(campaign, between(from, to)))
    }

    fn message(&self, campaign: CampaignId, row: u64) -> BoxFuture<'_, Result<Option<MessageState>, LedgerError>> {
        self.reader.run(move |tables| {
            tables.known_sums(campaign)?;
            tables.message(campaign, row)
        })
    }

    fn forget(&self, campaign: CampaignId, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, LedgerError>> {
        self.write(move |tables| {
            tables.overwrite_what_is_removed()?;
            decide::forget(tables, campaign, &rows)
        })
    }

    fn ended(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Option<Timestamp>, LedgerError>> {
        self.reader.run(move |tables| decide::ended(tables, campaign))
    }

    fn prune(&self, campaign: CampaignId, before: Timestamp, limit: u32) -> BoxFuture<'_, Result<Pruned, LedgerError>> {
        self.write(move |tables| decide::prune(tables, campaign, before, limit))
    }

    fn reclaim(&self) -> BoxFuture<'_, Result<Reclaimed, LedgerError>> {
        self.write(|tables| tables.reclaim())
    }
}

/// What a fault of SQLite means to the caller. SQLite's own words are the source.
fn storage(error: rusqlite::Error) -> LedgerError {
    /// `SQLITE_IOERR_SHMSIZE`: no room for the file beside the ledger.
    const NO_ROOM_BESIDE: i32 = 10 | (19 << 8);

    let extended = error.sqlite_error().map(|fault| fault.extended_code);
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => return schema::not_a_ledger(),
        Some(ErrorCode::DiskFull) => (LedgerErrorKind::Full, "the disk of the ledger is full"),
        Some(ErrorCode::SystemIoFailure) if extended == Some(NO_ROOM_BESIDE) => {
            (LedgerErrorKind::Full, "the disk of the ledger is full")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (LedgerErrorKind::Busy, "another process held the ledger for too long")
        }
        Some(ErrorCode::ReadOnly) => (LedgerErrorKind::ReadOnly, "the ledger file cannot be written"),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            (LedgerErrorKind::Open, "the ledger file cannot be opened")
        }
        Some(ErrorCode::DatabaseCorrupt) => (LedgerErrorKind::Other, "the ledger file is damaged"),
        _ => (LedgerErrorKind::Other, "the ledger could not be read or written"),
    };
    LedgerError::new(kind, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use sinch_batch_models::callback::Trigger;
    use sinch_batch_tracking::{MessageRef, MessageUpdate, Progress, RowKey};

    use super::*;
    use crate::plan::PlannedRows;
    use crate::rows::RowSpans;

    const KEY: &str = "key";

    /// A campaign of one batch, which is tried.
    async fn tried_campaign(ledger: &SqliteLedger, n_rows: u64) -> CampaignRecord {
        let now = Timestamp::UNIX_EPOCH;
        let rows: RowSpans = (1..=n_rows).map(|row| (row, row)).collect();
        let plan = vec![PlannedRows { first_row: None, rows, at_byte: 0, n_bytes: n_rows, digest: [7; 8] }];
        let created = ledger.create(NewCampaign::new("autumn", KEY, n_rows, now), Box::new(plan)).await;
        let campaign = created.unwrap().campaign;
        let claimed = ledger.claim(campaign.id, Claim::new(Worker::new("one", None), 1, now)).await.unwrap();
        let token = claimed.leases[0].token;
        ledger.record(campaign.id, Entry::Intent { number: 1, token, attempt: 1 }, now).await.unwrap();
        campaign
    }

    #[tokio::test]
    async fn limits_of_sqlite_ledger_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        crate::conformance::limits(async |limits| {
            let ledger = SqliteLedger::open(folder.path().join("ledger")).unwrap();
            ledger.writer.run(move |tables| tables.set_limits(limits)).await.unwrap();
            ledger
        })
        .await;
    }

    /// Every statement of a claim and a callback finds what it looks for by an index.
    #[tokio::test]
    async fn statements_of_a_large_campaign_use_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(folder.path().join("ledger")).unwrap();
        tried_campaign(&ledger, 9).await;
        let plans = ledger.writer.run(|tables| tables.query_plans()).await.unwrap();
        assert!(plans.len() > 8);
        for (sql, plan) in plans {
            // A scan of an index is of its first entry.
            let by_index = plan.lines().all(|step| !step.contains("SCAN") || step.contains("INDEX batch_without_id"));
            let all_of_a_campaign = plan.contains("PRIMARY KEY (campaign=?)");
            assert!(by_index && !all_of_a_campaign && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        }
    }

    #[tokio::test]
    async fn statements_of_receipts_are_parsed_once() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(folder.path().join("ledger")).unwrap();
        tried_campaign(&ledger, 9).await;
        for row in 1..=9 {
            let state = MessageState::new(Progress::Delivered);
            let seen = MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), state);
            assert_eq!(ledger.apply(seen.into()).await.unwrap(), Applied::Updated);
        }
        // The first one may be, when the tables have changed since.
        let parsed_again = ledger.writer.run(|tables| tables.parsed_again()).await.unwrap();
        assert!(parsed_again <= 1, "{parsed_again} times");
    }

    #[tokio::test]
    async fn full_disk_is_reported_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(folder.path().join("ledger")).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let campaign = tried_campaign(&ledger, 20_000).await;
        // SQLite says the same at its own limit of pages as at the end of the disk.
        let limit = |n_pages: u32| ledger.writer.run(move |tables| tables.limit_pages(n_pages));
        limit(1).await.unwrap();

        let failed = MessageState::failed(Some("BAD_REQUEST"), Some(&"no route ".repeat(30)));
        let receipt = |row| {
            let seen = MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), failed.clone());
            ReceivedCallback::new(Some(&Trigger::MessageDelivery), now).with_observation(seen)
        };
        let mut n_kept = 0;
        let error = loop {
            match ledger.apply_callback(receipt(n_kept + 1)).await {
                Ok(applied) => assert_eq!(applied, Some(Applied::Updated)),
                Err(error) => break error,
            }
            n_kept += 1;
        };
        assert_eq!(error.kind(), LedgerErrorKind::Full, "{error}");
        let many: Vec<ReceivedCallback> = (1..=2000).map(receipt).collect();
        assert_eq!(ledger.apply_callbacks(many.clone()).await.unwrap_err().kind(), LedgerErrorKind::Full);
        assert_eq!(ledger.status(campaign.id).await.unwrap().messages.failed, n_kept);
        assert_eq!(ledger.callbacks().await.unwrap()[0].count, n_kept);

        // Once there is room it goes on where it was.
        limit(u32::MAX - 1).await.unwrap();
        ledger.apply_callbacks(many).await.unwrap();
        assert_eq!(ledger.callbacks().await.unwrap()[0].count, n_kept + 2000);
        let messages = ledger.status(campaign.id).await.unwrap().messages;
        assert_eq!((messages.failed, messages.pending), (2000, 18_000));
        assert_eq!(ledger.message(campaign.id, 7).await.unwrap().unwrap().progress, Progress::Failed);
    }
}
