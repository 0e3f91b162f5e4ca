//! Single decisions; whole stories are in the model.

use sinch_batch_ledger::{BatchStage, Claimed, Lease, RowSpans, Window};
use sinch_batch_models::{BatchId, Timestamp};

use super::*;
use crate::halt::HaltRules;
use crate::sender::{LookUpFailure, Refusal, SendFailure};

fn at(seconds: u64) -> Moment {
    let wall = Timestamp::from_second(1_800_000_000 + seconds as i64).unwrap();
    Moment { wall, steady: Duration::from_secs(seconds) }
}

fn first_run(limits: SendLimits) -> State {
    State::new(limits, &Run::new(1, Duration::ZERO), false)
}

fn later_run(limits: SendLimits) -> State {
    State::new(limits, &Run::new(2, Duration::ZERO), false)
}

/// A lease is not built outside its crate, so a real ledger gives it.
fn lease(number: BatchNumber) -> Lease {
    use futures_util::FutureExt;
    use sinch_batch_ledger::{Claim, Ledger, MemoryLedger, NewCampaign, PlannedRows, Worker};

    let ledger = MemoryLedger::new();
    let rows = |row| [(row, row)].into_iter().collect::<RowSpans>();
    let plan: Vec<_> = (1..=u64::from(number))
        .map(|row| PlannedRows {
            first_row: None,
            rows: rows(row),
            at_byte: row,
            n_bytes: 1,
            digest: row.to_be_bytes(),
        })
        .collect();
    let new = NewCampaign::new("c", "k", number.into(), at(0).wall);
    let campaign = ledger.create(new, Box::new(plan)).now_or_never().unwrap().unwrap().campaign.id;
    let claim = Claim::new(Worker::new("w", None), number, at(0).wall);
    ledger.claim(campaign, claim).now_or_never().unwrap().unwrap().leases.pop().unwrap()
}

fn tried(number: BatchNumber, may_leave_until: u64) -> Lease {
    let mut lease = lease(number);
    (lease.stage, lease.attempts, lease.may_leave_until) = (BatchStage::Unknown, 1, Some(at(may_leave_until).wall));
    lease
}

fn claimed(leases: Vec<Lease>, asked: u64) -> Input {
    Input::Claimed(Claimed::new(leases, Vec::new()), at(asked))
}

fn lost() -> SendFailure {
    SendFailure::Unknown { why: "lost".to_owned() }
}

fn id() -> BatchId {
    BatchId::new("id")
}

/// The lease on batch 1 was renewed.
fn renewed(asked: u64) -> Input {
    Input::Renewed { asked: at(asked), held: vec![(1, 1)], lost: Vec::new(), accepted: Vec::new() }
}

fn intent(number: BatchNumber, attempt: u32) -> Command {
    Command::Record(number, Fact::Intent { token: 1, attempt })
}

/// A claim of so many batches, but not of these, with the window that runs have by default.
fn claim_but(room: u32, except: BTreeSet<BatchNumber>) -> Command {
    let limits = SendLimits::default();
    Command::Claim(room, Arc::new(except), Some(Window::new(limits.window, limits.drain)))
}

fn claim(room: u32) -> Command {
    claim_but(room, BTreeSet::new())
}

/// Inputs one after the other, at that second; what the last of them leads to.
fn go(state: &mut State, second: u64, inputs: impl IntoIterator<Item = Input>) -> Vec<Command> {
    inputs.into_iter().map(|input| step(state, input, at(second))).last().unwrap_or_default()
}

/// A first run with these batches on their way, at second 0.
fn sending(limits: SendLimits, numbers: impl IntoIterator<Item = BatchNumber>) -> State {
    let mut state = first_run(limits);
    let numbers: Vec<_> = numbers.into_iter().collect();
    go(&mut state, 0, [Input::Start, claimed(numbers.iter().map(|number| lease(*number)).collect(), 0)]);
    for number in numbers {
        let commands = go(&mut state, 0, [Input::Read(number), Input::Recorded(number)]);
        assert!(commands.iter().any(|command| matches!(command, Command::Send(of, _) if *of == number)));
    }
    state
}

fn one() -> SendLimits {
    SendLimits::default().with_in_flight(1)
}

fn finish(commands: &[Command]) -> Option<&SendOutcome> {
    commands.iter().find_map(|command| match command {
        Command::Finish(outcome) => Some(outcome),
        _ => None,
    })
}

fn records(commands: &[Command]) -> Vec<&Fact> {
    let facts = commands.iter().filter_map(|command| match command {
        Command::Record(_, fact) => Some(fact),
        _ => None,
    });
    facts.collect()
}

