//! Who may send which batch, and until when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_models::BatchId;

use super::{Bench, KEY, LEASE, accepted, assert_kind, at, both, intent, intent_of, now, plan, refused, state};
use crate::campaign::{CampaignId, NewCampaign};
use crate::entry::{BatchStage, Entry};
use crate::error::LedgerErrorKind;
use crate::lease::{Claim, Held, Run};
use crate::ledger::Ledger;
use crate::status::Phase;
use crate::worker::{Presence, ProcessId, Worker};
use sinch_batch_tracking::Progress;

pub(super) async fn run<L: Ledger>(make: &mut impl AsyncFnMut() -> L) {
    two_workers_claim_each_batch_once(&make().await).await;
    a_claim_says_everything_of_its_batches(&make().await).await;
    claims_keep_to_room_order_and_exceptions(&make().await).await;
    an_expired_lease_goes_to_another_and_its_token_is_refused(&make().await).await;
    a_renewal_moves_the_lease_and_what_may_leave(&make().await).await;
    a_renewal_tells_what_is_lost_and_what_is_accepted(&make().await).await;
    a_release_frees_at_once(&make().await).await;
    a_worker_that_is_gone_holds_nothing(&make().await).await;
    a_worker_name_belongs_to_one_process(&make().await).await;
    held_tells_who_holds_what_until_when(&make().await).await;
    a_cancelled_campaign_sends_nothing(&make().await).await;
    an_intent_needs_the_next_attempt_and_may_be_repeated(&make().await).await;
    a_returned_call_ends_what_may_leave(&make().await).await;
    a_silent_worker_is_noted_until_the_next_intent(&make().await).await;
    a_silent_worker_is_forgotten_when_it_is_released(&make().await).await;
    an_outcome_after_a_takeover(&make().await).await;
    an_uncertain_attempt_is_not_forgotten(&make().await).await;
    runs_are_counted_and_the_longest_wait_is_kept(&make().await).await;
    times_are_kept_to_the_microsecond(&make().await).await;
}

async fn two_workers_claim_each_batch_once<L: Ledger>(ledger: &L) {
    const BATCHES: u32 = 1000;
    let bench = Bench::new(ledger, &[1; BATCHES as usize]).await;
    let work = async |worker: &str| {
        let mut claimed = Vec::new();
        loop {
            let leases = bench.claim(worker, 17, now()).await.leases;
            if leases.is_empty() {
                return claimed;
            }
            claimed.extend(leases.iter().map(|lease| lease.number));
        }
    };
    let (mut all, others) = both(work("one"), work("two")).await;
    all.extend(others);
    all.sort_unstable();
    assert_eq!(all, (1..=BATCHES).collect::<Vec<_>>());
}

async fn a_claim_says_everything_of_its_batches<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 2]).await;
    let claimed = bench.claim("one", 9, now()).await;
    assert_eq!(claimed.held, []);
    for (lease, planned) in claimed.leases.iter().zip(plan(KEY, &[3, 2])) {
        assert_eq!((&lease.rows, lease.digest), (&planned.rows, planned.digest));
        assert_eq!((lease.at_byte, lease.n_bytes), (planned.at_byte, planned.n_bytes));
        assert_eq!((lease.stage, lease.attempts, lease.uncertain), (BatchStage::Planned, 0, false));
        assert_eq!((lease.may_leave_until, lease.lapsed_at), (None, None));
    }
    assert_eq!(claimed.leases.iter().map(|lease| lease.number).collect::<Vec<_>>(), [1, 2]);
}

async fn claims_keep_to_room_order_and_exceptions<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[1; 6]).await;
    let claim = async |room, except: &[u32]| {
        let except = Arc::new(except.iter().copied().collect::<BTreeSet<_>>());
        let claim = Claim::new(Worker::new("one", None), room, now()).with_except(except);
        let claimed = ledger.claim(bench.id(), claim).await.expect("a claim");
        claimed.leases.iter().map(|lease| lease.number).collect::<Vec<_>>()
    };
    assert_eq!(claim(0, &[]).await, [0; 0]);
    assert_eq!(claim(2, &[2, 4]).await, [1, 3]);
    assert_eq!(claim(1, &[]).await, [2]);
    assert_eq!(claim(u32::MAX, &[6, 77]).await, [4, 5]);
    assert_eq!(claim(9, &[6]).await, [0; 0]);
    assert_eq!(claim(9, &[]).await, [6]);
}

