//! The tests every ledger has to pass, ours and yours.
//!
//! ```
//! use sinch_batch_ledger::{MemoryLedger, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! conformance::run(async || MemoryLedger::new()).await;
//! # }
//! ```

mod campaigns;
mod claims;
mod facts;
mod life;
mod limits;
mod prune;
mod receipts;
mod windows;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{MessageRef, MessageState, MessageUpdate, Observation, Progress, RowKey};

use crate::callback::Applied;
use crate::campaign::{CampaignId, CampaignRecord, Created, NewCampaign};
use crate::entry::{BatchRecord, Entry};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::lease::{Claim, Claimed, Lease, Renewed};
use crate::ledger::Ledger;
use crate::plan::{Digest, PlannedRows};
use crate::rows::RowSpans;
use crate::status::CampaignStatus;
use crate::store::StoreLimits;
use crate::worker::Worker;

/// Runs every test, each on a ledger of its own that `make` gives, which has to be empty.
///
/// # Panics
/// If the ledger does not behave as [`Ledger`] says; the message and the place tell what was expected.
pub async fn run<L: Ledger>(mut make: impl AsyncFnMut() -> L) {
    // In boxes, for together they are large.
    Box::pin(campaigns::run(&mut make)).await;
    Box::pin(claims::run(&mut make)).await;
    Box::pin(windows::run(&mut make)).await;
    Box::pin(facts::run(&mut make)).await;
    Box::pin(receipts::run(&mut make)).await;
    Box::pin(life::run(&mut make)).await;
    Box::pin(prune::run(&mut make)).await;
}

/// Runs the test of [`StoreLimits`] on one ledger, which has to be empty and to keep those that `make` is given.
///
/// # Panics
/// As [`run`].
pub async fn limits<L: Ledger>(mut make: impl AsyncFnMut(StoreLimits) -> L) {
    limits::run(&make(StoreLimits::new(3, 3)).await).await;
}

const KEY: &str = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";

/// How long leases last in these tests.
const LEASE: Duration = Duration::from_secs(30);

/// One campaign of a ledger, with short words for what the tests do to it.
struct Bench<'a, L> {
    ledger: &'a L,
    campaign: CampaignRecord,
    /// Tokens of the leases of one worker, by batch: see [`Bench::try_batch`].
    tokens: RefCell<BTreeMap<u32, u64>>,
}

impl<'a, L: Ledger> Bench<'a, L> {
    /// A campaign with batches of so many rows each.
    async fn new(ledger: &'a L, sizes: &[u64]) -> Self {
        Self::named(ledger, "autumn", KEY, sizes).await
    }

    async fn named(ledger: &'a L, name: &str, key: &str, sizes: &[u64]) -> Self {
        let new = NewCampaign::new(name, key, sizes.iter().sum(), now());
        Self::of(ledger, new, plan(key, sizes)).await
    }

    async fn of(ledger: &'a L, new: NewCampaign, plan: Vec<PlannedRows>) -> Self {
        let created = create(ledger, new, plan).await.expect("a new campaign");
        Self { ledger, campaign: created.campaign, tokens: RefCell::default() }
    }

    fn id(&self) -> CampaignId {
        self.campaign.id
    }

    async fn claim(&self, worker: &str, room: u32, at: Timestamp) -> Claimed {
        let claim = Claim::new(Worker::new(worker, None), room, at).with_lease(LEASE);
        self.ledger.claim(self.id(), claim).await.expect("a claim")
    }

    /// Claims the only batch that is free.
    #[track_caller]
    fn claim_one(&self, worker: &str, at: Timestamp) -> impl Future<Output = Lease> {
        let place = Location::caller();
        async move {
            let mut leases = self.claim(worker, 2, at).await.leases;
            assert_eq!(leases.len(), 1, "{place}");
            leases.remove(0)
        }
    }

    async fn renew(&self, worker: &str, held: &[(u32, u64)], at: Timestamp) -> Renewed {
        self.ledger.renew(self.id(), worker, held.to_vec(), LEASE, at).await.expect("renewed")
    }

    async fn release(&self, worker: &str, at: Timestamp) {
        self.ledger.release(self.id(), worker, at).await.expect("released");
    }

    async fn record(&self, entry: Entry, at: Timestamp) -> Result<(), LedgerError> {
        self.ledger.record(self.id(), entry, at).await
    }

    #[track_caller]
    fn recorded(&self, entry: Entry) -> impl Future<Output = ()> {
        self.recorded_at(entry, now())
    }