#[test]
fn intent_comes_before_the_call_and_an_outcome_after_it() {
    let mut state = first_run(one());
    assert_eq!(go(&mut state, 0, [Input::Start]), [claim(1)]);
    let commands = go(&mut state, 0, [claimed(vec![lease(1)], 0)]);
    assert!(commands.contains(&Command::Read(1)), "{commands:?}");
    let commands = go(&mut state, 1, [Input::Read(1)]);
    assert!(commands.contains(&intent(1, 1)), "{commands:?}");
    let commands = go(&mut state, 2, [Input::Recorded(1)]);
    assert!(commands.contains(&Command::Send(1, at(25))), "from when the lease was asked for: {commands:?}");
    let commands = go(&mut state, 3, [Input::Sent(1, Ok(id()))]);
    assert_eq!(records(&commands), [&Fact::Accepted(vec![id()])]);
}

#[test]
fn intent_goes_out_together_with_the_record_of_an_accepted_batch() {
    let mut state = sending(one(), [1]);
    // The next batch is claimed and read while the first is on its way, and waits for its place.
    let commands = go(&mut state, 0, [claimed(vec![lease(2)], 0)]);
    assert!(commands.contains(&Command::Read(2)), "{commands:?}");
    assert_eq!(records(&go(&mut state, 0, [Input::Read(2)])), [] as [&Fact; 0]);
    let commands = go(&mut state, 1, [Input::Sent(1, Ok(id()))]);
    let [Command::Record(1, Fact::Accepted(_)), Command::Record(2, Fact::Intent { .. }), ..] = &commands[..] else {
        panic!("{commands:?}")
    };
}

#[test]
fn run_claims_as_many_as_may_be_under_way_and_holds_twice_as_many() {
    let mut state = first_run(SendLimits::default().with_in_flight(3));
    assert_eq!(go(&mut state, 0, [Input::Start]), [claim(3)]);
    let commands = go(&mut state, 0, [claimed(vec![lease(1), lease(2), lease(3)], 0)]);
    assert!(commands.contains(&claim(3)), "{commands:?}");
    let commands = go(&mut state, 0, [claimed(vec![lease(4), lease(5), lease(6)], 0)]);
    assert!(!commands.iter().any(|command| matches!(command, Command::Claim(..))), "{commands:?}");
    for number in 1..=6 {
        go(&mut state, 0, [Input::Read(number)]);
        assert_eq!(state.in_flight(), number.min(3));
    }
}

#[test]
fn look_up_that_cannot_be_had_leaves_the_batch_unknown() {
    let mut state = sending(one(), [1]);
    go(&mut state, 1, [Input::Sent(1, Err(lost()))]);
    let mut commands = go(&mut state, 1, [Input::Recorded(1)]);
    for second in [2, 8, 14] {
        assert!(commands.contains(&Command::LookUp(1)), "{commands:?}");
        let failure = LookUpFailure { credentials: false, why: "no answer".to_owned() };
        commands = go(&mut state, second, [Input::Found(1, Err(failure))]);
        assert!(!commands.iter().any(|command| matches!(command, Command::Send(..))));
        if second < 14 {
            commands = go(&mut state, second + 5, [Input::Tick]);
        }
    }
    assert_eq!(records(&commands), [&Fact::Released { token: 1, why: Some("no answer".to_owned()) }]);
    go(&mut state, 14, [Input::Recorded(1)]);
    let commands = go(&mut state, 14, [claimed(Vec::new(), 14)]);
    assert_eq!(finish(&commands).map(|outcome| outcome.unknown), Some(1), "{commands:?}");
}

#[test]
fn absence_looked_up_too_early_by_either_clock_does_not_count() {
    // The call returned at second 1, so a question proves absence from second 31 on.
    for (wall, steady, counts) in [(31, 31, true), (31, 30, false), (30, 31, false), (4000, 30, false)] {
        let mut state = sending(one(), [1]);
        go(&mut state, 1, [Input::Sent(1, Err(lost())), Input::Recorded(1), Input::Found(1, Ok(Vec::new()))]);
        let asked = Moment { wall: at(wall).wall, steady: at(steady).steady };
        let commands = step(&mut state, Input::Tick, asked);
        assert!(commands.contains(&Command::LookUp(1)), "{commands:?}");
        let renewed = Input::Renewed { asked, held: vec![(1, 1)], lost: Vec::new(), accepted: Vec::new() };
        step(&mut state, renewed, asked);
        let commands = step(&mut state, Input::Found(1, Ok(Vec::new())), asked);
        assert_eq!(commands.contains(&intent(1, 2)), counts, "{wall} {steady}: {commands:?}");
    }
}

#[test]
fn late_response_to_an_early_look_up_proves_presence_but_never_absence() {
    let asked_early = || {
        let mut state = sending(one(), [1]);
        go(&mut state, 1, [Input::Sent(1, Err(lost())), Input::Recorded(1)]);
        go(&mut state, 899, [renewed(899)]);
        state
    };
    let commands = go(&mut asked_early(), 900, [Input::Found(1, Ok(Vec::new()))]);
    assert_eq!(records(&commands), [] as [&Fact; 0], "{commands:?}");
    let commands = go(&mut asked_early(), 900, [Input::Found(1, Ok(vec![id()]))]);
    assert_eq!(records(&commands), [&Fact::Accepted(vec![id()])]);
}

