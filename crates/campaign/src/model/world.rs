//! What is around the workers: true time, two clocks, a ledger that survives, a service, and the judge.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use sinch_batch_ledger::{
    BatchRecord, BatchStage, BoxFuture, CampaignId, CampaignStatus, Ledger, LedgerError, MemoryLedger, NewCampaign,
    PlannedRows,
};
use sinch_batch_models::Timestamp;
use sinch_batch_tracking::{MessageRef, MessageState, MessageUpdate, Observation, Progress, RowKey};

use super::actor::Actor;
use super::recaller::{News, Recaller};
use super::service::{Choices, Service};
use crate::moment::Moment;
use crate::step::{BatchNumber, Command, Input};

pub(super) const KEY: &str = "0123456789abcdef0123456789abcdef";
const ROWS_OF_A_BATCH: u64 = 2;

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub(super) fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, count)| *self.0.entry(what).or_default() += count);
    }
}

/// A story that ended badly, line by line.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) seed: u64,
    pub(super) why: String,
    pub(super) lines: Vec<String>,
}

impl Failure {
    pub(super) fn is_double(&self) -> bool {
        self.why.contains("twice")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "seed {}: {}", self.seed, self.why)
    }
}

/// What happens at a time.
#[derive(Debug)]
pub(super) enum Event {
    /// A worker obeys a command.
    Obey(usize, Command, Moment),
    /// An answer reaches a worker, or time has passed for it.
    Give(usize, Vec<Input>),
    /// A worker wakes, unless it has something else to wait for meanwhile.
    Wake(usize, u64),
    /// A call that left has come back, even if nobody is there to receive it.
    CallEnded(u64),
    Begin,
    Freeze(usize, u64),
    Die(usize),
    Interrupt(usize),
    /// The machine is paused: the steady clock stops.
    Pause(u64),
    /// Somebody sets the clock on the wall.
    SetWall(i64),
    /// Somebody pauses the campaign; the next run lifts it.
    PauseCampaign,
    /// Somebody cancels the campaign.
    Cancel,
    /// The process that recalls, of that number, gets on.
    Recall(u32, News),
    Receipt(BatchNumber, bool),
}

/// A call whose last byte has left.
#[derive(Debug)]
pub(super) struct OnItsWay {
    pub(super) worker: usize,
    pub(super) number: BatchNumber,
    pub(super) until: Moment,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: u64,
    /// How long the steady clock stood still.
    paused: u64,
    wall_off_by: i64,
    pub(super) choices: Choices,
    pub(super) queue: BTreeMap<(u64, u64), Event>,
    next: u64,
    pub(super) ledger: MemoryLedger,
    pub(super) campaign: CampaignId,
    pub(super) service: Service,
    pub(super) actors: Vec<Actor>,
    pub(super) recaller: Recaller,
    pub(super) calls: BTreeMap<u64, OnItsWay>,
    pub(super) receipts: bool,
    pub(super) ledger_faults: u64,
    /// How many more times a worker freezes or dies between two steps.
    pub(super) twitches: u32,
    pub(super) tally: Tally,
    pub(super) lines: Option<Vec<String>>,
}

/// What the judge says when a promise was broken.
pub(super) type Judged<T = ()> = Result<T, String>;

