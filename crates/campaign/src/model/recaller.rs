//! The process that recalls a cancelled campaign, step by step as [`recall`](crate::recall::recall) takes them;
//! it may die between any two, and then another one begins.

use std::collections::BTreeSet;

use sinch_batch_ledger::{Entry, Ledger, LedgerErrorKind};
use sinch_batch_models::{BatchId, BatchState};
use sinch_batch_tracking::BatchUpdate;

use super::world::{Event, Judged, World, at_once};
use crate::recall::{RecallStep, found, is_over, next_step};
use crate::sender::LookUpFailure;
use crate::step::BatchNumber;

/// How long it waits between two looks at what is open, in milliseconds.
const LOOK_EVERY: u64 = 500;

/// What reaches the process.
#[derive(Debug)]
pub(super) enum News {
    Begin,
    Found(BatchNumber, Result<Vec<BatchId>, LookUpFailure>),
    /// Whether the service says that it took the cancel.
    Taken(BatchNumber, bool),
    State(BatchNumber, BatchId, Option<BatchState>),
}

#[derive(Debug, Default)]
pub(super) struct Recaller {
    /// Which process it is; what was meant for an earlier one is lost.
    number: u32,
    /// How many more times it dies.
    pub(super) deaths: u32,
    /// Batches that this process has asked the service to cancel.
    asked: BTreeSet<BatchNumber>,
    /// The last batch that was dealt with in this round.
    after: BatchNumber,
    /// Whether something of this round is still open.
    is_open: bool,
    /// Batches that a look-up did not find.
    pub(super) absent: BTreeSet<BatchNumber>,
}

impl World {
    pub(super) fn stop_campaign(&mut self) {
        self.say(|| "somebody cancels the campaign".to_owned());
        self.count("campaign cancelled");
        at_once(self.ledger.stop(self.campaign)).unwrap();
        self.begin_recall(0);
    }

    fn begin_recall(&mut self, wait: u64) {
        let recaller = &mut self.recaller;
        recaller.number += 1;
        (recaller.after, recaller.is_open) = (0, false);
        recaller.asked.clear();
        self.at(self.now + wait, Event::Recall(self.recaller.number, News::Begin));
    }

    fn recall_dies(&mut self) -> bool {
        let dies = self.recaller.deaths > 0 && self.choices.percent(20);
        if dies {
            self.recaller.deaths -= 1;
            self.say(|| "the recall dies".to_owned());
            self.count("recall died");
            let wait = self.choices.between(0, 60_000);
            self.begin_recall(wait);
        }
        dies
    }

    /// Takes what reached it as far as it goes.
    pub(super) fn recall(&mut self, number: u32, news: News) -> Judged {
        if number != self.recaller.number || self.recall_dies() {
            return Ok(());
        }
        match news {
            News::Begin => {}
            News::Found(batch, Ok(ids)) => self.recall_found(batch, ids),
            News::Found(batch, Err(_)) => self.leave_open(batch),
            News::Taken(batch, true) => drop(self.recaller.asked.insert(batch)),
            News::Taken(batch, false) | News::State(batch, _, None) => {
                self.count("recall answered amiss");
                self.leave_open(batch);
            }
            News::State(batch, batch_id, Some(state)) => {
                if is_over(&state) {
                    self.recaller.after = batch;
                } else {
                    self.leave_open(batch);
                }
                at_once(self.ledger.apply(BatchUpdate::new(batch_id, state).into())).unwrap();
            }
        }
        self.judge()?;
        self.recall_next();
        self.judge()
    }

    fn recall_found(&mut self, batch: BatchNumber, ids: Vec<BatchId>) {
        if ids.is_empty() {
            self.count("absent to the recall");
            self.recaller.absent.insert(batch);
            self.recaller.after = batch;
        }
        for entry in found(batch, ids) {
            self.count("found by the recall");
            // What the service gave to two batches stays with the first.
            if let Err(error) = at_once(self.ledger.record(self.campaign, entry, self.wall())) {
                assert_eq!(error.kind(), LedgerErrorKind::IdTaken, "{error}");
                self.recaller.after = batch;
                return;
            }
        }
    }

    fn leave_open(&mut self, batch: BatchNumber) {
        (self.recaller.after, self.recaller.is_open) = (batch, true);
    }

    /// Goes on with the next batch, or to the next round, or to the end.
    fn recall_next(&mut self) {
        let number = self.recaller.number;
        for batch in self.batches() {
            if batch.number <= self.recaller.after {
                continue;
            }
            let was_asked = self.recaller.asked.contains(&batch.number);
            let step = next_step(&batch, was_asked, self.wall());
            self.say(|| format!("  recall of batch {}: {step:?}", batch.number));
            let (at, news) = match step {
                RecallStep::Nothing => {
                    self.recaller.after = batch.number;
                    continue;
                }
                RecallStep::Wait => {
                    self.count("recall waited for a lease");
                    self.leave_open(batch.number);
                    continue;
                }
                RecallStep::LookUp => {
                    let (at, ids) = self.service.look_up(batch.number, self.now, &mut self.choices);
                    (at, News::Found(batch.number, ids))
                }
                RecallStep::Cancel(batch_id) => {
                    let entry = Entry::Cancel { number: batch.number };
                    at_once(self.ledger.record(self.campaign, entry, self.wall())).unwrap();
                    if self.recall_dies() {
                        return;
                    }
                    let (at, is_taken) = self.service.recall(&batch_id, self.now, &mut self.choices);
                    (at, News::Taken(batch.number, is_taken))
                }
                RecallStep::Ask(batch_id) => {
                    let (at, state) = self.service.state(&batch_id, self.now, &mut self.choices);
                    (at, News::State(batch.number, batch_id, state))
                }
            };
            return self.at(at, Event::Recall(number, news));
        }
        if self.recaller.is_open {
            (self.recaller.after, self.recaller.is_open) = (0, false);
            return self.at(self.now + LOOK_EVERY, Event::Recall(number, News::Begin));
        }
        self.say(|| "everything is recalled or has gone".to_owned());
        self.count("recall ended");
        at_once(self.ledger.cancel(self.campaign)).unwrap();
    }
}
