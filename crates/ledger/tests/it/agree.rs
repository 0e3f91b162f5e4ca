//! Any facts in any order: the ledgers agree with each other and with a recount.

use proptest::prelude::*;
use sinch_batch_ledger::{
    Applied, BatchCounts, BatchRecord, BatchStage, CampaignId, CampaignStatus, Entry, Failure, Ledger, LedgerErrorKind,
    MemoryLedger, NewCampaign, ReceivedCallback, RowSpans,
};
use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{
    BatchKey, BatchUpdate, MessageRef, MessageState, MessageUpdate, Observation, Progress, RowKey, Tally,
};

const ROWS: u64 = 24;
const SKIPPED: u64 = 4;
const KEYS: [&str; 3] = ["first", "second", "nobody's"];

/// One thing done to a ledger.
#[derive(Clone, Debug)]
enum Step {
    /// The next batch of a campaign: how many rows are jumped over, how many are taken.
    Next(usize, u64, u64),
    Record(usize, Entry),
    Hear(Observation),
    /// A callback: its kind, when it is heard, and what it says.
    HearCallback(ReceivedCallback),
}

fn step() -> impl Strategy<Value = Step> {
    let campaign = || 0..2_usize;
    let number = || 1..5_u32;
    prop_oneof![
        3 => (campaign(), 0..2_u64, 1..8_u64).prop_map(|(campaign, gap, n_rows)| Step::Next(campaign, gap, n_rows)),
        1 => (campaign(), number(), rows()).prop_map(|(campaign, number, rows)| {
            Step::Record(campaign, Entry::Intent { number, rows })
        }),
        3 => (campaign(), number(), batch_id()).prop_map(|(campaign, number, batch_id)| {
            Step::Record(campaign, Entry::Accepted { number, batch_id })
        }),
        2 => (campaign(), number()).prop_map(|(campaign, number)| {
            Step::Record(campaign, Entry::Refused { number, why: "no".to_owned() })
        }),
        8 => observation().prop_map(Step::Hear),
        4 => callback().prop_map(Step::HearCallback),
    ]
}

fn rows() -> impl Strategy<Value = RowSpans> {
    (0..ROWS + 2, 0..5_u64).prop_map(|(first, n_rows)| (first..first + n_rows).map(|row| (row, row)).collect())
}

fn batch_id() -> impl Strategy<Value = BatchId> {
    prop::sample::select(vec!["A", "B", "C", "D", "E"]).prop_map(BatchId::new)
}

fn observation() -> impl Strategy<Value = Observation> {
    let key = || prop::sample::select(KEYS.to_vec());
    let place = prop_oneof![
        3 => (key(), 0..ROWS + 2).prop_map(|(key, row)| MessageRef::Row(RowKey::new(key, row))),
        2 => (batch_id(), 0..8_u32).prop_map(|(batch_id, index)| MessageRef::Index { batch_id, index }),
    ];
    let message = (place, prop::option::of(batch_id()), state()).prop_map(|(place, batch_id, state)| {
        let seen = MessageUpdate::new(place, state);
        match batch_id {
            Some(batch_id) => seen.with_batch_id(batch_id).into(),
            None => seen.into(),
        }
    });
    let word = prop::sample::select(vec!["READY", "SCHEDULED", "PROCESSED", "CANCELLED", "NEW"]);
    let batch = (batch_id(), word, prop::option::of((key(), 1..5_u32))).prop_map(|(batch_id, word, key)| {
        let seen = BatchUpdate::new(batch_id, BatchState::from(word));
        match key {
            Some((key, number)) => seen.with_key(BatchKey::new(key, number)).into(),
            None => seen.into(),
        }
    });
    prop_oneof![3 => message, 1 => batch]
}