async fn an_expired_lease_goes_to_another_and_its_token_is_refused<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3]).await;
    let old = bench.claim_one("one", now()).await;
    assert_eq!(bench.claim("two", 9, at(29)).await.leases, []);

    // Nobody has claimed it yet, and still the lease is over.
    let before = (bench.batches().await, bench.status().await);
    assert_kind(bench.record(intent_of(&old), at(30)).await, LedgerErrorKind::Fenced);
    assert_kind(bench.record(intent(1, old.token + 1, 1), now()).await, LedgerErrorKind::Fenced);
    assert_eq!((bench.batches().await, bench.status().await), before);

    let new = bench.claim_one("two", at(30)).await;
    let before = (bench.batches().await, bench.status().await);
    assert!(new.token > old.token);
    // Never tried, so nobody has to be waited for.
    assert_eq!((new.may_leave_until, new.lapsed_at), (None, None));
    // The first worker's clock does not help it.
    assert_kind(bench.record(intent_of(&old), at(1)).await, LedgerErrorKind::Fenced);
    assert_kind(bench.record(intent_of(&old), at(31)).await, LedgerErrorKind::Fenced);
    assert_eq!((bench.batches().await, bench.status().await), before);
    // Nor does it let go of what the second one holds.
    bench.recorded_at(Entry::Released { number: 1, token: old.token, why: Some("no".to_owned()) }, at(31)).await;
    assert_eq!(bench.batches().await, before.0);
    bench.recorded_at(intent_of(&new), at(59)).await;
    assert_eq!(bench.batch(1).await.stage, BatchStage::Unknown);
}

async fn a_renewal_moves_the_lease_and_what_may_leave<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 3]).await;
    let leases = bench.claim("one", 2, now()).await.leases;
    let held: Vec<_> = leases.iter().map(|lease| (lease.number, lease.token)).collect();
    bench.recorded_at(intent_of(&leases[0]), at(1)).await;
    bench.recorded_at(intent_of(&leases[1]), at(2)).await;
    // The second call is over before the leases are renewed.
    bench.recorded_at(Entry::Returned { number: 2, attempt: 1 }, at(5)).await;
    assert_eq!(bench.renew("one", &held, at(20)).await, Default::default());
    assert_eq!(bench.claim("two", 9, at(49)).await.leases, []);
    let taken = bench.claim("two", 9, at(50)).await.leases;
    assert_eq!(taken.iter().map(|lease| lease.may_leave_until).collect::<Vec<_>>(), [Some(at(50)), Some(at(5))]);

    // The second worker renews while it looks them up: nothing of its own is under way.
    let held: Vec<_> = taken.iter().map(|lease| (lease.number, lease.token)).collect();
    bench.renew("two", &held, at(70)).await;
    bench.release("two", at(75)).await;
    let again = bench.claim("three", 9, at(76)).await.leases;
    assert_eq!(again.iter().map(|lease| lease.may_leave_until).collect::<Vec<_>>(), [Some(at(50)), Some(at(5))]);
}

async fn a_renewal_tells_what_is_lost_and_what_is_accepted<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[1; 5]).await;
    let leases = bench.claim("one", 5, now()).await.leases;
    let held: Vec<_> = leases.iter().map(|lease| (lease.number, lease.token)).chain([(99, 1)]).collect();
    // Another one claims the first when all have lapsed, a receipt proves the second, the third is let go.
    bench.claim("two", 1, at(30)).await;
    bench.applied(bench.row(2, state(Progress::Queued))).await;
    bench.recorded_at(Entry::Released { number: 3, token: leases[2].token, why: None }, at(30)).await;
    let renewed = bench.renew("one", &held, at(31)).await;
    assert_eq!((renewed.lost, renewed.accepted), (vec![1, 3, 99], vec![2]));
    // The others are held again, under the same token.
    assert_eq!(bench.claim("two", 9, at(60)).await.leases.iter().map(|lease| lease.number).collect::<Vec<_>>(), [1, 3]);
    bench.recorded_at(intent_of(&leases[3]), at(60)).await;

    // Who does not hold a batch renews nothing, nor does an old token.
    assert_eq!(bench.renew("two", &held[3..5], at(60)).await.lost, [4, 5]);
    assert_eq!(bench.renew("one", &[(5, leases[4].token + 1)], at(60)).await.lost, [5]);

    // What somebody said is gone does not take its batches back.
    bench.release("one", at(60)).await;
    assert_eq!(bench.renew("one", &held[3..5], at(60)).await.lost, [4, 5]);
    assert_eq!(
        bench.claim("three", 9, at(60)).await.leases.iter().map(|lease| lease.number).collect::<Vec<_>>(),
        [4, 5]
    );
}