    #[track_caller]
    fn recorded_at(&self, entry: Entry, at: Timestamp) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            if let Err(error) = self.record(entry, at).await {
                panic!("{place}: {error}");
            }
        }
    }

    /// Records an intent for a batch, which it claims first unless it has.
    async fn try_batch(&self, number: u32) {
        let token = self.tokens.borrow().get(&number).copied();
        let token = match token {
            Some(token) => token,
            None => {
                let except = Arc::new((1..2000).filter(|other| *other != number).collect());
                let claim = Claim::new(Worker::new("the sender", None), 1, now()).with_except(except);
                let claimed = self.ledger.claim(self.id(), claim).await.expect("a claim");
                assert_eq!(claimed.leases.len(), 1, "batch {number} is not free");
                claimed.leases[0].token
            }
        };
        self.tokens.borrow_mut().insert(number, token);
        let attempt = self.batch(number).await.attempts + 1;
        self.recorded(intent(number, token, attempt)).await;
    }

    async fn applied(&self, observation: impl Into<Observation>) -> Applied {
        self.ledger.apply(observation.into()).await.expect("an observation is always taken")
    }

    async fn status(&self) -> CampaignStatus {
        let status = self.ledger.status(self.id()).await.expect("the status");
        assert_eq!(status.rows, status.skipped + status.planned + status.accepted + status.unknown);
        assert_eq!(status.messages.total(), status.accepted);
        status
    }

    async fn batches(&self) -> Vec<BatchRecord> {
        self.ledger.batches(self.id(), 0, u32::MAX).await.expect("batches")
    }

    async fn batch(&self, number: u32) -> BatchRecord {
        let mut batches = self.ledger.batches(self.id(), number - 1, 1).await.expect("batches");
        let batch = batches.pop().expect("the batch");
        assert_eq!(batch.number, number);
        batch
    }

    fn row(&self, row: u64, state: MessageState) -> MessageUpdate {
        MessageUpdate::new(MessageRef::Row(RowKey::new(&self.campaign.key, row)), state)
    }

    async fn message(&self, row: u64) -> Option<MessageState> {
        self.ledger.message(self.id(), row).await.expect("a message")
    }
}

async fn create<L: Ledger>(ledger: &L, new: NewCampaign, plan: Vec<PlannedRows>) -> Result<Created, LedgerError> {
    ledger.create(new, Box::new(plan)).await
}

fn now() -> Timestamp {
    at(0)
}

/// So many seconds after everything began.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

/// Rows that follow each other, each on the line after its number.
fn rows(range: RangeInclusive<u64>) -> RowSpans {
    range.map(|row| (row, row + 1)).collect()
}

/// Batches of so many rows each, without a gap. The seed stands for what the rows say.
fn plan(seed: &str, sizes: &[u64]) -> Vec<PlannedRows> {
    let mut last = 0;
    let ranges = sizes.iter().map(|size| {
        last += size;
        rows(last - size + 1..=last)
    });
    plan_of(seed, ranges)
}

fn plan_of(seed: &str, batches: impl IntoIterator<Item = RowSpans>) -> Vec<PlannedRows> {
    let batch = |(number, rows): (u64, RowSpans)| {
        let n_bytes = rows.len() * 20;
        PlannedRows { first_row: None, rows, at_byte: number * 1_000_000, n_bytes, digest: digest(seed, number) }
    };
    (1..).zip(batches).map(batch).collect()
}

/// Another one for another seed or number: FNV-1a.
fn digest(seed: &str, number: u64) -> Digest {
    let bytes = seed.bytes().chain(number.to_be_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.to_be_bytes()
}

fn intent(number: u32, token: u64, attempt: u32) -> Entry {
    Entry::Intent { number, token, attempt }
}

fn intent_of(lease: &Lease) -> Entry {
    intent(lease.number, lease.token, lease.attempts + 1)
}

fn accepted(number: u32, batch_id: &str) -> Entry {
    Entry::Accepted { number, batch_id: BatchId::new(batch_id) }
}

fn refused(number: u32, attempt: u32, why: &str) -> Entry {
    Entry::Refused { number, attempt, why: why.to_owned() }
}

fn state(progress: Progress) -> MessageState {
    MessageState::new(progress)
}

fn by_position(batch_id: &str, index: u32, state: MessageState) -> MessageUpdate {
    MessageUpdate::new(MessageRef::Index { batch_id: BatchId::new(batch_id), index }, state)
}

#[track_caller]
fn assert_kind<T: fmt::Debug>(result: Result<T, LedgerError>, kind: LedgerErrorKind) {
    assert_eq!(result.expect_err("an error").kind(), kind);
}

/// Waits for two futures at once.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        if first.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(context)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(context)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            outputs => {
                (first, second) = outputs;
                Poll::Pending
            }
        }
    })
    .await
}