#[test]
fn uncertain_batches_are_looked_up_first_whatever_their_stage() {
    for stage in [BatchStage::Planned, BatchStage::Refused, BatchStage::Unknown] {
        let mut uncertain = lease(1);
        (uncertain.stage, uncertain.uncertain) = (stage, true);
        let commands = go(&mut first_run(one()), 0, [Input::Start, claimed(vec![uncertain], 0)]);
        assert!(commands.contains(&Command::LookUp(1)) && !commands.contains(&Command::Read(1)), "{commands:?}");
    }
}

#[test]
fn batch_that_stays_absent_is_sent_three_times_and_then_left_unknown_never_refused() {
    let mut state = sending(one(), [1]);
    for attempt in 1..=3 {
        let start = attempt * 100;
        let commands = go(&mut state, start, [Input::Sent(1, Err(lost())), Input::Recorded(1)]);
        assert!(commands.contains(&Command::LookUp(1)), "{commands:?}");
        go(&mut state, start, [Input::Found(1, Ok(Vec::new()))]);
        let renewed =
            Input::Renewed { asked: at(start + 40), held: vec![(1, 1)], lost: Vec::new(), accepted: Vec::new() };
        let commands = go(&mut state, start + 40, [renewed, Input::Found(1, Ok(Vec::new()))]);
        if attempt == 3 {
            let [Fact::Released { why: Some(_), .. }] = records(&commands)[..] else { panic!("{commands:?}") };
            return;
        }
        assert_eq!(records(&commands), [&Fact::Intent { token: 1, attempt: attempt as u32 + 1 }], "{commands:?}");
        let commands = go(&mut state, start + 40, [Input::Recorded(1)]);
        assert!(commands.iter().any(|command| matches!(command, Command::Send(..))), "{commands:?}");
    }
}

#[test]
fn refused_first_batch_and_refused_credentials_stop_everything() {
    for (about, stop) in [
        (Refusal::Batch, StopReason::Refused),
        (Refusal::Service, StopReason::Refused),
        (Refusal::Credit, StopReason::Credit),
        (Refusal::Credentials, StopReason::Credentials),
    ] {
        let mut state = sending(one(), [1]);
        let refused = Err(SendFailure::Refused { about, why: "no".to_owned() });
        let commands = go(&mut state, 1, [Input::Sent(1, refused)]);
        assert_eq!(records(&commands), [&Fact::Refused { attempt: 1, why: "no".to_owned() }]);
        let commands = go(&mut state, 1, [claimed(vec![lease(2)], 0), Input::Recorded(1)]);
        let outcome = finish(&commands).unwrap();
        assert_eq!((outcome.stopped, outcome.refused), (Some(stop), 1));
    }
}

#[test]
fn refused_batch_after_an_accepted_one_is_given_up_alone() {
    let mut state = sending(one(), [1]);
    go(&mut state, 1, [Input::Sent(1, Ok(id())), claimed(vec![lease(2)], 1), Input::Recorded(1)]);
    go(&mut state, 1, [Input::Read(2), Input::Recorded(2)]);
    let refused = Err(SendFailure::Refused { about: Refusal::Batch, why: "no".to_owned() });
    let commands = go(&mut state, 2, [Input::Sent(2, refused), claimed(vec![lease(3)], 1)]);
    assert!(commands.contains(&claim_but(1, BTreeSet::from([2]))), "{commands:?}");
}

#[test]
fn one_new_token_after_another_that_has_expired_is_a_matter_of_credentials() {
    let mut state = sending(one(), [1]);
    go(&mut state, 0, [claimed(Vec::new(), 0)]);
    let most = SendLimits::default().max_consecutive_failures;
    for failures in 1..=most {
        let start = u64::from(failures) * 100;
        let expired = Err(SendFailure::Expired { why: "stale".to_owned() });
        let commands = go(&mut state, start, [Input::Sent(1, expired), Input::Recorded(1)]);
        if failures == most {
            let outcome = finish(&commands).unwrap();
            assert_eq!((outcome.stopped, outcome.why.as_deref()), (Some(StopReason::Credentials), Some("stale")));
            return;
        }
        let renewed =
            Input::Renewed { asked: at(start + 60), held: vec![(1, 1)], lost: Vec::new(), accepted: Vec::new() };
        let commands = go(&mut state, start + 60, [renewed]);
        assert!(commands.contains(&intent(1, failures + 1)), "{commands:?}");
        go(&mut state, start + 60, [Input::Recorded(1)]);
    }
}

#[test]
fn full_queue_makes_everyone_wait() {
    let mut state = sending(SendLimits::default().with_in_flight(3), [1]);
    go(&mut state, 0, [claimed(vec![lease(2)], 0)]);
    let full = SendFailure::NotNow { retry_after: Some(Duration::from_secs(9)), limited: true, why: "full".to_owned() };
    let commands = go(&mut state, 0, [Input::Sent(1, Err(full)), Input::Recorded(1), Input::Read(2)]);
    assert_eq!(records(&commands), [] as [&Fact; 0], "nothing is intended: {commands:?}");
    go(&mut state, 1, [claimed(Vec::new(), 0)]);
    for second in [2, 8] {
        assert_eq!(go(&mut state, second, [Input::Tick]), [Command::Wake(Duration::from_secs(9))]);
    }
    let commands = go(&mut state, 9, [Input::Tick]);
    assert!(commands.contains(&intent(1, 2)) && commands.contains(&intent(2, 1)), "{commands:?}");
}

