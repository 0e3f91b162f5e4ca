//! What one seed does, and when: a plan that depends on nothing else.

use std::time::Duration;

use sinch_batch::simulator::{Fault, FaultKind, MessageOutcome, SimulatedOperation};

use super::dice::Dice;
use super::life::Life;

/// The service shows an accepted batch in look-ups within this time.
pub(super) const BOUND: Duration = Duration::from_secs(1);
/// Of the bound: how long a new batch may be hidden, in milliseconds.
const HIDDEN: u64 = 600;
/// The rest of the bound: how old a look-up's response may be, in milliseconds.
const STALE: u64 = 400;
/// What senders wait before they send again: the bound, and some time for a busy machine.
pub(super) const RESEND_AFTER: Duration = Duration::from_secs(2);
pub(super) const LEASE: Duration = Duration::from_secs(3);
pub(super) const TAKEOVER_GRACE: Duration = Duration::from_secs(2);
/// How long one request may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
/// Longer than the lease, but not than lease, grace and the wait together, in milliseconds: beyond that
/// nothing is promised for a process that is stopped in the instant before its last byte leaves.
const LONGEST_STOP: u64 = 5_500;
/// Beyond lease, grace and wait, in milliseconds: for a sender that waits, so that the others send what it
/// holds before it goes on.
const FREEZE: (u64, u64) = (7_500, 9_500);

/// How many messages of a hundred fail, unless a script says what becomes of them.
pub(super) const FAIL_PERCENT: f64 = 5.0;
pub(super) const READ_PERCENT: f64 = 30.0;

/// The plan of one seed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Story {
    pub(super) seed: u64,
    pub(super) rows: u64,
    pub(super) batch_size: u64,
    pub(super) in_flight: u64,
    /// Whether senders wait for receipts too.
    pub(super) waits: bool,
    pub(super) receipts: Receipts,
    /// How long after its acceptance a batch shows up in look-ups.
    pub(super) hidden: Duration,
    /// In the order in which they are planned; the last one slows every send down.
    pub(super) faults: Vec<Fault>,
    /// By the moment they are due.
    pub(super) acts: Vec<Act>,
    /// What is done to each worker that joins in besides, by the moment it is due.
    pub(super) workers: Vec<Vec<Act>>,
    /// How long a process that ended stays away.
    pub(super) pause: Duration,
    /// What becomes of every message, instead of what the seed says.
    pub(super) outcome: Option<MessageOutcome>,
    /// What else is done with the campaign.
    pub(super) life: Life,
}

/// How the service sends receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipts {
    /// Held back until everything is sent: a receipt proves its batch, and so hides a wrong decision.
    pub(super) held: bool,
    /// How many of a hundred are sent twice.
    pub(super) twice: u8,
    /// From how many the next one is drawn.
    pub(super) shuffle: usize,
}

/// One thing that is done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Act {
    /// After so many requests to the service.
    pub(super) after: u64,
    pub(super) whom: Whom,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// The first or the second sender; the other one if that is not there.
    Sender(usize),
    Receiver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Kill,
    Terminate,
    Interrupt,
    HangUp,
    /// Interrupted twice: the second one ends a sender at once.
    InterruptTwice,
    /// Stopped, and continued after this time.
    Stop(Duration),
    /// A second sender resumes the campaign.
    Join,
    /// Somebody pauses the campaign; the next run lifts it.
    Pause,
    /// The same `send` is typed again; one of the two must be refused.
    Again,
}

impl Story {
    pub(super) fn of(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let batch_size = dice.between(10, 50);
        let rows = dice.between(100, 600);
        let batches = rows.div_ceil(batch_size);
        let receipts = Receipts {
            held: dice.happens(50),
            twice: if dice.happens(50) { 30 } else { 0 },
            shuffle: if dice.happens(50) { 20 } else { 0 },
        };
        let hidden = if dice.happens(50) { dice.millis(0, HIDDEN) } else { Duration::ZERO };
        let n_faults = dice.between(0, 10);
        let mut faults: Vec<Fault> = (0..n_faults).map(|_| fault(dice, batches)).collect();
        let response_time = dice.millis(5, 150);
        faults.push(
            Fault::new(SimulatedOperation::SendBatch, FaultKind::Delay)
                .with_seconds(response_time)
                .with_times(u64::MAX),
        );
        let mut acts = acts(dice, batches);
        if dice.happens(30) {
            freeze(dice, batches, &mut faults, &mut acts);
        }
        acts.sort_by_key(|act| act.after);
        Self {
            seed,
            rows,
            batch_size,
            in_flight: dice.between(1, 6),
            waits: !receipts.held && dice.happens(20),
            receipts,
            hidden,
            faults,
            acts,
            workers: Vec::new(),
            pause: dice.millis(0, 700),
            outcome: None,
            // Numbers of their own: the rest of the plan does not change with them.
            life: Life::of(&mut Dice::new(seed ^ 0x11FE), rows, batches),
        }
    }