fn callback() -> impl Strategy<Value = ReceivedCallback> {
    let trigger = prop::option::of(prop::sample::select(vec!["MESSAGE_DELIVERY", "OPT_IN", "ONE_OF_TOMORROW"]));
    let nanoseconds = -3_000_000_000_000..3_000_000_000_000_i64;
    (trigger, nanoseconds, prop::option::of(observation())).prop_map(|(trigger, time, observation)| {
        let time = Timestamp::from_nanosecond(time.into()).unwrap();
        let seen = ReceivedCallback::new(trigger.map(Trigger::from).as_ref(), time);
        match observation {
            Some(observation) => seen.with_observation(observation),
            None => seen,
        }
    })
}

fn state() -> impl Strategy<Value = MessageState> {
    prop_oneof![
        prop::sample::select(vec![Progress::Accepted, Progress::Queued, Progress::Delivered, Progress::Read])
            .prop_map(MessageState::new),
        prop::option::of(prop::sample::select(vec!["BAD_REQUEST", "CHANNEL_FAILURE"]))
            .prop_map(|code| MessageState::failed(code, Some("no route"))),
    ]
}

/// What a step was answered.
#[derive(Debug, PartialEq)]
enum Answer {
    Recorded,
    Applied(Option<Applied>),
    Refused(LedgerErrorKind),
}

/// A ledger with two campaigns.
struct Told<L> {
    ledger: L,
    campaigns: Vec<CampaignId>,
}

/// Everything a ledger says of one campaign.
#[derive(Debug, PartialEq)]
struct Said {
    standing: CampaignStatus,
    batches: Vec<BatchRecord>,
    messages: Vec<Option<MessageState>>,
    failures: Vec<Failure>,
}

impl<L: Ledger> Told<L> {
    async fn new(ledger: L) -> Self {
        let mut campaigns = Vec::new();
        for key in &KEYS[..2] {
            let mut campaign = NewCampaign::new(*key, *key, ROWS, Timestamp::UNIX_EPOCH);
            campaign.skipped = SKIPPED;
            campaigns.push(ledger.create(campaign).await.unwrap().id);
        }
        Self { ledger, campaigns }
    }

    async fn take(&self, step: &Step) -> Answer {
        let result = match step {
            Step::Next(campaign, gap, n_rows) => {
                let frontier = self.ledger.frontier(self.campaigns[*campaign]).await.unwrap();
                let first = frontier.last_row + 1 + gap;
                let rows = (first..first + n_rows).map(|row| (row, row + 1)).collect();
                self.record(*campaign, Entry::Intent { number: frontier.next_number, rows }).await
            }
            Step::Record(campaign, entry) => self.record(*campaign, entry.clone()).await,
            Step::Hear(observation) => {
                self.ledger.apply(observation.clone()).await.map(|heard| Answer::Applied(Some(heard)))
            }
            Step::HearCallback(callback) => self.ledger.apply_callback(callback.clone()).await.map(Answer::Applied),
        };
        result.unwrap_or_else(|error| Answer::Refused(error.kind()))
    }

    async fn record(&self, campaign: usize, entry: Entry) -> Result<Answer, sinch_batch_ledger::LedgerError> {
        let now = Timestamp::UNIX_EPOCH;
        self.ledger.record(self.campaigns[campaign], entry, now).await.map(|()| Answer::Recorded)
    }

    async fn said(&self) -> Vec<Said> {
        let mut said = Vec::new();
        for campaign in &self.campaigns {
            let mut messages = Vec::new();
            for row in 0..ROWS + 3 {
                messages.push(self.ledger.message(*campaign, row).await.unwrap());
            }
            said.push(Said {
                standing: self.ledger.status(*campaign).await.unwrap(),
                batches: self.ledger.batches(*campaign, 0, u32::MAX).await.unwrap(),
                messages,
                failures: self.ledger.failures(*campaign, 0, u32::MAX).await.unwrap(),
            });
        }
        said
    }
}

