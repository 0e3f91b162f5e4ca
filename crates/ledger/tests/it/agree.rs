//! Any calls in any order: the ledgers agree with each other and with a recount.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use sinch_batch_ledger::{
    Applied, BatchCounts, BatchRecord, BatchStage, CallbackCount, CampaignId, CampaignRecord, CampaignStatus, Claim,
    Claimed, DeferredCounts, Entry, Ledger, LedgerError, LedgerErrorKind, MemoryLedger, MessageFailure, NewCampaign,
    PlannedRows, ProcessId, Pruned, Pulse, ReasonCount, ReceivedCallback, Renewed, RowSpans, Run, Worker,
};
use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, BatchState, Fingerprint, Timestamp};
use sinch_batch_tracking::{
    BatchKey, BatchUpdate, MessageRef, MessageState, MessageUpdate, Observation, Progress, RowKey, Tally,
};

const KEYS: [&str; 4] = ["first", "second", "third", "nobody's"];

/// More rows than any campaign has.
const MOST_ROWS: u64 = 24;

/// One call of a ledger. Campaigns are told by their number, from 1; some are not there.
#[derive(Clone, Debug)]
enum Step {
    Create(Box<NewCampaign>, Vec<PlannedRows>),
    Cancel(i64),
    BeginRun(i64, Duration),
    Claim(i64, usize, u32, BTreeSet<u32>),
    Renew(i64, usize, Vec<(u32, u64)>),
    Release(i64, usize),
    Record(i64, Entry),
    /// An intent for a batch with the token and the attempt that it needs.
    Intend(i64, u32),
    Apply(Observation),
    ApplyCallback(ReceivedCallback),
    /// A chunk of so many messages, of a campaign that ended before that many microseconds ago.
    Prune(i64, u32, u32),
    Forget(i64, u64),
    /// Time goes on.
    Later(u32),
    /// The ledger on disk is closed and opened.
    Reopen,
}

/// Two that nothing but leases tell of, one that is known to be gone, and one by its name that is not.
fn worker(number: usize) -> Worker {
    let gone = ProcessId::own().map(|own| ProcessId::new(own.boot, own.namespace, own.pid, own.started + 1));
    match number {
        0 => Worker::new("one", None),
        1 => Worker::new("two", None),
        2 => Worker::new("three", gone),
        _ => Worker::new("three", Some(ProcessId::new("elsewhere", "pid:[1]", 1, 1))),
    }
}

fn step() -> impl Strategy<Value = Step> {
    let campaign = || prop_oneof![8 => 1..3_i64, 1 => 3..5_i64];
    let number = || 1..5_u32;
    let token = || 0..4_u64;
    let attempt = || 0..4_u32;
    let entry = prop_oneof![
        2 => (number(), token(), attempt()).prop_map(|(number, token, attempt)| Entry::Intent { number, token, attempt }),
        2 => (number(), attempt()).prop_map(|(number, attempt)| Entry::Returned { number, attempt }),
        3 => (number(), batch_id()).prop_map(|(number, batch_id)| Entry::Accepted { number, batch_id }),
        4 => (number(), attempt())
            .prop_map(|(number, attempt)| Entry::Refused { number, attempt, why: "no".to_owned() }),
        1 => (number(), prop::collection::vec(batch_id(), 0..3))
            .prop_map(|(number, batch_ids)| Entry::Doubled { number, batch_ids }),
        2 => (number(), token(), any::<bool>()).prop_map(|(number, token, why)| {
            Entry::Released { number, token, why: why.then(|| "call +15550100011".to_owned()) }
        }),
    ];
    prop_oneof![
        2 => (new_campaign(), plan()).prop_map(|(new, plan)| create(new, plan)),
        1 => campaign().prop_map(Step::Cancel),
        1 => (campaign(), 0..9_000_000_u64).prop_map(|(id, after)| Step::BeginRun(id, Duration::from_nanos(after * 999))),
        8 => (campaign(), 0..4_usize, 0..4_u32, prop::collection::btree_set(number(), 0..2))
            .prop_map(|(id, worker, room, except)| Step::Claim(id, worker, room, except)),
        3 => (campaign(), 0..4_usize, prop::collection::vec((number(), token()), 0..4))
            .prop_map(|(id, worker, held)| Step::Renew(id, worker, held)),
        2 => (campaign(), 0..4_usize).prop_map(|(id, worker)| Step::Release(id, worker)),
        10 => (campaign(), number()).prop_map(|(id, number)| Step::Intend(id, number)),
        12 => (campaign(), entry).prop_map(|(id, entry)| Step::Record(id, entry)),
        9 => observation().prop_map(Step::Apply),
        3 => callback().prop_map(Step::ApplyCallback),
        2 => (campaign(), 0..4_u32, 0..9_000_000_u32).prop_map(|(id, limit, ago)| Step::Prune(id, limit, ago)),
        2 => (campaign(), 0..MOST_ROWS).prop_map(|(id, row)| Step::Forget(id, row)),
        5 => (0..40_000_000_u32).prop_map(Step::Later),
        1 => Just(Step::Reopen),
    ]
}