async fn a_release_frees_at_once<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 3]).await;
    let leases = bench.claim("one", 2, now()).await.leases;
    bench.recorded_at(intent_of(&leases[0]), at(1)).await;
    bench.release("two", at(2)).await;
    assert_eq!(bench.claim("two", 9, at(3)).await.leases, []);

    // One batch alone, with the reason why its outcome is not known.
    let why = Some("the look-up of +15550100011 failed".to_owned());
    bench.recorded_at(Entry::Released { number: 1, token: leases[0].token, why }, at(4)).await;
    let lease = bench.claim_one("two", at(5)).await;
    assert_eq!((lease.number, lease.stage, lease.attempts), (1, BatchStage::Unknown, 1));
    assert_eq!((lease.may_leave_until, lease.lapsed_at), (Some(at(4)), None));
    assert_eq!(bench.batch(1).await.why.as_deref(), Some("the look-up of [number] failed"));
    assert_kind(bench.record(intent(1, leases[0].token, 2), at(5)).await, LedgerErrorKind::Fenced);

    // All that a worker holds.
    bench.release("one", at(6)).await;
    assert_eq!(bench.claim_one("two", at(7)).await.number, 2);
    bench.recorded_at(intent(1, lease.token, 2), at(8)).await;
    bench.release("two", at(9)).await;
    let leases = bench.claim("three", 9, at(10)).await.leases;
    assert_eq!((leases.len(), leases[0].may_leave_until, leases[0].lapsed_at), (2, Some(at(9)), None));
}

async fn a_worker_that_is_gone_holds_nothing<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3]).await;
    let handle = Presence::new();
    let gone = handle.worker().clone();
    let claim = Claim::new(gone.clone(), 1, now()).with_lease(LEASE);
    let lease = ledger.claim(bench.id(), claim).await.expect("a claim").leases.remove(0);
    bench.recorded_at(intent_of(&lease), at(1)).await;
    assert_eq!(bench.claim("two", 1, at(2)).await.leases, []);
    drop(handle);
    if gone.is_gone() {
        let lease = bench.claim_one("two", at(3)).await;
        assert_eq!((lease.may_leave_until, lease.lapsed_at), (Some(at(3)), None));
    }
}

/// A program that is started again under its old name is another worker.
async fn a_worker_name_belongs_to_one_process<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 3]).await;
    let claim = async |process: &ProcessId, second| {
        let claim = Claim::new(Worker::new("one", Some(process.clone())), 1, at(second)).with_lease(LEASE);
        ledger.claim(bench.id(), claim).await
    };
    // On two machines that are not this one.
    let [here, there] = ["here", "there"].map(|boot| ProcessId::new(boot, "pid:[1]", 7, 7));
    let lease = claim(&here, 0).await.expect("a claim").leases.remove(0);
    bench.recorded_at(intent_of(&lease), at(1)).await;
    assert_kind(claim(&there, 2).await, LedgerErrorKind::Impossible);
    assert_kind(claim(&there, 40).await, LedgerErrorKind::Impossible);
    assert_eq!(claim(&here, 3).await.expect("a claim").leases.len(), 1);
    bench.release("one", at(41)).await;
    assert_eq!(claim(&there, 42).await.expect("a claim").leases.remove(0).number, 1);
    assert_kind(claim(&here, 43).await, LedgerErrorKind::Impossible);

    // What waits by its silence counts, and what is accepted does not.
    assert_eq!(bench.claim("two", 9, at(80)).await.leases[0].lapsed_at, Some(at(80)));
    assert_kind(claim(&here, 81).await, LedgerErrorKind::Impossible);
    bench.recorded_at(accepted(1, "A"), at(82)).await;
    assert_eq!(claim(&here, 83).await.expect("a claim").leases, []);
    assert_eq!(claim(&here, 120).await.expect("a claim").leases.len(), 1);
    assert_kind(claim(&there, 121).await, LedgerErrorKind::Impossible);
    bench.recorded_at(accepted(2, "B"), at(122)).await;
    assert_eq!(claim(&there, 123).await.expect("a claim").leases, []);
}