#[test]
fn probes_that_find_a_batch_stop_the_run_and_nothing_is_sent() {
    let mut state = later_run(SendLimits::default().with_in_flight(2));
    let commands = go(&mut state, 0, [Input::Start, claimed(vec![lease(1), lease(2)], 0)]);
    assert!(commands.contains(&Command::LookUp(1)) && commands.contains(&Command::LookUp(2)), "{commands:?}");
    // The first is absent, and waits for the second.
    let commands = go(&mut state, 1, [Input::Found(1, Ok(Vec::new()))]);
    assert_eq!(records(&commands), [] as [&Fact; 0], "{commands:?}");
    let commands = go(&mut state, 1, [Input::Found(2, Ok(vec![id()]))]);
    assert_eq!(records(&commands), [&Fact::FoundElsewhere], "the ledger keeps it: {commands:?}");
    let commands = go(&mut state, 1, [claimed(vec![lease(3)], 1), Input::Recorded(2)]);
    let outcome = finish(&commands).unwrap();
    assert_eq!(outcome.stopped, Some(StopReason::LedgerBehind));
}

#[test]
fn probes_that_are_all_absent_let_everything_go_on() {
    let mut state = later_run(one());
    go(&mut state, 0, [Input::Start, claimed(vec![lease(1)], 0)]);
    let commands = go(&mut state, 1, [Input::Found(1, Ok(Vec::new()))]);
    assert!(commands.contains(&Command::Read(1)), "{commands:?}");
    go(&mut state, 1, [Input::Read(1), Input::Recorded(1), Input::Sent(1, Ok(id()))]);
    let commands = go(&mut state, 1, [claimed(vec![lease(2)], 1)]);
    assert!(commands.contains(&Command::Read(2)), "only the first are probed: {commands:?}");
}

#[test]
fn probes_that_are_out_hold_back_what_was_proved_absent() {
    let mut state = later_run(SendLimits::default().with_in_flight(2));
    go(&mut state, 1000, [Input::Start, claimed(vec![tried(1, 900), lease(2)], 1000)]);
    go(&mut state, 1000, [Input::Found(1, Ok(Vec::new()))]);
    let commands = go(&mut state, 1030, [renewed(1030), Input::Found(1, Ok(Vec::new()))]);
    assert!(!commands.contains(&Command::Read(1)), "{commands:?}");
    let commands = go(&mut state, 1029, [Input::Found(2, Ok(Vec::new()))]);
    assert!(commands.contains(&Command::Read(1)) || commands.contains(&Command::Read(2)), "{commands:?}");
}

#[test]
fn probes_that_keep_failing_are_not_verified() {
    let mut state = later_run(one());
    go(&mut state, 0, [Input::Start, claimed(vec![lease(1)], 0), claimed(Vec::new(), 0)]);
    for second in [1, 7, 13] {
        let failure = LookUpFailure { credentials: false, why: "odd".to_owned() };
        let commands = go(&mut state, second, [Input::Found(1, Err(failure))]);
        if let Some(outcome) = finish(&commands) {
            assert_eq!((second, outcome.stopped), (13, Some(StopReason::NotVerified)));
            return;
        }
        let commands = go(&mut state, second + 5, [Input::Tick]);
        assert!(commands.contains(&Command::LookUp(1)), "{commands:?}");
    }
    panic!("it never ends");
}

#[test]
fn takeover_waits_for_the_grace_by_its_own_clock_and_blocks_no_other_batch() {
    let mut state = first_run(one());
    let mut silent = tried(1, 0);
    silent.lapsed_at = Some(at(0).wall);
    let commands = go(&mut state, 1000, [Input::Start, claimed(vec![silent], 1000)]);
    assert!(commands.contains(&Command::LookUp(1)), "it is looked up at once: {commands:?}");
    assert!(commands.contains(&claim(1)), "others go on: {commands:?}");
    assert_eq!((state.takeovers(), state.in_flight()), (1, 0));
    go(&mut state, 1000, [Input::Found(1, Ok(Vec::new()))]);
    // 630 seconds have passed by the wall clock long ago.
    for (asked, counts) in [(1629, false), (1630, true)] {
        let renewed = Input::Renewed { asked: at(asked), held: vec![(1, 1)], lost: Vec::new(), accepted: Vec::new() };
        go(&mut state, asked, [renewed, Input::Tick]);
        let commands = go(&mut state, asked, [Input::Found(1, Ok(Vec::new()))]);
        assert_eq!(commands.contains(&Command::Read(1)), counts, "{asked}: {commands:?}");
    }
}