/// Counts from the batches and messages what the ledger keeps as sums.
fn recount(said: &Said) {
    let mut counts = BatchCounts::default();
    let (mut accepted, mut unknown) = (0, 0);
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for batch in &said.batches {
        match batch.stage {
            BatchStage::Accepted => {
                counts.accepted += 1;
                accepted += batch.rows.len();
                for (row, line) in batch.rows.iter() {
                    let state = said.messages[row as usize].clone().unwrap_or_default();
                    tally.add(state.progress, 1);
                    if state.progress == Progress::Failed {
                        failed.push((row, line, state.code));
                    }
                }
            }
            BatchStage::Unknown => {
                counts.unknown += 1;
                unknown += batch.rows.len();
            }
            BatchStage::Refused => counts.refused += 1,
        }
    }
    let standing = &said.standing;
    assert_eq!((standing.rows, standing.skipped), (ROWS, SKIPPED));
    assert_eq!((standing.accepted, standing.unknown), (accepted, unknown));
    assert_eq!(standing.rows, standing.skipped + standing.planned + standing.accepted + standing.unknown);
    assert_eq!(standing.batches, counts);
    assert_eq!(standing.messages, tally);
    assert_eq!(standing.messages.total(), standing.accepted);
    let told: Vec<_> = said.failures.iter().map(|f| (f.row, f.line, f.code.clone().map(Into::into))).collect();
    assert_eq!(told, failed);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #[test]
    fn promise_2_nothing_is_dropped_silently(steps in prop::collection::vec(step(), 1..60)) {
        block_on(async {
            let told = Told::new(MemoryLedger::new()).await;
            for step in &steps {
                told.take(step).await;
                told.said().await.iter().for_each(recount);
            }
        });
    }

    /// Receipts come before, between and after the facts of the sender: the end is the same.
    #[test]
    fn promise_4_order_and_repetition_of_callbacks_do_not_matter(
        (receipts, again, cuts) in prop::collection::vec((1..13_u64, any::<bool>(), state()), 1..20)
            .prop_flat_map(|receipts| {
                let twice: Vec<_> = receipts.iter().chain(&receipts).cloned().collect();
                let cuts = prop::collection::vec(0..twice.len(), 2);
                (Just(receipts), Just(twice).prop_shuffle(), cuts)
            })
    ) {
        // Two batches of six rows; a receipt names its row, or its place in the batch.
        let hear = |(row, by_row, state): &(u64, bool, MessageState)| {
            let id = BatchId::new(if *row <= 6 { "A" } else { "B" });
            let index = ((row - 1) % 6) as u32;
            let seen = match by_row {
                true => MessageUpdate::new(MessageRef::Row(RowKey::new(KEYS[0], *row)), state.clone()).with_batch_id(id),
                false => MessageUpdate::new(MessageRef::Index { batch_id: id, index }, state.clone()),
            };
            Step::Hear(seen.into())
        };
        let accepted = |number, id| Step::Record(0, Entry::Accepted { number, batch_id: BatchId::new(id) });
        let intents = vec![Step::Next(0, 0, 6), Step::Next(0, 0, 6)];

        let mut calm = intents.clone();
        calm.extend([accepted(1, "A"), accepted(2, "B")]);
        calm.extend(receipts.iter().map(hear));

        let mut wild = intents;
        wild.extend(again.iter().map(hear));
        wild.insert(2 + cuts[0], accepted(1, "A"));
        wild.insert(2 + cuts[1], accepted(2, "B"));

        block_on(async {
            let (one, other) = (Told::new(MemoryLedger::new()).await, Told::new(MemoryLedger::new()).await);
            for step in &calm {
                one.take(step).await;
            }
            for step in &wild {
                other.take(step).await;
            }
            assert_eq!(one.said().await, other.said().await);
        });
    }
}

#[cfg(feature = "sqlite")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_ledger_on_disk_agrees_with_the_one_in_memory(steps in prop::collection::vec(step(), 20..80)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        block_on(async {
            let memory = Told::new(MemoryLedger::new()).await;
            let sqlite = Told::new(sinch_batch_ledger::SqliteLedger::open(&path).unwrap()).await;
            for step in &steps {
                assert_eq!(memory.take(step).await, sqlite.take(step).await, "{step:?}");
            }
            let said = sqlite.said().await;
            said.iter().for_each(recount);
            assert_eq!(memory.said().await, said);
            assert_eq!(memory.ledger.callbacks().await.unwrap(), sqlite.ledger.callbacks().await.unwrap());
        });
    }
}