    /// With so many workers that join in, each of which is killed, or stopped beyond its leases.
    pub(super) fn with_workers(mut self, n: u8) -> Self {
        let dice = &mut Dice::new(!self.seed);
        let batches = self.rows.div_ceil(self.batch_size);
        for _ in 0..n {
            let n_acts = dice.between(1, 3);
            let mut acts: Vec<Act> = (0..n_acts)
                .map(|_| {
                    let beyond = What::Stop(dice.millis(LEASE.as_millis() as u64, LONGEST_STOP));
                    let what = if dice.happens(50) { What::Kill } else { beyond };
                    Act { after: dice.between(1, batches + 3), whom: Whom::Sender(1), what }
                })
                .collect();
            acts.sort_by_key(|act| act.after);
            self.workers.push(acts);
        }
        self
    }

    /// The service hides a batch for longer than it may, after it took it without a word.
    pub(super) fn breaks_the_bound() -> Self {
        let mut hidden = Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenDrop).with_after(1);
        hidden.hidden_seconds = Some(Duration::from_secs(600));
        Self { faults: vec![hidden], ..Self::plain() }
    }

    /// One receipt never comes; it is the only one of its message.
    pub(super) fn removes_a_receipt() -> Self {
        let lost = Fault::new(SimulatedOperation::Callback, FaultKind::Drop).with_after(30);
        Self { faults: vec![lost], outcome: Some(MessageOutcome::Queued), ..Self::plain() }
    }

    fn plain() -> Self {
        Self {
            seed: 0,
            rows: 60,
            batch_size: 20,
            in_flight: 1,
            waits: false,
            receipts: Receipts { held: true, twice: 0, shuffle: 0 },
            hidden: Duration::ZERO,
            faults: Vec::new(),
            acts: Vec::new(),
            workers: Vec::new(),
            pause: Duration::ZERO,
            outcome: None,
            life: Life::default(),
        }
    }

    /// The recipient of each row.
    pub(super) fn people(&self) -> Vec<String> {
        (1..=self.rows).map(Self::person).collect()
    }

    /// The recipient of a row.
    pub(super) fn person(row: u64) -> String {
        format!("+15559{row:06}")
    }

    /// What becomes of the message to a recipient to whom so many have left before.
    pub(super) fn outcome_of(&self, person: &str, before: usize) -> MessageOutcome {
        let row = person.strip_prefix("+15559").and_then(|row| row.parse().ok());
        let script = row.and_then(|row: u64| self.life.scripts.get(&row));
        let scripted = script.and_then(|list| list.get(before).or(list.last())).or(self.outcome.as_ref());
        scripted.cloned().unwrap_or_else(|| MessageOutcome::of(self.seed, person, FAIL_PERCENT, READ_PERCENT))
    }
}

/// What is done to the processes.
fn acts(dice: &mut Dice, batches: u64) -> Vec<Act> {
    let mut acts = Vec::new();
    if dice.happens(40) {
        acts.push(Act { after: dice.between(1, batches.div_ceil(2)), whom: Whom::Sender(1), what: What::Join });
    }
    if dice.happens(20) {
        acts.push(Act { after: dice.between(0, batches), whom: Whom::Sender(1), what: What::Again });
    }
    if dice.happens(20) {
        acts.push(Act { after: dice.between(1, batches), whom: Whom::Sender(0), what: What::Pause });
    }
    for _ in 0..dice.between(1, 6) {
        let whom = match dice.between(1, 4) {
            1 => Whom::Receiver,
            2 => Whom::Sender(1),
            _ => Whom::Sender(0),
        };
        // Some are due only if faults make for more requests than there are batches.
        acts.push(Act { after: dice.between(0, batches + 3), whom, what: what(dice) });
    }
    acts
}