#[test]
fn batch_of_a_worker_that_is_gone_waits_without_grace() {
    let mut state = first_run(one());
    go(&mut state, 1000, [Input::Start, claimed(vec![tried(1, 900)], 1000), Input::Found(1, Ok(Vec::new()))]);
    let renewed = Input::Renewed { asked: at(1030), held: vec![(1, 1)], lost: Vec::new(), accepted: Vec::new() };
    let commands = go(&mut state, 1030, [renewed, Input::Tick, Input::Found(1, Ok(Vec::new()))]);
    assert!(commands.contains(&Command::Read(1)), "{commands:?}");
}

#[test]
fn leases_are_renewed_after_a_third_of_their_time() {
    let mut state = sending(one(), [1]);
    assert!(!go(&mut state, 9, [Input::Tick]).contains(&Command::Renew(vec![(1, 1)])));
    assert!(go(&mut state, 10, [Input::Tick]).contains(&Command::Renew(vec![(1, 1)])));
    let renewed = Input::Renewed { asked: at(10), held: vec![(1, 1)], lost: Vec::new(), accepted: Vec::new() };
    let commands = go(&mut state, 11, [renewed]);
    assert!(commands.contains(&Command::Wake(Duration::from_secs(20))), "{commands:?}");
}

#[test]
fn lost_lease_drops_the_batch_but_keeps_later_evidence() {
    let lost_at_10 = || Input::Renewed { asked: at(10), held: vec![(1, 1)], lost: vec![1], accepted: Vec::new() };
    let mut state = sending(one(), [1]);
    let commands = go(&mut state, 11, [lost_at_10(), Input::Sent(1, Err(lost()))]);
    assert!(commands.contains(&Command::Forget(1)) && records(&commands).is_empty(), "{commands:?}");
    let mut state = sending(one(), [1]);
    let commands = go(&mut state, 11, [lost_at_10(), Input::Sent(1, Ok(id()))]);
    assert_eq!(records(&commands), [&Fact::Accepted(vec![id()])]);
}

#[test]
fn batch_adopted_while_it_is_sent_still_notes_its_id() {
    let mut state = sending(one(), [1]);
    let renewed = Input::Renewed { asked: at(10), held: vec![(1, 1)], lost: Vec::new(), accepted: vec![1] };
    let commands = go(&mut state, 11, [renewed, Input::Sent(1, Ok(id()))]);
    assert_eq!(records(&commands), [&Fact::Accepted(vec![id()])]);
}

#[test]
fn renewal_that_was_asked_for_an_earlier_lease_says_nothing_about_the_new_one() {
    let mut state = first_run(one());
    let mut again = lease(1);
    again.token = 2;
    go(&mut state, 40, [Input::Start, claimed(vec![again], 40)]);
    let renewed = Input::Renewed { asked: at(10), held: vec![(1, 1)], lost: vec![1], accepted: Vec::new() };
    let commands = go(&mut state, 40, [renewed, Input::Read(1)]);
    assert_eq!(records(&commands), [&Fact::Intent { token: 2, attempt: 1 }]);
}

#[test]
fn lease_that_ends_before_the_intent_is_recorded_lets_nothing_leave() {
    let mut state = first_run(one());
    go(&mut state, 0, [Input::Start, claimed(vec![lease(1)], 0), Input::Read(1)]);
    let commands = go(&mut state, 25, [Input::Recorded(1)]);
    let [Fact::Refused { attempt: 1, .. }] = records(&commands)[..] else { panic!("{commands:?}") };
    // Nothing is tried before the lease is renewed.
    let commands = go(&mut state, 25, [Input::Recorded(1), Input::Tick]);
    assert_eq!(records(&commands), [] as [&Fact; 0], "{commands:?}");
    let renewed = Input::Renewed { asked: at(25), held: vec![(1, 1)], lost: Vec::new(), accepted: Vec::new() };
    let commands = go(&mut state, 27, [renewed]);
    assert!(commands.contains(&intent(1, 2)), "{commands:?}");
}

#[test]
fn run_does_not_claim_what_it_still_holds_after_its_lease_is_over() {
    let mut state = sending(SendLimits::default().with_in_flight(2), [1]);
    let commands = go(&mut state, 100, [claimed(Vec::new(), 100), Input::Fenced(2)]);
    assert!(finish(&commands).is_none());
    let mut state = sending(SendLimits::default().with_in_flight(2), [1]);
    go(&mut state, 0, [claimed(vec![lease(2)], 0)]);
    let commands = go(&mut state, 100, [Input::Read(2), Input::Fenced(2), claimed(Vec::new(), 0)]);
    assert!(commands.contains(&claim_but(2, BTreeSet::from([1]))), "{commands:?}");
}