/// A fingerprint of its own for each text of up to 32 bytes; none for an empty one.
fn bytes(text: &str) -> Option<Fingerprint> {
    let mut sha256 = [0; 32];
    sha256[..text.len()].copy_from_slice(text.as_bytes());
    (!text.is_empty()).then(|| Fingerprint::new(sha256, text.len() as u64))
}

/// Campaigns that are often the same send, and sometimes not.
fn new_campaign() -> impl Strategy<Value = NewCampaign> {
    let word = || prop::sample::select(vec!["", "a", "b"]);
    (prop::sample::select(vec!["autumn", "winter", "spring"]), 0..3_usize, word(), word(), word(), 0..8_u8).prop_map(
        |(name, key, input, fingerprint, message, flags)| {
            let mut new = NewCampaign::new(name, KEYS[key], 0, Timestamp::UNIX_EPOCH);
            (new.input, new.input_fingerprint) = (input.to_owned(), bytes(fingerprint));
            new.message_fingerprint = bytes(message);
            new.practice = flags == 0;
            new.allow_duplicate = flags % 2 == 1;
            new
        },
    )
}

/// The gap before each batch, its rows, and which digest it has.
fn plan() -> impl Strategy<Value = Vec<(u64, u64, u8)>> {
    prop::collection::vec((0..2_u64, 1..6_u64, 0..9_u8), 1..4)
}

fn create(mut new: NewCampaign, plan: Vec<(u64, u64, u8)>) -> Step {
    let mut last = 0;
    let batches = plan.into_iter().map(|(gap, n_rows, digest)| {
        let first = last + gap + 1;
        last = first + n_rows - 1;
        new.skipped += gap;
        let rows: RowSpans = (first..=last).map(|row| (row, row + 1)).collect();
        PlannedRows { first_row: None, rows, at_byte: first * 10, n_bytes: n_rows * 10, digest: [digest; 8] }
    });
    let batches: Vec<_> = batches.collect();
    new.rows = last;
    Step::Create(Box::new(new), batches)
}

fn batch_id() -> impl Strategy<Value = BatchId> {
    prop::sample::select(vec!["A", "B", "C", "D", "E"]).prop_map(BatchId::new)
}