/// A sender is stopped for longer than its leases, with batches that it was just told to send later, and
/// another one is there to take them over. When the first goes on, it must not send them.
fn freeze(dice: &mut Dice, batches: u64, faults: &mut Vec<Fault>, acts: &mut Vec<Act>) {
    let after = dice.between(1, batches.div_ceil(2));
    let later = Fault::new(SimulatedOperation::SendBatch, FaultKind::RateLimit)
        .with_after(after)
        .with_times(dice.between(1, 4));
    faults.insert(0, later.with_retry_after(dice.pick(&["1", "2"])));
    let time = dice.millis(FREEZE.0, FREEZE.1);
    // The requests for tokens count too.
    let stop = Act { after: after + dice.between(2, 4), whom: Whom::Sender(0), what: What::Stop(time) };
    acts.extend([Act { after, whom: Whom::Sender(1), what: What::Join }, stop]);
}

pub(super) fn what(dice: &mut Dice) -> What {
    match dice.between(1, 10) {
        1..=4 => What::Kill,
        5 => What::Terminate,
        6 => What::Interrupt,
        7 => What::HangUp,
        8 => What::InterruptTwice,
        9 => What::Stop(dice.millis(100, 2_000)),
        _ => What::Stop(dice.millis(LEASE.as_millis() as u64, LONGEST_STOP)),
    }
}

/// One fault that the promise covers. What it does not cover is left out: a service that refuses a batch
/// and sends it all the same (4xx), that gives one id to two batches, or that shows two ids for one.
pub(super) fn fault(dice: &mut Dice, batches: u64) -> Fault {
    let (operation, kinds): (SimulatedOperation, &[FaultKind]) = match dice.between(1, 20) {
        1..=6 => (SimulatedOperation::SendBatch, LOST),
        7..=10 => (SimulatedOperation::SendBatch, REFUSED),
        11 => (SimulatedOperation::SendBatch, &[FaultKind::Delay, FaultKind::VisibleAfter]),
        12..=14 => (SimulatedOperation::FindBatches, ODD),
        15 => (SimulatedOperation::FindBatches, REFUSED),
        16 => (SimulatedOperation::FindBatches, &[FaultKind::Delay, FaultKind::Stale]),
        17 => (SimulatedOperation::BatchStatus, REFUSED),
        18 => (SimulatedOperation::Token, REFUSED),
        _ => (SimulatedOperation::Callback, REPEATED),
    };
    let kind = dice.pick(kinds);
    let mut fault = Fault::new(operation, kind).with_after(dice.between(0, batches)).with_times(dice.between(1, 3));
    fault = match kind {
        FaultKind::RateLimit => fault.with_retry_after(dice.pick(&["0", "1", "2"])),
        FaultKind::VisibleAfter => fault.with_seconds(dice.millis(1, HIDDEN)),
        FaultKind::Stale => fault.with_seconds(dice.millis(1, STALE)),
        FaultKind::Delay => fault.with_seconds(dice.millis(10, 2_500)),
        _ => fault,
    };
    if kind.name().starts_with("accept_then_") && operation == SimulatedOperation::SendBatch {
        fault.hidden_seconds = Some(dice.millis(0, HIDDEN));
    }
    fault
}

/// The batch is accepted, and the response does not say so.
const LOST: &[FaultKind] = &[
    FaultKind::AcceptThen500,
    FaultKind::AcceptThen503,
    FaultKind::AcceptThen408,
    FaultKind::AcceptThenHtml,
    FaultKind::AcceptThenEmpty,
    FaultKind::AcceptThenCut,
    FaultKind::AcceptThenNoId,
    FaultKind::AcceptThenDrop,
    FaultKind::AcceptThenHang,
];

const REFUSED: &[FaultKind] = &[
    FaultKind::Refuse400,
    FaultKind::Refuse401,
    FaultKind::Refuse403,
    FaultKind::Refuse404,
    FaultKind::Refuse408,
    FaultKind::Refuse500,
    FaultKind::Refuse503,
    FaultKind::RateLimit,
    FaultKind::ExpireToken,
    FaultKind::Drop,
    FaultKind::Hang,
];