#[test]
fn changed_input_stops_later_batches_and_lets_earlier_ones_go() {
    let mut state = first_run(SendLimits::default().with_in_flight(3));
    go(&mut state, 0, [Input::Start, claimed(vec![lease(1), lease(2), lease(3)], 0), Input::Read(1)]);
    let changed = Input::Unreadable(2, StopReason::InputChanged, "another digest".to_owned());
    go(&mut state, 0, [changed]);
    let commands = go(&mut state, 0, [Input::Recorded(1)]);
    assert!(commands.contains(&Command::Send(1, at(25))), "{commands:?}");
    assert_eq!(records(&go(&mut state, 0, [Input::Read(3)])), [] as [&Fact; 0]);
    let commands = go(&mut state, 1, [Input::Sent(1, Ok(id())), claimed(Vec::new(), 0), Input::Recorded(1)]);
    let outcome = finish(&commands);
    assert_eq!(outcome.and_then(|outcome| outcome.stopped), Some(StopReason::InputChanged), "{commands:?}");
}

#[test]
fn stop_lets_go_of_what_waits_and_of_what_is_claimed_after_it() {
    let mut state = sending(SendLimits::default().with_in_flight(3), [1]);
    go(&mut state, 1, [Input::Stop(StopReason::Interrupted, None), Input::Sent(1, Err(lost()))]);
    let commands = go(&mut state, 2, [claimed(vec![lease(2)], 0)]);
    assert!(!commands.contains(&Command::Read(2)), "{commands:?}");
    let commands = go(&mut state, 2, [Input::Recorded(1)]);
    assert!(commands.contains(&Command::LookUp(1)), "what is under way is looked up once: {commands:?}");
    let commands = go(&mut state, 3, [Input::Found(1, Ok(Vec::new()))]);
    assert_eq!(records(&commands), [&Fact::Released { token: 1, why: None }]);
    let commands = go(&mut state, 3, [Input::Recorded(1)]);
    assert_eq!(finish(&commands).map(|outcome| outcome.stopped), Some(Some(StopReason::Interrupted)));
}

#[test]
fn run_with_nothing_free_waits_for_others_without_spinning() {
    let mut state = sending(one(), [1]);
    let held = vec![Held::new("other", 2, at(30).wall)];
    let commands = go(&mut state, 1, [Input::Sent(1, Ok(id())), Input::Claimed(Claimed::new(Vec::new(), held), at(1))]);
    assert!(commands.contains(&Command::Wake(Duration::from_millis(1500))), "{commands:?}");
    assert_eq!(state.waits_for().len(), 0, "its own batch is not done");
    go(&mut state, 1, [Input::Recorded(1)]);
    assert_eq!(state.waits_for().len(), 1);
    let commands = go(&mut state, 2, [Input::Tick]);
    assert!(commands.contains(&claim(1)), "{commands:?}");
}

/// A service that answers at once, and a ledger whose batches hold 1,000 rows each.
struct Virtual {
    state: State,
    now: Moment,
    batches_left: std::collections::VecDeque<Lease>,
    accepted: u64,
    queue: u64,
    refused: u64,
    /// When requests left.
    requests: Vec<Duration>,
    finished: Option<SendOutcome>,
}

impl Virtual {
    fn new(limits: SendLimits, n_batches: u32) -> Self {
        let first = lease(1);
        let batches = (1..=n_batches).map(|number| {
            let from = u64::from(number - 1) * 1000 + 1;
            let rows: RowSpans = (from..from + 1000).map(|row| (row, row)).collect();
            let mut lease = first.clone();
            (lease.number, lease.rows) = (number, rows);
            lease
        });
        Self {
            state: first_run(limits),
            now: at(0),
            batches_left: batches.collect(),
            accepted: 0,
            queue: 0,
            refused: 0,
            requests: Vec::new(),
            finished: None,
        }
    }

    fn status(&self) -> CampaignStatus {
        let mut status = CampaignStatus::new(self.accepted + 1, 0);
        (status.accepted, status.messages.pending) = (self.accepted, self.queue);
        status
    }

    fn give(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for command in step(&mut self.state, input, self.now) {
                inputs.extend(self.obey(command));
            }
        }
    }

    fn obey(&mut self, command: Command) -> Option<Input> {
        const ROOM: u64 = 500_000;
        match command {
            Command::Claim(room, ..) => {
                let room = self.batches_left.len().min(room as usize);
                let leases = self.batches_left.drain(..room).collect();
                Some(Input::Claimed(Claimed::new(leases, Vec::new()), self.now))
            }
            Command::Read(number) => Some(Input::Read(number)),
            Command::Record(number, _) => Some(Input::Recorded(number)),
            Command::Send(number, _) => {
                self.requests.push(self.now.steady);
                if self.queue + 1000 > ROOM {
                    self.refused += 1;
                    let why = "the queue is full".to_owned();
                    return Some(Input::Sent(
                        number,
                        Err(SendFailure::NotNow { retry_after: None, limited: true, why }),
                    ));
                }
                self.queue += 1000;
                self.accepted += 1000;
                Some(Input::Sent(number, Ok(id())))
            }
            Command::LookUp(number) => {
                self.requests.push(self.now.steady);
                Some(Input::Found(number, Ok(Vec::new())))
            }
            Command::Renew(held) => {
                Some(Input::Renewed { asked: self.now, held, lost: Vec::new(), accepted: Vec::new() })
            }
            Command::Finish(outcome) => {
                self.finished = Some(outcome);
                None
            }
            Command::GiveBack(..) => Some(Input::GivenBack),
            Command::Forget(_) | Command::Wake(_) => None,
        }
    }
}