async fn held_tells_who_holds_what_until_when<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[1; 6]).await;
    let leases = bench.claim("one", 2, now()).await.leases;
    bench.claim("two", 1, at(3)).await;
    bench.claim("one", 1, at(5)).await;
    bench.renew("one", &[(2, leases[1].token)], at(7)).await;
    // Who gets what it asked for need not know.
    assert_eq!(bench.claim("three", 1, at(9)).await.held, []);
    let held = bench.claim("three", 9, at(10)).await.held;
    assert_eq!(held, [Held::new("one", 3, at(37)), Held::new("two", 1, at(33))]);
    let held = async |at| ledger.held(bench.id(), at).await;
    let three = Held::new("three", 2, at(40));
    let all = [Held::new("one", 3, at(37)), three.clone(), Held::new("two", 1, at(33))];
    assert_eq!(held(at(10)).await.expect("holders"), all);
    // What has lapsed, or is accepted, nobody holds.
    bench.recorded(accepted(3, "A")).await;
    assert_eq!(held(at(33)).await.expect("holders"), [Held::new("one", 2, at(37)), three]);
    let others = bench.claim("three", 9, at(33)).await.held;
    assert_eq!(others, [Held::new("one", 2, at(37))]);
    let others = bench.claim("one", 9, at(40)).await.held;
    assert_eq!(others, [Held::new("three", 1, at(63))]);
    bench.release("three", at(41)).await;
    bench.release("one", at(41)).await;
    assert_eq!(held(at(41)).await.expect("holders"), []);
    assert_kind(ledger.held(CampaignId::new(77), now()).await, LedgerErrorKind::NoSuchCampaign);
}

async fn a_cancelled_campaign_sends_nothing<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 3, 3]).await;
    let leases = bench.claim("one", 2, now()).await.leases;
    bench.recorded(intent_of(&leases[0])).await;
    ledger.cancel(bench.id()).await.expect("cancelled");
    let status = bench.status().await;
    assert_eq!((status.phase, status.planned, status.unknown), (Phase::Cancelled, 6, 3));
    assert!(!status.is_unfinished());
    assert_kind(bench.record(intent_of(&leases[1]), now()).await, LedgerErrorKind::NotRunning);
    assert_kind(bench.record(intent(1, leases[0].token, 2), now()).await, LedgerErrorKind::NotRunning);
    let claim = Claim::new(Worker::new("two", None), 1, now());
    assert_kind(ledger.claim(bench.id(), claim).await, LedgerErrorKind::NotRunning);
    assert_kind(ledger.begin_run(bench.id(), LEASE).await, LedgerErrorKind::NotRunning);
    assert_eq!(bench.status().await, status);

    // What is on its way may still be proved, and who holds something may let go of it.
    bench.recorded(accepted(1, "A")).await;
    bench.release("one", at(1)).await;
    ledger.cancel(bench.id()).await.expect("cancelled again");
    let status = bench.status().await;
    assert_eq!((status.phase, status.accepted, status.planned, status.unknown), (Phase::Cancelled, 3, 6, 0));
}