fn observation() -> impl Strategy<Value = Observation> {
    let key = || prop::sample::select(KEYS.to_vec());
    let place = prop_oneof![
        3 => (key(), 0..MOST_ROWS + 2).prop_map(|(key, row)| MessageRef::Row(RowKey::new(key, row))),
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
    Nothing,
    Created(CampaignRecord, Option<String>),
    Run(Run),
    Claimed(Claimed),
    Renewed(Renewed),
    Applied(Option<Applied>),
    Ended(Option<Timestamp>),
    Pruned(Pruned),
    Forgotten(u64),
    Refused(LedgerErrorKind, Option<(CampaignRecord, CampaignStatus)>),
}

/// A ledger, and what time it is there.
struct Told<L> {
    ledger: L,
    now: Timestamp,
}

/// Everything a ledger says.
#[derive(Debug, PartialEq)]
struct Said {
    campaigns: Vec<(CampaignRecord, OfCampaign)>,
    deferred: DeferredCounts,
    callbacks: Vec<CallbackCount>,
}

#[derive(Debug, PartialEq)]
struct OfCampaign {
    status: CampaignStatus,
    batches: Vec<BatchRecord>,
    messages: Vec<Option<MessageState>>,
    failures: Vec<MessageFailure>,
    reasons: Vec<ReasonCount>,
    pulse: Vec<Pulse>,
}

impl<L: Ledger> Told<L> {
    fn new(ledger: L) -> Self {
        Self { ledger, now: Timestamp::UNIX_EPOCH }
    }

    async fn take(&mut self, step: &Step) -> Answer {
        self.answer(step).await.unwrap_or_else(|error| {
            let earlier = error.duplicate_of().map(|of| (of.campaign.clone(), of.status));
            Answer::Refused(error.kind(), earlier)
        })
    }

    async fn answer(&mut self, step: &Step) -> Result<Answer, LedgerError> {
        let (ledger, now) = (&self.ledger, self.now);
        let id = CampaignId::new;
        Ok(match step.clone() {
            Step::Create(new, plan) => {
                let created = ledger.create(*new, Box::new(plan)).await?;
                Answer::Created(created.campaign, created.same_input)
            }
            Step::Cancel(campaign) => ledger.cancel(id(campaign)).await.map(|()| Answer::Nothing)?,
            Step::BeginRun(campaign, after) => ledger.begin_run(id(campaign), after).await.map(Answer::Run)?,
            Step::Claim(campaign, number, room, except) => {
                let claim = Claim::new(worker(number), room, now).with_except(Arc::new(except));
                ledger.claim(id(campaign), claim).await.map(Answer::Claimed)?
            }
            Step::Renew(campaign, number, held) => {
                let renewed = ledger.renew(id(campaign), worker(number).name(), held, LEASE, now).await;
                renewed.map(Answer::Renewed)?
            }
            Step::Release(campaign, number) => {
                ledger.release(id(campaign), worker(number).name(), now).await.map(|()| Answer::Nothing)?
            }
            Step::Record(campaign, entry) => ledger.record(id(campaign), entry, now).await.map(|()| Answer::Nothing)?,
            Step::Intend(campaign, number) => {
                let attempts = ledger.batches(id(campaign), number - 1, 1).await?.first().map_or(0, |b| b.attempts);
                // Tokens grow with each claim: one of the few fits if the lease is live.
                for token in 1..6 {
                    let intent = Entry::Intent { number, token, attempt: attempts + 1 };
                    match ledger.record(id(campaign), intent, now).await {
                        Err(error) if error.kind() == LedgerErrorKind::Fenced && token < 5 => {}
                        other => return other.map(|()| Answer::Nothing),
                    }
                }
                Answer::Nothing
            }
            Step::Apply(observation) => {
                ledger.apply(observation).await.map(|applied| Answer::Applied(Some(applied)))?
            }
            Step::ApplyCallback(callback) => ledger.apply_callback(callback).await.map(Answer::Applied)?,
            Step::Prune(campaign, limit, ago) => {
                let before = now - Duration::from_micros(u64::from(ago));
                match ledger.ended(id(campaign)).await? {
                    Some(ended) if ended < before => {
                        ledger.prune(id(campaign), before, limit).await.map(Answer::Pruned)?
                    }
                    ended => {
                        let refused = ledger.prune(id(campaign), before, limit).await;
                        assert_eq!(refused.unwrap_err().kind(), LedgerErrorKind::NotEnded);
                        Answer::Ended(ended)
                    }
                }
            }
            Step::Forget(campaign, row) => ledger.forget(id(campaign), vec![row]).await.map(Answer::Forgotten)?,
            Step::Later(by) => {
                self.now += Duration::from_nanos(u64::from(by) * 999);
                Answer::Nothing
            }
            Step::Reopen => Answer::Nothing,
        })
    }

    async fn said(&self) -> Said {
        let ledger = &self.ledger;
        let mut campaigns = Vec::new();
        for campaign in ledger.campaigns().await.unwrap() {
            assert_eq!(ledger.campaign(&campaign.name).await.unwrap().as_ref(), Some(&campaign));
            let id = campaign.id;
            let mut messages = Vec::new();
            for row in 0..MOST_ROWS {
                messages.push(ledger.message(id, row).await.unwrap());
            }
            let of = OfCampaign {
                status: ledger.status(id).await.unwrap(),
                batches: ledger.batches(id, 0, u32::MAX).await.unwrap(),
                messages,
                failures: ledger.failures(id, 0, u32::MAX).await.unwrap(),
                reasons: ledger.reasons(id).await.unwrap(),
                pulse: ledger.pulse(id, Timestamp::MIN, Timestamp::MAX).await.unwrap(),
            };
            campaigns.push((campaign, of));
        }
        Said { campaigns, deferred: ledger.deferred().await.unwrap(), callbacks: ledger.callbacks().await.unwrap() }
    }
}

const LEASE: Duration = sinch_batch_ledger::LEASE;

/// Counts from the batches and messages what the ledger keeps as sums.
fn recount(said: &Said) {
    for (campaign, of) in &said.campaigns {
        recount_campaign(campaign, of);
    }
}

fn recount_campaign(campaign: &CampaignRecord, of: &OfCampaign) {
    let mut counts = BatchCounts::default();
    let (mut planned, mut accepted, mut unknown, mut doubled) = (0, 0, 0, 0);
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for batch in &of.batches {
        let (count, rows) = match batch.stage {
            BatchStage::Planned => (&mut counts.planned, &mut planned),
            BatchStage::Refused => (&mut counts.refused, &mut planned),
            BatchStage::Unknown => (&mut counts.unknown, &mut unknown),
            BatchStage::Accepted => (&mut counts.accepted, &mut accepted),
            other => panic!("{other:?}"),
        };
        *count += 1;
        *rows += batch.rows.len();
        if batch.doubled > 0 {
            assert!(batch.batch_id.is_some());
            doubled += batch.rows.len();
        }
        if batch.stage == BatchStage::Accepted {
            for (row, line) in batch.rows.iter() {
                let state = of.messages[row as usize].clone().unwrap_or_default();
                if batch.state == Some(BatchState::Cancelled) && state.progress <= Progress::Accepted {
                    tally.cancelled += 1;
                } else {
                    tally.add(state.progress, 1);
                }
                if state.progress == Progress::Failed {
                    failed.push((row, line, state.code));
                }
            }
        } else {
            assert_eq!(batch.batch_id, None);
        }
    }
    let status = &of.status;
    assert_eq!((status.rows, status.skipped), (campaign.rows, campaign.skipped));
    assert_eq!((status.planned, status.accepted, status.unknown), (planned, accepted, unknown));
    assert_eq!(status.rows, status.skipped + planned + accepted + unknown);
    assert_eq!((status.batches, status.doubled), (counts, doubled));
    assert_eq!(status.messages.total(), accepted);
    let of_reasons: u64 = of.reasons.iter().map(|reason| reason.count).sum();
    assert_eq!(of_reasons, status.messages.failed);
    if status.pruned {
        // Only the sums are left.
        return;
    }
    assert_eq!(status.messages, tally);
    let told: Vec<_> = of.failures.iter().map(|f| (f.row, f.line, f.code.clone().map(Into::into))).collect();
    assert_eq!(told, failed);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Two campaigns to begin with, of two batches of six rows each.
fn with_campaigns(steps: Vec<Step>) -> Vec<Step> {
    let campaigns = ["autumn", "winter"].iter().zip(KEYS).map(|(name, key)| {
        let mut new = NewCampaign::new(*name, key, 0, Timestamp::UNIX_EPOCH);
        new.message_fingerprint = bytes(name);
        create(new, vec![(0, 6, 0), (0, 6, 1)])
    });
    campaigns.chain(steps).collect()
}

proptest! {
    #[test]
    fn promise_2_nothing_is_dropped_silently(steps in prop::collection::vec(step(), 1..80)) {
        block_on(async {
            let mut told = Told::new(MemoryLedger::new());
            for step in &with_campaigns(steps) {
                told.take(step).await;
                recount(&told.said().await);
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
        let apply = |(row, by_row, state): &(u64, bool, MessageState)| {
            let id = BatchId::new(if *row <= 6 { "A" } else { "B" });
            let index = ((row - 1) % 6) as u32;
            let seen = match by_row {
                true => MessageUpdate::new(MessageRef::Row(RowKey::new(KEYS[0], *row)), state.clone()).with_batch_id(id),
                false => MessageUpdate::new(MessageRef::Index { batch_id: id, index }, state.clone()),
            };
            Step::Apply(seen.into())
        };
        let accepted = |number, id| Step::Record(1, Entry::Accepted { number, batch_id: BatchId::new(id) });
        // The second campaign has a batch without an id to the end.
        let begin = with_campaigns(vec![
            Step::Claim(1, 0, 2, BTreeSet::new()),
            Step::Claim(2, 0, 1, BTreeSet::new()),
            Step::Intend(1, 1),
            Step::Intend(1, 2),
            Step::Intend(2, 1),
        ]);
        let mut calm = begin.clone();
        calm.extend([accepted(1, "A"), accepted(2, "B")]);
        calm.extend(receipts.iter().map(apply));

        let n_begin = begin.len();
        let mut wild = begin;
        wild.extend(again.iter().map(apply));
        wild.insert(n_begin + cuts[0], accepted(1, "A"));
        wild.insert(n_begin + cuts[1], accepted(2, "B"));

        block_on(async {
            let (mut one, mut other) = (Told::new(MemoryLedger::new()), Told::new(MemoryLedger::new()));
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
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn ledger_on_disk_agrees_with_the_one_in_memory(steps in prop::collection::vec(step(), 20..100)) {
        use sinch_batch_ledger::SqliteLedger;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        block_on(async {
            let mut memory = Told::new(MemoryLedger::new());
            let mut sqlite = Told::new(SqliteLedger::open(&path).unwrap());
            for step in &with_campaigns(steps) {
                if let Step::Reopen = step {
                    let now = sqlite.now;
                    drop(sqlite);
                    sqlite = Told { ledger: SqliteLedger::open(&path).unwrap(), now };
                    assert_eq!(memory.said().await, sqlite.said().await);
                }
                assert_eq!(memory.take(step).await, sqlite.take(step).await, "{step:?}");
            }
            let said = sqlite.said().await;
            recount(&said);
            assert_eq!(memory.said().await, said);
            for (campaign, _) in said.campaigns {
                let run = sqlite.ledger.begin_run(campaign.id, Duration::ZERO).await;
                assert!(run.map_or_else(|error| error.kind() == LedgerErrorKind::NotRunning, |_| true));
            }
        });
    }
}

#[cfg(all(unix, feature = "postgres"))]
proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 64, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn ledger_in_postgres_agrees_with_the_one_in_memory(steps in prop::collection::vec(step(), 20..80)) {
        use sinch_batch_ledger::PostgresLedger;

        let Some(url) = crate::postgres::schema() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut memory = Told::new(MemoryLedger::new());
            let mut postgres = Told::new(PostgresLedger::open(&url).await.unwrap().by_clock_of_callers());
            for step in &with_campaigns(steps) {
                if let Step::Reopen = step {
                    let now = postgres.now;
                    drop(postgres);
                    postgres = Told { ledger: PostgresLedger::open(&url).await.unwrap().by_clock_of_callers(), now };
                    assert_eq!(memory.said().await, postgres.said().await);
                }
                assert_eq!(memory.take(step).await, postgres.take(step).await, "{step:?}");
            }
            let said = postgres.said().await;
            recount(&said);
            assert_eq!(memory.said().await, said);
        });
    }
}