#[test]
fn two_million_rows_meet_no_full_queue_and_no_empty_one() {
    const TICK: u64 = 5;
    let mut world = Virtual::new(SendLimits::default(), 2000);
    world.give(Input::Start);
    let mut second = 0;
    while world.finished.is_none() {
        second += TICK;
        assert!(second < 110_000, "{} rows accepted", world.accepted);
        world.now = at(second);
        world.queue = world.queue.saturating_sub(20 * TICK);
        world.give(Input::Status(world.status()));
        assert!(world.queue <= 401_000, "{}", world.queue);
        assert!(world.accepted == 2_000_000 || world.queue > 0, "the queue was empty at {second} s");
    }
    assert_eq!((world.accepted, world.refused), (2_000_000, 0));
    assert!(world.finished.is_some_and(|outcome| outcome.is_complete()));
}

#[test]
fn window_that_is_off_meets_a_full_queue() {
    let mut world = Virtual::new(SendLimits::default().with_window(0), 600);
    world.give(Input::Start);
    for second in 1..=60 {
        world.now = at(second);
        world.give(Input::Status(world.status()));
    }
    assert!(world.refused > 0, "else the test above proves nothing");
}

proptest::proptest! {
    #[test]
    fn no_second_has_more_requests_than_asked_for(
        max_rate in 1u32..12, in_flight in 1u32..9, waits in proptest::collection::vec(1u64..700, 20..120),
    ) {
        let limits = SendLimits::default().with_max_rate(max_rate).with_in_flight(in_flight);
        let mut world = Virtual::new(limits, 100);
        // A later run asks first.
        if in_flight % 2 == 0 {
            world.state = later_run(world.state.limits.clone());
        }
        world.give(Input::Start);
        for wait in waits {
            let steady = world.now.steady + Duration::from_millis(wait);
            world.now = Moment { wall: at(0).wall + steady, steady };
            world.give(Input::Tick);
        }
        for (first, from) in world.requests.iter().enumerate() {
            let within = world.requests[first..].iter().take_while(|left| **left <= *from + Duration::from_secs(1));
            proptest::prop_assert!(within.count() <= max_rate as usize);
        }
        proptest::prop_assert!(!world.requests.is_empty());
    }
}

fn with_canary() -> SendLimits {
    let canary = crate::Canary { rows: 1, wait: Duration::from_secs(600) };
    SendLimits::default().with_halt(HaltRules::new().with_canary(Some(canary)))
}

/// Of a campaign of 1,000 rows, 100 of them the canary.
fn canary_status(delivered: u64, failed: u64) -> Input {
    let mut status = CampaignStatus::new(1000, 0);
    (status.accepted, status.planned, status.batches.accepted) = (100, 900, 1);
    (status.messages.delivered, status.messages.failed, status.systemic) = (delivered, failed, failed);
    Input::Status(status)
}

/// A run whose canary is accepted, with the next batch at hand.
fn canary_is_out() -> State {
    let mut state = first_run(with_canary());
    go(&mut state, 0, [Input::Status(CampaignStatus::new(1000, 0)), Input::Start]);
    go(&mut state, 0, [claimed(vec![lease(1), lease(2)], 0), Input::Read(2)]);
    let commands = go(&mut state, 0, [Input::Read(1)]);
    assert_eq!(records(&commands), [&Fact::Intent { token: 1, attempt: 1 }]);
    go(&mut state, 1, [Input::Recorded(1), Input::Sent(1, Ok(id()))]);
    let commands = go(&mut state, 2, [Input::Recorded(1)]);
    assert_eq!(records(&commands), [] as [&Fact; 0], "the rest waits");
    state
}

#[test]
fn canary_leaves_alone_until_it_succeeds() {
    let mut state = canary_is_out();
    let commands = go(&mut state, 3, [canary_status(79, 0)]);
    assert_eq!(records(&commands), [] as [&Fact; 0]);
    assert!(finish(&commands).is_none() && state.waits_for_canary());
    let commands = go(&mut state, 4, [canary_status(80, 0)]);
    assert!(commands.contains(&intent(2, 1)), "{commands:?}");
}

#[test]
fn canary_that_fails_halts_the_run() {
    let mut state = canary_is_out();
    let commands = go(&mut state, 3, [canary_status(60, 40)]);
    let outcome = finish(&commands).unwrap();
    assert_eq!((outcome.stopped, outcome.why.as_deref()), (Some(StopReason::Halted), Some("40 of 100 failed")));
    assert_eq!(records(&commands), [] as [&Fact; 0]);
}