impl World {
    pub(super) fn new(seed: u64, n_batches: u32, with_lines: bool) -> Self {
        let ledger = MemoryLedger::new();
        let rows = u64::from(n_batches) * ROWS_OF_A_BATCH;
        let plan: Vec<_> = (1..=u64::from(n_batches))
            .map(|number| {
                let last = number * ROWS_OF_A_BATCH;
                PlannedRows {
                    first_row: None,
                    rows: (last + 1 - ROWS_OF_A_BATCH..=last).map(|row| (row, row + 1)).collect(),
                    at_byte: number,
                    n_bytes: 1,
                    digest: number.to_be_bytes(),
                }
            })
            .collect();
        let mut new = NewCampaign::new("story", KEY, rows + 1, Timestamp::UNIX_EPOCH);
        new.skipped = 1;
        let campaign = at_once(ledger.create(new, Box::new(plan))).unwrap().campaign.id;
        Self {
            now: 0,
            paused: 0,
            wall_off_by: 0,
            choices: Choices::new(seed),
            queue: BTreeMap::new(),
            next: 0,
            ledger,
            campaign,
            service: Service::default(),
            actors: Vec::new(),
            recaller: Recaller::default(),
            calls: BTreeMap::new(),
            receipts: false,
            ledger_faults: 0,
            twitches: 0,
            tally: Tally::default(),
            lines: with_lines.then(Vec::new),
        }
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.tally.0.entry(what).or_default() += 1;
    }

    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>9.3} {}", now as f64 / 1000.0, line()));
        }
    }

    pub(super) fn at(&mut self, time: u64, event: Event) {
        self.next += 1;
        self.queue.insert((time.max(self.now), self.next), event);
    }

    pub(super) fn wall(&self) -> Timestamp {
        let since = 1_800_000_000_000_i64 + self.now as i64 + self.wall_off_by;
        Timestamp::from_millisecond(since).unwrap()
    }

    /// The steady clock, as all workers of the machine see it.
    pub(super) fn steady(&self) -> u64 {
        self.now - self.paused
    }

    pub(super) fn moment_of(&self, worker: usize) -> Moment {
        let steady = Duration::from_millis(self.steady() - self.actors[worker].began_at);
        Moment { wall: self.wall(), steady }
    }

    pub(super) fn pause(&mut self, for_: u64) {
        self.say(|| format!("the machine is paused for {} s", for_ / 1000));
        self.count("paused");
        self.now += for_;
        self.paused += for_;
    }

    pub(super) fn set_wall(&mut self, by: i64) {
        self.say(|| format!("somebody sets the clock by {} s", by / 1000));
        self.count("clock set");
        self.wall_off_by += by;
    }

    pub(super) fn batches(&self) -> Vec<BatchRecord> {
        at_once(self.ledger.batches(self.campaign, 0, u32::MAX)).unwrap()
    }

    pub(super) fn batch(&self, number: BatchNumber) -> BatchRecord {
        at_once(self.ledger.batches(self.campaign, number - 1, 1)).unwrap().remove(0)
    }

    pub(super) fn status(&self) -> CampaignStatus {
        at_once(self.ledger.status(self.campaign)).unwrap()
    }

    /// Where the service has put the batch: a row of it is delivered, and the receipt says so.
    pub(super) fn receipt(&mut self, number: BatchNumber, names_batch: bool) {
        let row = u64::from(number) * ROWS_OF_A_BATCH;
        let state = MessageState::new(Progress::Delivered);
        let mut update = MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), state);
        let copies = self.service.books.get(&number).map(Vec::as_slice).unwrap_or_default();
        if copies.first().is_some_and(|copy| copy.is_recalled(self.now)) {
            return;
        }
        if let (true, Some(copy)) = (names_batch, copies.first()) {
            update = update.with_batch_id(copy.id.clone());
        }
        self.say(|| format!("receipt for a row of batch {number}, with its id: {names_batch}"));
        self.count("receipt");
        at_once(self.ledger.apply(Observation::Message(update))).unwrap();
    }

    /// What has to hold at any time.
    pub(super) fn judge(&self) -> Judged {
        let batches = self.batches();
        let rows_of = |wanted: &[BatchStage]| {
            let its = batches.iter().filter(|batch| wanted.contains(&batch.stage));
            its.map(|batch| batch.rows.len()).sum::<u64>()
        };
        let status = self.status();
        let recount = (
            rows_of(&[BatchStage::Planned, BatchStage::Refused]),
            rows_of(&[BatchStage::Accepted]),
            rows_of(&[BatchStage::Unknown]),
        );
        if recount != (status.planned, status.accepted, status.unknown) {
            return Err(format!("the sums do not agree with the batches: {status:?}"));
        }
        if status.rows != status.skipped + status.planned + status.accepted + status.unknown {
            return Err(format!("rows are missing: {status:?}"));
        }
        for (number, copies) in &self.service.books {
            if copies.len() > 1 {
                return Err(format!("the service has batch {number} twice"));
            }
            let stage = batches[*number as usize - 1].stage;
            if stage == BatchStage::Refused && self.actors.iter().all(|actor| !actor.old_ledger) {
                return Err(format!("batch {number} is called refused, and the service has it"));
            }
        }
        let accepted = batches.iter().filter(|batch| batch.stage == BatchStage::Accepted);
        match accepted.map(|batch| batch.number).find(|number| !self.service.books.contains_key(number)) {
            Some(number) => Err(format!("batch {number} is called accepted, and the service does not have it")),
            None => Ok(()),
        }
    }

    /// Whatever is left open in the ledger.
    pub(super) fn open(&self) -> BTreeSet<BatchNumber> {
        let open = self.batches().into_iter().filter(|batch| batch.stage != BatchStage::Accepted);
        open.map(|batch| batch.number).collect()
    }
}

/// The ledger in memory never waits.
pub(super) fn at_once<T>(future: BoxFuture<'_, Result<T, LedgerError>>) -> Result<T, LedgerError> {
    future.now_or_never().expect("the ledger in memory answers at once")
}