async fn an_intent_needs_the_next_attempt_and_may_be_repeated<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3]).await;
    let lease = bench.claim_one("one", now()).await;
    for attempt in [0, 2, u32::MAX] {
        assert_kind(bench.record(intent(1, lease.token, attempt), now()).await, LedgerErrorKind::Impossible);
    }
    bench.recorded_at(intent_of(&lease), at(1)).await;
    let batch = bench.batch(1).await;
    bench.recorded_at(intent_of(&lease), at(2)).await;
    assert_eq!(bench.batch(1).await, batch);
    // Once the call is over, the same attempt would be another call.
    bench.recorded_at(Entry::Returned { number: 1, attempt: 1 }, at(3)).await;
    assert_kind(bench.record(intent_of(&lease), at(4)).await, LedgerErrorKind::Impossible);
    bench.recorded_at(intent(1, lease.token, 2), at(4)).await;
    bench.recorded_at(refused(1, 2, "no"), at(5)).await;
    assert_kind(bench.record(intent(1, lease.token, 2), at(6)).await, LedgerErrorKind::Impossible);
    assert_eq!(bench.batch(1).await.attempts, 2);
}

async fn a_returned_call_ends_what_may_leave<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3]).await;
    let lease = bench.claim_one("one", now()).await;
    bench.recorded_at(intent_of(&lease), at(1)).await;
    bench.recorded_at(Entry::Returned { number: 1, attempt: 1 }, at(7)).await;
    // A repeat, or one that is late, moves nothing.
    bench.recorded_at(Entry::Returned { number: 1, attempt: 1 }, at(9)).await;
    let lease = bench.claim_one("two", at(30)).await;
    assert_eq!((lease.stage, lease.may_leave_until), (BatchStage::Unknown, Some(at(7))));
    bench.recorded_at(intent_of(&lease), at(31)).await;
    for attempt in [1, 3] {
        bench.recorded_at(Entry::Returned { number: 1, attempt }, at(32)).await;
    }
    assert_eq!(bench.claim_one("three", at(60)).await.may_leave_until, Some(at(60)));
}

async fn a_silent_worker_is_noted_until_the_next_intent<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3]).await;
    let lease = bench.claim_one("one", now()).await;
    bench.recorded_at(intent_of(&lease), at(1)).await;
    assert_eq!(bench.claim_one("two", at(31)).await.lapsed_at, Some(at(31)));
    bench.release("two", at(32)).await;
    assert_eq!(bench.claim_one("three", at(33)).await.lapsed_at, Some(at(31)));
    let lease = bench.claim_one("two", at(70)).await;
    assert_eq!((lease.lapsed_at, lease.may_leave_until), (Some(at(31)), Some(at(30))));
    bench.recorded_at(intent_of(&lease), at(71)).await;
    let lease = bench.claim_one("three", at(101)).await;
    assert_eq!((lease.lapsed_at, lease.may_leave_until), (Some(at(101)), Some(at(100))));
    // Its own silence a worker knows of.
    bench.recorded_at(intent_of(&lease), at(102)).await;
    assert_eq!(bench.claim_one("three", at(140)).await.lapsed_at, None);
}

async fn a_silent_worker_is_forgotten_when_it_is_released<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3]).await;
    let lease = bench.claim_one("one", now()).await;
    bench.recorded_at(intent_of(&lease), at(1)).await;
    assert_eq!(bench.claim_one("two", at(31)).await.lapsed_at, Some(at(31)));
    bench.release("three", at(32)).await;
    bench.release("one", at(33)).await;
    // That does not free what another holds.
    assert_eq!(bench.claim("three", 1, at(34)).await.leases, []);
    bench.release("two", at(35)).await;
    let lease = bench.claim_one("three", at(36)).await;
    assert_eq!((lease.lapsed_at, lease.may_leave_until), (None, Some(at(30))));
}