#[test]
fn gate_stays_shut_for_a_later_run_and_opens_after_the_wait() {
    let mut state = later_run(with_canary());
    let commands = go(&mut state, 0, [canary_status(0, 0), Input::Start]);
    assert!(!commands.iter().any(|command| matches!(command, Command::Claim(..))), "{commands:?}");
    let commands = go(&mut state, 599, [canary_status(0, 0)]);
    assert!(!commands.iter().any(|command| matches!(command, Command::Claim(..))), "{commands:?}");
    let commands = go(&mut state, 600, [canary_status(0, 0)]);
    assert!(commands.iter().any(|command| matches!(command, Command::Claim(..))), "{commands:?}");
}

#[test]
fn batches_are_given_back_while_another_worker_has_the_canary() {
    let mut state = first_run(with_canary());
    go(&mut state, 0, [Input::Status(CampaignStatus::new(1000, 0)), Input::Start]);
    let commands = go(&mut state, 0, [claimed(vec![lease(2), lease(3)], 0)]);
    let given_back = |number| Command::GiveBack(number, 1);
    assert!(commands.contains(&given_back(2)) && commands.contains(&given_back(3)), "{commands:?}");
    assert!(finish(&commands).is_none());
    let commands = go(&mut state, 0, [Input::GivenBack, Input::GivenBack]);
    assert!(!commands.iter().any(|command| matches!(command, Command::Claim(..))), "not at once: {commands:?}");
    // The other has died with it.
    let commands = go(&mut state, 1, [Input::Tick]);
    assert!(commands.iter().any(|command| matches!(command, Command::Claim(..))), "{commands:?}");
    let commands = go(&mut state, 1, [claimed(vec![lease(1)], 1), Input::Read(1)]);
    assert!(commands.contains(&intent(1, 1)), "{commands:?}");
}

#[test]
fn batch_of_suppressed_people_ends_without_a_call() {
    let mut state = first_run(SendLimits::default());
    go(&mut state, 0, [Input::Start, claimed(vec![lease(1), lease(2)], 0)]);
    assert!(go(&mut state, 0, [Input::Read(1)]).contains(&intent(1, 1)));
    go(&mut state, 0, [Input::Read(2)]);
    assert_eq!(go(&mut state, 0, [Input::Emptied(1)]).first(), Some(&Command::Forget(1)));
    let commands = go(&mut state, 0, [Input::Emptied(2), claimed(Vec::new(), 0)]);
    assert_eq!(commands.last(), Some(&Command::Finish(SendOutcome::default())));
}

#[test]
fn next_batch_is_the_canary_if_the_first_is_suppressed() {
    let mut state = first_run(with_canary());
    go(&mut state, 0, [Input::Start, claimed(vec![lease(1), lease(2), lease(3)], 0), Input::Read(2), Input::Read(3)]);
    assert!(go(&mut state, 0, [Input::Read(1)]).contains(&intent(1, 1)));
    let commands = go(&mut state, 0, [Input::Emptied(1)]);
    assert!(commands.contains(&intent(2, 1)) && !commands.contains(&intent(3, 1)), "{commands:?}");
}

#[test]
fn run_waits_while_the_window_of_its_app_is_full() {
    let mut state = first_run(one().with_window(0));
    assert_eq!(go(&mut state, 0, [Input::Start]), [Command::Claim(1, Arc::default(), None)]);
    let mut full = Claimed::new(Vec::new(), Vec::new());
    full.is_full = true;
    let commands = go(&mut state, 0, [Input::Claimed(full, at(0))]);
    // Not the end: batches are left, and there may be room soon.
    assert_eq!(commands, [Command::Wake(Duration::from_secs(2))]);
    assert!(state.waits_for_room());
    assert!(matches!(go(&mut state, 2, [Input::Tick])[..], [Command::Claim(1, ..)]));
    go(&mut state, 2, [claimed(vec![lease(1)], 2)]);
    assert!(!state.waits_for_room());
}

#[test]
fn lost_ledger_is_looked_at_again_before_anything_more_is_sent() {
    let mut state = first_run(SendLimits::default().with_in_flight(2));
    go(&mut state, 0, [Input::Start, claimed(vec![lease(1), lease(2)], 0), Input::LedgerLost]);
    // What this run holds, nobody else has sent; the ledger that it was claimed from knew all before.
    assert!(go(&mut state, 0, [Input::Read(1)]).contains(&intent(1, 1)));
    let commands = go(&mut state, 0, [claimed(vec![lease(3), lease(4), lease(5)], 0)]);
    assert!(commands.contains(&Command::LookUp(3)) && commands.contains(&Command::LookUp(4)), "{commands:?}");
    assert!(commands.contains(&Command::Read(5)), "as many as are under way at once: {commands:?}");
    // One that was claimed before is looked up, however many were.
    let mut again = lease(6);
    again.token = 2;
    let commands = go(&mut state, 0, [claimed(vec![again], 0)]);
    assert!(commands.contains(&Command::LookUp(6)), "{commands:?}");
    let commands = go(&mut state, 1, [Input::Found(3, Ok(vec![id()]))]);
    assert_eq!(records(&commands), [&Fact::FoundElsewhere]);
    assert_eq!(state.outcome.stopped, Some(StopReason::LedgerBehind));
}