/// Responses of a look-up that prove nothing, or mean the same in another shape.
const ODD: &[FaultKind] = &[
    FaultKind::ShapeEmptyObject,
    FaultKind::ShapeNull,
    FaultKind::ShapeError,
    FaultKind::ShapeText,
    FaultKind::ShapeEmpty,
    FaultKind::ShapeNoId,
    FaultKind::ShapeNoMetadata,
    FaultKind::ShapeEmptyMetadata,
    FaultKind::ShapeOtherMetadata,
    FaultKind::ShapeWrapped,
    FaultKind::ShapeOne,
];

/// Receipts that come late or more than once.
const REPEATED: &[FaultKind] = &[
    FaultKind::AcceptThen500,
    FaultKind::AcceptThen503,
    FaultKind::Refuse500,
    FaultKind::Refuse503,
    FaultKind::RateLimit,
    FaultKind::Delay,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn same_seed_has_the_same_plan(seed: u64) {
            prop_assert_eq!(Story::of(seed), Story::of(seed));
        }

        #[test]
        fn plan_keeps_to_the_bound_and_can_happen(seed: u64) {
            let story = Story::of(seed);
            prop_assert!(story.hidden + Duration::from_millis(STALE) <= BOUND);
            prop_assert!(story.acts.is_sorted_by_key(|act| act.after));
            let promised = LEASE + TAKEOVER_GRACE + RESEND_AFTER;
            let long = |act: &&Act| matches!(act.what, What::Stop(time) if time >= promised);
            prop_assert!(story.acts.iter().filter(long).count() <= 1);
            let of_cancel = story.life.cancel.iter().flat_map(|cancel| &cancel.faults);
            let of_retries = story.life.troubles.iter().flat_map(|trouble| &trouble.faults);
            for fault in story.faults.iter().chain(of_cancel).chain(of_retries) {
                prop_assert!(fault.check().is_ok(), "{:?}", fault);
                prop_assert!(fault.hidden_seconds.unwrap_or_default() <= Duration::from_millis(HIDDEN));
                let seconds = fault.seconds.unwrap_or_default();
                prop_assert!(fault.fault != FaultKind::Stale || seconds <= Duration::from_millis(STALE));
                prop_assert!(fault.fault != FaultKind::VisibleAfter || seconds <= Duration::from_millis(HIDDEN));
            }
        }
    }

    #[test]
    fn receipts_are_held_back_in_about_half_of_the_plans() {
        let held = (0..1000).filter(|seed| Story::of(*seed).receipts.held).count();
        assert!((400..600).contains(&held), "{held}");
    }

    #[test]
    fn plans_cancel_retry_and_script_failures_often_enough() {
        let lives: Vec<Life> = (0..1000).map(|seed| Story::of(seed).life).collect();
        let share = |of: fn(&Life) -> bool| lives.iter().filter(|life| of(life)).count();
        assert!((350..550).contains(&share(|life| life.cancel.is_some())));
        assert!((200..450).contains(&share(Life::is_scheduled)));
        assert!(share(|life| life.cancel.as_ref().is_some_and(|cancel| !cancel.acts.is_empty())) > 200);
        assert!(share(|life| life.retries == 2) > 200);
        assert!(share(|life| life.troubles.iter().any(|trouble| !trouble.acts.is_empty())) > 400);
        assert!(share(|life| !life.scripts.is_empty()) > 990);
        assert!(lives.iter().all(|life| life.troubles.len() as u64 == life.retries + u64::from(life.cancel.is_some())));
    }

    #[test]
    fn outcome_of_a_recipient_follows_the_script_and_else_the_seed() {
        let mut story = Story::plain();
        let seen = |story: &Story, before| story.outcome_of(&Story::person(2), before);
        assert_eq!(seen(&story, 0), MessageOutcome::of(0, &Story::person(2), FAIL_PERCENT, READ_PERCENT));
        story.life.scripts.insert(2, vec![MessageOutcome::Queued, MessageOutcome::Read]);
        assert_eq!(
            [0, 1, 2].map(|before| seen(&story, before)),
            [MessageOutcome::Queued, MessageOutcome::Read, MessageOutcome::Read]
        );
        story.outcome = Some(MessageOutcome::Delivered);
        assert_eq!(story.outcome_of(&Story::person(3), 0), MessageOutcome::Delivered);
    }

    #[test]
    fn plans_of_the_proof_can_happen() {
        for story in [Story::breaks_the_bound(), Story::removes_a_receipt()] {
            assert!(story.faults.iter().all(|fault| fault.check().is_ok()));
        }
    }
}
