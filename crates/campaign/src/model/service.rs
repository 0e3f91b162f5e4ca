//! A service that lies in its responses but not in its books.

use std::collections::BTreeMap;
use std::time::Duration;

use sinch_batch_models::{BatchId, BatchState};

use crate::sender::{LookUpFailure, Refusal, SendFailure};
use crate::step::BatchNumber;

/// A small generator of choices (splitmix64): equal seeds make equal stories.
#[derive(Debug)]
pub(super) struct Choices(u64);

impl Choices {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5151_7cc1_b727_220a)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `from` up to but not including `to`.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from).max(1)
    }

    /// True so many times in a hundred.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.between(0, 100) < percent
    }
}

/// A batch that the service has.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) id: BatchId,
    /// From when on look-ups show it, in milliseconds.
    pub(super) seen_at: u64,
    /// When it goes to its recipients, unless it is recalled before.
    pub(super) leaves_at: u64,
    recalled_at: Option<u64>,
}

impl Copy {
    /// Whether it was recalled by then; what was recalled in time never leaves.
    pub(super) fn is_recalled(&self, now: u64) -> bool {
        self.recalled_at.is_some_and(|at| at <= now && at < self.leaves_at)
    }

    fn state(&self, now: u64) -> BatchState {
        match self.is_recalled(now) {
            true => BatchState::Cancelled,
            false if self.leaves_at <= now => BatchState::Processed,
            false => BatchState::Scheduled,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// How often something goes wrong, in a hundred.
    pub(super) percent: u64,
    /// How often two batches get one id, in a hundred.
    pub(super) twins: u64,
    /// For how long a batch may stay hidden after its last byte left, in milliseconds.
    pub(super) hidden: u64,
}

/// What becomes of a call that left.
#[derive(Debug)]
pub(super) struct Call {
    /// When the service accepts it, if it does.
    pub(super) accepted_at: Option<u64>,
    pub(super) responds_at: u64,
    pub(super) response: Result<BatchId, SendFailure>,
}

#[derive(Debug, Default)]
pub(super) struct Service {
    pub(super) faults: Faults,
    /// For how long at most batches are held back because they are scheduled, in milliseconds.
    pub(super) held_back: u64,
    pub(super) books: BTreeMap<BatchNumber, Vec<Copy>>,
    /// Batches that share an id with another.
    pub(super) twins: Vec<BatchNumber>,
    next_id: u64,
    last_id: Option<(BatchNumber, BatchId)>,
}

impl Service {
    /// The last byte of a batch has left.
    pub(super) fn send(&mut self, number: BatchNumber, now: u64, choices: &mut Choices) -> Call {
        let quick = now + choices.between(10, 400);
        if !choices.percent(self.faults.percent) {
            let response = Ok(self.accept(number, quick, quick, choices));
            return Call { accepted_at: Some(quick), responds_at: quick, response };
        }
        let late = now + choices.between(400, 90_000);
        let why = || "fault".to_owned();
        let refused = |failure| Call { accepted_at: None, responds_at: quick, response: Err(failure) };
        match choices.between(0, 12) {
            // Accepted late, seen later still, and the response may be lost.
            0..=4 => {
                let seen_at = now + choices.between(400, self.faults.hidden);
                let accepted_at = choices.between(now + 10, seen_at);
                let id = self.accept(number, accepted_at, seen_at, choices);
                match choices.between(0, 3) {
                    0 => Call { accepted_at: Some(accepted_at), responds_at: late.max(accepted_at), response: Ok(id) },
                    1 => Call {
                        accepted_at: Some(accepted_at),
                        responds_at: quick,
                        response: Err(SendFailure::Unknown { why: why() }),
                    },
                    _ => Call {
                        accepted_at: Some(accepted_at),
                        responds_at: late,
                        response: Err(SendFailure::Unknown { why: why() }),
                    },
                }
            }
            5..=6 => {
                let response = Err(SendFailure::Unknown { why: why() });
                let responds_at = if choices.percent(50) { quick } else { late };
                Call { accepted_at: None, responds_at, response }
            }
            7..=8 => refused(SendFailure::NotNow {
                retry_after: choices.percent(50).then(|| Duration::from_secs(choices.between(1, 20))),
                limited: true,
                why: why(),
            }),
            9 => refused(SendFailure::NotNow { retry_after: None, limited: false, why: why() }),
            10 => refused(SendFailure::Expired { why: why() }),
            _ => {
                let about = match choices.between(0, 8) {
                    0 => Refusal::Service,
                    1 => Refusal::Credit,
                    2 => Refusal::Credentials,
                    _ => Refusal::Batch,
                };
                refused(SendFailure::Refused { about, why: why() })
            }
        }
    }

    fn accept(&mut self, number: BatchNumber, at: u64, seen_at: u64, choices: &mut Choices) -> BatchId {
        self.next_id += 1;
        let mut id = BatchId::new(format!("id-{}", self.next_id));
        if let Some((other, taken)) = &self.last_id
            && *other != number
            && choices.percent(self.faults.twins)
        {
            id = taken.clone();
            self.twins.extend([*other, number]);
        }
        self.last_id = Some((number, id.clone()));
        let leaves_at = if self.held_back == 0 { at } else { at + choices.between(0, self.held_back) };
        self.books.entry(number).or_default().push(Copy { id: id.clone(), seen_at, leaves_at, recalled_at: None });
        id
    }

    /// Another copy of the ledger has sent the batch.
    pub(super) fn accept_of_another(&mut self, number: BatchNumber, now: u64, choices: &mut Choices) {
        self.accept(number, now, now, choices);
    }

    /// A cancel leaves: when it is answered, and whether the answer says that it was taken. It may be done
    /// late, or without a word, or not at all.
    pub(super) fn recall(&mut self, batch_id: &BatchId, now: u64, choices: &mut Choices) -> (u64, bool) {
        let faulty = choices.percent(self.faults.percent);
        let answered_at = now + if faulty && choices.percent(40) { choices.between(500, 60_000) } else { 50 };
        let is_done = !(faulty && choices.percent(50));
        if is_done {
            let at = now + choices.between(0, 3_000);
            let copies = self.books.values_mut().flatten();
            for copy in copies.filter(|copy| copy.id == *batch_id && copy.recalled_at.is_none()) {
                copy.recalled_at = Some(at);
            }
        }
        (answered_at, is_done && !(faulty && choices.percent(50)))
    }

    /// How a batch stands, and when that is answered; none if the answer does not say.
    pub(super) fn state(&self, batch_id: &BatchId, now: u64, choices: &mut Choices) -> (u64, Option<BatchState>) {
        let faulty = choices.percent(self.faults.percent);
        let answered_at = now + if faulty && choices.percent(50) { choices.between(500, 60_000) } else { 50 };
        let copy = self.books.values().flatten().find(|copy| copy.id == *batch_id);
        (answered_at, copy.filter(|_| !(faulty && choices.percent(50))).map(|copy| copy.state(now)))
    }

    /// A question leaves: when it is answered, and what. The answer is the truth of this moment, however
    /// late it comes.
    pub(super) fn look_up(
        &self,
        number: BatchNumber,
        now: u64,
        choices: &mut Choices,
    ) -> (u64, Result<Vec<BatchId>, LookUpFailure>) {
        let faulty = choices.percent(self.faults.percent);
        let slow = faulty && choices.percent(50);
        let answered_at = now + if slow { choices.between(500, 150_000) } else { choices.between(10, 400) };
        let copies = self.books.get(&number).map(Vec::as_slice).unwrap_or_default();
        let mut ids: Vec<_> = copies.iter().filter(|copy| copy.seen_at <= now).map(|copy| copy.id.clone()).collect();
        if faulty && choices.percent(40) {
            const SHAPES: [&str; 9] = [
                "no response in time",
                "status 503",
                "an empty object",
                "null",
                "an object with an error",
                "a batch without `batch_id`",
                "a batch without `meta_data`",
                "a batch that shows another key",
                "text that is not JSON",
            ];
            let shape = SHAPES[choices.between(0, SHAPES.len() as u64) as usize];
            let credentials = choices.percent(3);
            return (answered_at, Err(LookUpFailure { credentials, why: shape.to_owned() }));
        }
        if faulty && !ids.is_empty() && choices.percent(10) {
            ids.push(BatchId::new(format!("ghost-{number}")));
        }
        (answered_at, Ok(ids))
    }
}
