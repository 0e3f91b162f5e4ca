//! What happens to a campaign besides being sent: a cancel, and retries of what it left.

use std::collections::BTreeMap;
use std::time::Duration;

use sinch_batch::simulator::{Fault, FaultKind, MessageOutcome, SimulatedOperation};

use super::dice::Dice;
use super::story::{Act, LEASE, What, Whom};

/// The longest line: one campaign, what it recalled, and two retries of failures.
const MOST_RETRIES: u64 = 2;

/// How long after its answer a cancel takes effect at most, in milliseconds.
const CANCEL_DELAY: u64 = 1_500;

/// What else is done with a campaign.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Life {
    pub(super) cancel: Option<Cancel>,
    /// How often failures are sent again, at most.
    pub(super) retries: u64,
    /// What goes wrong in each campaign that is made of an earlier one.
    pub(super) troubles: Vec<Trouble>,
    /// What becomes of the messages to a row's recipient, one outcome a message; the last one stays.
    pub(super) scripts: BTreeMap<u64, Vec<MessageOutcome>>,
}

/// Somebody cancels the campaign.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cancel {
    /// After so many requests to the service, or when everything was sent.
    pub(super) after: u64,
    /// Whether the service holds the batches back, so that they can be recalled.
    pub(super) is_scheduled: bool,
    /// How long after its answer a cancel takes effect.
    pub(super) delay: Duration,
    /// After so many requests the time has come for what the service holds back.
    pub(super) due: Option<u64>,
    /// What is done to the process that cancels, after so many requests since it began.
    pub(super) acts: Vec<Act>,
    /// What goes wrong with its calls.
    pub(super) faults: Vec<Fault>,
}

/// Faults and signals of one campaign, counted from its beginning.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trouble {
    pub(super) faults: Vec<Fault>,
    pub(super) acts: Vec<Act>,
}

impl Life {
    pub(super) fn of(dice: &mut Dice, rows: u64, batches: u64) -> Self {
        let cancel = dice.happens(45).then(|| cancel(dice, batches));
        let retries = dice.between(0, MOST_RETRIES);
        let n_campaigns = retries + u64::from(cancel.is_some());
        let troubles = (0..n_campaigns).map(|_| trouble(dice)).collect();
        let mut scripts = BTreeMap::new();
        for row in 1..=rows {
            if dice.happens(12) {
                scripts.insert(row, script(dice));
            }
        }
        Self { cancel, retries, troubles, scripts }
    }

    /// Whether the service holds the batches of the first campaign back.
    pub(super) fn is_scheduled(&self) -> bool {
        self.cancel.as_ref().is_some_and(|cancel| cancel.is_scheduled)
    }
}

fn cancel(dice: &mut Dice, batches: u64) -> Cancel {
    let is_scheduled = dice.happens(70);
    let after = dice.between(1, batches + 2);
    let due = (is_scheduled && dice.happens(50)).then(|| after + dice.between(0, batches * 2));
    let mut acts: Vec<Act> = (0..dice.between(0, 3))
        .map(|_| {
            let long = LEASE.as_millis() as u64 + 500;
            let what = match dice.between(1, 4) {
                1 => What::Stop(dice.millis(100, long)),
                2 => What::Terminate,
                _ => What::Kill,
            };
            Act { after: dice.between(0, batches + 4), whom: Whom::Sender(0), what }
        })
        .collect();
    acts.sort_by_key(|act| act.after);
    let faults = (0..dice.between(0, 4))
        .map(|_| {
            let (operation, kinds): (_, &[FaultKind]) = match dice.between(1, 4) {
                1 => (SimulatedOperation::BatchStatus, ASKED),
                2 => (SimulatedOperation::FindBatches, ASKED),
                _ => (SimulatedOperation::CancelBatch, CANCELS),
            };
            let fault = Fault::new(operation, dice.pick(kinds));
            let fault = fault.with_after(dice.between(0, batches)).with_times(dice.between(1, 3));
            match fault.fault {
                FaultKind::RateLimit => fault.with_retry_after(dice.pick(&["0", "1"])),
                FaultKind::Delay => fault.with_seconds(dice.millis(10, 2_500)),
                _ => fault,
            }
        })
        .collect();
    Cancel { after, is_scheduled, delay: dice.millis(0, CANCEL_DELAY), due, acts, faults }
}

/// Few rows are sent again, so things go wrong early.
fn trouble(dice: &mut Dice) -> Trouble {
    let faults = (0..dice.between(0, 3)).map(|_| super::story::fault(dice, 3)).collect();
    let mut acts: Vec<Act> = (0..dice.between(0, 3))
        .map(|_| {
            let whom = if dice.happens(25) { Whom::Receiver } else { Whom::Sender(0) };
            Act { after: dice.between(0, 5), whom, what: super::story::what(dice) }
        })
        .collect();
    if dice.happens(25) {
        acts.push(Act { after: dice.between(0, 4), whom: Whom::Sender(0), what: What::Pause });
    }
    if dice.happens(25) {
        acts.push(Act { after: dice.between(1, 4), whom: Whom::Sender(1), what: What::Join });
    }
    acts.sort_by_key(|act| act.after);
    Trouble { faults, acts }
}

/// A failure, and what becomes of the message if it is sent again.
fn script(dice: &mut Dice) -> Vec<MessageOutcome> {
    let failed = |code: &str| MessageOutcome::Failed { code: code.to_owned() };
    let again = dice.pick(&["RECIPIENT_NOT_REACHABLE", "CHANNEL_FAILURE", "INTERNAL_ERROR"]);
    let arrives = if dice.happens(50) { MessageOutcome::Delivered } else { MessageOutcome::DeliveredThenRead };
    match dice.between(1, 10) {
        1..=5 => vec![failed(again), arrives],
        6..=7 => vec![failed(again), failed(again), arrives],
        8 => vec![failed(again), MessageOutcome::Queued],
        // Sent again, these would arrive: nobody may try.
        9 => vec![failed(dice.pick(NOT_AGAIN)), arrives],
        _ => vec![failed(again), failed(dice.pick(NOT_AGAIN)), arrives],
    }
}

/// Reasons of the classes that a plain retry leaves alone.
const NOT_AGAIN: &[&str] = &[
    "CHANNEL_REJECT",
    "DELIVERY_TIMED_OUT",
    "RECIPIENT_NOT_OPTED_IN",
    "OUTSIDE_ALLOWED_SENDING_WINDOW",
    "RECIPIENT_INVALID_CHANNEL_IDENTITY",
    "DELIVERY_REJECTED_DUE_TO_POLICY",
];

/// A cancel that is refused, or done without a word.
const CANCELS: &[FaultKind] = &[
    FaultKind::AcceptThen500,
    FaultKind::AcceptThenCut,
    FaultKind::AcceptThenDrop,
    FaultKind::AcceptThenHang,
    FaultKind::Refuse400,
    FaultKind::Refuse404,
    FaultKind::Refuse500,
    FaultKind::RateLimit,
    FaultKind::ExpireToken,
    FaultKind::Drop,
    FaultKind::Delay,
];

/// A question that is not answered, or late.
const ASKED: &[FaultKind] =
    &[FaultKind::Refuse404, FaultKind::Refuse500, FaultKind::RateLimit, FaultKind::Drop, FaultKind::Delay];