async fn an_outcome_after_a_takeover<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 3]).await;
    let old = bench.claim("one", 2, now()).await.leases;
    for lease in &old {
        bench.recorded_at(intent_of(lease), at(1)).await;
    }
    let new = bench.claim("two", 2, at(31)).await.leases;
    for lease in &new {
        bench.recorded_at(intent_of(lease), at(32)).await;
    }
    // That an attempt before the last was refused says nothing about the last.
    let batch = bench.batch(1).await;
    bench.recorded_at(refused(1, 1, "no"), at(33)).await;
    assert_eq!(bench.batch(1).await, batch);
    assert_eq!(bench.status().await.unknown, 6);
    // Proof is taken from anybody at any time.
    bench.recorded_at(accepted(2, "B"), at(34)).await;
    assert_kind(bench.record(intent(2, new[1].token, 3), at(35)).await, LedgerErrorKind::Accepted);
    assert_eq!(bench.renew("two", &[(1, new[0].token), (2, new[1].token)], at(36)).await.accepted, [2]);
    bench.recorded_at(accepted(2, "C"), at(37)).await;
    let batch = bench.batch(2).await;
    assert_eq!((batch.batch_id, batch.doubled), (Some(BatchId::new("B")), 1));
    assert_eq!(bench.status().await.doubled, 3);
}

async fn an_uncertain_attempt_is_not_forgotten<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3]).await;
    let lease = bench.claim_one("one", now()).await;
    bench.recorded(intent_of(&lease)).await;
    bench.recorded(refused(1, 1, "no")).await;
    bench.recorded(intent(1, lease.token, 2)).await;
    bench.recorded(refused(1, 2, "no")).await;
    bench.release("one", at(1)).await;
    let lease = bench.claim_one("one", at(2)).await;
    assert_eq!((lease.stage, lease.attempts, lease.uncertain), (BatchStage::Refused, 2, false));
    bench.recorded_at(intent_of(&lease), at(3)).await;
    bench.recorded_at(Entry::Returned { number: 1, attempt: 3 }, at(4)).await;
    bench.recorded_at(intent(1, lease.token, 4), at(5)).await;
    bench.recorded_at(refused(1, 4, "no"), at(6)).await;
    bench.release("one", at(7)).await;
    let lease = bench.claim_one("two", at(8)).await;
    assert_eq!((lease.stage, lease.attempts, lease.uncertain), (BatchStage::Refused, 4, true));
}

async fn runs_are_counted_and_the_longest_wait_is_kept<L: Ledger>(ledger: &L) {
    let one = Bench::new(ledger, &[3]).await;
    let two = Bench::named(ledger, "winter", "other", &[3]).await;
    let seconds = Duration::from_secs;
    let run =
        async |bench: &Bench<'_, L>, resend_after| ledger.begin_run(bench.id(), resend_after).await.expect("a run");
    assert_eq!(run(&one, seconds(8)).await, Run::new(1, seconds(8)));
    assert_eq!(run(&one, seconds(2)).await, Run::new(2, seconds(8)));
    assert_eq!(run(&two, seconds(1)).await, Run::new(1, seconds(1)));
    assert_eq!(run(&one, seconds(9)).await, Run::new(3, seconds(9)));
    assert_eq!(run(&one, Duration::ZERO).await, Run::new(4, seconds(9)));
    // A campaign of which everything is accepted may be run: that ends at once.
    one.try_batch(1).await;
    one.recorded(accepted(1, "A")).await;
    assert_eq!(one.status().await.phase, Phase::Done);
    assert_eq!(run(&one, Duration::ZERO).await.number, 5);
    assert_eq!(one.claim("one", 9, now()).await.leases, []);
}

async fn times_are_kept_to_the_microsecond<L: Ledger>(ledger: &L) {
    let bench = Bench::of(ledger, NewCampaign::new("autumn", KEY, 3, now()), plan(KEY, &[3])).await;
    let time = |text: &str| text.parse().expect("a time");
    let lease = bench.claim_one("one", time("2031-09-14T10:05:00.123456789Z")).await;
    bench.recorded_at(intent_of(&lease), time("2031-09-14T10:05:29.999999999Z")).await;
    assert_eq!(bench.batch(1).await.last_attempt, Some(time("2031-09-14T10:05:29.999999Z")));
    let lease = bench.claim_one("two", time("2031-09-14T10:05:30.123456Z")).await;
    assert_eq!(lease.may_leave_until, Some(time("2031-09-14T10:05:30.123456Z")));
    assert_eq!(lease.lapsed_at, Some(time("2031-09-14T10:05:30.123456Z")));
    let run = ledger.begin_run(bench.id(), Duration::from_nanos(1_000_000_001)).await.expect("a run");
    assert_eq!(run.resend_after, Duration::from_micros(1_000_001));
}
