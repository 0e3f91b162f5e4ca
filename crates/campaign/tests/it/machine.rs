//! The machine against every order of events: lost answers, late batches, failing look-ups, full
//! queues, and a crash between any two commands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use sinch_batch_campaign::step::{BatchNumber, Command, Ended, Fact, Input, Limits, Origin, State, Stop, step};
use sinch_batch_campaign::{LookUpFailure, Refusal, SendFailure};
use sinch_batch_models::{BatchId, Timestamp};

const SETTLE: i64 = 30;

/// What the ledger says of a batch.
#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Unknown,
    Accepted,
    Refused,
}

/// The world around the machine: a ledger that survives, a service that may lie in its answers but
/// not in its books, and a clock.
struct World {
    now: i64,
    batches: BatchNumber,
    ledger: BTreeMap<BatchNumber, Stage>,
    /// When each take of a batch shows up in look-ups.
    taken: BTreeMap<BatchNumber, Vec<i64>>,
    choices: Vec<u8>,
    at: usize,
}

impl World {
    fn choose(&mut self, n: u8) -> u8 {
        let choice = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        choice % n
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.now).unwrap()
    }

    /// A call arrives at the service, and what comes back of it.
    fn send(&mut self, number: BatchNumber) -> Result<BatchId, SendFailure> {
        assert!(self.ledger[&number] == Stage::Unknown, "the intent of {number} is in the ledger first");
        let unknown = || Err(SendFailure::Unknown { why: "lost".into() });
        match self.choose(17) {
            0..=7 => {
                self.take(number);
                Ok(BatchId::new(format!("batch-{number}")))
            }
            8..=10 => {
                self.take(number);
                unknown()
            }
            11..=12 => unknown(),
            13 => Err(SendFailure::NotNow {
                retry_after: Some(Duration::from_secs(2)),
                limited: true,
                why: "full".into(),
            }),
            14 => Err(SendFailure::NotNow { retry_after: None, limited: false, why: "no way".into() }),
            15 => Err(SendFailure::Expired { why: "stale".into() }),
            _ => Err(SendFailure::Refused { about: Refusal::Batch, why: "bad".into() }),
        }
    }

    /// The service takes the batch; look-ups show it a little later, but within the settle time.
    fn take(&mut self, number: BatchNumber) {
        let seen_at = self.now + i64::from(self.choose(SETTLE as u8 - 5));
        self.taken.entry(number).or_default().push(seen_at);
    }

    fn look_up(&mut self, number: BatchNumber) -> Result<Option<BatchId>, LookUpFailure> {
        if self.choose(8) == 7 {
            return Err(LookUpFailure { credentials: false, why: "503".into() });
        }
        let there = self.taken.get(&number).is_some_and(|seen| seen.iter().any(|at| *at <= self.now));
        Ok(there.then(|| BatchId::new(format!("batch-{number}"))))
    }

    fn record(&mut self, number: BatchNumber, fact: Fact) {
        let stage = match fact {
            Fact::Intent => {
                assert_ne!(self.ledger.get(&number), Some(&Stage::Accepted), "an accepted batch is never intended");
                Stage::Unknown
            }
            Fact::Accepted(_) => Stage::Accepted,
            Fact::Refused(_) => {
                assert!(
                    self.taken.get(&number).is_none_or(Vec::is_empty),
                    "a batch the service has is never called refused"
                );
                Stage::Refused
            }
        };
        self.ledger.insert(number, stage);
    }

    /// One run of the program, which may crash after any number of events.
    fn run(&mut self, limits: &Limits, mut events_until_crash: usize) -> Option<Ended> {
        let accepted_any = self.ledger.values().any(|stage| *stage == Stage::Accepted);
        let mut state = State::new(limits.clone(), accepted_any);
        let open = self.ledger.iter().filter(|(_, stage)| **stage != Stage::Accepted);
        let mut queue: Vec<(BatchNumber, Origin)> = open
            .map(|(number, stage)| match stage {
                Stage::Unknown => (*number, Origin::Unknown),
                _ => (*number, Origin::Fresh),
            })
            .collect();
        let next = self.ledger.keys().last().map_or(1, |last| last + 1);
        queue.extend((next..=self.batches).map(|number| (number, Origin::Fresh)));
        queue.reverse();

        let mut pending: Vec<Command> = Vec::new();
        let mut sending = BTreeSet::new();
        let mut wake: Option<Timestamp> = None;
        let mut input = Input::Start;
        loop {
            for command in step(&mut state, input, self.now()) {
                match command {
                    Command::Finish(ended) => {
                        assert!(pending.is_empty(), "nothing is under way at the end");
                        return Some(ended);
                    }
                    Command::Wake(at) => wake = Some(at),
                    Command::Forget(_) => {}
                    command => {
                        if let Command::Send(number) = command {
                            assert!(sending.insert(number), "one call at a time for {number}");
                        }
                        pending.push(command);
                    }
                }
            }
            assert!(state.in_flight() <= limits.in_flight);
            if events_until_crash == 0 {
                // Calls on the wire may still arrive, the process is gone.
                for number in sending {
                    if self.choose(2) == 0 {
                        self.take(number);
                    }
                }
                return None;
            }
            events_until_crash -= 1;
            self.now += i64::from(self.choose(3));
            let Some(command) = (!pending.is_empty()).then(|| {
                let which = usize::from(self.choose(8)) % pending.len();
                pending.remove(which)
            }) else {
                let at = wake.take().expect("a machine that neither works nor ends waits for a time");
                self.now = self.now.max(at.as_second() + 1);
                input = Input::Tick;
                continue;
            };
            input = match command {
                Command::Plan => match queue.pop() {
                    Some((number, origin)) => Input::Planned(number, origin),
                    None => Input::Exhausted,
                },
                Command::Record(number, fact) => {
                    self.record(number, fact);
                    Input::Recorded(number)
                }
                Command::Send(number) => {
                    sending.remove(&number);
                    Input::Sent(number, self.send(number))
                }
                Command::LookUp(number) => Input::Found(number, self.look_up(number)),
                Command::Forget(_) | Command::Wake(_) | Command::Finish(_) => unreachable!("handled above"),
            };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn promise_1_nothing_is_sent_twice_because_of_us(
        batches in 1..8u32,
        in_flight in 1..5usize,
        crashes in prop::collection::vec(0..60usize, 0..5),
        choices in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let limits = Limits::default().with_in_flight(in_flight).with_settle(Duration::from_secs(SETTLE as u64));
        let mut world =
            World { now: 1_000_000, batches, ledger: BTreeMap::new(), taken: BTreeMap::new(), choices, at: 0 };
        for crash in crashes {
            world.run(&limits, crash);
        }
        let ended = world.run(&limits, usize::MAX).expect("a run without a crash ends");
        for (number, taken) in &world.taken {
            prop_assert!(taken.len() <= 1, "batch {} was taken {} times", number, taken.len());
        }
        if ended.is_complete() {
            prop_assert!((1..=batches).all(|number| world.ledger.get(&number) == Some(&Stage::Accepted)));
            prop_assert!((1..=batches).all(|number| world.taken[&number].len() == 1));
        }
        // After all troubles are over, going on finishes everything, still once each.
        world.choices.clear();
        let ended = world.run(&limits, usize::MAX).expect("a run without a crash ends");
        prop_assert!(ended.is_complete(), "{:?}", ended);
        prop_assert!((1..=batches).all(|number| world.taken[&number].len() == 1));
    }
}

#[test]
fn a_look_up_that_cannot_be_had_leaves_the_batch_unknown() {
    let mut state = State::new(Limits::default(), false);
    let mut now = Timestamp::from_second(0).unwrap();
    let lost = Err(SendFailure::Unknown { why: "timed out".into() });
    for input in [Input::Start, Input::Planned(1, Origin::Fresh), Input::Exhausted, Input::Recorded(1)] {
        step(&mut state, input, now);
    }
    let mut commands = step(&mut state, Input::Sent(1, lost), now);
    let mut look_ups = 0;
    let ended = loop {
        assert!(!commands.iter().any(|command| matches!(command, Command::Send(_) | Command::Record(..))));
        now += Duration::from_secs(5);
        commands = match &commands[..] {
            [Command::LookUp(1), ..] => {
                look_ups += 1;
                let failed = Err(LookUpFailure { credentials: false, why: "no answer".into() });
                step(&mut state, Input::Found(1, failed), now)
            }
            [.., Command::Finish(ended)] => break ended.clone(),
            _ => step(&mut state, Input::Tick, now),
        };
    };
    assert_eq!((look_ups, ended.unknown, ended.why.as_deref()), (3, 1, Some("no answer")));
}

#[test]
fn a_refused_first_batch_and_refused_credentials_stop_everything() {
    for (about, stop) in [
        (Refusal::Batch, Stop::Refused),
        (Refusal::Service, Stop::Refused),
        (Refusal::Credit, Stop::Credit),
        (Refusal::Credentials, Stop::Credentials),
    ] {
        let mut state = State::new(Limits::default().with_in_flight(1), false);
        let now = Timestamp::from_second(0).unwrap();
        for input in [Input::Start, Input::Planned(1, Origin::Fresh), Input::Recorded(1)] {
            step(&mut state, input, now);
        }
        let refused = Err(SendFailure::Refused { about, why: "no".into() });
        let commands = step(&mut state, Input::Sent(1, refused), now);
        assert_eq!(commands, [Command::Record(1, Fact::Refused("no".into()))]);
        let commands = step(&mut state, Input::Recorded(1), now);
        let [Command::Forget(1), Command::Finish(ended)] = &commands[..] else { panic!("{commands:?}") };
        assert_eq!((ended.stopped, ended.refused), (Some(stop), 1));
    }
}

#[test]
fn one_new_token_after_another_that_has_expired_is_a_matter_of_credentials() {
    let limits = Limits::default();
    let strikes = limits.strikes;
    let mut state = State::new(limits, false);
    let mut now = Timestamp::from_second(0).unwrap();
    for input in [Input::Start, Input::Planned(1, Origin::Fresh), Input::Exhausted] {
        step(&mut state, input, now);
    }
    for strike in 1..=strikes {
        let commands = step(&mut state, Input::Recorded(1), now);
        assert!(commands.contains(&Command::Send(1)), "{strike}: {commands:?}");
        let commands = step(&mut state, Input::Sent(1, Err(SendFailure::Expired { why: "stale".into() })), now);
        assert!(commands.contains(&Command::Record(1, Fact::Refused("stale".into()))), "{strike}: {commands:?}");
        let commands = step(&mut state, Input::Recorded(1), now);
        if strike == strikes {
            let [Command::Forget(1), Command::Finish(ended)] = &commands[..] else { panic!("{commands:?}") };
            assert_eq!((ended.stopped, ended.why.as_deref()), (Some(Stop::Credentials), Some("stale")));
            return;
        }
        now += Duration::from_secs(60);
        let commands = step(&mut state, Input::Tick, now);
        assert!(commands.contains(&Command::Record(1, Fact::Intent)), "{strike}: {commands:?}");
    }
}

#[test]
fn a_full_queue_makes_everyone_wait() {
    let mut state = State::new(Limits::default(), false);
    let now = Timestamp::from_second(0).unwrap();
    for input in [Input::Start, Input::Planned(1, Origin::Fresh), Input::Recorded(1)] {
        step(&mut state, input, now);
    }
    step(&mut state, Input::Planned(2, Origin::Fresh), now);
    step(&mut state, Input::Recorded(2), now);
    let full =
        || Err(SendFailure::NotNow { retry_after: Some(Duration::from_secs(9)), limited: true, why: "full".into() });
    step(&mut state, Input::Sent(1, full()), now);
    // Nothing is asked of the service or the file before the nine seconds are over.
    let commands = step(&mut state, Input::Recorded(1), now);
    assert_eq!(commands, [Command::Wake(Timestamp::from_second(9).unwrap())]);
    let commands = step(&mut state, Input::Tick, Timestamp::from_second(8).unwrap());
    assert_eq!(commands, [Command::Wake(Timestamp::from_second(9).unwrap())]);
    let commands = step(&mut state, Input::Tick, Timestamp::from_second(9).unwrap());
    assert!(commands.contains(&Command::Record(1, Fact::Intent)), "{commands:?}");
}
